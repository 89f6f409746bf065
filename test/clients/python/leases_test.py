"""Leases, by a clock of the test's own."""

import json
import unittest

import support  # noqa: F401

from sluice import ApiError, Unavailable
from sluice.leases import Lease
from sluice.transport import Answer


class Ledger:
    """Stands for the transport: grants what is asked for, and notes it."""

    def __init__(self, seconds=60, share=1.0):
        self.calls = []
        self.failures = []
        self.seconds = seconds
        self.share = share

    def call(self, method, path, *, json_body=None):
        self.calls.append((method, path, json_body))
        if self.failures:
            raise self.failures.pop(0)
        granted = {name: int(json_body.get(name, 0) * self.share) for name in ("writes", "reads", "deletes")}
        answer = {
            "lease_id": f"lease-{len(self.calls)}",
            "granted": granted,
            "per_second": {name: count / self.seconds for name, count in granted.items()},
            "starts_at": "2026-03-01T12:00:00.000Z",
            "expires_at": f"2026-03-01T12:{self.seconds // 60:02d}:{self.seconds % 60:02d}.000Z",
        }
        return Answer(201, {}, json.dumps(answer).encode())


class Leases(unittest.TestCase):
    def setUp(self):
        self.now = 0.0
        self.ledger = Ledger()

    def lease(self, **amounts):
        return Lease(self.ledger, amounts, 60, now=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds):
        self.now += seconds

    def test_asks_when_it_is_needed_and_gives_back_what_is_left(self):
        with self.lease(writes=60) as lease:
            self.assertEqual(self.ledger.calls, [])
            for _ in range(3):
                lease.spend(writes=1)
        methods = [method for method, _, _ in self.ledger.calls]
        self.assertEqual(methods, ["POST", "DELETE"])
        self.assertEqual(self.ledger.calls[1][2], {"spent": {"writes": 3, "reads": 0, "deletes": 0}})

    def test_never_goes_faster_than_the_rate(self):
        with self.lease(writes=60) as lease:
            for _ in range(11):
                lease.spend(writes=1)
        self.assertAlmostEqual(self.now, 10)

    def test_renews_what_ends_and_what_is_spent(self):
        with self.lease(writes=60) as lease:
            lease.spend(writes=50)
            lease.spend(writes=20)
            self.now += 100
            lease.spend(writes=1)
        bodies = [body for method, _, body in self.ledger.calls if method == "POST"]
        self.assertNotIn("renew", bodies[0])
        self.assertEqual(bodies[1]["renew"]["spent"]["writes"], 50)
        self.assertNotIn("renew", bodies[2])

    def test_waits_for_what_is_refused_as_long_as_it_may(self):
        self.ledger.failures = [Unavailable("no", status=429, retry_after=7)]
        self.lease(writes=1).spend(writes=1)
        self.assertAlmostEqual(self.now, 7)
        self.ledger.failures = [Unavailable("no", status=429, retry_after=7)]
        with self.assertRaises(Unavailable):
            self.lease(writes=1).spend(writes=1, timeout=5)

    def test_a_lease_that_is_gone_is_not_given_back(self):
        lease = self.lease(writes=60)
        lease.spend(writes=60)
        self.ledger.failures = [ApiError(404, "not_found", "gone")]
        lease.spend(writes=1)
        self.ledger.failures = [ApiError(404, "not_found", "gone")]
        lease.close()

    def test_refuses_more_than_it_is_for(self):
        with self.assertRaises(ValueError):
            self.lease(writes=5).spend(writes=6)
        with self.assertRaises(ValueError):
            self.lease(writes=0)


if __name__ == "__main__":
    unittest.main()
