"""The lease that `QuotaMonitor` counts against, with a ledger and a clock of the test's own."""

import json
import unittest
from datetime import datetime, timedelta, timezone

from support import until

from sluice.managers.leasing import HeldLease
from sluice.transport import Answer


class Ledger:
    """Stands for the transport: grants what is asked for at a clock of the test's own."""

    def __init__(self):
        self.calls = []

    def call(self, method, path, *, json_body=None):
        self.calls.append((method, json_body))
        seconds = (json_body or {}).get("ttl_s", 1)
        granted = {one: (json_body or {}).get(one, 0) for one in ("writes", "reads", "deletes")}
        begins = datetime(2026, 3, 1, tzinfo=timezone.utc)
        answer = {
            "lease_id": f"lease-{len(self.calls)}",
            "granted": granted,
            "per_second": {one: count / seconds for one, count in granted.items()},
            "starts_at": begins.isoformat(),
            "expires_at": (begins + timedelta(seconds=seconds)).isoformat(),
        }
        return Answer(201, {}, json.dumps(answer).encode())


class HeldLeases(unittest.TestCase):
    def setUp(self):
        self.now = 0.0
        self.ledger = Ledger()
        self.lease = HeldLease(self.ledger, now=lambda: self.now)
        self.addCleanup(self.lease.close)

    def pass_by(self, seconds):
        self.now += seconds
        with self.lease._condition:
            self.lease._condition.notify_all()

    def spend(self, count=1):
        for _ in range(count):
            until(lambda: self.lease.spend("writes", 100.0) is not None)

    def test_are_asked_for_on_demand_renewed_while_they_are_used_and_given_back(self):
        self.assertEqual(self.ledger.calls, [])
        self.spend(200)
        self.assertEqual(self.ledger.calls, [("POST", {"writes": 2000, "ttl_s": 20})])
        self.pass_by(19.5)
        until(lambda: len(self.ledger.calls) == 2)
        renewed = self.ledger.calls[1][1]
        self.assertEqual((renewed["writes"], renewed["renew"]["spent"]["writes"]), (2000, 200))
        until(lambda: self.lease._share is not None)
        self.pass_by(19.5)
        until(lambda: len(self.ledger.calls) == 3)
        self.assertEqual(self.ledger.calls[2], ("DELETE", {"spent": {"writes": 0, "reads": 0, "deletes": 0}}))
        self.spend()
        self.lease.close()
        self.assertEqual([method for method, _ in self.ledger.calls[3:]], ["POST", "DELETE"])

    def test_grow_where_they_are_short(self):
        self.spend(3)
        self.assertIsNone(self.lease.spend("writes", 0.0))
        self.pass_by(1)
        until(lambda: len(self.ledger.calls) == 2)
        self.assertEqual(self.ledger.calls[1][1]["writes"], 4000)


if __name__ == "__main__":
    unittest.main()
