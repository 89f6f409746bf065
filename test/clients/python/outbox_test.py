"""The outbox and its sender, against a server that fails as it is told."""

import asyncio
import json
import os
import time
import unittest
from datetime import datetime, timezone

from support import WithServer, cut_answer, lost_answer, problem, raw, until

from sluice import (
    DELETE_FIELD,
    SERVER_TIMESTAMP,
    AsyncSluice,
    Blocked,
    ConfigurationError,
    OutboxError,
    Refused,
    Sluice,
    Unavailable,
)


class Sending(WithServer):
    def test_sends_every_kind_in_order(self):
        client = self.client()
        task_id = client.create_task("translation", input_text="Hallo")
        client.set_fields(task_id, {"assigned_miners": [7], "priority": None})
        client.send_response(task_id, 7, {"text": "Hello"}, accuracy_score=0.9)
        client.set("users/1", {"at": datetime(2026, 3, 1, 12), "bytes": b"ab", "now": SERVER_TIMESTAMP})
        client.update("users/1", {"a.b": DELETE_FIELD}, visibility="prompt")
        client.delete("users/2")
        self.assertTrue(client.drain())
        stamps = [line.pop("stamp") for line in self.server.kept]
        self.assertEqual(stamps, sorted(set(stamps)))
        self.assertEqual(
            self.server.kept,
            [
                {"type": "task", "task_id": task_id, "task_type": "translation", "input_text": "Hallo"},
                {"type": "fields", "task_id": task_id, "assigned_miners": [7], "priority": None},
                {
                    "type": "response",
                    "task_id": task_id,
                    "miner_uid": 7,
                    "response_data": {"text": "Hello"},
                    "accuracy_score": 0.9,
                },
                {
                    "type": "set",
                    "path": "users/1",
                    "data": {
                        "at": {"$timestamp": "2026-03-01T12:00:00.000Z"},
                        "bytes": {"$bytes": "YWI="},
                        "now": {"$server_timestamp": True},
                    },
                },
                {"type": "update", "path": "users/1", "data": {"a.b": {"$delete": True}}, "visibility": "prompt"},
                {"type": "delete", "path": "users/2"},
            ],
        )
        self.assertEqual(client.outbox_status().waiting, 0)

    def test_sends_by_itself_after_the_linger_and_together(self):
        client = self.client(linger=2)
        client.drain()
        for uid in range(5):
            client.send_response("t", uid)
        until(lambda: len(self.server.kept) == 5)
        self.assertLessEqual(len(self.server.requests), 2)

    def test_sends_batches_of_a_thousand_lines_and_eight_megabytes(self):
        client = self.client(linger=30)
        for start in range(0, 3000, 1000):
            client.send_events({"type": "delete", "path": f"a/{start + i}"} for i in range(1000))
        client.send_events({"type": "set", "path": f"b/{i}", "data": {"x": "x" * 900_000}} for i in range(12))
        self.assertTrue(client.drain())
        self.assertEqual(max(map(len, self.server.requests)), 1000)
        for headers in self.server.headers_seen:
            self.assertLessEqual(int(headers["content-length"]), 8 * 1024 * 1024)
        self.assertEqual(len(self.server.kept), 3012)

    def test_sends_again_with_the_same_stamps_what_was_not_answered(self):
        self.server.failures = [lost_answer, cut_answer, problem(500, "internal"), raw(202, b"<html>hello</html>")]
        client = self.client()
        client.send_response("t", 1)
        client.send_response("t", 2)
        self.assertTrue(client.drain())
        stamps = {line["miner_uid"]: line["stamp"] for line in self.server.kept}
        for line in self.server.kept:
            self.assertEqual(line["stamp"], stamps[line["miner_uid"]])
        self.assertGreaterEqual(len(self.server.requests), 5)
        self.assertEqual(client.outbox_status().error, None)

    def test_honours_retry_after(self):
        self.server.failures = [problem(503, "unavailable", {"Retry-After": "1"})]
        client = self.client()
        before = time.monotonic()
        client.send_response("t", 1)
        until(lambda: len(self.server.kept) == 1)
        self.assertGreaterEqual(time.monotonic() - before, 1)

    def test_keeps_aside_what_is_refused_and_tells_of_it(self):
        told = []
        self.server.refuse = lambda line: ("invalid_request", "no") if line["miner_uid"] % 2 else None
        client = self.client(on_refused=lambda one: (told.append(one), 1 / 0))
        for uid in range(6):
            client.send_response("t", uid)
        self.assertTrue(client.drain())
        self.assertEqual([line["miner_uid"] for line in self.server.kept], [0, 2, 4])
        aside = client.refused()
        self.assertEqual([json.loads(one.line)["miner_uid"] for one in aside], [1, 3, 5])
        until(lambda: len(told) == 3)
        self.assertEqual([(one.code, one.message) for one in told], [("invalid_request", "no")] * 3)
        status = client.outbox_status()
        self.assertEqual((status.waiting, status.set_aside, status.refused), (0, 3, 3))
        self.server.refuse = lambda line: None
        self.assertEqual(client.retry_refused([aside[0].id]), 1)
        self.assertEqual(client.retry_refused(), 2)
        self.assertTrue(client.drain())
        self.assertEqual(len(self.server.kept), 6)

    def test_a_wrong_key_stops_sending_and_nothing_else(self):
        self.server.failures = [problem(401, "unauthenticated")] * 3
        client = self.client()
        client.send_response("t", 1)
        until(lambda: client.outbox_status().is_blocked)
        self.assertIn("unauthenticated", client.outbox_status().error)
        client.send_response("t", 2)
        until(lambda: len(self.server.kept) == 2)
        until(lambda: not client.outbox_status().is_blocked)

    def test_nobody_else_gets_the_key_by_a_redirect(self):
        self.server.failures = [raw(307, b"", {"Location": "http://127.0.0.1:1/v1/events"})]
        client = self.client()
        client.send_response("t", 1)
        until(lambda: client.outbox_status().is_blocked)
        self.assertIn("http://127.0.0.1:1/v1/events", client.outbox_status().error)
        until(lambda: len(self.server.kept) == 1)

    def test_a_body_that_is_too_large_is_halved_down_to_the_one_event(self):
        def small(handler, lines):
            if len(lines) <= 2 and all(line["path"] != "a/3" for line in lines):
                return False
            handler.answer(413, {"code": "payload_too_large", "detail": "too large"})
            return True

        self.server.failures = [small] * 50
        client = self.client(linger=30)
        for i in range(8):
            client.set(f"a/{i}", {"x": "x" * 70_000})
        self.assertTrue(client.drain())
        self.assertEqual([line["path"] for line in self.server.kept], [f"a/{i}" for i in range(8) if i != 3])
        self.assertEqual([one.code for one in client.refused()], ["payload_too_large"])


    def test_a_line_that_is_refused_for_now_is_sent_again(self):
        answers = [("unavailable", "later"), ("rate_limited", "slowly")]
        self.server.refuse = lambda line: answers.pop() if line["miner_uid"] == 1 and answers else None
        client = self.client()
        for uid in range(3):
            client.send_response("t", uid)
        self.assertTrue(client.drain())
        self.assertEqual(sorted(line["miner_uid"] for line in self.server.kept), [0, 1, 2])
        self.assertEqual(client.outbox_status().refused, 0)

    def test_an_event_that_brings_a_stamp_is_refused_at_once(self):
        with self.assertRaises(ConfigurationError):
            self.client().send_events([{"type": "delete", "path": "a/1", "stamp": "0" * 21}])

    def test_what_is_named_twice_is_sent_again_once(self):
        self.server.refuse = lambda line: ("invalid_request", "no")
        client = self.client()
        client.send_response("t", 1)
        self.assertTrue(client.drain())
        self.server.refuse = lambda line: None
        (aside,) = client.refused()
        self.assertEqual(client.retry_refused([aside.id, aside.id]), 1)
        self.assertTrue(client.drain())
        self.assertEqual(len(self.server.kept), 1)

    def test_nothing_overtakes_what_is_refused_for_now_while_the_disk_takes_nothing(self):
        answers = [("unavailable", "later")]
        self.server.refuse = lambda line: answers.pop() if line["miner_uid"] == 1 and answers else None
        client = self.client(linger=30)
        sender = client._outbox._sender
        until(lambda: sender._lock._db is not None)
        sender._store._database.connection.execute("PRAGMA query_only = 1")
        client.send_events({"type": "response", "task_id": "t", "miner_uid": uid} for uid in range(3))
        self.assertFalse(client.drain(0.1))
        client.send_response("t", 3)
        self.assertFalse(client.drain(0.1))
        self.assertEqual([line["miner_uid"] for line in self.server.kept], [0, 2])
        self.assertIn("did not settle", client.outbox_status().error)
        sender._store._database.connection.execute("PRAGMA query_only = 0")
        self.assertTrue(client.drain())
        self.assertEqual([line["miner_uid"] for line in self.server.kept], [0, 2, 1, 3])

    def test_stamps_that_are_never_right_do_not_make_it_spin(self):
        self.server.refuse = lambda line: ("stamp_out_of_range", "never")
        client = self.client(max_backoff=60)
        client.send_response("t", 1)
        until(lambda: client.outbox_status().error is not None)
        self.assertLessEqual(len(self.server.requests), 2)


