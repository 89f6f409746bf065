"""Outboxes' files as they were recorded: what waits is sent, what is aside is kept, and new files have their form."""

import glob
import json
import os
import sqlite3
import unittest

from recording import RECORDINGS, recorded, restore
from support import WithServer

NAMES = sorted(glob.glob(os.path.join(RECORDINGS, "*.json")))


def read(name):
    with open(name, encoding="utf-8") as file:
        return json.load(file)


class Recordings(WithServer):
    def test_what_waits_is_sent_as_it_was_recorded(self):
        self.assertTrue(NAMES)
        for name in NAMES:
            with self.subTest(os.path.basename(name)):
                found = read(name)["rows"]
                path = os.path.join(self.directory, os.path.basename(name) + ".db")
                restore(read(name), path)
                self.server.kept.clear()
                client = self.client(outbox=path)
                self.assertTrue(client.drain())
                lines = [{**json.loads(line["bytes"]), "stamp": stamp} for _, stamp, line in found["events"]]
                self.assertEqual(self.server.kept, lines)
                aside = [[one.id, one.stamp, {"bytes": one.line}, *one[2:5]] for one in client.refused()]
                self.assertEqual(aside, found["aside"])
                self.assertEqual(client.outbox_status().refused, dict(found["state"])["refused"])
                for _, task_id in found["created"]:
                    self.assertTrue(client._outbox.has_created(task_id))
                client.update("a/b", {"n": 1})
                self.assertTrue(client.drain())
                self.assertGreater(self.server.kept[-1]["stamp"], dict(found["state"])["last_stamp"])
                client.close()
                with sqlite3.connect(path) as db:
                    (last,) = db.execute("SELECT seq FROM sqlite_sequence").fetchone()
                db.close()
                self.assertEqual(last, found["sqlite_sequence"][0][1] + 1)

    def test_a_new_file_has_the_form_of_the_latest(self):
        self.client().close()
        latest = read(NAMES[-1])
        new = recorded(self.path)
        for part in ("pragmas", "schema"):
            self.assertEqual(new[part], latest[part])
        self.assertEqual([name for name, _ in new["rows"]["state"]], [name for name, _ in latest["rows"]["state"]])


if __name__ == "__main__":
    unittest.main()
