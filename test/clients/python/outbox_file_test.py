"""The outbox's file: what it keeps over restarts and failures of the disk, and the command that shows it."""

import json
import os
import sqlite3
import subprocess
import sys
import unittest

from support import PACKAGE, WithServer, problem, until

from sluice import OutboxError
from sluice.lock import FileLock
from sluice.store import Store


class Files(WithServer):
    def test_what_waits_survives_a_restart_with_its_stamps(self):
        self.server.failures = [problem(401, "unauthenticated")] * 10_000
        first = self.client()
        first.send_response("t", 1)
        until(lambda: len(self.server.requests) > 0)
        first.close(0)
        stamp = self.server.requests[0][0]["stamp"]
        self.server.failures = []
        second = self.client()
        second.send_response("t", 2)
        self.assertTrue(second.drain())
        self.assertEqual([line["miner_uid"] for line in self.server.kept], [1, 2])
        self.assertEqual(self.server.kept[0]["stamp"], stamp)
        self.assertNotEqual(self.server.kept[1]["stamp"][9:17], stamp[9:17])

    def test_foreign_and_broken_files_are_left_alone(self):
        text = os.path.join(self.directory, "text")
        with open(text, "w") as file:
            file.write("No database at all.\n" * 100)
        foreign = os.path.join(self.directory, "foreign.db")
        with sqlite3.connect(foreign) as db:
            db.execute("CREATE TABLE mine (x)")
        db.close()
        for path in (text, foreign, os.path.join(self.directory, "no/where.db"), self.directory):
            before = read(path) if os.path.isfile(path) else None
            with self.assertRaises(OutboxError) as caught:
                self.client(outbox=path)
            self.assertIn(path, str(caught.exception))
            if before is not None:
                self.assertEqual(read(path), before)

    def test_a_damaged_file_is_refused_when_it_is_opened(self):
        self.server.failures = [problem(503, "unavailable")] * 10_000
        client = self.client()
        for start in range(3):
            client.send_events({"type": "set", "path": f"a/{i}", "data": {"x": "x" * 300}} for i in range(500))
        client.close(0)
        with open(self.path, "r+b") as file:
            file.seek(4096 * 3)
            file.write(b"\xa5" * 4096 * 4)
        with self.assertRaises(OutboxError):
            self.client()

    def test_what_can_be_read_of_a_damaged_file_is_exported(self):
        self.server.failures = [problem(503, "unavailable")] * 10_000
        client = self.client()
        client.send_events({"type": "set", "path": f"a/{i}", "data": {"x": "x" * 300}} for i in range(500))
        client.close(0)
        with open(self.path, "r+b") as file:
            file.seek(4096 * 12)
            file.write(b"\xa5" * 4096 * 2)
        command = [sys.executable, "-m", "sluice", "outbox", self.path, "--export", "waiting"]
        environment = {**os.environ, "PYTHONPATH": PACKAGE}
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn("cannot be read", run.stderr)
        paths = [json.loads(line)["path"] for line in run.stdout.splitlines()]
        self.assertEqual(len(paths), len(set(paths)))
        self.assertIn(len(paths), range(470, 500))
        self.assertIn("a/499", paths)

    def test_a_full_disk_raises_and_takes_events_again_when_there_is_room(self):
        self.server.failures = [problem(503, "unavailable")] * 100_000
        client = self.client()
        db = client._outbox._writer._store._database.connection
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + 20}")
        taken = 0
        with self.assertRaises(OutboxError) as caught:
            for i in range(1000):
                client.set(f"a/{i}", {"x": "x" * 1000})
                taken += 1
        self.assertIn("full", str(caught.exception))
        self.assertGreater(taken, 0)
        db.execute("PRAGMA max_page_count = 1000000")
        client.set("a/last", {})
        self.server.failures = []
        self.assertTrue(client.drain())
        until(lambda: len({line["path"] for line in self.server.kept}) == taken + 1)

    def test_a_disk_that_takes_nothing_raises(self):
        client = self.client()
        client._outbox._writer._store._database.connection.execute("PRAGMA query_only = 1")
        with self.assertRaises(OutboxError):
            client.send_response("t", 1)

    def test_pages_that_cannot_be_given_back_are_kept(self):
        store = Store(self.path)
        store.close()
        store.give_back_pages()

    def test_what_is_cleared_is_moved_aside_unsent_and_sent_by_its_id_alone(self):
        sender_elsewhere = FileLock(os.path.realpath(self.path) + "-sender")
        self.assertTrue(sender_elsewhere.acquire())
        client = self.client()
        for uid in range(3):
            client.send_response(f"t{uid // 2}", uid)
        client.update("a/1", {"n": 1})
        contents = client._outbox.contents(1)
        self.assertEqual((contents.by_type, contents.tasks), ({"response": 3, "update": 1}, 2))
        self.assertEqual(contents.task_ids, ["t0"])
        self.assertEqual(client._outbox.contents_of_few(1, 3), None)
        self.assertEqual(client.clear_outbox(["response"]), 3)
        sender_elsewhere.release()
        self.assertTrue(client.drain())
        self.assertEqual([line["type"] for line in self.server.kept], ["update"])
        aside = client.refused()
        self.assertEqual([json.loads(one.line)["miner_uid"] for one in aside], [0, 1, 2])
        self.assertEqual({one.code for one in aside}, {"cleared"})
        self.assertEqual(client.retry_refused(), 0)
        self.assertEqual(client.retry_refused([aside[1].id]), 1)
        self.assertTrue(client.drain())
        self.assertEqual(self.server.kept[-1]["miner_uid"], 1)
        status = client.outbox_status()
        self.assertEqual((status.set_aside, status.refused), (2, 0))

    def test_what_is_cleared_while_it_is_sent_is_not_kept_aside_too(self):
        client = self.client()

        def clears(handler, lines):
            self.assertEqual(client.clear_outbox(), len(lines))
            return False

        self.server.failures = [clears]
        client.send_response("t", 1)
        until(lambda: client.outbox_status().sent == 1)
        until(lambda: client.refused() == [])
        self.assertEqual(len(self.server.kept), 1)

    def test_the_command_shows_exports_and_retries(self):
        self.server.refuse = lambda line: ("invalid_request", "no such thing")
        client = self.client()
        client.send_response("t", 1, {"text": "ä"})
        self.assertTrue(client.drain())
        client.close(0)

        def run(*arguments):
            environment = {**os.environ, "PYTHONPATH": PACKAGE, "PYTHONIOENCODING": "utf-8"}
            command = [sys.executable, "-m", "sluice", "outbox", *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8")

        self.assertIn("1 events are kept aside", run(self.path).stdout)
        exported = json.loads(run(self.path, "--export", "refused").stdout)
        self.assertEqual(exported["response_data"], {"text": "ä"})
        self.assertEqual(exported["refused"]["message"], "no such thing")
        self.assertIn("1 refused events will be sent again", run(self.path, "--retry").stdout)
        self.assertEqual(json.loads(run(self.path, "--export", "waiting").stdout)["miner_uid"], 1)
        missing = run(self.path + "-missing")
        self.assertEqual((missing.returncode, os.path.exists(self.path + "-missing")), (1, False))


def read(path):
    with open(path, "rb") as file:
        return file.read()


if __name__ == "__main__":
    unittest.main()
