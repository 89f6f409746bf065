"""A connection to an outbox's file: SQLite in WAL mode, with commits that wait for the disk."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager
from typing import Any, Iterator, Sequence

from .errors import OutboxError
from .forks import Forkable

APPLICATION_ID = 0x536C7563
VERSION = 1
#: Files up to this size are checked whole when an outbox is opened.
CHECKED_BYTES = 16 * 1024 * 1024
#: The time that another process may hold the file.
BUSY_SECONDS = 10.0
LOOK_SECONDS = 0.01

SCHEMA = """
CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, stamp TEXT NOT NULL, line BLOB NOT NULL);
CREATE TABLE aside (
  seq INTEGER PRIMARY KEY, stamp TEXT NOT NULL, line BLOB NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,
  refused_at_ms INTEGER NOT NULL
);
CREATE TABLE state (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO state VALUES ('last_stamp', '000000000000000000000'), ('acked_stamp', '000000000000000000000'),
  ('offset_ms', 0), ('refused', 0)
"""
#: Tables that files of before lack, and that packages of before leave alone.
ADDED = {
    "created": """
CREATE TABLE created (n INTEGER PRIMARY KEY, task_id TEXT NOT NULL);
CREATE INDEX created_ids ON created (task_id)
""",
}


class Database(Forkable):
    """For one thread at a time. Raises OutboxError for all that goes wrong with the file."""

    def __init__(self, path: str, *, create: bool = True, check: bool = True) -> None:
        super().__init__()
        self.path = path
        self._connection: sqlite3.Connection | None = None
        with self.fork_lock:
            try:
                if not create and not os.path.exists(path):
                    raise OutboxError(f"There is no outbox at {path}.")
                self._connection = sqlite3.connect(
                    path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
                )
            except sqlite3.Error as error:
                raise OutboxError(f"The outbox {path} cannot be opened: {error}. Is its directory there?") from error
            try:
                self._open(check)
                self._places = self._found_places()
            except (sqlite3.Error, OSError) as error:
                self.close()
                raise OutboxError(f"{path} is no outbox that can be used: {error}. {_advice(error, path)}") from error
            except OutboxError:
                self.close()
                raise

    @property
    def connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise OutboxError(f"The outbox {self.path} is closed.")
        return self._connection

    def read(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """The rows of a query."""
        with self.reading() as db:
            return db.execute(query, values).fetchall()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self.fork_lock:
            try:
                yield self.connection
            except sqlite3.Error as error:
                raise OutboxError(f"The outbox {self.path} cannot be read: {error}") from error

    @contextmanager
    def transaction(self, verb: str) -> Iterator[sqlite3.Connection]:
        """Durable when it ends, whole or not at all."""
        with self.fork_lock:
            db = self.connection
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except BaseException as error:
                self._roll_back()
                if isinstance(error, sqlite3.Error):
                    raise OutboxError(f"The outbox {self.path} did not {verb}: {error}") from error
                raise

    def check_in_place(self) -> None:
        """Raises OutboxError where the file is not what its path names any more: a restart would not find it."""
        if self._found_places() != self._places:
            raise OutboxError(
                f"{self.path} or its -wal was moved or deleted while it was in use; make a new client. "
                "What was taken before is sent as long as this process lives."
            )

    def close(self) -> None:
        with self.fork_lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    #: No statement was under way at the fork, and the parent's locks stay its own.
    leave = close

    def _open(self, check: bool) -> None:
        ends = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._prepare()
                break
            except sqlite3.OperationalError as error:
                # SQLite does not always wait by itself for another process that makes the file at this moment.
                if "locked" not in str(error) or time.monotonic() >= ends:
                    raise
                self._roll_back()
                time.sleep(LOOK_SECONDS)
        if check and os.path.getsize(self.path) <= CHECKED_BYTES:
            ((found,),) = self.connection.execute("PRAGMA quick_check(1)").fetchall()
            if found != "ok":
                raise OutboxError(f"{self.path} is damaged ({found}). {_advice(None, self.path)}")

    def _prepare(self) -> None:
        db = self.connection
        if not self._is_ours():
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            db.execute("BEGIN IMMEDIATE")
            if not self._is_ours():
                _run(db, SCHEMA)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute("COMMIT")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            raise OutboxError(f"{self.path} was written by another version of this package ({version}).")
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = 1")
        if self._lacking():
            db.execute("BEGIN IMMEDIATE")
            for name in self._lacking():
                _run(db, ADDED[name])
            db.execute("COMMIT")

    def _is_ours(self) -> bool:
        """Tells an outbox from an empty file. Raises OutboxError for another program's."""
        query = "SELECT application_id, (SELECT count(*) FROM sqlite_master) FROM pragma_application_id"
        application_id, tables = self.connection.execute(query).fetchone()
        if application_id == APPLICATION_ID:
            return True
        if (application_id, tables) != (0, 0):
            raise OutboxError(f"{self.path} is a database of another program; name another file.")
        return False

    def _lacking(self) -> list[str]:
        found = {name for (name,) in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return [name for name in ADDED if name not in found]

    def _found_places(self) -> tuple[object, ...]:
        return tuple(_place(self.path + end) for end in ("", "-wal"))

    def _roll_back(self) -> None:
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # SQLite has rolled back by itself; the first failure says why.


def _run(db: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";"):
        db.execute(statement)


def _place(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _advice(error: Exception | None, path: str) -> str:
    text = str(error)
    if "locked" in text:
        return "Another process holds it."
    if any(word in text for word in ("readonly", "read-only", "full", "disk I/O", "unable to open")):
        return "Its disk must take what is written, and have room."
    return (
        f"Name another file, or move {os.path.basename(path)} and its -wal away together, "
        f"after `python -m sluice outbox {path} --export waiting`."
    )
