"""Values as old code hands them over: Python's, and Firestore's sentinels, known by the names of their classes."""

from __future__ import annotations

import base64
import math
import operator
from collections.abc import Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Callable

from ..errors import Unsupported
from ..values import DELETE_FIELD, SERVER_TIMESTAMP, iso
from .once import warn_once

#: Firestore's operations on a field that depend on what it holds.
REFUSED = frozenset(["Increment", "Maximum", "Minimum", "ArrayUnion", "ArrayRemove"])
MAX_INTEGER = 2**63 - 1

Leaf = Callable[[Any, str], Any]


def document(data: Mapping[str, Any], *, is_update: bool) -> dict[str, Any]:
    """A document's data. Raises Unsupported, which is a TypeError, and ValueError, with the field's name."""
    fields = {}
    for name, value in data.items():
        if is_update and is_deletion(value):
            fields[str(name)] = DELETE_FIELD
        else:
            fields[str(name)] = _value(value, str(name), _stored)
    return fields


def plain(value: Any, at: str) -> Any:
    """A value of a task or an answer, which hold JSON: times become text, and so do bytes, in base64.

    NaN becomes null and an integer past 64 bits text, with a warning in the log. Raises Unsupported.
    """
    return _value(value, at, _told)


def now_text() -> str:
    return iso(datetime.now(timezone.utc))


def _value(value: Any, at: str, leaf: Leaf) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return _value(value.value, at, leaf)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {_name(name, at): _value(inner, f"{at}.{name}", leaf) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(inner, f"{at}[{index}]", leaf) for index, inner in enumerate(value)]
    if isinstance(value, Decimal):
        is_whole = value.is_finite() and value == value.to_integral_value()
        return leaf(int(value) if is_whole else float(value), at)
    if isinstance(value, (int, float, datetime, date, bytes, bytearray, memoryview)):
        return leaf(value, at)
    return _foreign(value, at, leaf)


def _foreign(value: Any, at: str, leaf: Leaf) -> Any:
    """An object of another library."""
    if value is SERVER_TIMESTAMP or _is_sentinel(value, "timestamp"):
        return leaf(SERVER_TIMESTAMP, at)
    if is_deletion(value):
        raise ValueError(f"{at}: DELETE_FIELD stands only for a field of an update.")
    name = type(value).__name__
    if name in REFUSED:
        raise Unsupported(
            f"{at}: {name} is not done exactly once, so Sluice refuses it (docs/adr/0021); "
            "write the sum, or the whole list."
        )
    if name in ("bool_", "bool"):  # numpy's.
        return bool(value)
    as_number: tuple[Callable[[Any], int | float], ...] = (operator.index, float)
    for read in as_number:
        try:
            return leaf(read(value), at)
        except TypeError:
            continue
    raise Unsupported(f"{at}: expected a value of JSON, a time or bytes, got {name}.")


def is_deletion(value: Any) -> bool:
    return value is DELETE_FIELD or _is_sentinel(value, "delete")


def _is_sentinel(value: Any, word: str) -> bool:
    return type(value).__name__ == "Sentinel" and word in str(getattr(value, "description", value)).lower()


def _name(name: Any, at: str) -> str:
    if isinstance(name, Enum):
        name = name.value
    if isinstance(name, (str, int)):
        return str(name)
    raise Unsupported(f"{at}: expected names of fields as text, got {type(name).__name__}.")


def _stored(value: Any, at: str) -> Any:
    """A value that a document holds as it is; the client knows times, bytes and SERVER_TIMESTAMP."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{at}: expected a finite number, got {value}.")
    if isinstance(value, int) and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise ValueError(f"{at}: expected an integer of 64 bits, got a longer one.")
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return value


def _told(value: Any, at: str) -> Any:
    """A value as JSON."""
    if value is SERVER_TIMESTAMP:
        return now_text()
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        warn_once(f"{at} is NaN or infinite; it is kept as null")
        return None
    if isinstance(value, int) and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        warn_once(f"{at} is an integer past 64 bits; it is kept as text")
        return str(value)
    return value
