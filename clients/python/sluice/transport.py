"""Requests over HTTP: connections that are kept, proxies of the environment, an end to every wait, no redirects."""

from __future__ import annotations

import base64
import email.utils
import http.client
import json
import socket
import ssl
import time
import urllib.parse
import urllib.request
from typing import Any, Callable, Iterable, Iterator, Mapping, NamedTuple

from .errors import ApiError, Blocked, ConfigurationError, NotFound, Unavailable
from .forks import Forkable

#: The longest that an answer is taken into memory.
MAX_ANSWER_BYTES = 256 * 1024 * 1024
MAX_IDLE_CONNECTIONS = 16
#: Connections are not used again after this time: whoever is in between may have forgotten them.
IDLE_SECONDS = 20.0
CHUNK_BYTES = 256 * 1024

Body = bytes | Iterable[bytes] | None
#: No whole answer came; UnicodeError where a name cannot be one of a host.
NO_ANSWER = (OSError, http.client.HTTPException, UnicodeError)


class Answer(NamedTuple):
    """An answer: any status, the headers with names in small letters, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises Unavailable where it is none: then somebody else answered."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Unavailable(
                f"Expected JSON from Sluice, got {self.status} with {len(self.body)} other bytes.", status=self.status
            ) from error


class Transport(Forkable):
    """Sends requests to one base address, and to the addresses that Sluice names, which never see the key."""

    def __init__(
        self, url: str, key: str, *, timeout: float = 30.0, context: ssl.SSLContext | None = None
    ) -> None:
        super().__init__()
        if not _is_base(url):
            raise ConfigurationError(f"url: expected the address of Sluice, such as https://NAME.web.app, got {url!r}.")
        if not key or not key.isascii() or not key.isprintable():
            raise ConfigurationError("key: expected an API key of Sluice in visible ASCII characters.")
        self.base = url.rstrip("/")
        self._key = key
        self._timeout = timeout
        self._context = context
        self._idle: list[tuple[tuple[str, str], float, http.client.HTTPConnection]] = []

    def key_header(self) -> dict[str, str]:
        return {"X-API-Key": self._key}

    def call(
        self,
        method: str,
        path: str,
        *,
        json_body: object = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, object] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Calls a route; answers any 2xx and 304, raises for all else."""
        all_headers = {**self.key_header(), "Accept": "application/json", **(headers or {})}
        if json_body is not None:
            body = json.dumps(json_body, separators=(",", ":"), allow_nan=False).encode()
            all_headers.setdefault("Content-Type", "application/json")
        given = {name: value for name, value in (query or {}).items() if value is not None}
        address = self.base + path + ("?" + urllib.parse.urlencode(given) if given else "")
        answer = self.request(method, address, body=body, headers=all_headers, timeout=timeout)
        if 200 <= answer.status < 300 or answer.status == 304:
            return answer
        raise error_of(answer, self.base)

    def request(
        self, method: str, address: str, *, body: Body, headers: Mapping[str, str], timeout: float | None = None
    ) -> Answer:
        """One request, whatever its status. Raises Unavailable where no whole answer came."""
        ends = time.monotonic() + (timeout or self._timeout)
        try:
            with self.open(method, address, body=body, headers=headers, timeout=timeout) as stream:
                chunks, size = [], 0
                for chunk in stream.chunks(ends):
                    size += len(chunk)
                    if size > MAX_ANSWER_BYTES:
                        raise Unavailable(f"The answer of {method} {_shown(address)} does not end.")
                    chunks.append(chunk)
                return Answer(stream.status, stream.headers, b"".join(chunks))
        except NO_ANSWER as error:
            raise unavailable(method, address, error) from error

    def open(
        self, method: str, address: str, *, body: Body, headers: Mapping[str, str], timeout: float | None = None
    ) -> "Stream":
        """Begins a request, and answers when its headers are there; raises NO_ANSWER as they come."""
        parts = urllib.parse.urlsplit(address)
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        limit = timeout or self._timeout
        origin = (parts.scheme, parts.netloc)
        while True:
            connection, is_used, proxy_headers = self._connection(origin, limit)
            if proxy_headers is not None and parts.scheme == "http":
                target = address
            try:
                sent = {**headers, **(proxy_headers or {})} if parts.scheme == "http" else dict(headers)
                connection.request(method, target, body=body, headers=sent)
                response = connection.getresponse()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                connection.close()
                # A kept connection may have ended before this request: nobody has seen it.
                if is_used and (body is None or isinstance(body, bytes)):
                    continue
                raise
            except BaseException:
                connection.close()
                raise
            return Stream(response, lambda: self._keep(origin, connection), connection.close)

    def close(self) -> None:
        with self.fork_lock:
            idle, self._idle = self._idle, []
        for _, _, connection in idle:
            connection.close()

    #: A child has connections of its own: two that speak on one would be mixed.
    leave = close

    def _connection(
        self, origin: tuple[str, str], timeout: float
    ) -> tuple[http.client.HTTPConnection, bool, dict[str, str] | None]:
        scheme, netloc = origin
        parts = urllib.parse.urlsplit(f"{scheme}://{netloc}")
        host = parts.hostname or ""
        proxy = _proxy_of(scheme, netloc)
        proxy_headers = None if proxy is None else _proxy_headers(proxy)
        with self.fork_lock:
            oldest = time.monotonic() - IDLE_SECONDS
            stale = [one for one in self._idle if one[1] < oldest]
            self._idle = [one for one in self._idle if one[1] >= oldest]
            kept = next((one for one in reversed(self._idle) if one[0] == origin), None)
            if kept is not None:
                self._idle.remove(kept)
        for _, _, forgotten in stale:
            forgotten.close()
        if kept is not None:
            if kept[2].sock is not None:
                kept[2].sock.settimeout(timeout)
            return kept[2], True, proxy_headers
        at, port = (host, parts.port) if proxy is None else (proxy.hostname or "", proxy.port)
        connection: http.client.HTTPConnection
        if scheme == "https":
            if self._context is None:
                self._context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(at, port, timeout=timeout, context=self._context)
            if proxy is not None:
                connection.set_tunnel(host, parts.port, headers=proxy_headers)
        else:
            connection = http.client.HTTPConnection(at, port, timeout=timeout)
        connection.connect()
        if connection.sock is not None:
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, False, proxy_headers

    def _keep(self, origin: tuple[str, str], connection: http.client.HTTPConnection) -> None:
        with self.fork_lock:
            if len(self._idle) < MAX_IDLE_CONNECTIONS:
                self._idle.append((origin, time.monotonic(), connection))
                return
        connection.close()


