"""Retries of transfers: how often, and after which pause."""

from __future__ import annotations

import random

#: Failures in a row, without a byte more, after which a transfer is given up; and before its first byte.
MAX_FAILURES = 6
MAX_FIRST_FAILURES = 3
MAX_BACKOFF = 30.0


def pause(failures: int, error: Exception) -> float:
    """Seconds until another attempt, with what the answer asks for."""
    asked: float | None = getattr(error, "retry_after", None)
    return max(min(MAX_BACKOFF, 0.25 * 2.0**failures) * random.uniform(0.5, 1.0), asked or 0.0)
