"""Errors that the client raises, and the record of an event that was refused."""

from __future__ import annotations

from typing import NamedTuple


class SluiceError(Exception):
    """The base of all errors of this package."""


class ConfigurationError(SluiceError):
    """An address, key or option that cannot work."""


class OutboxError(SluiceError):
    """The outbox did not take the event, or cannot be opened: the disk or the file is the reason.

    The event is not known to be kept. Sending it again may make it twice.
    """


class Unavailable(SluiceError):
    """Sluice cannot be reached, or not now: nothing is known to be kept, and the same call may work later."""

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class ApiError(SluiceError):
    """Sluice answered with an error that the same request will get again."""

    def __init__(self, status: int, code: str | None, message: str) -> None:
        super().__init__(f"{code or status}: {message}")
        self.status = status
        self.code = code
        self.message = message


class NotFound(ApiError):
    """There is no such task, file or lease."""


class Blocked(ApiError):
    """The key or the address is wrong: no request will work before it is put right."""


class Refused(SluiceError):
    """Sluice refused an event for good; only raised without an outbox, which keeps such events aside."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Unsupported(SluiceError, TypeError):
    """A value or an operation that Firestore has and Sluice does not; the message says what to do instead."""


class UploadInterrupted(Unavailable):
    """An upload that did not come to its end; `upload_file(…, resume=ticket)` goes on where it stopped."""

    def __init__(self, message: str, ticket: dict[str, object]) -> None:
        super().__init__(message)
        self.ticket = ticket


class UploadFailed(SluiceError):
    """The file that arrived is not of the declared size or hash, and was removed."""


class SetAside(NamedTuple):
    """An event that Sluice refused for good, or that was cleared unsent, as the outbox keeps it."""

    id: int
    stamp: str
    code: str
    message: str
    #: Milliseconds since the epoch.
    refused_at_ms: int
    #: The event as a line of `POST /v1/events`, without its stamp.
    line: str