class Clocks(WithServer):
    def limits(self, line):
        ms = int(line["stamp"][:9], 36)
        now = (time.time() + self.server.clock_ahead) * 1000
        ahead, behind = ms - now, now - ms
        if ahead > 60_000 or behind > 45 * 86_400_000 - 3_600_000:
            return "stamp_out_of_range", "stamp it anew"
        return None

    def test_a_clock_that_jumps_ahead_is_put_right_in_order(self):
        ahead = [0.0]
        self.server.refuse = self.limits
        self.server.failures = [problem(503, "unavailable")]
        client = self.client(now=lambda: time.time() + ahead[0], linger=30)
        client.send_response("t", 0)
        ahead[0] = 3600.0
        client.send_response("t", 1)
        client.send_response("t", 2)
        ahead[0] = 0.0
        client.send_response("t", 3)
        self.assertTrue(client.drain())
        client.send_response("t", 4)
        self.assertTrue(client.drain())
        stamps = {line["miner_uid"]: line["stamp"] for line in self.server.kept}
        self.assertEqual([uid for uid, _ in sorted(stamps.items(), key=lambda pair: pair[1])], [0, 1, 2, 3, 4])
        self.assertEqual(client.outbox_status().refused, 0)

    def test_days_both_ways_in_an_outage(self):
        off = [0.0]
        self.server.refuse = self.limits
        self.server.failures = [problem(503, "unavailable")] * 10_000
        client = self.client(now=lambda: time.time() + off[0])
        for uid, days in enumerate((0, 3, -3, -50, 1 / 24, 0)):
            off[0] = days * 86_400.0
            client.send_response("t", uid)
        client.close(0)
        off[0] = -86_400.0
        again = self.client(now=lambda: time.time() + off[0])
        again.send_response("t", 6)
        self.server.failures = []
        self.assertTrue(again.drain())
        off[0] = 0.0
        again.send_response("t", 7)
        self.assertTrue(again.drain())
        stamps = sorted((line["stamp"], line["miner_uid"]) for line in self.server.kept)
        self.assertEqual([uid for _, uid in stamps], list(range(8)))
        self.assertEqual(again.outbox_status().refused, 0)
        self.assertAlmostEqual(int(stamps[-1][0][:9], 36) / 1000, time.time(), delta=65)

    def test_what_is_too_old_is_sent_as_old_as_may_be(self):
        self.server.refuse = self.limits
        client = self.client(now=lambda: time.time() - 60 * 86_400)
        client.send_events({"type": "delete", "path": f"a/{i}"} for i in range(3))
        self.assertTrue(client.drain())
        self.assertEqual([line["path"] for line in self.server.kept], ["a/0", "a/1", "a/2"])

    def test_learns_the_servers_time(self):
        self.server.clock_ahead = 3600.0
        client = self.client()
        client.send_response("t", 0)
        self.assertTrue(client.drain())
        until(lambda: client._outbox.status().waiting == 0)
        client.send_response("t", 1)
        self.assertTrue(client.drain())
        ms = int(self.server.kept[-1]["stamp"][:9], 36)
        self.assertAlmostEqual(ms / 1000 - time.time(), 3600, delta=5)


