"""Waits for a task."""

from __future__ import annotations

import time
from typing import Any, Callable

from .errors import NotFound, Unavailable

#: The longest wait of one read, as Sluice has it.
MAX_WAIT_SECONDS = 25
#: Final states, in which a task is not waited for any more.
FINAL = frozenset(["completed", "approved", "failed", "cancelled"])
#: Between two reads, where the first was answered before its time.
LEAST_SECONDS = 1.0


def wait_for_task(
    read: Callable[[int], dict[str, Any]],
    is_known: Callable[[], bool],
    timeout: float,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """The task once it is final, or as it is after `timeout` seconds; `read(seconds)` asks Sluice and waits so long.

    Raises NotFound, at once for a task that is not known to have been created, and Unavailable after the time.
    """
    ends = now() + timeout
    while True:
        began = now()
        pause = LEAST_SECONDS
        try:
            task = read(max(1, min(MAX_WAIT_SECONDS, round(ends - began))))
            if task.get("status") in FINAL or now() >= ends:
                return task
        except NotFound:
            if now() >= ends or not is_known():
                raise
        except Unavailable as error:
            if now() + (error.retry_after or 0.0) >= ends:
                raise
            pause = max(pause, error.retry_after or 0.0)
        sleep(max(0.0, min(began + pause, ends) - now()))
