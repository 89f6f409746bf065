"""Group commit: callers that arrive together share one transaction, and so one wait for the disk."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Callable

from .errors import OutboxError
from .stamps import StampSource
from .store import Store

if TYPE_CHECKING:
    import asyncio

#: Events of one transaction: more would keep the first caller waiting.
MAX_GROUP = 2000
MAX_GROUP_BYTES = 16 * 1024 * 1024


class Writer:
    """Writes events into the store on a thread of its own, in the order in which they are given."""

    def __init__(
        self, store: Store, on_written: Callable[[int, int], None], *, now: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._stamps = StampSource()
        self._on_written = on_written
        self._now = now
        self._condition = threading.Condition()
        self._given: deque[_Entry] = deque()
        self._is_closed = False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="sluice-writer", daemon=True)
        self._thread.start()

    def write(self, lines: list[bytes], created: list[str]) -> None:
        """Returns when the events are durable, together; `created`: the tasks that they create. Raises OutboxError."""
        done = threading.Lock()
        done.acquire()
        entry = _Entry(lines, created, done=done)
        self._give(entry)
        done.acquire()
        if entry.error is not None:
            raise entry.error

    def write_async(self, lines: list[bytes], created: list[str]) -> asyncio.Future[None]:
        """As `write`, without blocking the running loop."""
        import asyncio

        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._give(_Entry(lines, created, future=future))
        return future

    def is_forked(self) -> bool:
        """Tells a child that has this writer, but not its thread."""
        return os.getpid() != self._pid

    def close(self) -> None:
        """Writes what was given, then ends."""
        with self._condition:
            self._is_closed = True
            self._condition.notify()
        self._thread.join()
        self._store.close()

    def _give(self, entry: _Entry) -> None:
        if self.is_forked():
            raise OutboxError("This client was made before a fork, which its threads do not survive; make a new one.")
        with self._condition:
            if self._is_closed:
                raise OutboxError("This client is closed.")
            self._given.append(entry)
            self._condition.notify()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._given and not self._is_closed:
                    self._condition.wait()
                if not self._given:
                    return
                group = self._next_group()
            error: Exception | None = None
            lines = [line for entry in group for line in entry.lines]
            created = [task_id for entry in group for task_id in entry.created]
            try:
                self._store.append(lines, self._stamps, int(self._now() * 1000), created)
            except OutboxError as failure:
                error = failure
            except Exception as failure:  # Every caller settles, whatever broke.
                error = OutboxError(f"The outbox did not take the event: {failure!r}")
            _settle(group, error)
            if error is None:
                self._on_written(len(lines), sum(map(len, lines)))

    def _next_group(self) -> list[_Entry]:
        group: list[_Entry] = []
        count = size = 0
        while self._given and count < MAX_GROUP and size < MAX_GROUP_BYTES:
            entry = self._given.popleft()
            group.append(entry)
            count += len(entry.lines)
            size += sum(map(len, entry.lines))
        return group


class _Entry:
    """A caller's events, and how to tell it that they are durable: its lock, or a future of its loop."""

    __slots__ = ("lines", "created", "done", "future", "error")

    def __init__(
        self,
        lines: list[bytes],
        created: list[str],
        *,
        done: threading.Lock | None = None,
        future: asyncio.Future[None] | None = None,
    ) -> None:
        self.lines = lines
        self.created = created
        self.done = done
        self.future = future
        self.error: Exception | None = None


def _settle(group: list[_Entry], error: Exception | None) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for entry in group:
        entry.error = error
        if entry.done is not None:
            entry.done.release()
        if entry.future is not None:
            by_loop.setdefault(entry.future.get_loop(), []).append(entry.future)
    for loop, futures in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_futures, futures, error)
        except RuntimeError:
            pass  # The loop was closed: nobody waits any more.


def _settle_futures(futures: list[asyncio.Future[None]], error: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue  # Its task was cancelled; the event is durable all the same.
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
