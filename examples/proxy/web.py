"""As much of a web framework as the proxy needs; one such as FastAPI has these words, and all of HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import urllib.parse
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Awaitable, Callable

#: The largest file that Sluice takes in a body, and room for the form around it.
MAX_BODY_BYTES = 31 * 1024 * 1024
READ_SECONDS = 30

logger = logging.getLogger("proxy")


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    params: dict[str, str]

    def fields(self) -> dict[str, Any]:
        """The members of a JSON object, or of a form."""
        if "json" not in self.headers.get("content-type", ""):
            return dict(urllib.parse.parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=100))
        value = json.loads(self.body)
        if not isinstance(value, dict):
            raise TypeError("Expected an object.")
        return value


@dataclass
class Answer:
    status: int
    body: bytes
    content_type: str = "application/json"


Handler = Callable[[Request], Awaitable[Any]]


class App:
    """Finds the handler of a request; what it returns is sent as JSON, what it raises by `statuses`."""

    def __init__(self, statuses: dict[type[Exception], int]) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._statuses = statuses

    def route(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Names the handler of a path, whose `{parts}` come as the request's `params`."""
        pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[\\w-]+)", path))

        def add(handler: Handler) -> Handler:
            self._routes.append((method, pattern, handler))
            return handler

        return add

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one request of a connection, as existing miners make one for each call."""
        try:
            answer = await self._answer(await asyncio.wait_for(_read(reader), READ_SECONDS))
            head = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\nConnection: close\r\n"
            head += f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n\r\n"
            writer.write(head.encode() + answer.body)
            await asyncio.wait_for(writer.drain(), READ_SECONDS)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, asyncio.TimeoutError) as error:
            logger.info("A request was cut or is no HTTP: %r", error)
        finally:
            writer.close()

    async def _answer(self, request: Request | int) -> Answer:
        if isinstance(request, int):
            return _problem(request, HTTPStatus(request).phrase)
        path = request.target.partition("?")[0]
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(path)
            if found is None or method != request.method:
                continue
            request.params = found.groupdict()
            try:
                value = await handler(request)
            except Exception as error:
                status = next((self._statuses[kind] for kind in self._statuses if isinstance(error, kind)), 500)
                logger.log(logging.ERROR if status >= 500 else logging.INFO, "%s %s: %r", method, path, error)
                return _problem(status, str(error) if status != 500 else "Internal error")
            return value if isinstance(value, Answer) else Answer(200, json.dumps(value).encode())
        return _problem(404, f"There is no {request.method} {path}.")


async def _read(reader: asyncio.StreamReader) -> Request | int:
    """The request; or the status of one that is not taken."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "transfer-encoding" in headers:
        return 411
    length = int(headers.get("content-length", 0))
    if length > MAX_BODY_BYTES:
        return 413
    return Request(method, target, headers, await reader.readexactly(length), {})


def _problem(status: int, detail: str) -> Answer:
    return Answer(status, json.dumps({"detail": detail}).encode())
