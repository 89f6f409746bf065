"""Sends events at once, for clients without an outbox: durable in the cloud when the call returns."""

from __future__ import annotations

import time
from typing import Callable

from .errors import Refused, Unavailable
from .forks import Forkable
from .retries import backoff
from .shipping import PASSING, Shipped, ship
from .stamps import EARLIEST, StampSource, stamp_ms
from .transport import Transport

FIRST_BACKOFF = 0.5
MAX_BACKOFF = 5.0
#: How far ahead of the server's time a stamp may be: see docs/api.md, Events.
AHEAD_MS = 60_000


class Direct(Forkable):
    """Each call is one request, repeated with the same stamps while Sluice is out of reach."""

    def __init__(self, transport: Transport, *, timeout: float, now: Callable[[], float]) -> None:
        super().__init__()
        self._transport = transport
        self._timeout = timeout
        self._now = now
        self._stamps = StampSource()
        self._last = EARLIEST
        self._offset_ms = 0

    def send(self, lines: list[bytes]) -> None:
        """Returns when all are kept. Raises Refused for the first that is not, Unavailable after the time."""
        ends = time.monotonic() + self._timeout
        attempt = 0
        left = list(zip(lines, self._stamp(len(lines))))
        is_anew = False
        while True:
            try:
                shipped = ship(self._transport, left, timeout=max(1.0, ends - time.monotonic()))
                if not shipped.rejected:
                    return
                for_good = next((one for one in shipped.rejected if not _passes(one.code, shipped, is_anew)), None)
                if for_good is not None:
                    raise Refused(for_good.code, for_good.message)
                left = [left[one.place] for one in shipped.rejected]
                is_off = any(one.code not in PASSING for one in shipped.rejected)
                if is_off:
                    is_anew = True
                    anew = self._stamp(len(left), shipped.server_ms)
                    left = [(line, stamp) for (line, _), stamp in zip(left, anew)]
                    continue
                raise Unavailable(f"Sluice does not take an event now: {shipped.rejected[0].message}")
            except Unavailable as error:
                wait = backoff(attempt, FIRST_BACKOFF, MAX_BACKOFF, error.retry_after)
                attempt += 1
                if time.monotonic() + wait >= ends:
                    raise
                time.sleep(wait)

    def leave(self) -> None:
        """Makes a child's stamps its own: the parent goes on with those of before."""
        self._stamps = StampSource()

    def _stamp(self, count: int, server_ms: int | None = None) -> list[str]:
        with self.fork_lock:
            now_ms = int(self._now() * 1000)
            if server_ms is not None:
                self._offset_ms = server_ms - now_ms
                if stamp_ms(self._last) > server_ms + AHEAD_MS:
                    # As another opening: no stamp comes twice.
                    self._stamps, self._last = StampSource(), EARLIEST
            stamps = []
            for _ in range(count):
                self._last = self._stamps.after(self._last, now_ms + self._offset_ms)
                stamps.append(self._last)
            return stamps


def _passes(code: str, shipped: Shipped, is_anew: bool) -> bool:
    """Tells a refusal that another attempt may not meet: it is for now, or the stamp can be made anew, once."""
    return code in PASSING or (code == "stamp_out_of_range" and not is_anew and shipped.server_ms is not None)
