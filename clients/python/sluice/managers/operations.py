"""`BatchDatabaseManager`: writes of documents and tasks, durable in the outbox when they are taken."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, MutableMapping
from datetime import datetime, timezone
from typing import Any

from .. import events
from ..errors import Unsupported
from . import task_fields
from .figures import number
from .once import warn_once
from .shared import force_flush, shared
from .values import document

#: Statistics count tasks as the writes that they were.
SETS = ("set", "task")
UPDATES = ("update", "fields")


class BatchDatabaseManager:
    """Takes writes; Sluice writes each document once for many of them."""

    def __init__(self, db: object = None) -> None:
        self.db = db
        shared()

    async def buffered_write(self, operation: Mapping[str, Any]) -> None:
        """Takes `{type: set, update or delete, ref, data}`; returns when it is on the disk.

        `ref` is a reference of Firestore's, or a path. Raises OutboxError where the disk refuses, Unsupported and
        ValueError for what no document can hold.
        """
        kind, path = str(operation.get("type")), _path(operation.get("ref"))
        if kind not in ("set", "update", "delete"):
            raise ValueError(f"type: expected set, update or delete, got {kind}.")
        if operation.get("merge"):
            raise Unsupported("merge: Sluice replaces with set; use an update, which makes the document, too.")
        client = shared().client
        collection, _, name = path.partition("/")
        if collection == "tasks" and name and "/" not in name:
            await self._write_task(kind, name, operation.get("data"))
        elif kind == "delete":
            await client.delete(path)
        else:
            data = document(_data(operation.get("data")), is_update=kind == "update")
            await (client.set if kind == "set" else client.update)(path, data)

    async def create_document(self, collection: str, data: Mapping[str, Any], doc_id: str | None = None) -> str:
        """Writes a new document; answers its id."""
        document_id = str(doc_id) if doc_id else str(uuid.uuid4())
        await self.buffered_write({"type": "set", "ref": f"{_path(collection)}/{document_id}", "data": data})
        return document_id

    async def update_document(self, collection: str, doc_id: str, data: Mapping[str, Any]) -> None:
        """Sets fields of a document, by their paths with dots."""
        await self.buffered_write({"type": "update", "ref": f"{_path(collection)}/{doc_id}", "data": data})

    async def delete_document(self, collection: str, doc_id: str) -> None:
        await self.buffered_write({"type": "delete", "ref": f"{_path(collection)}/{doc_id}"})

    async def create_task(self, task_data: MutableMapping[str, Any]) -> str:
        """Creates a task under a new id, which `task_data` gets, too; answers it."""
        task_id = str(uuid.uuid4())
        if task_data.get("task_id") is not None:
            warn_once("create_task makes an id of its own: use the one that it answers, not task_data's")
        await self._create_task(task_id, task_data)
        # As the old manager had it: without a zone, in UTC.
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        task_data.update({"task_id": task_id, "created_at": now, "updated_at": now})
        return task_id

    async def update_task_status(
        self, task_id: str, status: str, additional_data: Mapping[str, Any] | None = None
    ) -> None:
        """Sets the status of a task, and other fields of it."""
        await self._change_task(task_id, {"status": status, **(additional_data or {})})

    async def force_flush_all(self) -> None:
        """Sends what waits, and has Sluice write what it accepted."""
        await force_flush()

    def get_buffer_stats(self) -> dict[str, Any]:
        """Counts what waits on this machine."""
        figures = shared().figures
        by_type, settings = figures.contents().by_type, figures.part("batch_manager")
        sets, updates = (sum(by_type.get(name, 0) for name in names) for names in (SETS, UPDATES))
        deletes, last = by_type.get("delete", 0), figures.last_sent_at()
        return {
            "set": sets,
            "update": updates,
            "delete": deletes,
            "total_buffered_operations": sets + updates + deletes,
            "buffer_size_limit": number(settings.get("buffer_size_limit"), 100),
            "flush_interval": number(settings.get("flush_interval"), 30),
            "last_flush": last,
            "time_since_last_flush": max(0.0, time.time() - last),
        }

    def clear_buffer(self) -> None:
        """Moves writes that were not sent aside: `python -m sluice outbox PATH` shows, exports and sends them."""
        shared().client.sync.clear_outbox([*SETS, *UPDATES, "delete"])

    async def _write_task(self, kind: str, task_id: str, data: object) -> None:
        if kind == "delete":
            raise Unsupported(f"tasks/{task_id}: tasks are not deleted; set the status cancelled.")
        fields = _data(data)
        if kind == "set" and fields.get("task_type") is not None:
            await self._create_task(task_id, fields)
        else:
            await self._change_task(task_id, fields)

    async def _create_task(self, task_id: str, data: Mapping[str, Any]) -> None:
        fields = task_fields.creation(data)
        await shared().client.send_events([events.task(fields.pop("task_type"), task_id, None, fields)])

    async def _change_task(self, task_id: str, data: Mapping[str, Any]) -> None:
        fields = task_fields.changes(data)
        if fields:
            await shared().client.set_fields(str(task_id), fields)
        else:
            warn_once("A change of a task had no field that can be set; nothing is written")


def _path(ref: object) -> str:
    """The path of a reference, or one that is given as text."""
    path = getattr(ref, "path", ref)
    if not isinstance(path, str) or not path:
        raise ValueError(f"ref: expected a reference or a path, collection/id, got {type(ref).__name__}.")
    return path.strip("/")


def _data(data: object) -> Mapping[str, Any]:
    if isinstance(data, Mapping):
        return data
    raise ValueError(f"data: expected a dict of fields, got {type(data).__name__}.")
