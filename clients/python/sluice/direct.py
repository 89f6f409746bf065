"""Sends events at once, for clients without an outbox: durable in the cloud when the call returns."""

from __future__ import annotations

import random
import threading
import time
from typing import Callable

from .errors import Refused, Unavailable
from .shipping import ship
from .stamps import EARLIEST, StampSource
from .transport import Transport

FIRST_BACKOFF = 0.5
MAX_BACKOFF = 5.0


class Direct:
    """Each call is one request, repeated with the same stamps while Sluice is out of reach."""

    def __init__(self, transport: Transport, *, timeout: float, now: Callable[[], float]) -> None:
        self._transport = transport
        self._timeout = timeout
        self._now = now
        self._lock = threading.Lock()
        self._stamps = StampSource()
        self._last = EARLIEST
        self._offset_ms = 0

    def send(self, lines: list[bytes]) -> None:
        """Returns when all are kept. Raises Refused for the first that is not, Unavailable after the time."""
        ends = time.monotonic() + self._timeout
        attempt = 0
        stamps = self._stamp(len(lines))
        is_anew = False
        while True:
            try:
                left = max(1.0, ends - time.monotonic())
                shipped = ship(self._transport, list(zip(lines, stamps)), timeout=left)
            except Unavailable as error:
                backoff = min(MAX_BACKOFF, FIRST_BACKOFF * 2**attempt) * random.uniform(0.5, 1.0)
                wait = max(backoff, error.retry_after or 0.0)
                attempt += 1
                if time.monotonic() + wait >= ends:
                    raise
                time.sleep(wait)
                continue
            off = [one.index for one in shipped.rejected if one.code == "stamp_out_of_range"]
            if off and not is_anew and shipped.server_ms is not None and len(off) == len(shipped.rejected):
                is_anew = True
                lines = [lines[index] for index in off]
                stamps = self._stamp(len(lines), shipped.server_ms)
                continue
            if shipped.rejected:
                first = shipped.rejected[0]
                raise Refused(first.code, first.message)
            return

    def _stamp(self, count: int, server_ms: int | None = None) -> list[str]:
        with self._lock:
            now_ms = int(self._now() * 1000)
            if server_ms is not None:
                self._offset_ms = server_ms - now_ms
                self._last = EARLIEST
            stamps = []
            for _ in range(count):
                self._last = self._stamps.after(self._last, now_ms + self._offset_ms)
                stamps.append(self._last)
            return stamps
