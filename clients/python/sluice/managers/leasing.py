"""A lease that is held in the background: asked for on demand, sized by recent use, given back when nobody uses it."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import Callable

from ..errors import Unavailable
from ..leases import TYPES, Share, give_back, take
from ..transport import Transport

logger = logging.getLogger("sluice")

TTL_SECONDS = 20
#: Operations a second that are asked for at first; later twice what was used, and twice as many where that was short.
FIRST_RATES = {"writes": 100.0, "reads": 400.0, "deletes": 50.0}
#: The most that one lease may hold.
MAX_AMOUNT = 1_000_000
#: Pauses before more is asked for: after a lease that brought more, one that did not, and a refusal for good.
GROWN_SECONDS = 1.0
FULL_SECONDS = 5.0
REFUSED_SECONDS = 60.0


class HeldLease:
    """Spends from a lease that a thread of its own takes, renews while it is spent, and returns. Thread-safe."""

    def __init__(self, transport: Transport, *, now: Callable[[], float] = time.monotonic) -> None:
        self._transport = transport
        self._now = now
        self._condition = threading.Condition()
        self._share: Share | None = None
        #: Types that had no room since the last lease was taken.
        self._short: set[str] = set()
        self._asked: set[str] = set()
        self._next_at = -math.inf
        self._is_closing = False
        self._thread: threading.Thread | None = None
        self._was_refused = False
        #: Since when a lease is asked for whose answer is not there yet.
        self.asking_since: float | None = None

    def spend(self, name: str, most_wait: float) -> float | None:
        """Counts one operation; answers the seconds until it may be done, or None where it may not be within those."""
        with self._condition:
            now = self._now()
            wait = None if self._share is None else self._share.spend({name: 1}, now, most_wait)
            if wait is None:
                self._short.add(name)
                if self._share is not None and name not in self._asked:
                    self._next_at = now  # Nothing of this type was asked for yet.
                if self.asking_since is None and now >= self._next_at:
                    self.asking_since = now
                self._start()
                self._condition.notify_all()
            return wait

    def close(self) -> None:
        """Gives back what is left. A later `spend` begins anew."""
        with self._condition:
            self._is_closing = True
            self._condition.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._is_closing = False
            self._thread = threading.Thread(target=self._run, name="sluice-lease", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._condition:
                while (left := self._seconds_left()) > 0:
                    self._condition.wait(None if left == math.inf else left)
                # Spends of meanwhile wait for the answer: nothing more is taken from the old lease.
                share, self._share = self._share, None
                if self._is_closing:
                    self._thread, self.asking_since = None, None
                    break
                amounts = self._amounts(share)
                self.asking_since = self.asking_since or self._now()
                self._asked = set(amounts)
                short = set(self._short)
            taken, pause = self._exchange(share, amounts, short)
            with self._condition:
                self._share, self.asking_since, self._next_at = taken, None, self._now() + pause
                self._short = set()
        if share is not None:
            give_back(self._transport, share)

    def _seconds_left(self) -> float:
        """The time until there is something to do."""
        if self._is_closing:
            return 0.0
        now = self._now()
        left = math.inf if self._share is None else self._share.renewable_at - now
        return min(left, self._next_at - now) if self._short else left

    def _amounts(self, share: Share | None) -> dict[str, int]:
        """Operations to ask for: twice as many as lately, and none of what nobody used."""
        amounts = {}
        for name in TYPES:
            used = 0 if share is None else share.spent[name]
            rate = 0.0 if share is None else 2 * used / max(1.0, self._now() - share.began)
            if name in self._short:
                rate = max(rate, 2 * (0.0 if share is None else share.rate(name)))
            if used or name in self._short:
                amounts[name] = min(MAX_AMOUNT, math.ceil(max(rate, FIRST_RATES[name]) * TTL_SECONDS))
        return amounts

    def _exchange(self, old: Share | None, amounts: dict[str, int], short: set[str]) -> tuple[Share | None, float]:
        """Takes a lease in the place of the old one, or gives that back; answers it and the pause before the next."""
        if not amounts:
            if old is not None:
                give_back(self._transport, old)
            return None, 0.0
        try:
            taken = take(self._transport, amounts, TTL_SECONDS, old, self._now())
        except Unavailable as error:
            logger.log(logging.INFO if self._was_refused else logging.WARNING, "No quota is leased now: %s", error)
            self._was_refused = True
            still = old if old is not None and not old.is_ending(self._now()) else None
            return still, error.retry_after or FULL_SECONDS
        except Exception as error:  # The thread must not end: nothing would be leased any more.
            logger.error("No quota can be leased: %r", error)
            return None, REFUSED_SECONDS
        self._was_refused = False
        has_grown = old is None or any(taken.rate(name) > old.rate(name) for name in short)
        return taken, GROWN_SECONDS if has_grown else FULL_SECONDS
