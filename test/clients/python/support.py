"""A server that speaks as Sluice does, and fails as it is told; and what the tests of the client share."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import sys
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
PACKAGE = os.path.join(ROOT, "clients/python")
sys.path.insert(0, PACKAGE)

import logging  # noqa: E402

logging.getLogger("sluice").addHandler(logging.NullHandler())

Failure = Callable[["Handler", list[dict[str, Any]]], bool]


class Server(ThreadingHTTPServer):
    """Takes events; `failures` are asked in turn, one for each request, before it does."""

    daemon_threads = True

    def __init__(
        self, context: ssl.SSLContext | None = None, handler: type[BaseHTTPRequestHandler] | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), handler or Handler)
        self.context = context
        self.now: Callable[[], float] = time.time
        self.failures: list[Failure] = []
        self.requests: list[list[dict[str, Any]]] = []
        self.kept: list[dict[str, Any]] = []
        self.refuse: Callable[[dict[str, Any]], tuple[str, str] | None] = lambda _: None
        self.clock_ahead = 0.0
        self.headers_seen: list[dict[str, str]] = []
        self.peers: list[tuple[str, int]] = []
        self.tasks: dict[str, dict[str, Any]] = {}
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.server_port}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """On the connection's own thread: a handshake that fails keeps nobody else."""
        if self.context is not None:
            with self.context.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
            return
        super().finish_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # A client that was killed has no more to say.

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        task = self.server.tasks.get(self.path.partition("?")[0].rpartition("/")[2])
        if task is None:
            self.answer(404, {"status": 404, "code": "not_found", "detail": "There is no such task."})
        else:
            self.answer(200, task)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        lines = [json.loads(line) for line in body.splitlines()] if self.path.endswith("/v1/events") else []
        self.server.requests.append(lines)
        self.server.peers.append(self.client_address)
        self.server.headers_seen.append({name.lower(): value for name, value in self.headers.items()})
        if self.server.failures and self.server.failures.pop(0)(self, lines):
            return
        status, answer = self.accept(lines)
        self.answer(status, answer)

    def accept(self, lines: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        rejected = []
        for index, line in enumerate(lines):
            fault = self.server.refuse(line)
            if fault is None:
                self.server.kept.append(line)
            else:
                rejected.append({"index": index, "code": fault[0], "message": fault[1]})
        now = self.server.now() + self.server.clock_ahead
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        accepted = len(lines) - len(rejected)
        answer = {"accepted": accepted, "rejected": rejected, "warnings": [], "created": [], "server_time": moment}
        return (202 if accepted else 422), answer

    def answer(self, status: int, answer: object, headers: dict[str, str] | None = None) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def problem(status: int, code: str, headers: dict[str, str] | None = None) -> Failure:
    """Answers with one of Sluice's errors."""

    def fail(handler: Handler, _: list[dict[str, Any]]) -> bool:
        handler.answer(status, {"status": status, "code": code, "detail": f"It is {code}."}, headers)
        return True

    return fail


def lost_answer(handler: Handler, lines: list[dict[str, Any]]) -> bool:
    """Keeps the events, and closes the connection before the answer."""
    handler.accept(lines)
    handler.close_connection = True
    return True


def cut_answer(handler: Handler, lines: list[dict[str, Any]]) -> bool:
    """Keeps the events, and cuts the answer in its middle."""
    status, answer = handler.accept(lines)
    body = json.dumps(answer).encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True
    return True


def raw(status: int, body: bytes, headers: dict[str, str] | None = None) -> Failure:
    """Answers as somebody does who is not Sluice."""

    def fail(handler: Handler, _: list[dict[str, Any]]) -> bool:
        handler.answer(status, body, headers)
        return True

    return fail


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Waits for what another thread does."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError("It did not come about in time.")
        time.sleep(0.005)


class WithServer(unittest.TestCase):
    """Tests with a server and an empty directory."""

    def setUp(self) -> None:
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.directory = tempfile.mkdtemp(prefix="sluice-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.path = os.path.join(self.directory, "outbox.db")

    def client(self, **options: Any) -> Any:
        """A client that lingers and backs off shortly."""
        from sluice import Sluice

        settings = {"outbox": self.path, "linger": 0.02, "max_backoff": 0.05, **options}
        client = Sluice(self.server.url, "a-key", **settings)
        self.addCleanup(client.close, 0)
        return client
