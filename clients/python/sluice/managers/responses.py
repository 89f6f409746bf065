"""`ResponseAggregator`: answers of miners, durable in the outbox when they are taken."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Callable

from .figures import number
from .shared import force_flush, shared
from .values import plain


class ResponseAggregator:
    """Takes answers; Sluice writes all of a task's with one write."""

    def __init__(self, db: object = None) -> None:
        self.db = db
        shared()

    async def buffer_miner_response(self, task_id: str, miner_uid: int, response: Mapping[str, Any]) -> None:
        """Returns when the answer is on the disk. Raises OutboxError where the disk refuses, never for the network."""
        data, members = split(response)
        await shared().client.send_response(str(task_id), _uid(miner_uid), data, **members)

    async def force_flush_all(self) -> None:
        """Sends what waits, and has Sluice write what it accepted."""
        await force_flush()

    def get_buffer_stats(self) -> dict[str, Any]:
        """Counts what waits on this machine."""
        figures = shared().figures
        contents, settings = figures.contents(), figures.part("response_aggregator")
        return {
            "buffered_tasks": contents.tasks,
            "buffered_responses": contents.by_type.get("response", 0),
            "buffer_timeout": number(settings.get("buffer_timeout"), 60),
            "min_responses_to_flush": number(settings.get("min_responses_to_flush"), 3),
            "tasks_in_buffer": list(contents.task_ids),
        }

    def clear_buffer(self) -> None:
        """Moves answers that were not sent aside: `python -m sluice outbox PATH` shows, exports and sends them."""
        shared().client.sync.clear_outbox(["response"])


def split(response: object) -> tuple[Any, dict[str, Any]]:
    """An answer as old code made it: the miner's data, and the members that Sluice keeps beside it.

    A member that has no place, or does not fit its own, is kept inside the data.
    """
    if not isinstance(response, Mapping):
        return plain({"output_data": response}, "response"), {}
    rest: dict[str, Any] = plain(response, "response")
    for repeated in ("task_id", "miner_uid"):
        rest.pop(repeated, None)
    members: dict[str, Any] = {}
    for name, read in PLACES.items():
        value = rest.get(name)
        fitting = None if value is None else read(value)
        if value is None or fitting is not None:
            rest.pop(name, None)
        if fitting is not None:
            members[name] = fitting
    data = _joined(rest)
    for name in NUMBERS:
        # Scores may stand in the data alone, as miners send them.
        inner = _number(data.get(name)) if isinstance(data, dict) and name not in members else None
        if inner is not None:
            members[name] = inner
    return data, members


def _joined(rest: dict[str, Any]) -> Any:
    """The data, and inside it what stood beside it."""
    name = next((name for name in ("response_data", "response") if rest.get(name) is not None), None)
    if name is None:
        rest.pop("response_data", None)
        return rest
    data = rest.pop(name)
    if not rest:
        return data
    if isinstance(data, dict):
        return {**rest, **data}
    return {**rest, (name if "output_data" in rest else "output_data"): data}


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if math.isfinite(value) else None


def _moment(value: Any) -> str | None:
    """A time as ISO 8601, from that or from seconds or milliseconds since the epoch."""
    try:
        seconds = _number(value)
        if seconds is not None:
            moment = datetime.fromtimestamp(seconds if seconds < 1e11 else seconds / 1000, timezone.utc)
        else:
            moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        text: str = plain(moment, "submitted_at")
    except (ValueError, OverflowError, OSError):
        return None
    return text if text >= "1970" else None


def _text(most: int) -> Callable[[Any], str | None]:
    return lambda value: value if isinstance(value, str) and 1 <= len(value) <= most else None


def _uid(value: Any) -> Any:
    """A uid as a number; what is none is refused by Sluice and kept aside."""
    try:
        return operator.index(value)
    except TypeError:
        return int(value) if isinstance(value, str) and value.strip().isdecimal() else plain(value, "miner_uid")


NUMBERS = ("processing_time", "accuracy_score", "speed_score")
#: Members that Sluice keeps beside the data, and what fits there.
PLACES: dict[str, Callable[[Any], Any]] = {
    **{name: _number for name in NUMBERS},
    "submitted_at": _moment,
    "hotkey": _text(128),
    "status": _text(64),
}
