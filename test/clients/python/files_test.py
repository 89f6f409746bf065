"""Large files: in bounded memory, and on from where they were cut."""

import hashlib
import json
import os
import tracemalloc
import unittest
from unittest import mock

from support import Handler, Server, WithServer

from sluice import Sluice, Unavailable, downloads, files

MEGABYTE = 1024 * 1024
SIZE = 64 * MEGABYTE
#: 251 is prime: no part of a file is as another.
PATTERN = bytes(range(251)) * (4 * MEGABYTE // 251 + 2)


def byte_at(place, count):
    """Bytes of a file that is never whole in memory."""
    return PATTERN[place % 251 :][:count]


class Storage(Handler):
    """Takes and gives one file, and cuts a connection after as many bytes as it is told."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append(("POST", self.headers["idempotency-key"]))
        if self.server.lost and self.server.lost.pop():
            self.close_connection = True
            return
        if self.headers["content-type"] == "application/json":
            self.server.size = json.loads(body)["size"]
            upload = {"url": f"{self.server.url}/upload", "headers": {}}
            self.answer(201, {"file_id": "f", "status": "pending", "upload": upload})
        else:
            self.answer(201, {"file_id": "f", "status": "stored", "size": len(body)})

    def do_PUT(self):
        left, server = int(self.headers["content-length"]), self.server
        while left > 0:
            chunk = self.rfile.read(min(left, MEGABYTE))
            server.digest.update(chunk)
            server.received += len(chunk)
            left -= len(chunk)
        if server.received == server.size:
            self.answer(200, {})
        else:
            self.answer(308, {}, {"Range": f"bytes=0-{server.received - 1}"} if server.received else {})

    def do_GET(self):
        if self.path == "/v1/files/f":
            self.answer(200, {"file_id": "f", "status": "stored"})
        elif self.path == "/v1/files/f/content":
            self.server.asked.append((self.headers["x-api-key"], self.headers["range"]))
            self.answer(302, {}, {"Location": "/stored"})
        else:
            self.server.asked.append((self.headers["x-api-key"], self.headers["range"]))
            self.give()

    def give(self):
        server, start = self.server, int((self.headers["range"] or "bytes=0-")[6:-1])
        cut = server.cuts.pop(0) if server.cuts else None
        if server.ignores_ranges:
            start = 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{server.size - 1}/{server.size}")
        self.send_header("Content-Length", str(server.size - start))
        self.end_headers()
        end = server.size if cut is None else start + cut
        while start < end:
            count = min(MEGABYTE // 4, end - start)
            self.wfile.write(byte_at(start, count))
            start += count
        self.close_connection = cut is not None


class WithStorage(WithServer):
    def setUp(self):
        super().setUp()
        self.storage = Server(handler=Storage)
        self.addCleanup(self.storage.stop)
        self.storage.size, self.storage.received, self.storage.digest = SIZE, 0, hashlib.sha256()
        self.storage.cuts, self.storage.asked, self.storage.lost = [], [], []
        self.storage.ignores_ranges = False
        self.sluice = Sluice(self.storage.url, "a-key", outbox=None, timeout=60)
        self.addCleanup(self.sluice.close)
        for module in (files, downloads):
            patch = mock.patch.object(module.time, "sleep")
            patch.start()
            self.addCleanup(patch.stop)
        self.to = os.path.join(self.directory, "file")

    def peak(self, run):
        """Runs it; answers its result, and the most memory that Python had taken meanwhile."""
        tracemalloc.start()
        try:
            result = run()
            return result, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def written(self):
        with open(self.to, "wb") as file:
            for place in range(0, SIZE, MEGABYTE):
                file.write(byte_at(place, MEGABYTE))
        return self.digest()

    def digest(self):
        with open(self.to, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()


class Memory(WithStorage):
    def test_64_megabytes_travel_in_parts(self):
        digest = self.written()
        stored, peak = self.peak(lambda: self.sluice.upload_file(self.to, file_name="large.bin"))
        self.assertEqual((stored["status"], self.storage.digest.hexdigest()), ("stored", digest))
        self.assertLess(peak, 20 * MEGABYTE)
        os.remove(self.to)
        self.storage.cuts = [10 * MEGABYTE]
        size, peak = self.peak(lambda: self.sluice.download_file("f", self.to))
        self.assertEqual((size, self.digest()), (SIZE, digest))
        self.assertLess(peak, 6 * MEGABYTE)
        self.assertEqual(os.listdir(self.directory), ["file"])


class Cuts(WithStorage):
    def setUp(self):
        super().setUp()
        self.storage.size = 3 * MEGABYTE + 5

    def test_a_download_goes_on_where_it_was_cut_and_the_key_goes_to_sluice_alone(self):
        self.storage.cuts = [0, 1, MEGABYTE, 2 * MEGABYTE + 4]
        heard = []
        with open(self.to, "wb") as file:
            size = self.sluice.download_file("f", file, progress=lambda *at: heard.append(at))
        self.assertEqual(size, 3 * MEGABYTE + 5)
        with open(self.to, "rb") as file:
            self.assertEqual(file.read(), byte_at(0, 3 * MEGABYTE + 5))
        self.assertEqual(heard[-1], (3 * MEGABYTE + 5, 3 * MEGABYTE + 5))
        places = [None, None, 1, MEGABYTE + 1]
        self.assertEqual(self.storage.asked[::2], [("a-key", place and f"bytes={place}-") for place in places])
        self.assertEqual(self.storage.asked[1::2], [(None, place and f"bytes={place}-") for place in places])

    def test_whoever_takes_no_ranges_is_read_past_what_is_there(self):
        self.storage.cuts, self.storage.ignores_ranges = [MEGABYTE + 3], True
        self.assertEqual(self.sluice.download_file("f"), byte_at(0, 3 * MEGABYTE + 5))

    def test_a_file_that_does_not_come_leaves_nothing(self):
        self.storage.cuts = [5] + [0] * 20
        with self.assertRaises(Unavailable):
            self.sluice.download_file("f", self.to)
        self.assertEqual(os.listdir(self.directory), [])

    def test_an_upload_whose_answer_was_lost_makes_one_file(self):
        self.storage.lost = [True]
        self.assertEqual(self.sluice.upload_file(b"abc", file_name="a.txt")["status"], "stored")
        self.storage.lost = [True]
        self.sluice.upload_file(byte_at(0, self.storage.size), file_name="a.bin")
        (small, again, large, too) = [key for _, key in self.storage.asked]
        self.assertEqual((small, large), (again, too))
        self.assertNotEqual(small, large)


if __name__ == "__main__":
    unittest.main()
