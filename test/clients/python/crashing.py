"""Proxies that are killed, and what is known of their events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any


class Crasher:
    """Runs proxies in `crasher.py`, one after the other."""

    def __init__(self) -> None:
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "crasher.py")
        self._process = subprocess.Popen(
            [sys.executable, "-B", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, **line: Any) -> tuple[list[int], str]:
        """Runs a proxy; answers the numbers that are durable, and how it ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        acknowledged = []
        for answer in self._process.stdout:
            word, _, number = answer.strip().partition(" ")
            if word != "ack":
                return acknowledged, word
            acknowledged.append(int(number))
        raise AssertionError("The proxies' parent ended.")

    def close(self) -> None:
        self._process.communicate()