class Stream:
    """An answer whose body is still to come. To be closed, by `with`."""

    def __init__(
        self, response: http.client.HTTPResponse, keep: Callable[[], None], drop: Callable[[], None]
    ) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self._response = response
        self._keep = keep
        self._drop = drop
        self._is_whole = False

    def chunks(self, ends: float | None = None) -> Iterator[bytes]:
        """The body. Raises IncompleteRead where it was cut, TimeoutError after `ends` of the monotonic clock."""
        left = self._response.length
        while True:
            chunk = self._response.read1(CHUNK_BYTES)
            if not chunk:
                break
            if left is not None:
                left -= len(chunk)
            if ends is not None and time.monotonic() > ends:
                raise TimeoutError("the answer takes too long")
            yield chunk
        if left:
            raise http.client.IncompleteRead(b"", left)
        self._is_whole = True

    def answer(self) -> Answer:
        """The whole of it; for what is short."""
        body = b""
        for chunk in self.chunks():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise Unavailable("An answer does not end.")
        return Answer(self.status, self.headers, body)

    def skip(self) -> None:
        """Reads past a body that nobody needs, or gives the connection up for one that is long."""
        for _ in zip(range(4), self.chunks()):
            pass

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_whole and not self._response.will_close:
            self._response.close()  # Or the connection would take it for unread.
            self._keep()
        else:
            self._drop()


def _is_base(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and is_whole and not parts.query and not parts.fragment


def error_of(answer: Answer, base: str) -> Exception:
    """The error that an answer other than 2xx stands for."""
    status = answer.status
    if 300 <= status < 400:
        to = answer.headers.get("location", "elsewhere")
        return Blocked(status, "redirected", f"{base} sends on to {to}; give the address that answers as url.")
    code, message, is_problem = None, f"{base} answered {status}.", False
    try:
        problem = json.loads(answer.body)
        code, message = problem.get("code"), str(problem.get("detail") or message)
        is_problem = isinstance(code, str)
    except (ValueError, AttributeError):
        pass
    if status == 401 or (status == 403 and not is_problem) or status == 407:
        return Blocked(status, code, message)
    if status in (408, 425, 429) or status >= 500:
        return Unavailable(message, status=status, retry_after=retry_after(answer))
    if status == 404 and is_problem:
        return NotFound(status, code, message)
    return ApiError(status, code, message)


def retry_after(answer: Answer) -> float | None:
    """Seconds after which the answer asks to come again."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    until = _moment(value)
    # By the clock of who answered: this machine's may be wrong.
    now = _moment(answer.headers.get("date", "")) or time.time()
    return None if until is None else max(0.0, until - now)


def _moment(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def unavailable(method: str, address: str, error: Exception) -> Unavailable:
    what = str(error) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        what = f"its certificate is not trusted ({error.verify_message})"
    return Unavailable(f"{method} {_shown(address)} got no whole answer: {what}")


def _shown(address: str) -> str:
    """An address for messages: what stands in its query may be a secret."""
    parts = urllib.parse.urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}{':' + str(parts.port) if parts.port else ''}{parts.path}"


def _proxy_of(scheme: str, netloc: str) -> urllib.parse.SplitResult | None:
    # The types of the standard library name neither function.
    proxies: dict[str, str] = getattr(urllib.request, "getproxies_environment")()
    address = proxies.get(scheme) or proxies.get("all")
    if not address or _bypasses(netloc, proxies):
        return None
    proxy = urllib.parse.urlsplit(address if "//" in address else f"http://{address}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise ConfigurationError(f"Expected http://HOST:PORT as proxy of the environment, got a {proxy.scheme} one.")
    return proxy


def _bypasses(netloc: str, proxies: dict[str, str]) -> bool:
    return bool(getattr(urllib.request, "proxy_bypass_environment")(netloc, proxies))


def _proxy_headers(proxy: urllib.parse.SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{urllib.parse.unquote(proxy.username)}:{urllib.parse.unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
