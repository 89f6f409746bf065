"""Proxies that are killed, or whose disk is full, at every point: nothing is lost, and nothing counts twice."""

import os
import random
import threading
import unittest

from crashing import Crasher
from support import WithServer, lost_answer

KILLS = int(os.environ.get("SLUICE_TEST_KILLS", "200"))
LANES = 4


def update(path, number):
    return [{"type": "update", "path": path, "data": {"n": number}}]


class WithCrashes(WithServer):
    def crasher(self):
        crasher = Crasher()
        self.addCleanup(crasher.close)
        return crasher

    def stamps_of(self, path):
        """The stamps under which each number of a document came, in the order in which they came first."""
        stamps = {}
        for line in self.server.kept:
            if line["path"] == path:
                stamps.setdefault(line["data"]["n"], set()).add(line["stamp"])
        return stamps

    def assert_whole(self, path, acknowledged):
        stamps = self.stamps_of(path)
        self.assertEqual([n for n in acknowledged if n not in stamps], [])
        self.assertEqual({n: found for n, found in stamps.items() if len(found) != 1}, {})
        self.assertEqual([n for n, _ in sorted(stamps.items(), key=lambda pair: min(pair[1]))], sorted(stamps))


class Kills(WithCrashes):
    def test_kill_9_at_random_under_load(self):
        lanes = [[] for _ in range(LANES)]
        failures = []

        def kill(lane):
            rng = random.Random(lane)
            crasher = self.crasher()
            path, first = f"{self.path}-{lane}", 0
            for _ in range(KILLS // LANES):
                if rng.random() < 0.3:
                    self.server.failures.append(lost_answer)
                # Most while it works, the others at its start.
                when = {"acked": rng.random() < 0.8, "seconds": rng.uniform(0, 0.05)}
                line = {"url": self.server.url, "key": "a-key", "path": path, "first": first}
                done, end = crasher.run(**line, events=update(f"a/{lane}", "$n"), **when)
                failures.extend([] if end == "killed" else [end])
                lanes[lane] += [first + number for number in done]
                # The one that was under way may be kept as well.
                first += len(done) + 1

        threads = [threading.Thread(target=kill, args=(lane,)) for lane in range(LANES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        for lane, acknowledged in enumerate(lanes):
            self.assertTrue(self.client(outbox=f"{self.path}-{lane}").drain())
            self.assertGreater(len(acknowledged), KILLS // LANES)
            self.assert_whole(f"a/{lane}", acknowledged)

    def test_kill_9_before_each_statement(self):
        self.server.refuse = lambda line: ("invalid_request", "no") if line["data"].get("bad") else None
        crasher = self.crasher()
        line = {"url": self.server.url, "key": "a-key", "path": self.path}
        acknowledged, first, statements, end = [], 0, 0, ""
        while end != "end":
            statements += 1
            self.server.failures = [lost_answer] if statements % 3 == 0 else []
            bad = [{"type": "update", "path": f"bad/{statements}", "data": {"bad": True}}]
            events = [update("a/b", first), bad, update("a/b", first + 1)]
            done, end = crasher.run(**line, events=events, statements=statements)
            acknowledged += [first + number // 2 for number in done if number != 1]
            first += 2
            self.assertIn(end, ("killed", "end"))
            self.assertEqual(crasher.run(**line, events=[]), ([], "end"))
        self.assertGreater(statements, 40)
        client = self.client()
        self.assertTrue(client.drain())
        self.assert_whole("a/b", acknowledged)
        aside = [one.line for one in client.refused()]
        self.assertEqual(len(aside), len(set(aside)))


class FullDisks(WithCrashes):
    def test_a_disk_that_is_full_at_any_byte(self):
        crasher = self.crasher()
        limits = [*range(0, 4200, 600), *range(4200, 160_000, 7_900)]
        for limit in limits:
            path, document = f"{self.path}-{limit}", f"a/{limit}"
            events = [[{"type": "update", "path": document, "data": {"n": n, "x": "x" * 3000}}] for n in range(30)]
            done, end = crasher.run(
                url=self.server.url, key="a-key", path=path, events=events, limit=limit, last=update(document, 30)
            )
            self.assertEqual(end, "end", limit)
            self.assertIn(30, done)
            self.assertTrue(self.client(outbox=path).drain())
            self.assert_whole(document, done)


if __name__ == "__main__":
    unittest.main()
