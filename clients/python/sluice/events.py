"""Events as lines of `POST /v1/events`: pure, without a client."""

from __future__ import annotations

import uuid
from typing import Any, Literal, Mapping

from .errors import ConfigurationError

Visibility = Literal["prompt", "default", "deferred"]
Event = dict[str, Any]


def response(task_id: str, miner_uid: int, response_data: Any, members: Mapping[str, Any]) -> Event:
    """A miner's answer; `members`: processing_time, accuracy_score, speed_score, hotkey, submitted_at."""
    return {
        "type": "response",
        "task_id": str(task_id),
        "miner_uid": miner_uid,
        "response_data": response_data,
        **_given(members),
    }


def task(task_type: str, task_id: str | None, visibility: Visibility | None, fields: Mapping[str, Any]) -> Event:
    """A task, under an id that is made for it where it has none."""
    task_id = task_id or str(uuid.uuid4())
    return {"type": "task", "task_id": task_id, "task_type": task_type, **_given(fields), **_wait(visibility)}


def fields(task_id: str, values: Mapping[str, Any], visibility: Visibility | None) -> Event:
    """Sets fields of a task; None clears one."""
    return {"type": "fields", "task_id": str(task_id), **_own(values), **_wait(visibility)}


def operation(type_: str, path: str, data: Mapping[str, Any] | None, visibility: Visibility | None) -> Event:
    """An operation on a document of the proxy's own."""
    return {"type": type_, "path": path, **({} if data is None else {"data": data}), **_wait(visibility)}


def _wait(visibility: Visibility | None) -> Event:
    return {} if visibility in (None, "default") else {"visibility": visibility}


def _given(members: Mapping[str, Any]) -> Event:
    return {name: value for name, value in _own(members).items() if value is not None}


def _own(members: Mapping[str, Any]) -> Event:
    for name in ("type", "stamp"):
        if name in members:
            raise ConfigurationError(f"A field cannot be named {name}.")
    return dict(members)


def is_creation(event: Mapping[str, Any]) -> bool:
    """Tells if the event creates a task under an id that is known before it is sent."""
    return event.get("type") == "task" and event.get("task_id") is not None


def new_id() -> str:
    """A random id for a document."""
    return str(uuid.uuid4())
