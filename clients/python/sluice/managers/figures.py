"""Figures for statistics that are not awaited: of the outbox, and of Sluice as its status was a moment ago."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from ..client import Sluice
from ..contents import Contents
from ..errors import ApiError, OutboxError, SluiceError
from ..outbox import Outbox
from .once import warn_once

logger = logging.getLogger("sluice")

#: The status is asked for at most so often, and for so long after somebody wanted it.
INTERVAL_SECONDS = 10.0
KEEP_SECONDS = 120.0
#: The pause after a refusal, that of a key that may not read the status among them.
REFUSED_SECONDS = 600.0
#: Events in the outbox that are counted while the caller waits: a few milliseconds; more are counted meanwhile.
MAX_COUNTED = 2000
MAX_NAMED = 1000


class Figures:
    """Figures that are known without waiting. Its thread asks while somebody wants to know, and rests otherwise."""

    def __init__(self, client: Sluice, outbox: Outbox) -> None:
        self._client = client
        self._outbox = outbox
        self._status: dict[str, Any] = {}
        self._contents = Contents({}, 0, [])
        self._is_long = False
        self._next_status_at = 0.0
        self._began_at = time.time()
        self._wanted_at = time.monotonic()
        self._wanted = threading.Event()
        self._stopped = threading.Event()
        # The first question comes now, so that the first statistics have an answer.
        self._wanted.set()
        threading.Thread(target=self._run, name="sluice-figures", daemon=True).start()

    def part(self, name: str) -> dict[str, Any]:
        """A part of Sluice's status as it was lately; empty before the first answer."""
        self._want()
        return _object(self._status.get(name))

    def contents(self) -> Contents:
        """The outbox's contents: now, or where that is much, as they were lately."""
        try:
            found = self._outbox.contents_of_few(MAX_NAMED, MAX_COUNTED)
        except OutboxError as error:
            logger.warning("%s", error)
            return self._contents
        self._is_long = found is None
        if found is None:
            self._want()
        else:
            self._contents = found
        return self._contents

    def last_sent_at(self) -> float:
        """When events were acknowledged last, or since when there are managers, in seconds since the epoch."""
        return self._outbox.sent_at or self._began_at

    def stop(self) -> None:
        self._stopped.set()
        self._wanted.set()

    def _want(self) -> None:
        self._wanted_at = time.monotonic()
        self._wanted.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wanted.wait()
            if self._stopped.is_set():
                return
            self._ask()
            self._stopped.wait(INTERVAL_SECONDS)
            if time.monotonic() > self._wanted_at + KEEP_SECONDS:
                self._wanted.clear()

    def _ask(self) -> None:
        try:
            if self._is_long:
                self._contents = self._outbox.contents(MAX_NAMED)
            if time.monotonic() >= self._next_status_at:
                self._status = _object(self._client.status())
        except ApiError as error:
            warn_once(f"Statistics are without Sluice's own figures: {error}")
            self._next_status_at = time.monotonic() + REFUSED_SECONDS
        except SluiceError as error:
            logger.info("Sluice's figures are those of before: %s", error)
        except Exception:  # The thread must not end: statistics would stand still.
            logger.exception("Sluice's figures could not be read")


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def number(value: object, otherwise: float) -> Any:
    """A number of the status; it has null for what is not known."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else otherwise
