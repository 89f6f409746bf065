"""`QuotaMonitor`: counts what a proxy does in Firestore itself against a lease of Sluice's ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ..leases import TYPES
from .figures import number
from .leasing import HeldLease
from .shared import shared

#: The longest that a check waits for a lease that is being asked for, and for its turn at the lease's rate.
FIRST_WAIT_SECONDS = 2.0
TURN_SECONDS = 0.25
LOOK_SECONDS = 0.02

#: Limits as they are before Sluice told its own: Firestore's, and what is granted of them.
QUOTA_PER_SECOND = {"writes": 1000, "reads": 10000, "deletes": 500}
RATES = {
    "writes": {"per_second": 800, "per_minute": 50000},
    "reads": {"per_second": 8000, "per_minute": 500000},
    "deletes": {"per_second": 400, "per_minute": 25000},
}


class QuotaMonitor:
    """Tells if an operation may be done now. What goes through the other managers needs no check: Sluice counts it."""

    def __init__(self) -> None:
        self._lease = HeldLease(shared().client.sync.transport)
        self._counted = {name: 0 for name in TYPES}
        self._began_at = time.time()

    async def check_quota(self, operation_type: str) -> bool:
        """True counts one operation, and it may be done now; False where it may not, or where that is not known."""
        return await self._spend(operation_type, TURN_SECONDS)

    async def enforce_quota(self, operation_type: str) -> None:
        """Waits until one operation may be done, and counts it."""
        while not await self._spend(operation_type, FIRST_WAIT_SECONDS):
            await asyncio.sleep(LOOK_SECONDS)

    async def check_write_quota(self) -> bool:
        return await self.check_quota("writes")

    async def check_read_quota(self) -> bool:
        return await self.check_quota("reads")

    async def check_delete_quota(self) -> bool:
        return await self.check_quota("deletes")

    async def enforce_write_quota(self) -> None:
        await self.enforce_quota("writes")

    async def enforce_read_quota(self) -> None:
        await self.enforce_quota("reads")

    async def enforce_delete_quota(self) -> None:
        await self.enforce_quota("deletes")

    def get_quota_stats(self) -> dict[str, Any]:
        """The quota as Sluice knew it lately, of all that it and its proxies do; `counted` is this monitor's part."""
        quota = shared().figures.part("quota_monitor")
        last_reset = _seconds(quota.get("last_reset"), self._began_at)
        since = max(0.0, time.time() - last_reset)
        return {
            "current_usage": {name: _usage(_object(quota.get("current_usage")).get(name)) for name in TYPES},
            "quota_limits": {
                **{f"{name}_per_second": limit for name, limit in QUOTA_PER_SECOND.items()},
                **{f"{name}_per_minute": 60 * limit for name, limit in QUOTA_PER_SECOND.items()},
                **_object(quota.get("quota_limits")),
            },
            "rate_limits": _rates(_object(quota.get("rate_limits"))),
            "throttling": {
                **{"enabled": False, "multiplier": 1.0, "max_multiplier": 10.0},
                **_object(quota.get("throttling")),
            },
            "warnings": len(_list(quota.get("warnings"))),
            "errors": len(_list(quota.get("errors"))),
            "last_reset": last_reset,
            "time_since_last_reset": since,
            "time_since_reset": since,
            "counted": dict(self._counted),
        }

    def get_recent_warnings(self, limit: int = 10) -> list[dict[str, Any]]:
        """The latest warnings of the quota, the newest last."""
        found = [_warning(one) for one in _list(shared().figures.part("quota_monitor").get("warnings"))]
        return found[: max(0, limit)][::-1]

    async def shutdown(self) -> None:
        """Gives back what is left of the lease."""
        await asyncio.to_thread(self._lease.close)

    async def _spend(self, name: str, most_wait: float) -> bool:
        if name not in TYPES:
            raise ValueError(f"operation_type: expected one of {', '.join(TYPES)}, got {name!r}.")
        while (wait := self._lease.spend(name, most_wait)) is None:
            since = self._lease.asking_since
            if since is None or time.monotonic() >= since + FIRST_WAIT_SECONDS:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        self._counted[name] += 1
        if wait > 0:
            await asyncio.sleep(wait)
        return True


def _usage(given: object) -> dict[str, Any]:
    usage = _object(given)
    return {name: number(usage.get(name), 0) for name in ("per_second", "per_minute", "per_day", "total")}


def _rates(given: Mapping[str, Any]) -> dict[str, Any]:
    """Limits by type, as old code reads them, and by the API's names."""
    nested = {
        name: {span: number(given.get(f"{name}_{span}"), most) for span, most in spans.items()}
        for name, spans in RATES.items()
    }
    flat = {f"{name}_{span}": most for name, spans in nested.items() for span, most in spans.items()}
    return {**nested, **flat}


def _warning(given: object) -> dict[str, Any]:
    """A warning with the API's members, and with those of old code."""
    warning = _object(given)
    at = _seconds(warning.get("at"), 0.0)
    moment = datetime.fromtimestamp(at, timezone.utc).replace(tzinfo=None)
    return {**warning, "current_count": warning.get("current"), "timestamp": moment}


def _seconds(text: object, otherwise: float) -> float:
    """A time of the API in seconds since the epoch."""
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return otherwise


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
