"""The client against the local stack; `npm test` starts it and names it in SLUICE_TEST_URL."""

import hashlib
import json
import os
import random
import time
import unittest
import urllib.request
import uuid
from unittest import mock

from crashing import Crasher
from support import WithServer

from sluice import NotFound, Sluice, Unavailable, UploadInterrupted, files

URL = os.environ.get("SLUICE_TEST_URL", "")
KEY = os.environ.get("SLUICE_TEST_KEY", "")
KILLS = int(os.environ.get("SLUICE_TEST_KILLS", "10"))


def control(path, body):
    request = urllib.request.Request(f"{URL}/__local/{path}", json.dumps(body).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def advance(seconds):
    control("clock/advance", {"ms": seconds * 1000})


def read(client, task_id):
    """A task, once Sluice can read it: on a busy machine a lease may have run out by the clock that was moved."""
    ends = time.monotonic() + 20
    while True:
        try:
            return client.get_task(task_id)
        except Unavailable:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)


def name():
    return f"py-{uuid.uuid4()}"


class WithStack(WithServer):
    def setUp(self):
        super().setUp()
        if not URL:
            self.fail("Give SLUICE_TEST_URL and SLUICE_TEST_KEY, or run `npm test`.")

    def stacked(self, **options):
        settings = {"outbox": self.path, "linger": 0.05, "max_backoff": 0.2, **options}
        client = Sluice(URL, KEY, **settings)
        self.addCleanup(client.close, 0)
        return client


class Routes(WithStack):
    def setUp(self):
        super().setUp()
        patch = mock.patch.object(files, "PART_BYTES", 1024 * 1024)
        patch.start()
        self.addCleanup(patch.stop)

    def test_a_task_from_its_creation_to_its_best_answer(self):
        client = self.stacked()
        task_id = client.create_task("translation", input_text="Hallo", required_miner_count=1, visibility="prompt")
        client.send_response(task_id, 7, {"text": "Hello"}, accuracy_score=0.5)
        client.set(f"users/{task_id}", {"n": 1})
        self.assertTrue(client.drain())
        advance(10)
        task = client.get_task(task_id, wait=True, timeout=20)
        self.assertEqual((task["status"], task["best_response"]["miner_uid"]), ("completed", 7))
        self.assertIn(task_id, [one["task_id"] for one in client.tasks(status="completed")])
        with self.assertRaises(NotFound):
            client.get_task(name())
        self.assertIn("backlog", client.status())
        self.assertIn("current_usage", client.quota())
        self.assertIsInstance(client.warnings(), list)
        self.assertIn("requested_at", client.flush())

    def test_a_refused_line_holds_nothing_back(self):
        client = self.stacked()
        client.set("tasks/mine", {"n": 1})
        client.set(f"users/{name()}", {"half": "\ud83d"})
        client.set(f"users/{name()}", {"n": 1})
        self.assertTrue(client.drain())
        self.assertEqual(len(client.refused()), 2)
        self.assertIsNone(client.outbox_status().error)

    def test_files_small_and_large(self):
        client = self.stacked()
        small = client.upload_file(b"abc", file_name="ä 1.txt", content_type="text/plain")
        self.assertEqual((small["status"], small["file_name"]), ("stored", "ä 1.txt"))
        self.assertEqual(client.download_file(small["file_id"]), b"abc")
        data = random.Random(1).randbytes(1_300_000)
        heard = []
        large = client.upload_file(data, file_name="large.bin", progress=lambda sent, size: heard.append((sent, size)))
        self.assertEqual(heard[-1], (len(data), len(data)))
        self.assertEqual(len(heard), 2)  # A part of 1 MiB, and the rest.
        self.assertEqual((large["status"], large["sha256"]), ("stored", hashlib.sha256(data).hexdigest()))
        self.assertEqual(client.download_file(large["file_id"]), data)
        client.delete_file(large["file_id"])

    def test_an_upload_goes_on_where_it_was_cut(self):
        client = self.stacked()
        data = random.Random(2).randbytes(1_300_000)
        real = files._put
        parts = []

        def fails_after_the_first(transport, ticket, part, headers, size):
            if part and parts:
                raise Unavailable("cut")
            if part:
                parts.append(len(part))
            return real(transport, ticket, part, headers, size)

        with mock.patch.object(files, "_put", fails_after_the_first), mock.patch.object(files.time, "sleep"):
            with self.assertRaises(UploadInterrupted) as caught:
                client.upload_file(data, file_name="cut.bin")
        ticket = json.loads(json.dumps(caught.exception.ticket))
        heard = []
        stored = client.upload_file(data, file_name="cut.bin", resume=ticket, progress=lambda *at: heard.append(at))
        self.assertEqual((stored["status"], len(heard)), ("stored", 1))
        self.assertEqual(client.download_file(stored["file_id"]), data)

    def test_leases_are_taken_renewed_and_returned(self):
        client = self.stacked()
        with client.lease(writes=1000, ttl=1) as lease:
            first = None
            for _ in range(3):
                lease.spend(writes=400, timeout=10)
                first = first or lease._share.id
            self.assertNotEqual(lease._share.id, first)
            with self.assertRaises(ValueError):
                lease.spend(reads=1)
        self.assertIsNone(lease._share)


