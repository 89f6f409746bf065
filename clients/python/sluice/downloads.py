"""Downloads: in parts of bounded memory, and on from where they were cut."""

from __future__ import annotations

import io
import os
import re
import secrets
import time
import urllib.parse
from typing import BinaryIO, Callable, Iterator

from .errors import Unavailable
from .retries import MAX_FAILURES, MAX_FIRST_FAILURES, pause
from .transport import NO_ANSWER, Stream, Transport, error_of, unavailable

Target = str | os.PathLike[str] | BinaryIO
#: Hears how many bytes have arrived, and of how many: None where that is not known.
Arrived = Callable[[int, "int | None"], None]


def download(transport: Transport, file_id: str, to: Target | None, progress: Arrived | None) -> bytes | int:
    """The bytes of a file, or how many were written to `to`."""
    chunks = _told(_chunks(transport, file_id), progress)
    if to is None:
        return b"".join(chunks)
    if not isinstance(to, (str, os.PathLike)):
        return _write(chunks, to)
    path = os.fspath(to)
    part = f"{path}.part-{secrets.token_hex(4)}"
    try:
        with open(part, "xb") as file:
            size = _write(chunks, file)
        os.replace(part, path)
        return size
    except BaseException:
        if os.path.exists(part):
            os.remove(part)
        raise


def _write(chunks: Iterator[bytes], file: BinaryIO | io.BufferedWriter) -> int:
    size = 0
    for chunk in chunks:
        file.write(chunk)
        size += len(chunk)
    return size


def _told(chunks: Iterator[tuple[bytes, int | None]], progress: Arrived | None) -> Iterator[bytes]:
    got = 0
    for chunk, size in chunks:
        got += len(chunk)
        if progress is not None:
            progress(got, size)
        yield chunk


def _chunks(transport: Transport, file_id: str) -> Iterator[tuple[bytes, int | None]]:
    """The file's bytes, each once, with its size: after a cut it asks for the rest. A file's bytes never change."""
    got = failures = 0
    while True:
        before = got
        try:
            with _content(transport, file_id, got) as stream:
                start, size = _place(stream)
                skipped = got - start
                if skipped < 0 or stream.status == 416:
                    if stream.status == 416 and got == size:
                        return
                    raise Unavailable(f"The rest of {file_id} from byte {got} on did not come.")
                for chunk in stream.chunks():
                    new = chunk[skipped:]
                    skipped = max(0, skipped - len(chunk))
                    got += len(new)
                    if new:
                        yield new, size
            if size is None or got == size:
                return
            raise Unavailable(f"{file_id} has {size} bytes; {got} came.")
        except (Unavailable, *NO_ANSWER) as error:
            failures = 0 if got > before else failures + 1
            if failures >= (MAX_FAILURES if got else MAX_FIRST_FAILURES):
                if isinstance(error, Unavailable):
                    raise
                raise unavailable("GET", transport.base, error) from error
            time.sleep(pause(failures, error))


def _content(transport: Transport, file_id: str, start: int) -> Stream:
    """The answer with the bytes from `start` on, of Sluice or of where it sends on to; nobody else gets the key."""
    address = f"{transport.base}/v1/files/{file_id}/content"
    wanted = {"Range": f"bytes={start}-"} if start else {}
    stream = transport.open("GET", address, body=None, headers={**transport.key_header(), **wanted})
    if stream.status == 302 and "location" in stream.headers:
        with stream:
            stream.skip()
        to = urllib.parse.urljoin(address, stream.headers["location"])
        stream = transport.open("GET", to, body=None, headers=wanted)
    if stream.status in (200, 206, 416):
        return stream
    with stream:
        raise error_of(stream.answer(), transport.base)


def _place(stream: Stream) -> tuple[int, int | None]:
    """The place in the file at which the answer's bytes begin, and the size of the file, where it is told."""
    text = stream.headers.get("content-range", "")
    if found := re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", text):
        return int(found[1] or 0), None if found[2] == "*" else int(found[2])
    length = stream.headers.get("content-length", "")
    return 0, int(length) if length.isdecimal() else None
