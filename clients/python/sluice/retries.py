"""Retries: after which pause, and of transfers how often."""

from __future__ import annotations

import random

#: Failures in a row, without a byte more, after which a transfer is given up; and before its first byte.
MAX_FAILURES = 6
MAX_FIRST_FAILURES = 3
FIRST_BACKOFF = 0.25
MAX_BACKOFF = 30.0
#: Failures past which a pause grows no more, whatever its bound.
MAX_DOUBLINGS = 10


def pause(failures: int, error: Exception) -> float:
    """Seconds until another attempt of a transfer."""
    asked: float | None = getattr(error, "retry_after", None)
    return backoff(failures, FIRST_BACKOFF, MAX_BACKOFF, asked)


def backoff(failures: int, first: float, most: float, asked: float | None) -> float:
    """Seconds that double with each failure before, by chance down to half of them; or as many as the answer asked."""
    seconds = min(most, first * 2.0 ** min(failures, MAX_DOUBLINGS))
    return max(seconds * random.uniform(0.5, 1.0), asked or 0.0)
