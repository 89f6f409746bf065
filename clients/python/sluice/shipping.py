"""One request of `POST /v1/events`, and what its answer says of each line."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, Sequence

from .errors import ApiError, Blocked, Unavailable
from .transport import Answer, Transport, error_of
from .values import stamped

#: Refusals of a line that pass: the same line may be taken later.
PASSING = frozenset(["rate_limited", "unavailable", "internal"])


class Rejected(NamedTuple):
    """A line that Sluice refused, by its place in the request."""

    place: int
    code: str
    message: str


class Shipped(NamedTuple):
    """The fate of each line of a request: those that are not rejected are durable."""

    rejected: list[Rejected]
    warnings: list[dict[str, Any]]
    server_ms: int | None


def ship(transport: Transport, lines: Sequence[tuple[bytes, str]], timeout: float | None = None) -> Shipped:
    """Sends lines with their stamps.

    Raises Unavailable where nothing is known to be kept, Blocked for a key or address that is wrong, ApiError for a
    body that Sluice takes for none.
    """
    body = b"\n".join(stamped(line, stamp) for line, stamp in lines) + b"\n"
    answer = transport.request(
        "POST",
        transport.base + "/v1/events",
        body=body,
        headers={**transport.key_header(), "Content-Type": "application/x-ndjson", "Accept": "application/json"},
        timeout=timeout,
    )
    shipped = _read(answer, len(lines)) if answer.status in (202, 403, 422) else None
    if shipped is not None:
        return shipped
    if answer.status < 300:
        raise Unavailable(f"Expected Sluice's answer to {len(lines)} events, got {answer.status} from somebody else.")
    error = error_of(answer, transport.base)
    if isinstance(error, ApiError) and answer.status in (403, 404, 405, 415):
        raise Blocked(answer.status, error.code, error.message)
    raise error


def _read(answer: Answer, count: int) -> Shipped | None:
    """The fate of each line, where the answer tells it of all of them."""
    try:
        value = answer.json()
        rejected = [Rejected(one["index"], str(one["code"]), str(one["message"])) for one in value["rejected"]]
        places = {one.place for one in rejected}
        if value["accepted"] + len(places) != count or not places <= set(range(count)):
            return None
        server_time = value.get("server_time")
        server_ms = None if server_time is None else _ms(server_time)
        return Shipped(rejected, list(value.get("warnings") or []), server_ms)
    except (Unavailable, KeyError, TypeError, ValueError, AttributeError):
        return None


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)