class Kills(WithStack):
    def test_kill_9_at_random_loses_and_doubles_nothing(self):
        rng = random.Random(7)
        task = name()
        crasher = Crasher()
        self.addCleanup(crasher.close)
        answer = {"task_id": f"{task}-$hundreds", "miner_uid": "$rest", "response_data": {"n": "$n"}}
        operation = {"path": f"counts/{task}", "data": {"n": "$n"}}
        events = [{"type": "response", **answer}, {"type": "update", **operation}]
        acknowledged, first = [], 0
        for _ in range(KILLS):
            line = {"url": URL, "key": KEY, "path": self.path, "events": events, "first": first}
            done, end = crasher.run(**line, acked=True, seconds=rng.uniform(0, 0.1))
            self.assertEqual(end, "killed")
            acknowledged += [first + number for number in done]
            # The one under way may be kept as well: it is asked for with no number of the next.
            first += len(done) + 1
        client = self.stacked()
        self.assertTrue(client.drain(60))
        self.assertEqual(client.outbox_status().refused, 0)
        client.flush()
        advance(30)
        kept = {}
        for part in range(first // 100 + 1):
            try:
                answers = read(client, f"{task}-{part}")["miner_responses"]
            except NotFound:
                continue
            for answer in answers.values():
                kept[part * 100 + answer["miner_uid"]] = answer["response_data"]["n"]
        self.assertEqual([n for n in acknowledged if n not in kept], [])
        self.assertEqual([n for n, value in kept.items() if n != value], [])
        self.assertLessEqual(len(kept), len(acknowledged) + KILLS)


class Outages(WithStack):
    def test_an_hour_without_sluice_loses_nothing(self):
        control("faults", {"service": "functions", "code": 503, "for_ms": 3_600_000, "rate": 1})
        client = self.stacked()
        task = name()
        for n in range(50):
            client.send_response(task, n, {"n": n})
        self.assertFalse(client.drain(0.5))
        self.assertEqual(client.outbox_status().waiting, 50)
        advance(3600)
        self.assertTrue(client.drain(20))
        client.flush()
        advance(30)
        self.assertEqual(len(read(client, task)["miner_responses"]), 50)

    def test_a_hundred_thousand_events_at_once(self):
        client = self.stacked()
        for start in range(0, 100_000, 1000):
            client.send_events(
                {"type": "update", "path": f"many/{n % 20}", "data": {f"f{n % 40}": n}}
                for n in range(start, start + 1000)
            )
        self.assertTrue(client.drain(60))
        status = client.outbox_status()
        self.assertEqual((status.waiting, status.refused), (0, 0))


if __name__ == "__main__":
    unittest.main()
