"""`SmartFileManager`: files, small ones in Firestore and large ones in Cloud Storage, as Sluice decides."""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import datetime, timezone
from typing import Any

from ..errors import ApiError, NotFound, SluiceError
from .figures import number
from .once import warn_once
from .shared import shared

logger = logging.getLogger("sluice")

MAX_FILE_BYTES = 100 * 1024 * 1024
MAX_NAME_BYTES = 255
FILE_TYPES = frozenset(
    [
        *("transcription", "audio", "tts", "summarization", "video", "video_transcription"),
        *("document", "documents", "document_translation", "temp", "other"),
    ]
)
#: Other names that old code has for them: folders, and the beginnings of media types.
OTHER_TYPES = {
    **{"user_audio": "audio", "tts_audio": "tts", "transcription_files": "transcription"},
    **{"summarization_files": "summarization", "user_videos": "video", "user_documents": "document"},
    **{"text": "document", "application/pdf": "document"},
}
MEDIA_TYPES = {"audio": "audio", "video": "video", "text": "document"}
MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+([ \t]*;[\x20-\x7e]*)?", re.ASCII)


class SmartFileManager:
    """Stores files at once, without the outbox: `store_file` raises where that fails."""

    def __init__(self, db: object = None) -> None:
        self.db = db
        shared()

    async def store_file(
        self, file_data: bytes, file_name: str, content_type: str, file_type: str = "audio"
    ) -> dict[str, Any]:
        """Stores a file of at most 100 MiB. Raises ValueError for more, and an error of the package where it fails."""
        if len(file_data) > MAX_FILE_BYTES:
            size = len(file_data) / 2**20
            raise ValueError(f"File too large: {size:.2f} MiB, at most {MAX_FILE_BYTES // 2**20} MiB.")
        stored = await shared().client.upload_file(
            bytes(file_data),
            file_name=_name(file_name),
            content_type=content_type if MEDIA_TYPE.fullmatch(content_type or "") else "application/octet-stream",
            file_type=_type(file_type),
        )
        return {
            **_shown(stored),
            "file_name": file_name,
            "content_type": content_type,
            "file_type": file_type,
            "checksum": hashlib.sha256(file_data).hexdigest(),
        }

    async def retrieve_file(self, file_id: str) -> tuple[bytes, str, str] | None:
        """The bytes of a file, its media type and its name; None where there is no such file."""
        client = shared().client
        try:
            record = await client.get_file(file_id)
            return await client.download_file(file_id), str(record["content_type"]), str(record["file_name"])
        except NotFound:
            return None

    async def get_file_info(self, file_id: str) -> dict[str, Any] | None:
        """A file's record, without its bytes; None where there is no such file."""
        try:
            return _shown(await shared().client.get_file(file_id))
        except NotFound:
            return None

    async def delete_file(self, file_id: str) -> bool:
        """True where the file is deleted now; False where there is none, or it could not be done, as the log says."""
        try:
            await shared().client.delete_file(file_id)
            return True
        except NotFound:
            return False
        except SluiceError as error:
            logger.warning("The file %s was not deleted: %s", file_id, error)
            return False

    async def cleanup_temp_files(self, max_age_hours: float = 24) -> int:
        """Deletes temporary files older than that, as Sluice does each hour; answers how many."""
        try:
            done = await shared().client.cleanup(max_age_hours=max_age_hours)
        except SluiceError as error:
            is_forbidden = isinstance(error, ApiError) and error.status == 403
            why = "this key may not; Sluice does it each hour by itself" if is_forbidden else str(error)
            logger.warning("Temporary files were not cleaned up: %s", why)
            return 0
        return int(number(done.get("deleted"), 0))

    def get_storage_stats(self) -> dict[str, Any]:
        """Counts of files, as Sluice had them lately; `local_storage` is Cloud Storage."""
        figures = shared().figures.part("file_manager")
        folders = figures.get("local_storage")
        counts = {name: one.get("files", 0) for name, one in folders.items()} if isinstance(folders, dict) else {}
        return {
            "local_storage": counts,
            "firestore_files": number(figures.get("firestore_files"), 0),
            "total_files": number(figures.get("total_files"), 0),
        }


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    """A record of the API with the members that old code reads."""
    created = datetime.fromisoformat(str(record["created_at"]).replace("Z", "+00:00"))
    # As the old manager had it: without a zone, in UTC.
    created = created.astimezone(timezone.utc).replace(tzinfo=None)
    is_inline = record["location"] == "firestore"
    return {
        **{name: record.get(name) for name in ("file_id", "file_name", "content_type", "size", "file_type")},
        **{"status": record["status"], "file_url": record.get("file_url"), "checksum": record.get("sha256")},
        "storage_location": record["location"],
        "stored_locally": not is_inline,
        "storage_info": "Firestore" if is_inline else "Cloud Storage",
        "file_exists": record["status"] == "stored",
        "created_at": created,
        "updated_at": created,
    }


def _name(name: str) -> str:
    """A name that Sluice takes: slashes and control characters become underscores, and a long one keeps its end."""
    fine = re.sub(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", "_", str(name or ""))
    encoded = fine.encode()[-MAX_NAME_BYTES:]
    fine = encoded.decode(errors="ignore")
    return fine if fine.strip() not in ("", ".", "..") else "unnamed_file"


def _type(given: str) -> str:
    """Sluice's name of a type of files."""
    name = str(given or "other").lower()
    if name in FILE_TYPES:
        return name
    known = OTHER_TYPES.get(name) or MEDIA_TYPES.get(name.partition("/")[0])
    if known is None:
        warn_once(f"{given} is no type of files; it is stored as temporary, and goes after a day")
    return known or "temp"
