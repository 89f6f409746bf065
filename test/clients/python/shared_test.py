"""One file and several processes: at its beginning, after a fork, as a copy, and taken away."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

from support import PACKAGE, WithServer, problem, until

from sluice import NotFound, OutboxError, Sluice
from sluice.store import Store

WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from sluice import Sluice
client = Sluice(sys.argv[2], "a-key", outbox=sys.argv[3], linger=0.02)
for i in range(200):
    client.update(f"a/{sys.argv[4]}", {"n": i})
client.close(0)
"""


class Processes(WithServer):
    def test_two_processes_share_a_file(self):
        command = [sys.executable, "-c", WRITER, PACKAGE, self.server.url, self.path]
        children = [subprocess.Popen([*command, str(number)]) for number in range(2)]
        self.assertEqual([child.wait() for child in children], [0, 0])
        self.assertTrue(self.client().drain(120))
        by_stamp = {line["stamp"]: line for line in self.server.kept}
        self.assertEqual(len(by_stamp), 400)
        for number in range(2):
            order = [line["data"]["n"] for _, line in sorted(by_stamp.items()) if line["path"] == f"a/{number}"]
            self.assertEqual(order, list(range(200)))

    def test_many_open_a_new_file_at_the_same_moment(self):
        faults = []

        def make(path, barrier):
            barrier.wait()
            try:
                Store(path).close()
            except OutboxError as error:
                faults.append(str(error))

        for number in range(10):
            barrier = threading.Barrier(8)
            threads = [threading.Thread(target=make, args=(f"{self.path}-{number}", barrier)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(faults, [])

    def test_a_copy_sends_what_waits_under_the_same_stamps_and_the_rest_under_its_own(self):
        self.server.failures = [problem(503, "unavailable")] * 10_000
        now = time.time()
        first = self.client(now=lambda: now)
        first.send_response("t", 1)
        first.close(0)
        shutil.copy(self.path, self.path + "-copy")
        self.server.failures = []
        copies = [self.client(outbox=path, now=lambda: now) for path in (self.path, self.path + "-copy")]
        for number, client in enumerate(copies):
            client.send_response("t", 2 + number)
        self.assertTrue(all(client.drain() for client in copies))
        stamps = {}
        for line in self.server.kept:
            stamps.setdefault(line["miner_uid"], set()).add(line["stamp"])
        self.assertEqual({uid: len(found) for uid, found in stamps.items()}, {1: 1, 2: 1, 3: 1})
        self.assertEqual(len(set.union(*stamps.values())), 3)

    def test_a_file_that_is_taken_away_takes_nothing_more(self):
        def move(path):
            os.rename(path, path + "-moved")

        def remove_wal(path):
            os.remove(path + "-wal")

        for takes_away in (os.remove, move, remove_wal):
            with self.subTest(takes_away=takes_away):
                path = f"{self.path}-{len(self.server.kept)}"
                client = self.client(outbox=path, linger=60)
                client.drain()
                client.send_response("t", 1)
                count = len(self.server.kept)
                takes_away(path)
                with self.assertRaises(OutboxError) as caught:
                    client.send_response("t", 2)
                self.assertIn("moved or deleted", str(caught.exception))
                # What was taken before is sent from the file that this process has open.
                client._outbox._sender.hurry(True)
                until(lambda: len(self.server.kept) == count + 1)
                self.assertFalse(os.path.exists(path) and takes_away is os.remove)


class Restarts(WithServer):
    def test_a_task_of_before_a_restart_is_waited_for(self):
        self.server.failures = [problem(503, "unavailable")] * 10_000
        first = self.client()
        waiting = first.create_task("translation")
        first.close(0)
        second = self.client()
        sent = second.create_task("translation")
        self.server.failures = []
        self.assertTrue(second.drain())
        second.close(0)
        third = self.client()
        self.server.tasks = {}
        found = {waiting: {"status": "completed"}, sent: {"status": "failed"}}
        threading.Timer(0.2, self.server.tasks.update, [found]).start()
        self.assertEqual(third.get_task(waiting, wait=True, timeout=20), {"status": "completed"})
        self.assertEqual(third.get_task(sent, wait=True, timeout=20), {"status": "failed"})
        with self.assertRaises(NotFound):
            third.get_task("another", wait=True, timeout=60)

    def test_a_file_of_before_is_taken_over(self):
        store = Store(self.path)
        store.close()
        with sqlite3.connect(self.path) as db:
            db.execute("DROP TABLE created")
        db.close()
        client = self.client()
        task_id = client.create_task("translation")
        self.assertTrue(client.drain())
        self.assertTrue(client._outbox.has_created(task_id))


@unittest.skipUnless(hasattr(os, "fork"), "This system has no fork.")
class Forks(WithServer):
    def in_child(self, run):
        """Runs it in a child; answers its exit code."""
        child = os.fork()
        if child == 0:
            try:
                os._exit(run() or 0)
            finally:
                os._exit(99)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def test_a_client_from_before_a_fork_says_so(self):
        client = self.client()

        def run():
            try:
                client.send_response("t", 1)
            except OutboxError:
                return 7

        self.assertEqual(self.in_child(run), 7)

    def test_closing_it_in_the_child_ends_at_once_and_leaves_the_parents_file(self):
        client = self.client(linger=60)
        client.send_response("t", 1)
        self.assertEqual(self.in_child(lambda: 0 if client.close() is False else 1), 0)
        client.send_response("t", 2)
        self.assertTrue(client.drain())
        self.assertEqual(sorted(line["miner_uid"] for line in self.server.kept), [1, 2])

    def test_a_child_with_a_client_of_its_own_loses_nothing_when_the_parent_closes(self):
        self.server.failures = [problem(503, "unavailable")] * 10_000
        parent = self.client(linger=60)
        parent.send_response("t", 0)
        from_child, to_parent = os.pipe()
        from_parent, to_child = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                own = Sluice(self.server.url, "a-key", outbox=self.path, linger=60)
                own.send_response("t", 1)
                os.write(to_parent, b"1")
                os.read(from_parent, 1)
                own.send_response("t", 2)
                os.kill(os.getpid(), 9)
            finally:
                os._exit(1)
        os.read(from_child, 1)
        parent.close(0)
        parent._outbox._sender.join(10)
        os.write(to_child, b"1")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), -9)
        self.server.failures = []
        self.assertTrue(self.client().drain())
        self.assertEqual(sorted({line["miner_uid"] for line in self.server.kept}), [0, 1, 2])

    def test_children_that_send_at_once_have_stamps_and_connections_of_their_own(self):
        now = time.time()
        client = self.client(outbox=None, now=lambda: now)
        client.send_response("t", 0)

        def run():
            for uid in (1, 2):
                client.send_response("t", uid)

        self.assertEqual(self.in_child(run), 0)
        for uid in (3, 4):
            client.send_response("t", uid)
        self.assertEqual(len({line["stamp"] for line in self.server.kept}), 5)
        self.assertEqual(len(set(self.server.peers)), 2)


if __name__ == "__main__":
    unittest.main()
