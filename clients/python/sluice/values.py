"""Values of Python as the JSON that Sluice takes."""

from __future__ import annotations

import base64
import json
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, Mapping

#: The most that a request may hold, and so an event with its stamp.
MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_LINE_BYTES = MAX_BODY_BYTES - 64


class _Form:
    """A value that only documents have: JSON has no word for it."""

    def __init__(self, name: str, form: str) -> None:
        self.name = name
        self.form = form

    def __repr__(self) -> str:
        return f"sluice.{self.name}"


#: The time at which the operation is accepted.
SERVER_TIMESTAMP = _Form("SERVER_TIMESTAMP", "$server_timestamp")
#: Takes the field of an update away.
DELETE_FIELD = _Form("DELETE_FIELD", "$delete")


def iso(moment: datetime) -> str:
    """A time in ISO 8601; one without a zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return _number(value)
    raise TypeError(f"{type(value).__name__} is no value of JSON; send text, numbers, lists and maps.")


def _stored(value: object) -> object:
    if isinstance(value, datetime):
        return {"$timestamp": iso(value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, _Form):
        return {value.form: True}
    return _plain(value)


_plain_encoder = json.JSONEncoder(default=_plain, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
_stored_encoder = json.JSONEncoder(default=_stored, allow_nan=False, separators=(",", ":"), ensure_ascii=False)


def line_of(event: Mapping[str, Any]) -> bytes:
    """An event as a line of `POST /v1/events`, without its stamp.

    Raises TypeError and ValueError for what JSON cannot hold, NaN among it, and for more than 8 MiB.
    """
    encoder = _stored_encoder if "path" in event else _plain_encoder
    text = encoder.encode(event)
    try:
        line = text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair: no UTF-8, but as an escape it is Sluice that says what is wrong.
        line = json.dumps(json.loads(text), separators=(",", ":")).encode()
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"An event may have {MAX_LINE_BYTES} bytes as JSON; this one has {len(line)}.")
    return line


def stamped(line: bytes, stamp: str) -> bytes:
    """The line with its stamp, as it is sent."""
    return b'{"stamp":"' + stamp.encode() + b'",' + line[1:]
