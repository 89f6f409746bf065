"""The background sender: ships what the outbox holds, in order, and deletes what Sluice acknowledged."""

from __future__ import annotations

import logging
import threading
import time
from typing import Callable

from .errors import ApiError, Blocked, OutboxError, SetAside, SluiceError, Unavailable
from .lock import FileLock
from .retries import backoff
from .shipping import PASSING, Shipped, ship
from .stamps import EARLIEST
from .store import Row, Store
from .transport import Transport
from .values import MAX_BODY_BYTES

logger = logging.getLogger("sluice")

MAX_LINES = 1000
#: The least that a body is halved to where somebody in between takes less than Sluice.
LEAST_BODY_BYTES = 64 * 1024
FIRST_BACKOFF = 1.0
#: The longest that an answer may keep the sender away.
MAX_RETRY_AFTER = 600.0
#: How far a stamp may be from the server's time, and how old one is made that is too old: see docs/api.md, Events.
AHEAD_MS = 60_000
OLDEST_MS = 45 * 86_400_000 - 2 * 3_600_000
#: Acknowledged events whose deletion the disk refuses are remembered up to this many.
MAX_UNDELETED = 500_000


class Sender:
    """Sends on a thread of its own, one batch at a time, as the only sender of this file among all processes."""

    def __init__(
        self,
        store: Store,
        transport: Transport,
        *,
        linger: float,
        max_backoff: float,
        on_refused: Callable[[SetAside], None] | None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._transport = transport
        self._linger = linger
        self._max_backoff = max_backoff
        self._on_refused = on_refused
        self._now = now
        self._lock = FileLock(store.path + "-sender")
        self._condition = threading.Condition()
        self._is_closed = False
        self._waiting_lines = 0
        self._waiting_bytes = 0
        self._first_unsent_at: float | None = None
        self._draining = 0
        self._hurries = 0
        self._was_full = False
        self._was_off = False
        self._max_bytes = MAX_BODY_BYTES
        self._max_lines = MAX_LINES
        self._done: list[int] = []
        self._acked = EARLIEST
        #: Something of the last batch stays in the file before what is over: what follows waits for the disk.
        self._must_settle = False
        self._refused: list[tuple[Row, str, str]] = []
        self._offset_ms: int | None = None
        self._failures = 0
        #: For the status: what the last attempt met, None after one that went well.
        self.error: str | None = None
        self.is_blocked = False
        self.sent = 0
        self.sent_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="sluice-sender", daemon=True)
        self._thread.start()

    def note_written(self, count: int, size: int) -> None:
        """Hears that the outbox took so many events of so many bytes."""
        with self._condition:
            self._waiting_lines += count
            self._waiting_bytes += size
            if self._first_unsent_at is None:
                self._first_unsent_at = time.monotonic()
                self._condition.notify_all()
            elif self._is_full():
                self._condition.notify_all()

    def hurry(self, hurried: bool) -> None:
        """While somebody drains the outbox nothing lingers, and one attempt is made at once."""
        with self._condition:
            self._draining += 1 if hurried else -1
            self._hurries += 1 if hurried else 0
            self._condition.notify_all()

    def stop(self) -> None:
        """Ends after the batch that is under way; what waits stays in the file."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while not self._is_closed:
                hurries = self._hurries
                self._wait(self._round(), hurries)
        finally:
            self._lock.release()
            self._store.close()

    def _round(self) -> float:
        """Sends what is ready; answers the seconds until it is worth while to look again."""
        try:
            if not self._lock.acquire():
                return self._linger  # Another process sends what this one writes, too.
            if not self._is_ready():
                return self._left_to_linger()
            if self._must_settle:
                self._settle()
            with self._condition:
                self._first_unsent_at = None
                self._waiting_lines = self._waiting_bytes = 0
            rows = self._store.first(self._after(), self._max_lines, self._max_bytes - 64)
            if rows and self._lingers(rows):
                return self._linger
            if rows:
                self._send(rows)
                return 0.0
            if self._done or self._refused:
                self._settle()
            self._store.give_back_pages()
            return self._linger
        except OutboxError as error:
            return self._failed(str(error))
        except Blocked as error:
            return self._failed(str(error), is_blocked=True)
        except Unavailable as error:
            return self._failed(str(error), error.retry_after)
        except SluiceError as error:
            return self._failed(str(error), is_blocked=True)
        except Exception as error:  # The sender must not end: what waits would wait for ever.
            logger.exception("Sluice's sender met an error of its own")
            return self._failed(repr(error))

    def _send(self, rows: list[Row]) -> None:
        before = self._now()
        try:
            shipped = ship(self._transport, [(row.line, row.stamp) for row in rows])
        except ApiError as error:
            if not self._shrink(rows, error):
                raise
            return
        self._learn(shipped, before, self._now())
        refused = {one.place: one for one in shipped.rejected}
        is_off = any(one.code == "stamp_out_of_range" for one in shipped.rejected)
        passing = next((one for one in shipped.rejected if one.code in PASSING), None)
        for index, row in enumerate(rows):
            one = refused.get(index)
            if one is None:
                self._done.append(row.seq)
                self._acked = max(self._acked, row.stamp)
                self.sent += 1
                self.sent_at = before
            elif one.code != "stamp_out_of_range" and one.code not in PASSING:
                self._refused.append((row, one.code, one.message))
        self._must_settle = bool(refused)
        self._settle()
        if is_off and shipped.server_ms is not None:
            self._store.stamp_anew(shipped.server_ms, shipped.server_ms - OLDEST_MS, AHEAD_MS)
            logger.warning("The clock was off by more than a minute, or events are older than 45 days: stamped anew")
        was_off, self._was_off = self._was_off, is_off
        if passing is not None or (is_off and was_off):
            first = passing or shipped.rejected[0]
            raise Unavailable(f"Sluice does not take event {rows[first.place].seq} now: {first.message}")
        if self.error is not None:
            logger.info("Sluice takes events again")
        self.error, self.is_blocked, self._failures = None, False, 0
        self._max_lines = min(MAX_LINES, self._max_lines * 2)

    def _shrink(self, rows: list[Row], error: ApiError) -> bool:
        """Sends less at once where a body was too much, or one event makes it unreadable; sets that one aside."""
        is_size = error.status == 413
        if isinstance(error, Blocked) or not (is_size or (error.status in (400, 422) and error.code)):
            return False
        if len(rows) > 1:
            self._max_lines = max(1, len(rows) // 2)
            return True
        if is_size and len(rows[0].line) < LEAST_BODY_BYTES:
            return False  # Whoever takes so little is not Sluice.
        self._refused.append((rows[0], error.code or "payload_too_large", error.message))
        self._must_settle = True
        self._settle()
        return True

    def _settle(self) -> None:
        """Notes in the file what is over; where the disk refuses that, the sender goes on and tries again later."""
        try:
            self._store.settle(self._done, self._acked, self._refused, self._offset_ms, int(self._now() * 1000))
        except OutboxError as error:
            if len(self._done) > MAX_UNDELETED or self._must_settle:
                raise
            logger.warning("%s; acknowledged events are deleted later", error)
            return
        refused = self._refused
        self._done, self._refused, self._offset_ms, self._must_settle = [], [], None, False
        for row, code, message in refused:
            self._tell(row, code, message)

    def _tell(self, row: Row, code: str, message: str) -> None:
        logger.error("Sluice refused event %d for good: %s: %s", row.seq, code, message)
        if self._on_refused is None:
            return
        try:
            at_ms = int(self._now() * 1000)
            self._on_refused(SetAside(row.seq, row.stamp, code, message, at_ms, bytes(row.line).decode()))
        except Exception:
            logger.exception("The handler of refused events failed; the event stays aside")

    def _learn(self, shipped: Shipped, before: float, after: float) -> None:
        """Keeps the offset of the server's clock within what this exchange proves."""
        if shipped.server_ms is None:
            return
        known = self._store.offset_ms()
        least, most = shipped.server_ms - after * 1000, shipped.server_ms - before * 1000
        offset = int(min(max(known, least), most))
        if offset != known:
            self._offset_ms = offset

    def _after(self) -> int:
        """The last event that is over, though it is still in the file."""
        return max(self._done, default=0)

    def _is_ready(self) -> bool:
        # None: left from before, or written by another process.
        first = self._first_unsent_at
        return first is None or bool(self._draining) or self._is_full() or time.monotonic() >= first + self._linger

    def _lingers(self, rows: list[Row]) -> bool:
        """Tells that what a full batch left is young: it waits for more, as a new batch does."""
        was_full, size = self._was_full, sum(len(row.line) for row in rows)
        self._was_full = len(rows) >= self._max_lines or size >= self._max_bytes / 2
        if not was_full or self._was_full or self._draining:
            return False
        with self._condition:
            self._first_unsent_at = self._first_unsent_at or time.monotonic()
            self._waiting_lines, self._waiting_bytes = len(rows), size
        return True

    def _is_full(self) -> bool:
        return self._waiting_lines >= self._max_lines or self._waiting_bytes >= self._max_bytes

    def _left_to_linger(self) -> float:
        first = self._first_unsent_at
        return 0.0 if first is None else max(0.0, first + self._linger - time.monotonic())

    def _failed(self, error: str, retry_after: float | None = None, *, is_blocked: bool = False) -> float:
        if error != self.error:
            state = "stopped sending, and keeps taking events" if is_blocked else "will try again"
            logger.log(logging.ERROR if is_blocked else logging.WARNING, "Sluice's sender %s: %s", state, error)
        self.error, self.is_blocked = error, is_blocked
        self._failures += 1
        asked = min(retry_after or 0.0, MAX_RETRY_AFTER)
        return backoff(self._failures - 1, FIRST_BACKOFF, self._max_backoff, asked)

    def _wait(self, seconds: float, hurries: int) -> None:
        """Waits so long, or until a batch is ready or somebody hurries who did not when `hurries` was read."""
        if seconds <= 0:
            return
        ends = time.monotonic() + seconds
        with self._condition:
            while not self._is_closed:
                if self._failures == 0 and self._first_unsent_at is not None:
                    ends = min(ends, self._first_unsent_at + self._linger)
                left = ends - time.monotonic()
                is_full = self._failures == 0 and self._is_full()
                if left <= 0 or is_full or self._hurries > hurries:
                    return
                self._condition.wait(left)
