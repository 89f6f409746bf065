"""Sluice's client: a durable outbox for events, batches, files and quota leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .client import Sluice
from .errors import (
    ApiError,
    Blocked,
    ConfigurationError,
    NotFound,
    OutboxError,
    Refused,
    SetAside,
    SluiceError,
    Unavailable,
    Unsupported,
    UploadFailed,
    UploadInterrupted,
)
from .leases import Lease
from .outbox import OutboxStatus
from .values import DELETE_FIELD, SERVER_TIMESTAMP

if TYPE_CHECKING:
    from .aio import AsyncLease, AsyncSluice

__all__ = [
    "DELETE_FIELD",
    "SERVER_TIMESTAMP",
    "ApiError",
    "AsyncLease",
    "AsyncSluice",
    "Blocked",
    "ConfigurationError",
    "Lease",
    "NotFound",
    "OutboxError",
    "OutboxStatus",
    "Refused",
    "SetAside",
    "Sluice",
    "SluiceError",
    "Unavailable",
    "Unsupported",
    "UploadFailed",
    "UploadInterrupted",
]


def __getattr__(name: str) -> Any:
    """Loads asyncio for those who use it: it takes as long as all the rest."""
    if name not in ("AsyncLease", "AsyncSluice"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import aio

    return getattr(aio, name)
