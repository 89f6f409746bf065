"""Fields of tasks as old code writes them: what Sluice derives itself is left out, old statuses get their new names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .once import warn_once
from .values import is_deletion, plain

STATUSES = frozenset(["pending", "assigned", "in_progress", "completed", "approved", "failed", "cancelled"])
OLD_STATUSES = {"processing": "in_progress", "done": "completed"}
#: Old code sets these with each write; Sluice does, too.
TIMES = frozenset(["created_at", "updated_at"])
#: Names in a task that are Sluice's own: it derives them from the answers, or needs them for itself.
DERIVED = frozenset(
    [
        *("response_count", "first_response_at", "best_response", "completed_at", "completion_reason"),
        *("distributed_at", "deadline_at", "written_at", "expires_at", "feed_shard"),
        *("miner_responses", "superseded_responses", "evaluations"),
    ]
)
#: Members of a line that are no fields, and names that every object has where Sluice runs.
NO_FIELDS = frozenset(
    [
        *("type", "stamp", "visibility", "constructor", "hasOwnProperty", "isPrototypeOf"),
        *("propertyIsEnumerable", "toLocaleString", "toString", "valueOf"),
    ]
)
#: Fields that Sluice knows; it takes none of a name that only writes one of these otherwise.
KNOWN = frozenset(
    [
        *("task_id", "task_type", "status", "required_miner_count", "min_miner_count", "priority"),
        *("source_language", "target_language", "model_id", "assigned_miners", "metadata"),
    ]
)
#: Names that a field may have.
NAME = re.compile(r"(?!sluice_)[a-z][a-z0-9_]*", re.IGNORECASE | re.ASCII)
MAX_NAME = 64
#: Fields that a task's creation decides.
FIXED = frozenset(["required_miner_count", "min_miner_count"])


def creation(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a new task, without those that are None. Raises ValueError where it has no type."""
    fields = {name: value for name, value in _fields(data).items() if value is not None}
    if not isinstance(fields.get("task_type"), str) or not fields["task_type"]:
        raise ValueError("task_type: expected a text; a task without its type is none.")
    return fields


def changes(data: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that are set anew; None and DELETE_FIELD clear one."""
    fields = _fields(data)
    for name in FIXED & fields.keys():
        del fields[name]
        warn_once(f"{name} of a task is fixed by its creation; a change of it is left out")
    return {name: value for name, value in fields.items() if value is not None or name not in ("status", "task_type")}


def _bare(name: str) -> str:
    """The name that a field of this one is taken for: of `miner_responses.7` and `minerResponses` it is the same."""
    return name.split(".")[0].replace("_", "").lower()


OWN = frozenset(_bare(name) for name in DERIVED | NO_FIELDS | TIMES)
MEANT = {_bare(name): name for name in KNOWN}


def _fields(data: Mapping[str, Any]) -> dict[str, Any]:
    fields = {}
    for given, value in data.items():
        name = str(given)
        if name == "task_id" or name in TIMES:
            continue
        if _bare(name) in OWN:
            warn_once(f"{name} of a task is Sluice's own; what is written to it is left out")
            continue
        if not NAME.fullmatch(name) or (len(name) > MAX_NAME and not name.startswith("input_")):
            warn_once(f"{name} is no name of a task's field; it is left out")
            continue
        meant = MEANT.get(_bare(name), name)
        if meant == "task_id" or (meant != name and meant in data):
            continue
        fields[meant] = None if is_deletion(value) else plain(value, name)
    status = fields.get("status")
    if status is not None:
        known = OLD_STATUSES.get(str(status), str(status))
        fields["status"] = known if known in STATUSES else None
        if known not in STATUSES:
            warn_once(f"{status!r} is no status of a task; it is left out")
    return fields
