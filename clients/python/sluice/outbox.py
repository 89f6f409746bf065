"""The outbox: takes events at the speed of the disk, and has them sent in the background."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Callable, Iterable, NamedTuple

from .contents import Contents
from .errors import SetAside
from .sender import Sender
from .stamps import StampSource
from .store import Store
from .transport import Transport
from .writer import Writer

if TYPE_CHECKING:
    import asyncio

#: How often one that drains looks at what is left.
LOOK_SECONDS = 0.02


class OutboxStatus(NamedTuple):
    """Counts of the outbox, and how sending goes."""

    waiting: int
    #: Events that are kept aside now, refused or cleared, and how many were refused ever.
    set_aside: int
    refused: int
    oldest_age_seconds: float | None
    #: Acknowledged since this client began.
    sent: int
    #: The failure of the last attempt to send; None after one that went well.
    error: str | None
    #: True where the key or the address is wrong: nothing is sent before that is put right.
    is_blocked: bool


class Outbox:
    """A file with events, a thread that writes it and one that sends from it. Raises OutboxError."""

    def __init__(
        self,
        path: str,
        transport: Transport,
        *,
        linger: float = 2.0,
        max_backoff: float = 60.0,
        on_refused: Callable[[SetAside], None] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.path = os.path.realpath(path)
        self._now = now
        store = Store(self.path)
        self._sender = Sender(
            Store(self.path),
            transport,
            linger=linger,
            max_backoff=max_backoff,
            on_refused=on_refused,
            now=now,
        )
        self._writer = Writer(store, self._sender.note_written, now=now)
        self._is_closed = False
        self._reader: Store | None = None
        self._reading = threading.Lock()

    def write(self, lines: list[bytes], created: list[str]) -> None:
        """Returns when the events are durable on this machine, together; `created`: the tasks that they create."""
        self._writer.write(lines, created)

    def write_async(self, lines: list[bytes], created: list[str]) -> asyncio.Future[None]:
        return self._writer.write_async(lines, created)

    def has_created(self, task_id: str) -> bool:
        """Tells if an event of this file created the task: this client's, another's, or one's of before a restart."""
        with self._opened() as store:
            return store.has_created(task_id)

    def drain(self, timeout: float) -> bool:
        """Sends without lingering what was written before; True when Sluice has it all, or it was refused."""
        ends = time.monotonic() + timeout
        self._sender.hurry(True)
        try:
            with self._opened() as store:
                last = store.last_seq()
                while True:
                    rows = store.first(0, 1, 0)
                    if not rows or rows[0].seq > last:
                        return True
                    if time.monotonic() >= ends:
                        return False
                    time.sleep(min(LOOK_SECONDS, max(0.0, ends - time.monotonic())))
        finally:
            self._sender.hurry(False)

    def status(self) -> OutboxStatus:
        with self._opened() as store:
            waiting, aside, refused = store.counts()
            oldest = store.oldest_ms()
            age = None if oldest is None else max(0.0, self._now() - (oldest - store.offset_ms()) / 1000)
        sender = self._sender
        return OutboxStatus(waiting, aside, refused, age, sender.sent, sender.error, sender.is_blocked)

    def contents(self, most_ids: int) -> Contents:
        """Counts what waits, by type; a million events take a second."""
        with self._opened() as store:
            return store.contents(most_ids)

    def contents_of_few(self, most_ids: int, most_events: int) -> Contents | None:
        """As `contents`, in some milliseconds; None where that may be more than so many events."""
        with self._reading:
            if self._reader is None:
                self._reader = self._opened()
            return self._reader.contents(most_ids) if self._reader.span() <= most_events else None

    @property
    def sent_at(self) -> float | None:
        """When Sluice last acknowledged events of this client, in seconds since the epoch."""
        return self._sender.sent_at

    def clear(self, types: Iterable[str] | None = None) -> int:
        """Sets aside, unsent, what waits of these types, or all; answers how many."""
        with self._opened() as store:
            return store.move_aside(types, int(self._now() * 1000))

    def set_aside(self, after_id: int = 0, most: int = 1000) -> list[SetAside]:
        """Events that are kept aside, by their ids."""
        with self._opened() as store:
            return store.set_aside(after_id, most)

    def retry(self, ids: Iterable[int] | None = None) -> int:
        """Sends again, as new events, what is aside: these, or all that were refused; answers how many."""
        with self._opened() as store:
            return store.retry(ids, StampSource(), int(self._now() * 1000))

    def close(self, timeout: float) -> bool:
        """Sends what it can in this time, then ends; the rest stays in the file. True when nothing does."""
        if self._is_closed:
            return True
        if self._writer.is_forked():
            return False  # All of it is the parent's.
        self._is_closed = True
        self._writer.close()
        try:
            return self.drain(timeout) if timeout > 0 else False
        finally:
            self._sender.stop()
            self._sender.join(max(timeout, 1.0))
            with self._reading:
                if self._reader is not None:
                    self._reader.close()

    def _opened(self) -> Store:
        """A connection for the calling thread."""
        return Store(self.path, create=False, check=False)
