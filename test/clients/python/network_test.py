"""Whatever is between the client and Sluice: TLS, proxies, names, and answers that are not Sluice's."""

import email.utils
import os
import select
import socket
import ssl
import subprocess
import threading
import time
import unittest
from unittest import mock

from support import Server, WithServer, problem, raw, until

from sluice import Blocked, ConfigurationError, Refused, Sluice, Unavailable

HTML = b"<!doctype html><title>Sign in to the guests' network</title>"


class Answers(WithServer):
    def sends_after(self, failure, **options):
        """Sends an event through a failure; answers the error that was told meanwhile."""
        self.server.failures = [failure]
        client = self.client(**options)
        client.send_response("t", 1)
        until(lambda: client.outbox_status().error is not None or self.server.kept)
        error = client.outbox_status().error
        self.assertTrue(client.drain())
        self.assertEqual([line["miner_uid"] for line in self.server.kept], [1])
        self.assertEqual((client.outbox_status().refused, len(self.server.requests)), (0, 2))
        return error

    def test_pages_of_somebody_else_are_no_answers(self):
        for status in (200, 202, 400, 403, 404, 407, 413, 422, 500, 503):
            with self.subTest(status=status):
                self.server.kept, self.server.requests = [], []
                page = raw(status, HTML, {"Content-Type": "text/html"})
                self.assertIsNotNone(self.sends_after(page, outbox=f"{self.path}-{status}", max_backoff=0.3))

    def test_an_answer_of_other_events_is_none(self):
        answers = (b"[]", b"null", b"{}", b'{"accepted": 2, "rejected": []}', b'{"accepted": 1, "rejected": null}')
        for number, body in enumerate(answers):
            with self.subTest(body=body):
                self.server.kept, self.server.requests = [], []
                self.assertIsNotNone(self.sends_after(raw(202, body), outbox=f"{self.path}-{number}", max_backoff=0.3))

    def test_retry_after_is_a_date_by_the_clock_of_who_answers(self):
        for off in (0, 86_400):
            self.server.kept = []
            now = time.time() + off
            headers = {"Retry-After": email.utils.formatdate(now + 2, usegmt=True)}
            if off:
                headers["Date"] = email.utils.formatdate(now, usegmt=True)
            self.server.failures = [problem(429, "rate_limited", headers)]
            before = time.monotonic()
            self.client(outbox=f"{self.path}-{off}").send_response("t", 1)
            until(lambda: len(self.server.kept) == 1)
            self.assertTrue(0.9 <= time.monotonic() - before < 30)

    def test_a_batch_that_is_refused_whole_is_divided_until_the_one_is_found(self):
        for status in (400, 422):
            def whole(handler, lines, status=status):
                if all(line["miner_uid"] != 5 for line in lines):
                    return False
                handler.answer(status, {"status": status, "code": "invalid_request", "detail": "unreadable"})
                return True

            self.server.kept = []
            self.server.failures = [whole] * 30
            client = self.client(outbox=f"{self.path}-{status}", linger=30)
            client.send_events({"type": "response", "task_id": "t", "miner_uid": uid} for uid in range(10))
            self.assertTrue(client.drain())
            self.assertEqual([line["miner_uid"] for line in self.server.kept], [0, 1, 2, 3, 4, 6, 7, 8, 9])
            self.assertEqual([one.code for one in client.refused()], ["invalid_request"])

    def test_a_server_that_hangs_is_left_after_the_timeout(self):
        ends = threading.Event()
        self.addCleanup(ends.set)

        def hang(handler, lines):
            handler.accept(lines)
            ends.wait(30)
            return True

        self.assertIn("timed out", self.hangs(hang))

    def test_an_answer_that_never_ends_is_left_after_the_timeout(self):
        def drip(handler, lines):
            handler.accept(lines)
            handler.send_response(202)
            handler.send_header("Content-Length", "1000000")
            handler.end_headers()
            try:
                for _ in range(600):
                    handler.wfile.write(b" ")
                    time.sleep(0.05)
            except OSError:
                pass
            return True

        self.assertIn("too long", self.hangs(drip))

    def hangs(self, failure):
        # Again and again: where it fails once, the next try may do before anybody looks.
        self.server.failures = [failure] * 1000
        client = self.client(timeout=0.3)
        client.send_response("t", 1)
        until(lambda: client.outbox_status().error is not None)
        error = client.outbox_status().error
        self.server.failures = []
        self.assertTrue(client.drain())
        self.assertEqual(len({line["stamp"] for line in self.server.kept}), 1)
        return error

    def test_a_host_without_a_name_or_server_keeps_what_waits(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            for number, url in enumerate(("http://sluice.invalid", f"http://127.0.0.1:{taken.getsockname()[1]}")):
                client = Sluice(url, "a-key", outbox=f"{self.path}-{number}", linger=0.01, max_backoff=0.05)
                client.send_response("t", 1)
                until(lambda: client.outbox_status().error is not None)
                client.send_response("t", 2)
                status = client.outbox_status()
                self.assertEqual((status.waiting, status.is_blocked), (2, False))
                client.close(0)
        with self.assertRaises(Unavailable):
            Sluice(f"http://{'a' * 70}.example", "k", outbox=None, timeout=0.1).send_response("t", 1)
        for url in ("http://host:99999", "http://[::1", "http://host:port"):
            with self.assertRaises(ConfigurationError):
                Sluice(url, "k", outbox=None)

    def test_a_redirect_is_not_followed_though_it_leads_to_sluice(self):
        other = Server()
        self.addCleanup(other.stop)
        for status in (301, 302, 303, 307, 308):
            self.server.failures = [raw(status, b"", {"Location": f"{other.url}/v1/events"})]
            with self.assertRaises(Blocked) as caught:
                self.client(outbox=None).send_response("t", 1)
            self.assertIn(other.url, str(caught.exception))
        self.assertEqual((other.requests, self.server.kept), ([], []))


class AtOnce(WithServer):
    def test_what_is_refused_for_now_is_sent_again(self):
        answers = [("unavailable", "later"), ("rate_limited", "slowly")]
        self.server.refuse = lambda line: answers.pop() if line["miner_uid"] == 1 and answers else None
        client = self.client(outbox=None)
        client.send_events({"type": "response", "task_id": "t", "miner_uid": uid} for uid in range(3))
        self.assertEqual([line["miner_uid"] for line in self.server.kept], [0, 2, 1])
        self.server.refuse = lambda line: ("unavailable", "never")
        with self.assertRaises(Unavailable):
            self.client(outbox=None, timeout=0.1).send_response("t", 1)
        self.server.refuse = lambda line: ("invalid_request", "no")
        with self.assertRaises(Refused):
            client.send_response("t", 1)

    def test_threads_whose_clock_is_off_get_stamps_of_their_own(self):
        barrier = threading.Barrier(8)

        def refuse(line):
            if int(line["stamp"][:9], 36) < self.ahead_ms:
                return None
            barrier.wait(10)
            return "stamp_out_of_range", "stamp it anew"

        now = time.time()
        self.server.refuse, self.server.now = refuse, lambda: now
        self.ahead_ms = (now + 3600) * 1000
        client = self.client(outbox=None, now=lambda: now + 7200)
        threads = [threading.Thread(target=client.send_response, args=("t", uid)) for uid in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len({line["stamp"] for line in self.server.kept}), 8)


class Proxy:
    """An HTTP proxy that makes tunnels to one address, whatever name it is asked for."""

    def __init__(self, to):
        self.to = to
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.tunnel, args=(client,), daemon=True).start()

    def tunnel(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.asked.append(head.decode())
        with client, socket.create_connection(self.to) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            while True:
                for one in select.select([client, server], [], [])[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    (server if one is client else client).sendall(data)


class Secured(WithServer):
    """With certificates that are made here and now by openssl, which every Linux has."""

    def certificate(self, name, names, days="2"):
        """A certificate that signs itself; answers a server that shows it, and its file."""
        at = os.path.join(self.directory, name)
        with open(at + ".ext", "w") as file:
            file.write(f"subjectAltName={names}\n")
        key = ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", at + ".key"]
        request = ["req", "-new", "-key", at + ".key", "-subj", "/CN=test", "-out", at + ".csr"]
        sign = ["x509", "-req", "-in", at + ".csr", "-signkey", at + ".key", "-days", days]
        for command in (key, request, [*sign, "-extfile", at + ".ext", "-out", at + ".pem"]):
            subprocess.run(["openssl", *command], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(at + ".pem", at + ".key")
        server = Server(context)
        self.addCleanup(server.stop)
        return server, at + ".pem"

    def secured(self, server, trusted, url=None, **options):
        context = ssl.create_default_context(cafile=trusted)
        settings = {"outbox": self.path, "linger": 0.02, "max_backoff": 0.05, **options}
        client = Sluice(url or server.url, "a-key", ssl_context=context, **settings)
        self.addCleanup(client.close, 0)
        return client

    def test_a_certificate_that_is_not_right_gets_no_key_and_no_event(self):
        good, good_file = self.certificate("good", "IP:127.0.0.1")
        expired, expired_file = self.certificate("expired", "IP:127.0.0.1", "-1")
        elsewhere, elsewhere_file = self.certificate("elsewhere", "DNS:elsewhere.example")
        for server, trusted, reason in (
            (good, None, "self-signed certificate"),
            (expired, expired_file, "expired"),
            (elsewhere, elsewhere_file, "127.0.0.1"),
        ):
            with self.subTest(reason=reason):
                client = self.secured(server, trusted, outbox=f"{self.path}-{reason[:4]}")
                client.send_response("t", 1)
                until(lambda: client.outbox_status().error is not None)
                self.assertIn("not trusted", client.outbox_status().error)
                self.assertIn(reason, client.outbox_status().error.replace("self signed", "self-signed"))
                self.assertEqual((server.requests, client.outbox_status().waiting), ([], 1))
                client.close(0)
        client = self.secured(good, good_file, outbox=f"{self.path}-self")
        self.assertTrue(client.drain())
        self.assertEqual(len(good.kept), 1)

    def test_a_server_that_speaks_no_tls_gets_nothing_plain(self):
        client = self.secured(None, None, url=self.server.url.replace("http:", "https:"))
        client.send_response("t", 1)
        until(lambda: client.outbox_status().error is not None)
        self.assertEqual((self.server.requests, client.outbox_status().waiting), ([], 1))

    def test_goes_through_a_tunnel_and_past_it_as_the_environment_says(self):
        server, trusted = self.certificate("tunnel", "DNS:sluice.example,IP:127.0.0.1")
        proxy = Proxy(("127.0.0.1", server.server_port))
        self.addCleanup(proxy.listener.close)
        environment = {"HTTPS_PROXY": f"http://name:p%40ss@127.0.0.1:{proxy.port}", "NO_PROXY": "other.example"}
        with mock.patch.dict(os.environ, environment):
            os.environ.pop("no_proxy", None)
            client = self.secured(server, trusted, url="https://sluice.example")
            client.send_response("t", 1)
            self.assertTrue(client.drain())
            head = proxy.asked[0]
            self.assertTrue(head.startswith("CONNECT sluice.example:443 "), head)
            self.assertIn("Proxy-Authorization: Basic", head)
            self.assertNotIn("a-key", head)
            self.assertNotIn("proxy-authorization", server.headers_seen[0])
            self.assertEqual(server.headers_seen[0]["x-api-key"], "a-key")
            asked = len(proxy.asked)
            os.environ["NO_PROXY"] = "127.0.0.1"
            past = self.secured(server, trusted, outbox=self.path + "-past")
            past.send_response("t", 2)
            self.assertTrue(past.drain())
            self.assertEqual(len(proxy.asked), asked)
            self.assertEqual([line["miner_uid"] for line in server.kept], [1, 2])


if __name__ == "__main__":
    unittest.main()
