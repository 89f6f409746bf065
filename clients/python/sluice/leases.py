"""Leases: shares of the Firestore quota for what a proxy reads and writes in Firestore itself."""

from __future__ import annotations

import logging
import math
import threading
import time
import urllib.parse
from datetime import datetime
from types import TracebackType
from typing import Any, Callable, Mapping

from .errors import ApiError, SluiceError, Unavailable
from .transport import Transport

logger = logging.getLogger("sluice")

TYPES = ("writes", "reads", "deletes")
#: A lease is renewed so long before its end, or at half of it.
RENEW_SECONDS = 1.0
#: The wait after a refusal that names none.
REFUSED_SECONDS = 1.0


class Share:
    """One lease: what it grants, and what is spent of it. Pure: times are the caller's, in seconds."""

    def __init__(self, answer: Mapping[str, Any], now: float) -> None:
        self.id = str(answer["lease_id"])
        self._granted = {name: int(answer["granted"].get(name, 0)) for name in TYPES}
        self._rates = {name: float(answer["per_second"].get(name, 0)) for name in TYPES}
        starts, ends = (_moment(answer[name]) for name in ("starts_at", "expires_at"))
        #: `now` is when the lease was asked for, before it began: so it never seems to last longer than it does.
        self._seconds = ends - starts
        self.began = now
        self.ends = now + self._seconds
        self._free_at = {name: now for name in TYPES}
        self.spent = {name: 0 for name in TYPES}

    def spend(self, wanted: Mapping[str, int], now: float, most_wait: float = math.inf) -> float | None:
        """Counts operations; answers the seconds until they may be done.

        None where the lease has no room, or none within `most_wait` seconds: then nothing is counted.
        """
        starts = max([now, *(self._free_at[name] for name in TYPES if wanted.get(name, 0) > 0)])
        if starts >= self.ends or starts - now > most_wait:
            return None
        if any(self.spent[name] + wanted.get(name, 0) > self._granted[name] for name in TYPES):
            return None
        for name in TYPES:
            count = wanted.get(name, 0)
            if count > 0:
                self.spent[name] += count
                self._free_at[name] = starts + count / self._rates[name] if self._rates[name] > 0 else self.ends
        return starts - now

    def is_ending(self, now: float) -> bool:
        return now >= self.renewable_at

    @property
    def renewable_at(self) -> float:
        return self.ends - min(RENEW_SECONDS, self._seconds / 2)

    def rate(self, name: str) -> float:
        """Operations of a type a second."""
        return self._rates[name]


def take(transport: Transport, amounts: Mapping[str, int], ttl: int, old: Share | None, now: float) -> Share:
    """Takes a lease, in the place of the old one. Raises Unavailable, which leaves that as it is, and ApiError."""
    body: dict[str, Any] = {**amounts, "ttl_s": ttl}
    if old is not None and now < old.ends:
        body["renew"] = {"lease_id": old.id, "spent": old.spent}
    try:
        answer = transport.call("POST", "/v1/quota/leases", json_body=body)
    except ApiError as error:
        if "renew" not in body or error.status not in (404, 409):
            raise
        del body["renew"]  # It ended, or its day did: there is nothing to give back.
        answer = transport.call("POST", "/v1/quota/leases", json_body=body)
    return Share(answer.json(), now)


def give_back(transport: Transport, share: Share) -> None:
    """Returns what is left of a lease; what cannot be returned ends by itself."""
    try:
        path = f"/v1/quota/leases/{urllib.parse.quote(share.id, safe='')}"
        transport.call("DELETE", path, json_body={"spent": share.spent})
    except SluiceError as error:
        logger.info("A lease was not returned, and ends by itself: %s", error)


class Lease:
    """Leases quota where it is needed, renews it while it is spent, and gives back what is left.

    `with client.lease(writes=500) as lease: lease.spend(writes=1)` before each write: `spend` waits until it may be
    done. Nothing is leased before the first `spend`, and nothing is renewed while nothing is spent. Thread-safe.
    """

    def __init__(
        self,
        transport: Transport,
        amounts: Mapping[str, int],
        ttl: int,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not any(amounts.values()):
            raise ValueError("Say how many writes, reads or deletes are wanted.")
        self._transport = transport
        self._amounts = {name: count for name, count in amounts.items() if count > 0}
        self._ttl = ttl
        self._now = now
        self._sleep = sleep
        self._share: Share | None = None
        self._lock = threading.Lock()

    def spend(self, *, writes: int = 0, reads: int = 0, deletes: int = 0, timeout: float | None = None) -> None:
        """Waits until so many operations may be done, and counts them.

        Raises Unavailable after `timeout` seconds, ValueError for more than a lease was asked for.
        """
        wanted = {"writes": writes, "reads": reads, "deletes": deletes}
        for name, count in wanted.items():
            if count < 0 or count > self._amounts.get(name, 0):
                raise ValueError(f"{name}: the lease is for {self._amounts.get(name, 0)}, not for {count}.")
        ends = None if timeout is None else self._now() + timeout
        while True:
            with self._lock:
                wait, is_granted = self._try(wanted)
            if not is_granted and ends is not None and self._now() + wait > ends:
                raise Unavailable("No quota was free in time.", retry_after=wait)
            if wait > 0:
                self._sleep(wait)
            if is_granted:
                return

    def _try(self, wanted: Mapping[str, int]) -> tuple[float, bool]:
        now = self._now()
        share = self._share
        if share is not None and not share.is_ending(now):
            wait = share.spend(wanted, now)
            if wait is not None:
                return wait, True
        try:
            self._renew(now)
        except Unavailable as error:
            return error.retry_after or REFUSED_SECONDS, False
        renewed = self._share
        wait = None if renewed is None else renewed.spend(wanted, self._now())
        # Less than wished may be granted: then the rest comes with the next lease.
        return (REFUSED_SECONDS, False) if wait is None else (wait, True)

    def _renew(self, now: float) -> None:
        """Takes a lease, in the place of the one that is there. Raises Unavailable."""
        old, self._share = self._share, None
        try:
            self._share = take(self._transport, self._amounts, self._ttl, old, now)
        except Unavailable:
            # A refusal changes nothing; after a lost answer the old one may be returned, which is found out then.
            self._share = old
            raise

    def close(self) -> None:
        """Gives back what is left; what cannot be given back ends by itself."""
        with self._lock:
            share, self._share = self._share, None
        if share is not None:
            give_back(self._transport, share)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()


def _moment(text: str) -> float:
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
