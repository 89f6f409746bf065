"""The outbox's file: a SQLite database with the events that wait, and those that were set aside."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from typing import Iterable, Sequence

from .errors import OutboxError, SetAside
from .stamps import EARLIEST, StampSource, encode, stamp_ms

APPLICATION_ID = 0x536C7563
VERSION = 1
#: The code of events that were moved aside unsent, as their owner asked.
CLEARED = "cleared"
#: Files up to this size are checked whole when they are opened.
CHECKED_BYTES = 16 * 1024 * 1024
#: The time that another process may hold the file.
BUSY_SECONDS = 10.0
FREE_PAGES = 1000

SCHEMA = """
CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, stamp TEXT NOT NULL, line BLOB NOT NULL);
CREATE TABLE aside (
  seq INTEGER PRIMARY KEY, stamp TEXT NOT NULL, line BLOB NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,
  refused_at_ms INTEGER NOT NULL
);
CREATE TABLE state (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO state VALUES ('last_stamp', '000000000000000000000'), ('acked_stamp', '000000000000000000000'),
  ('offset_ms', 0), ('refused', 0);
"""


#: An event's type, and the task of an answer, as the package writes them at the beginning of a line.
KIND = "substr(line, 10, instr(substr(line, 10, 12), x'22') - 1)"
TASK_ID = "substr(line, 31, instr(substr(line, 31, 130), x'22') - 1)"


@dataclass(frozen=True)
class Contents:
    """Counts of what an outbox holds unsent: events by type, and the tasks that answers are of."""

    by_type: dict[str, int]
    tasks: int
    #: The first of them, up to as many as were asked for.
    task_ids: list[str]


@dataclass(frozen=True)
class Row:
    """An event that waits."""

    seq: int
    stamp: str
    line: bytes


class Store:
    """One connection to the file, for one thread at a time. Raises OutboxError for all that goes wrong with it."""

    def __init__(self, path: str, *, create: bool = True) -> None:
        self.path = path
        try:
            if not create and not os.path.exists(path):
                raise OutboxError(f"There is no outbox at {path}.")
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
        except sqlite3.Error as error:
            raise OutboxError(f"The outbox {path} cannot be opened: {error}. Is its directory there?") from error
        try:
            self._open()
        except sqlite3.Error as error:
            self._db.close()
            raise OutboxError(f"{path} is no outbox that can be used: {error}. Move it away, or name another.") from error
        except OutboxError:
            self._db.close()
            raise

    def _open(self) -> None:
        db = self._db
        (application_id,) = db.execute("PRAGMA application_id").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application_id != APPLICATION_ID and (tables > 0 or application_id != 0):
            raise OutboxError(f"{self.path} is a database of another program; name another file.")
        if tables == 0:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = 1")
        db.execute("BEGIN IMMEDIATE")
        try:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in SCHEMA.split(";")[:-1]:
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {VERSION}")
            elif version != VERSION:
                raise OutboxError(f"{self.path} was written by another version of this package ({version}).")
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        if os.path.getsize(self.path) <= CHECKED_BYTES:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise OutboxError(f"{self.path} is damaged ({found}). Export what can be read, and move it away.")

    def close(self) -> None:
        self._db.close()

    def append(self, lines: Sequence[bytes], stamps: StampSource, now_ms: int) -> None:
        """Adds events behind all others, durable when this returns. `now_ms`: the machine's clock."""
        with self._transaction("append") as db:
            (last,) = db.execute("SELECT value FROM state WHERE name = 'last_stamp'").fetchone()
            (offset,) = db.execute("SELECT value FROM state WHERE name = 'offset_ms'").fetchone()
            rows = []
            for line in lines:
                last = stamps.after(last, now_ms + offset)
                rows.append((last, line))
            db.executemany("INSERT INTO events (stamp, line) VALUES (?, ?)", rows)
            db.execute("UPDATE state SET value = ? WHERE name = 'last_stamp'", (last,))

    def first(self, after_seq: int, most: int, most_bytes: int) -> list[Row]:
        """The first events in their order: so many, and together of so many bytes, or one that is larger."""
        rows: list[Row] = []
        size = 0
        try:
            found = self._db.execute(
                "SELECT seq, stamp, line FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after_seq, most)
            )
            for seq, stamp, line in found:
                size += len(line) + 35
                if rows and size > most_bytes:
                    break
                rows.append(Row(seq, stamp, line))
            found.close()
        except sqlite3.Error as error:
            raise OutboxError(f"The outbox {self.path} cannot be read: {error}") from error
        return rows

    def settle(self, done: Sequence[Row], refused: Sequence[tuple[Row, str, str]], offset_ms: int | None) -> None:
        """Deletes what was acknowledged, sets aside what was refused, and notes how far the clock is off."""
        at_ms = int(time.time() * 1000)
        with self._transaction("settle") as db:
            db.executemany(
                "INSERT OR REPLACE INTO aside VALUES (?, ?, ?, ?, ?, ?)",
                [(row.seq, row.stamp, row.line, code, message, at_ms) for row, code, message in refused],
            )
            gone = [row.seq for row in done] + [row.seq for row, _, _ in refused]
            if gone and gone[-1] - gone[0] == len(gone) - 1 and sorted(gone) == gone:
                deleted = db.execute("DELETE FROM events WHERE seq BETWEEN ? AND ?", (gone[0], gone[-1])).rowcount
            else:
                deleted = db.executemany("DELETE FROM events WHERE seq = ?", [(seq,) for seq in gone]).rowcount
            if deleted < len(gone):
                # They were moved aside while they were sent.
                sent = [(row.seq, CLEARED) for row in done]
                db.executemany("DELETE FROM aside WHERE seq = ? AND code = ?", sent)
            if done:
                acked = max(row.stamp for row in done)
                db.execute("UPDATE state SET value = max(value, ?) WHERE name = 'acked_stamp'", (acked,))
            if refused:
                db.execute("UPDATE state SET value = value + ? WHERE name = 'refused'", (len(refused),))
            if offset_ms is not None:
                db.execute("UPDATE state SET value = ? WHERE name = 'offset_ms'", (offset_ms,))

    def stamp_anew(self, stamps: StampSource, server_ms: int, oldest_ms: int, ahead_ms: int) -> None:
        """Stamps anew, in their order, what is older than `oldest_ms` or more than `ahead_ms` before its time."""
        oldest, latest = encode(oldest_ms, 9), encode(server_ms + ahead_ms, 9) + "~"
        with self._transaction("stamp") as db:
            last = EARLIEST
            changed = []
            # In the order of events, stamps never decrease: those that are too old come first.
            for seq, stamp in db.execute("SELECT seq, stamp FROM events WHERE stamp < ? ORDER BY seq", (oldest,)):
                last = stamps.after(last, oldest_ms)
                changed.append((last, seq))
            (last,) = db.execute("SELECT value FROM state WHERE name = 'acked_stamp'").fetchone()
            (good,) = db.execute("SELECT max(stamp) FROM events WHERE stamp <= ?", (latest,)).fetchone()
            last = max(last, good or EARLIEST, *(stamp for stamp, _ in changed[-1:]))
            for seq, stamp in db.execute("SELECT seq, stamp FROM events WHERE stamp > ? ORDER BY seq", (latest,)):
                last = stamps.after(last, server_ms)
                changed.append((last, seq))
            db.executemany("UPDATE events SET stamp = ? WHERE seq = ?", changed)
            db.execute("UPDATE state SET value = ? WHERE name = 'last_stamp'", (last,))

    def counts(self) -> tuple[int, int, int]:
        """How many wait, how many are aside, and how many were ever refused."""
        return tuple(
            self._number(query)
            for query in (
                "SELECT count(*) FROM events",
                "SELECT count(*) FROM aside",
                "SELECT value FROM state WHERE name = 'refused'",
            )
        )  # type: ignore[return-value]

    def contents(self, most_ids: int) -> Contents:
        """Counts what waits, by type."""
        try:
            found = self._db.execute(f"SELECT {KIND} AS kind, count(*) FROM events GROUP BY kind").fetchall()
            by_type = {bytes(kind).decode(errors="replace"): count for kind, count in found}
            if "response" not in by_type:
                return Contents(by_type, 0, [])
            answers = f"FROM events WHERE {KIND} = CAST('response' AS BLOB)"
            (tasks,) = self._db.execute(f"SELECT count(DISTINCT {TASK_ID}) {answers}").fetchone()
            ids = self._db.execute(f"SELECT DISTINCT {TASK_ID} {answers} LIMIT ?", (most_ids,)).fetchall()
        except sqlite3.Error as error:
            raise OutboxError(f"The outbox {self.path} cannot be read: {error}") from error
        return Contents(by_type, tasks, [bytes(one).decode(errors="replace") for (one,) in ids])

    def span(self) -> int:
        """How many may wait at most, quickly."""
        first = "SELECT min(seq) FROM events"
        return self._number(f"SELECT coalesce((SELECT max(seq) FROM events) - ({first}) + 1, 0)")

    def move_aside(self, types: Iterable[str] | None) -> int:
        """Sets aside, unsent, what waits of these types, or all; answers how many."""
        names = None if types is None else [name.encode() for name in types]
        chosen = "" if names is None else f" WHERE {KIND} IN ({', '.join('?' * len(names))})"
        with self._transaction("set aside") as db:
            at_ms = int(time.time() * 1000)
            message = "It was moved aside before it was sent."
            moved = db.execute(
                f"INSERT OR REPLACE INTO aside SELECT seq, stamp, line, ?, ?, ? FROM events{chosen}",
                (CLEARED, message, at_ms, *(names or [])),
            ).rowcount
            db.execute(f"DELETE FROM events{chosen}", names or [])
        return moved

    def oldest_ms(self) -> int | None:
        """The time of the first event that waits."""
        rows = self.first(0, 1, 0)
        return stamp_ms(rows[0].stamp) if rows else None

    def last_seq(self) -> int:
        return self._number("SELECT coalesce(max(seq), 0) FROM events")

    def offset_ms(self) -> int:
        return self._number("SELECT value FROM state WHERE name = 'offset_ms'")

    def set_aside(self, after_id: int = 0, most: int = 1000) -> list[SetAside]:
        """Events that are aside, by their ids."""
        try:
            found = self._db.execute(
                "SELECT seq, stamp, code, message, refused_at_ms, line FROM aside WHERE seq > ? ORDER BY seq LIMIT ?",
                (after_id, most),
            ).fetchall()
        except sqlite3.Error as error:
            raise OutboxError(f"The outbox {self.path} cannot be read: {error}") from error
        return [
            SetAside(seq, stamp, code, message, at_ms, bytes(line).decode())
            for seq, stamp, code, message, at_ms, line in found
        ]

    def retry(self, ids: Iterable[int] | None, stamps: StampSource, now_ms: int) -> int:
        """Puts what is aside behind what waits, as new events: these, or all that were refused; answers how many."""
        where = "code <> ?" if ids is None else "seq = ?"
        values: list[object] = [CLEARED] if ids is None else list(ids)
        with self._transaction("retry") as db:
            found = [
                row
                for value in values
                for row in db.execute(f"SELECT seq, line FROM aside WHERE {where} ORDER BY seq", (value,))
            ]
            (last,) = db.execute("SELECT value FROM state WHERE name = 'last_stamp'").fetchone()
            (offset,) = db.execute("SELECT value FROM state WHERE name = 'offset_ms'").fetchone()
            for seq, line in found:
                last = stamps.after(last, now_ms + offset)
                db.execute("INSERT INTO events (stamp, line) VALUES (?, ?)", (last, line))
                db.execute("DELETE FROM aside WHERE seq = ?", (seq,))
            db.execute("UPDATE state SET value = ? WHERE name = 'last_stamp'", (last,))
        return len(found)

    def give_back_pages(self) -> None:
        """Makes the file smaller where much of it is empty."""
        try:
            (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
            if free > FREE_PAGES:
                self._db.execute(f"PRAGMA incremental_vacuum({FREE_PAGES})").fetchall()
        except sqlite3.Error:
            pass  # Another time.

    def _number(self, query: str) -> int:
        try:
            return int(self._db.execute(query).fetchone()[0])
        except sqlite3.Error as error:
            raise OutboxError(f"The outbox {self.path} cannot be read: {error}") from error

    def _transaction(self, verb: str) -> "_Transaction":
        return _Transaction(self._db, f"The outbox {self.path} did not {verb}")


class _Transaction:
    def __init__(self, db: sqlite3.Connection, failure: str) -> None:
        self._db = db
        self._failure = failure

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise OutboxError(f"{self._failure}: {error}") from error
        return self._db

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if error is None:
                self._db.execute("COMMIT")
                return
        except sqlite3.Error as failure:
            error = failure
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # SQLite has rolled back by itself; the first failure says why.
        if isinstance(error, sqlite3.Error):
            raise OutboxError(f"{self._failure}: {error}") from error