class Calls(WithServer):
    def test_raises_at_once_for_what_json_cannot_hold(self):
        client = self.client()
        for value in (float("nan"), object(), b"bytes"):
            with self.assertRaises((TypeError, ValueError)):
                client.send_response("t", 1, {"x": value})
        with self.assertRaises(ValueError):
            client.set("a/1", {"x": "x" * 9_000_000})
        with self.assertRaises(ConfigurationError):
            client.send_response("t", 1, stamp="mine")
        client.send_response("t", 1, {"half": "\ud83d", "at": datetime(2026, 1, 1, tzinfo=timezone.utc)})
        self.assertTrue(client.drain())
        self.assertEqual(self.server.kept[0]["response_data"]["at"], "2026-01-01T00:00:00.000Z")

    def test_without_an_outbox_it_sends_at_once(self):
        client = self.client(outbox=None)
        self.server.failures = [lost_answer]
        client.send_response("t", 1)
        self.assertEqual(len(self.server.kept), 2)
        self.assertEqual(len({line["stamp"] for line in self.server.kept}), 1)
        self.server.refuse = lambda line: ("invalid_request", "no")
        with self.assertRaises(Refused):
            client.send_response("t", 2)
        self.server.failures = [problem(401, "unauthenticated")]
        with self.assertRaises(Blocked):
            client.send_response("t", 3)
        self.server.failures = [problem(503, "unavailable")] * 100
        with self.assertRaises(Unavailable):
            self.client(outbox=None, timeout=0.2).send_response("t", 4)

    def test_settings_come_from_the_environment(self):
        names = {"SLUICE_URL": self.server.url, "SLUICE_API_KEY": "other", "SLUICE_OUTBOX": self.path}
        os.environ.update(names)
        self.addCleanup(lambda: [os.environ.pop(name, None) for name in names])
        with Sluice() as client:
            client.send_response("t", 1)
            self.assertTrue(client.drain())
        self.assertEqual(self.server.headers_seen[0]["x-api-key"], "other")
        os.environ.pop("SLUICE_API_KEY")
        with self.assertRaises(ConfigurationError):
            Sluice()
        for url in ("", "ftp://x", "127.0.0.1:5000", "http://"):
            with self.assertRaises(ConfigurationError):
                Sluice(url or "x", "k", outbox=None)

    def test_goes_through_the_proxy_of_the_environment(self):
        os.environ["http_proxy"] = self.server.url.replace("://", "://name:p%40ss@")
        self.addCleanup(os.environ.pop, "http_proxy")
        client = Sluice("http://sluice.invalid", "a-key", outbox=None, timeout=2)
        self.addCleanup(client.close)
        client.send_response("t", 1)
        self.assertEqual(self.server.headers_seen[0]["host"], "sluice.invalid")
        self.assertTrue(self.server.headers_seen[0]["proxy-authorization"].startswith("Basic "))

    def test_asyncio_callers_share_commits(self):
        async def run():
            async with AsyncSluice(self.server.url, "a-key", outbox=self.path, linger=0.05) as client:
                await asyncio.gather(*(client.send_response(f"t{i}", i) for i in range(500)))
                cancelled = asyncio.ensure_future(client.send_response("cancelled", 1))
                await asyncio.sleep(0)
                cancelled.cancel()
                self.assertTrue(await client.drain())
                # What was cancelled may have been under way, and is kept all the same.
                await asyncio.to_thread(until, lambda: len(self.server.kept) == 501)

        asyncio.run(run())
        self.assertEqual(len(self.server.kept), 501)

    def test_a_closed_client_takes_nothing(self):
        client = self.client()
        client.close()
        with self.assertRaises(OutboxError):
            client.send_response("t", 1)


if __name__ == "__main__":
    unittest.main()
