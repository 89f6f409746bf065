"""`Sluice`: the client for threads. `AsyncSluice` has the same words for asyncio."""

from __future__ import annotations

import os
import ssl
import threading
import time
import urllib.parse
from collections import OrderedDict
from types import TracebackType
from typing import Any, Callable, Iterable, Iterator, Literal, Mapping, overload

from . import events
from .direct import Direct
from .downloads import Arrived, Target, download
from .errors import ConfigurationError, SetAside, Unavailable
from .events import Event, Visibility, is_creation
from .files import Progress, Source, Ticket, upload
from .leases import Lease
from .outbox import Outbox, OutboxStatus
from .transport import Transport
from .values import line_of
from .waiting import MAX_WAIT_SECONDS, wait_for_task

#: Tasks that a client without an outbox remembers to have created.
MAX_KNOWN_TASKS = 100_000
#: The time an answer may take beyond the wait that was asked for.
ANSWER_SECONDS = 15.0


class Sluice:
    """Sends events to Sluice, by an outbox or at once, and asks it what it knows.

    `url`, `key` and `outbox` come from SLUICE_URL, SLUICE_API_KEY and SLUICE_OUTBOX where they are not given;
    `outbox` is the path of a file on a disk of this machine, or None to send at once. Thread-safe.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        outbox: str | os.PathLike[str] | None | Literal["environment"] = "environment",
        linger: float = 2.0,
        max_backoff: float = 60.0,
        timeout: float = 30.0,
        on_refused: Callable[[SetAside], None] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`linger`: seconds an event waits for others; `timeout`: of a request; `on_refused` runs on the sender's
        thread for each event that Sluice refuses for good."""
        self._transport = Transport(
            _setting(url, "SLUICE_URL", "url"),
            _setting(key, "SLUICE_API_KEY", "key"),
            timeout=timeout,
            context=ssl_context,
        )
        path = os.environ.get("SLUICE_OUTBOX") or None if outbox == "environment" else outbox
        self._known: OrderedDict[str, None] = OrderedDict()
        self._known_lock = threading.Lock()
        self._outbox: Outbox | None = None
        self._direct: Direct | None = None
        if path is None:
            self._direct = Direct(self._transport, timeout=timeout, now=now)
        else:
            self._outbox = Outbox(
                os.fspath(path),
                self._transport,
                linger=linger,
                max_backoff=max_backoff,
                on_refused=on_refused,
                now=now,
            )

    @property
    def transport(self) -> Transport:
        return self._transport

    @property
    def outbox(self) -> Outbox | None:
        return self._outbox

    # Events: durable when the method returns, in the order in which they are given.

    def send_response(self, task_id: str, miner_uid: int, response_data: Any = None, **members: Any) -> None:
        """A miner's answer, with `processing_time`, `accuracy_score`, `speed_score`, `hotkey`, `submitted_at`."""
        self.send_events([events.response(task_id, miner_uid, response_data, members)])

    def create_task(
        self, task_type: str, *, task_id: str | None = None, visibility: Visibility | None = None, **fields: Any
    ) -> str:
        """Creates a task; answers its id."""
        event = events.task(task_type, task_id, visibility, fields)
        self.send_events([event])
        return str(event["task_id"])

    def set_fields(
        self, task_id: str, fields: Mapping[str, Any], *, visibility: Visibility | None = None
    ) -> None:
        """Sets fields of a task; None clears one."""
        self.send_events([events.fields(task_id, fields, visibility)])

    def set(self, path: str, data: Mapping[str, Any], *, visibility: Visibility | None = None) -> None:
        """Replaces a document."""
        self.send_events([events.operation("set", path, data, visibility)])

    def update(self, path: str, data: Mapping[str, Any], *, visibility: Visibility | None = None) -> None:
        """Sets the places of a document that dotted paths lead to."""
        self.send_events([events.operation("update", path, data, visibility)])

    def delete(self, path: str, *, visibility: Visibility | None = None) -> None:
        """Takes a document away."""
        self.send_events([events.operation("delete", path, None, visibility)])

    def create_document(
        self, collection: str, data: Mapping[str, Any], *, visibility: Visibility | None = None
    ) -> str:
        """Makes a document under an id of its own; answers the id."""
        document_id = events.new_id()
        self.set(f"{collection}/{document_id}", data, visibility=visibility)
        return document_id

    def send_events(self, given: Iterable[Event]) -> None:
        """Events as lines of `POST /v1/events`, durable together: at most 1,000."""
        self._write(*self._lines(given))

    # Reads

    def get_task(self, task_id: str, *, wait: bool = False, timeout: float = MAX_WAIT_SECONDS) -> dict[str, Any]:
        """A task; with `wait` once it is completed, or as it is after `timeout` seconds.

        Raises NotFound, but with `wait` only after the time for a task that this client created, or one before it
        on the same outbox.
        """
        path = f"/v1/tasks/{_segment(task_id)}"
        if not wait:
            return self._json("GET", path)

        def read(seconds: int) -> dict[str, Any]:
            query = {"wait": "completed", "timeout": seconds}
            return self._json("GET", path, query=query, timeout=seconds + ANSWER_SECONDS)

        return wait_for_task(read, lambda: self._is_known(task_id), timeout)

    def list_tasks(self, /, **filters: Any) -> dict[str, Any]:
        """A page `{tasks, next_cursor}`; `status`, `task_type`, `miner_uid`, `limit`, `cursor`."""
        return self._json("GET", "/v1/tasks", query=filters)

    def tasks(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """All tasks, the newest written first, page by page."""
        cursor = None
        while True:
            page = self.list_tasks(cursor=cursor, **filters)
            yield from page["tasks"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def status(self, *, detail: bool = False) -> dict[str, Any]:
        """Sluice's state: its queue and its parts, `GET /v1/status`."""
        return self._json("GET", "/v1/status", query={"detail": "true"} if detail else None)

    def quota(self) -> dict[str, Any]:
        """The quota's use and limits, `GET /v1/quota`."""
        return self._json("GET", "/v1/quota")

    def warnings(self, *, limit: int = 10) -> list[dict[str, Any]]:
        """The latest warnings of the quota."""
        found: list[dict[str, Any]] = self._json("GET", "/v1/warnings", query={"limit": limit})["warnings"]
        return found

    def flush(self, *, wait: bool = False) -> dict[str, Any]:
        """Sends what the outbox holds, and asks Sluice to write all that it accepted before."""
        self.drain()
        query = {"wait": "true"} if wait else None
        return self._json("POST", "/v1/flush", query=query, timeout=MAX_WAIT_SECONDS + ANSWER_SECONDS)

    # Files

    def upload_file(
        self,
        source: Source,
        *,
        file_name: str,
        content_type: str = "application/octet-stream",
        file_type: str = "other",
        idempotency_key: str | None = None,
        progress: Progress | None = None,
        resume: Ticket | None = None,
        wait: float = 30.0,
    ) -> dict[str, Any]:
        """Stores a file: bytes, a path, or an open binary file that can seek; answers what Sluice knows of it.

        More than a megabyte goes straight to storage, in parts; `progress(sent, size)` hears of each. Raises
        UploadInterrupted, whose `ticket` is given as `resume`, in another process too. `wait`: seconds until such a
        file must be stored; after them it is answered as `pending`.
        """
        return upload(
            self._transport,
            source,
            file_name=file_name,
            content_type=content_type,
            file_type=file_type,
            idempotency_key=idempotency_key,
            progress=progress,
            resume=resume,
            wait=wait,
        )

    @overload
    def download_file(self, file_id: str, to: None = None, *, progress: Arrived | None = None) -> bytes: ...

    @overload
    def download_file(self, file_id: str, to: Target, *, progress: Arrived | None = None) -> int: ...

    def download_file(
        self, file_id: str, to: Target | None = None, *, progress: Arrived | None = None
    ) -> bytes | int:
        """The bytes of a file; with `to`, a path or an open binary file, writes them there and answers how many.

        Goes on where it was cut. A path gets the file once it is whole; `progress(got, size)` hears of each part.
        """
        return download(self._transport, _segment(file_id), to, progress)

    def get_file(self, file_id: str) -> dict[str, Any]:
        """A file's record, without its bytes."""
        return self._json("GET", f"/v1/files/{_segment(file_id)}")

    def list_files(self, /, **filters: Any) -> dict[str, Any]:
        """A page `{files, next_cursor}`; `file_type`, `limit`, `cursor`."""
        return self._json("GET", "/v1/files", query=filters)

    def delete_file(self, file_id: str) -> None:
        self._transport.call("DELETE", f"/v1/files/{_segment(file_id)}")

    def cleanup(self, *, max_age_hours: float = 24) -> dict[str, Any]:
        """Deletes temporary files older than that."""
        return self._json("POST", "/v1/cleanup", body={"max_age_hours": max_age_hours})

    # Quota

    def lease(self, *, writes: int = 0, reads: int = 0, deletes: int = 0, ttl: int = 60) -> Lease:
        """A share of the quota for what this proxy does in Firestore itself; use it with `with`."""
        return Lease(self._transport, {"writes": writes, "reads": reads, "deletes": deletes}, ttl)

    # The outbox

    def outbox_status(self) -> OutboxStatus:
        """The outbox's counts, and how sending goes."""
        return self._needed_outbox().status()

    def refused(self, *, after_id: int = 0, limit: int = 1000) -> list[SetAside]:
        """Events that the outbox keeps aside: refused for good, or cleared."""
        return self._needed_outbox().set_aside(after_id, limit)

    def retry_refused(self, ids: Iterable[int] | None = None) -> int:
        """Sends again what is aside, these or all that were refused; answers how many."""
        return self._needed_outbox().retry(ids)

    def clear_outbox(self, types: Iterable[str] | None = None) -> int:
        """Moves aside, unsent, what waits of these types (`response`, `set`, …), or all; answers how many.

        Nothing is deleted: `refused()` lists it with the code `cleared`, and `retry_refused(ids)` sends it.
        """
        return self._needed_outbox().clear(types)

    def drain(self, timeout: float = 30.0) -> bool:
        """Sends what the outbox holds now; True when Sluice has it, or refused it. Without an outbox True."""
        return self._outbox is None or self._outbox.drain(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Sends what it can in that time and ends; the rest stays in the outbox. True when nothing does."""
        is_empty = self._outbox is None or self._outbox.close(timeout)
        self._transport.close()
        return is_empty

    def __enter__(self) -> Sluice:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def _lines(self, given: Iterable[Event]) -> tuple[list[bytes], list[str]]:
        """Events as lines, and the tasks that they create."""
        all_events = list(given)
        if not 1 <= len(all_events) <= 1000:
            raise ValueError(f"Send 1 to 1,000 events at once; these are {len(all_events)}.")
        if any("stamp" in event for event in all_events):
            raise ConfigurationError("An event gets its stamp from this client; leave `stamp` out.")
        lines = [line_of(event) for event in all_events]
        return lines, [str(event["task_id"]) for event in all_events if is_creation(event)]

    def _write(self, lines: list[bytes], created: list[str]) -> None:
        if self._outbox is not None:
            self._outbox.write(lines, created)
        elif self._direct is not None:
            self._remember(created)
            self._direct.send(lines)

    def _remember(self, created: list[str]) -> None:
        with self._known_lock:
            for task_id in created:
                self._known[task_id] = None
            while len(self._known) > MAX_KNOWN_TASKS:
                self._known.popitem(last=False)

    def _is_known(self, task_id: str) -> bool:
        if self._outbox is not None:
            return self._outbox.has_created(task_id)
        with self._known_lock:
            return task_id in self._known

    def _needed_outbox(self) -> Outbox:
        if self._outbox is None:
            raise ConfigurationError("This client has no outbox: it sends at once.")
        return self._outbox

    def _json(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, object] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        answer = self._transport.call(method, path, json_body=body, query=query, timeout=timeout).json()
        if not isinstance(answer, dict):
            raise Unavailable(f"Expected an object of {method} {path}, got another value.")
        return answer


def _segment(text: str) -> str:
    return urllib.parse.quote(str(text), safe="")


def _setting(given: str | None, name: str, argument: str) -> str:
    value = given or os.environ.get(name)
    if not value:
        raise ConfigurationError(f"Give {argument}, or set {name}.")
    return value
