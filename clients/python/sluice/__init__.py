"""Sluice's client: a durable outbox for events, batches, files and quota leases."""

from .aio import AsyncSluice
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
from .leases import AsyncLease, Lease
from .outbox import OutboxStatus
from .values import DELETE_FIELD, SERVER_TIMESTAMP

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
