"""`AsyncSluice`: the client for asyncio. Events wait for the disk alone; all else runs on threads of its own."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Callable, Concatenate, Iterable, Mapping, ParamSpec, TypeVar

from . import events
from .client import Sluice
from .events import Event, Visibility
from .leases import Lease

P = ParamSpec("P")
T = TypeVar("T")

#: Requests at the same time: reads may wait for half a minute each.
MAX_THREADS = 64


def _on_thread(
    method: Callable[Concatenate[Sluice, P], T],
) -> Callable[Concatenate[AsyncSluice, P], Coroutine[Any, Any, T]]:
    """The same method, run on a thread."""

    async def run(self: AsyncSluice, /, *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: method(self._client, *args, **kwargs))

    functools.update_wrapper(run, method)
    return run


class AsyncSluice:
    """As `Sluice`, with the same arguments; its methods are awaited."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._client = Sluice(*args, **kwargs)
        self._executor = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="sluice")

    @property
    def sync(self) -> Sluice:
        """The same client for threads."""
        return self._client

    async def send_response(self, task_id: str, miner_uid: int, response_data: Any = None, **members: Any) -> None:
        """See `Sluice.send_response`."""
        await self.send_events([events.response(task_id, miner_uid, response_data, members)])

    async def create_task(
        self, task_type: str, *, task_id: str | None = None, visibility: Visibility | None = None, **fields: Any
    ) -> str:
        """See `Sluice.create_task`."""
        event = events.task(task_type, task_id, visibility, fields)
        await self.send_events([event])
        return str(event["task_id"])

    async def set_fields(
        self, task_id: str, fields: Mapping[str, Any], *, visibility: Visibility | None = None
    ) -> None:
        """See `Sluice.set_fields`."""
        await self.send_events([events.fields(task_id, fields, visibility)])

    async def set(self, path: str, data: Mapping[str, Any], *, visibility: Visibility | None = None) -> None:
        """See `Sluice.set`."""
        await self.send_events([events.operation("set", path, data, visibility)])

    async def update(self, path: str, data: Mapping[str, Any], *, visibility: Visibility | None = None) -> None:
        """See `Sluice.update`."""
        await self.send_events([events.operation("update", path, data, visibility)])

    async def delete(self, path: str, *, visibility: Visibility | None = None) -> None:
        """See `Sluice.delete`."""
        await self.send_events([events.operation("delete", path, None, visibility)])

    async def create_document(
        self, collection: str, data: Mapping[str, Any], *, visibility: Visibility | None = None
    ) -> str:
        """See `Sluice.create_document`."""
        document_id = events.new_id()
        await self.set(f"{collection}/{document_id}", data, visibility=visibility)
        return document_id

    async def send_events(self, given: Iterable[Event]) -> None:
        """See `Sluice.send_events`."""
        lines, created = self._client._lines(given)
        if self._client._outbox is not None:
            await self._client._outbox.write_async(lines, created)
        else:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._client._write, lines, created)

    async def tasks(self, **filters: Any) -> AsyncIterator[dict[str, Any]]:
        """See `Sluice.tasks`."""
        cursor = None
        while True:
            page = await self.list_tasks(cursor=cursor, **filters)
            for task in page["tasks"]:
                yield task
            cursor = page["next_cursor"]
            if cursor is None:
                return

    get_task = _on_thread(Sluice.get_task)
    list_tasks = _on_thread(Sluice.list_tasks)
    status = _on_thread(Sluice.status)
    quota = _on_thread(Sluice.quota)
    warnings = _on_thread(Sluice.warnings)
    flush = _on_thread(Sluice.flush)
    upload_file = _on_thread(Sluice.upload_file)
    download_file = _on_thread(Sluice.download_file)
    get_file = _on_thread(Sluice.get_file)
    list_files = _on_thread(Sluice.list_files)
    delete_file = _on_thread(Sluice.delete_file)
    cleanup = _on_thread(Sluice.cleanup)
    outbox_status = _on_thread(Sluice.outbox_status)
    refused = _on_thread(Sluice.refused)
    retry_refused = _on_thread(Sluice.retry_refused)
    clear_outbox = _on_thread(Sluice.clear_outbox)
    drain = _on_thread(Sluice.drain)

    def lease(self, *, writes: int = 0, reads: int = 0, deletes: int = 0, ttl: int = 60) -> AsyncLease:
        """See `Sluice.lease`; use it with `async with`."""
        return AsyncLease(self._client.lease(writes=writes, reads=reads, deletes=deletes, ttl=ttl))

    async def close(self, timeout: float = 5.0) -> bool:
        """See `Sluice.close`."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, self._client.close, timeout)
        finally:
            self._executor.shutdown(wait=False)

    async def __aenter__(self) -> AsyncSluice:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.close()


class AsyncLease:
    """A `Lease` for asyncio: `async with`, and `await lease.spend(…)`."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    async def spend(
        self, *, writes: int = 0, reads: int = 0, deletes: int = 0, timeout: float | None = None
    ) -> None:
        await asyncio.to_thread(
            self._lease.spend, writes=writes, reads=reads, deletes=deletes, timeout=timeout
        )

    async def close(self) -> None:
        await asyncio.to_thread(self._lease.close)

    async def __aenter__(self) -> AsyncLease:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.close()
