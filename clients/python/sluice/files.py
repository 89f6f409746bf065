"""Uploads: small files in the body of a request, larger ones in parts, straight to storage."""

from __future__ import annotations

import hashlib
import io
import os
import re
import time
import urllib.parse
import uuid
from contextlib import contextmanager
from typing import Any, BinaryIO, Callable, Iterator

from .errors import ApiError, NotFound, Unavailable, UploadFailed, UploadInterrupted
from .retries import MAX_FAILURES, MAX_FIRST_FAILURES, pause
from .transport import Transport, retry_after

#: Files up to this size travel in the body.
MAX_BODY_FILE_BYTES = 1024 * 1024
#: A part of a resumable upload: a multiple of 256 KiB, as Cloud Storage asks.
PART_BYTES = 8 * 1024 * 1024

Source = bytes | str | os.PathLike[str] | BinaryIO
Progress = Callable[[int, int], None]
#: Continues an upload that was interrupted; may be kept as JSON.
Ticket = dict[str, Any]


def upload(
    transport: Transport,
    source: Source,
    *,
    file_name: str,
    content_type: str,
    file_type: str,
    idempotency_key: str | None,
    progress: Progress | None,
    resume: Ticket | None,
    wait: float,
) -> dict[str, Any]:
    """Stores a file; see `Sluice.upload_file`."""
    # With a key a repetition makes the same file.
    key = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
    with _opened(source) as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        if size <= MAX_BODY_FILE_BYTES and resume is None:
            headers = {
                **key,
                "Content-Type": content_type,
                "X-File-Type": file_type,
                "X-File-Name": urllib.parse.quote(file_name) if not _is_plain(file_name) else file_name,
            }
            record = _post(transport, body=stream.read(), headers=headers)
            if progress is not None:
                progress(size, size)
            return record
        ticket = resume or _begin(transport, stream, size, file_name, content_type, file_type, key)
        if ticket.get("size") != size:
            raise ValueError(f"The upload to go on with is of {ticket.get('size')} bytes; this file has {size}.")
        if ticket.get("url") is not None:
            _send(transport, stream, size, ticket, progress)
    return _stored(transport, str(ticket["file_id"]), wait)


def _post(transport: Transport, **request: Any) -> dict[str, Any]:
    """Asks for a file, and again where no answer came."""
    failures = 0
    while True:
        try:
            record: dict[str, Any] = transport.call("POST", "/v1/files", **request).json()
            return record
        except Unavailable as error:
            failures += 1
            if failures >= MAX_FIRST_FAILURES:
                raise
            time.sleep(pause(failures, error))


def _begin(
    transport: Transport,
    stream: BinaryIO,
    size: int,
    file_name: str,
    content_type: str,
    file_type: str,
    headers: dict[str, str],
) -> Ticket:
    digest = hashlib.sha256()
    while chunk := stream.read(1024 * 1024):
        digest.update(chunk)
    wanted = {
        "file_name": file_name,
        "content_type": content_type,
        "size": size,
        "file_type": file_type,
        "sha256": digest.hexdigest(),
    }
    record = _post(transport, json_body=wanted, headers=headers)
    ticket = record.get("upload") or {}
    return {
        "file_id": record["file_id"],
        "size": size,
        "url": ticket.get("url"),
        "headers": ticket.get("headers", {}),
        "expires_at": ticket.get("expires_at"),
    }


def _send(
    transport: Transport, stream: BinaryIO, size: int, ticket: Ticket, progress: Progress | None
) -> None:
    """Sends the parts that are missing; after each cut asks how far the upload is."""
    sent = _received(transport, ticket, size)
    failures = 0
    while sent < size:
        stream.seek(sent)
        part = stream.read(min(PART_BYTES, size - sent))
        if not part:
            raise ValueError("The file became shorter while it was sent.")
        headers = {**ticket["headers"], "Content-Range": f"bytes {sent}-{sent + len(part) - 1}/{size}"}
        before = sent
        try:
            sent = _put(transport, ticket, part, headers, size)
        except Unavailable as error:
            failures += 1
            if failures >= MAX_FAILURES:
                raise UploadInterrupted(f"The upload stopped at byte {sent} of {size}: {error}", ticket) from error
            time.sleep(pause(failures, error))
            sent = _received(transport, ticket, size)
        if sent > before:
            failures = 0
            if progress is not None:
                progress(sent, size)


def _received(transport: Transport, ticket: Ticket, size: int) -> int:
    """The number of bytes that have arrived."""
    failures = 0
    while True:
        try:
            return _put(transport, ticket, b"", {"Content-Range": f"bytes */{size}"}, size)
        except Unavailable as error:
            failures += 1
            if failures >= MAX_FAILURES:
                raise UploadInterrupted(f"The upload cannot go on: {error}", ticket) from error
            time.sleep(pause(failures, error))


def _put(transport: Transport, ticket: Ticket, part: bytes, headers: dict[str, str], size: int) -> int:
    """Sends a part; answers how many bytes have arrived."""
    answer = transport.request("PUT", str(ticket["url"]), body=part, headers=headers)
    if answer.status in (200, 201):
        return size
    if answer.status == 308:
        found = re.fullmatch(r"bytes=0-(\d+)", answer.headers.get("range", ""))
        return int(found[1]) + 1 if found else 0
    if answer.status in (408, 429) or answer.status >= 500:
        raise Unavailable(
            f"Storage answered {answer.status}.", status=answer.status, retry_after=retry_after(answer)
        )
    if answer.status in (404, 410):
        raise UploadFailed("The address of this upload is gone; begin it anew.")
    raise ApiError(answer.status, None, f"Storage refused the upload with {answer.status}.")


def _stored(transport: Transport, file_id: str, wait: float) -> dict[str, Any]:
    """The file once it is stored, or as it is after so many seconds."""
    ends = time.monotonic() + wait
    pause = 0.2
    while True:
        try:
            record: dict[str, Any] = transport.call("GET", f"/v1/files/{urllib.parse.quote(file_id, safe='')}").json()
        except (NotFound, Unavailable):
            if time.monotonic() >= ends:
                raise
            record = {"status": "pending"}
        if record["status"] == "failed":
            raise UploadFailed(f"{file_id}: {record.get('reason', 'what arrived is not what was declared')}")
        if record["status"] != "pending" or time.monotonic() >= ends:
            return record
        time.sleep(pause)
        pause = min(2.0, pause * 1.5)


def _is_plain(name: str) -> bool:
    return name.isascii() and name.isprintable()


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield io.BytesIO(source)
    elif isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as stream:
            yield stream
    else:
        yield source
