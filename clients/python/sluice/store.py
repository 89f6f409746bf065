"""An outbox's contents: the events that wait, those that were set aside, and the clock's state."""

from __future__ import annotations

import sqlite3
from typing import Iterable, NamedTuple, Sequence

from .contents import CLEARED, Contents, move_aside, read_contents
from .database import Database
from .errors import OutboxError, SetAside
from .stamps import EARLIEST, StampSource, encode, stamp_ms

FREE_PAGES = 1000
#: Tasks that the outbox remembers to have created.
MAX_CREATED = 100_000

STATE = "SELECT value FROM state WHERE name = ?"
SET_STATE = "UPDATE state SET value = ? WHERE name = ?"


class Row(NamedTuple):
    """An event that waits."""

    seq: int
    stamp: str
    line: bytes


class Store:
    """The statements over one connection, for one thread at a time. Raises OutboxError for all that goes wrong."""

    def __init__(self, path: str, *, create: bool = True, check: bool = True) -> None:
        self.path = path
        self._database = Database(path, create=create, check=check)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(
        self, lines: Sequence[bytes], stamps: StampSource, now_ms: int, created: Sequence[str] = ()
    ) -> None:
        """Adds events behind all others, durable when this returns.

        `now_ms`: the machine's clock; `created`: the tasks that they create.
        """
        with self._database.transaction("append") as db:
            self._database.check_in_place()
            (last,) = db.execute(STATE, ("last_stamp",)).fetchone()
            (offset,) = db.execute(STATE, ("offset_ms",)).fetchone()
            rows = []
            for line in lines:
                last = stamps.after(last, now_ms + offset)
                rows.append((last, line))
            db.executemany("INSERT INTO events (stamp, line) VALUES (?, ?)", rows)
            db.execute(SET_STATE, (last, "last_stamp"))
            if created:
                db.executemany("INSERT INTO created (task_id) VALUES (?)", [(task_id,) for task_id in created])
                db.execute("DELETE FROM created WHERE n <= (SELECT max(n) FROM created) - ?", (MAX_CREATED,))

    def has_created(self, task_id: str) -> bool:
        """Tells if an event of this file, sent or not, created the task."""
        return bool(self._database.read("SELECT 1 FROM created WHERE task_id = ? LIMIT 1", (task_id,)))

    def first(self, after_seq: int, most: int, most_bytes: int) -> list[Row]:
        """The first events in their order: so many, and together of so many bytes, or one that is larger."""
        rows: list[Row] = []
        size = 0
        with self._database.reading() as db:
            found = db.execute(
                "SELECT seq, stamp, line FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after_seq, most)
            )
            for seq, stamp, line in found:
                size += len(line) + 35
                if rows and size > most_bytes:
                    break
                rows.append(Row(seq, stamp, line))
            found.close()
        return rows

    def settle(
        self,
        done: Sequence[int],
        acked: str,
        refused: Sequence[tuple[Row, str, str]],
        offset_ms: int | None,
        now_ms: int,
    ) -> None:
        """Deletes what was acknowledged, up to the stamp `acked`, sets aside what was refused, and notes how far the
        clock is off."""
        with self._database.transaction("settle") as db:
            db.executemany(
                "INSERT OR REPLACE INTO aside VALUES (?, ?, ?, ?, ?, ?)",
                [(row.seq, row.stamp, row.line, code, message, now_ms) for row, code, message in refused],
            )
            gone = [*done, *(row.seq for row, _, _ in refused)]
            if gone and gone[-1] - gone[0] == len(gone) - 1 and sorted(gone) == gone:
                deleted = db.execute("DELETE FROM events WHERE seq BETWEEN ? AND ?", (gone[0], gone[-1])).rowcount
            else:
                deleted = db.executemany("DELETE FROM events WHERE seq = ?", [(seq,) for seq in gone]).rowcount
            if deleted < len(gone):
                # They were moved aside while they were sent.
                sent = [(seq, CLEARED) for seq in done]
                db.executemany("DELETE FROM aside WHERE seq = ? AND code = ?", sent)
            db.execute("UPDATE state SET value = max(value, ?) WHERE name = 'acked_stamp'", (acked,))
            if refused:
                db.execute("UPDATE state SET value = value + ? WHERE name = 'refused'", (len(refused),))
            if offset_ms is not None:
                db.execute(SET_STATE, (offset_ms, "offset_ms"))

    def stamp_anew(self, server_ms: int, oldest_ms: int, ahead_ms: int) -> None:
        """Stamps anew, in their order, what is older than `oldest_ms` or more than `ahead_ms` before its time."""
        # An opening of its own: where the clock goes back no stamp comes twice.
        stamps = StampSource()
        oldest, latest = encode(oldest_ms, 9), encode(server_ms + ahead_ms, 9) + "~"
        with self._database.transaction("stamp") as db:
            # In the order of events, stamps never decrease: those that are too old come first.
            after_old = _stamp_anew(db, "stamp < ?", oldest, stamps, EARLIEST, oldest_ms)
            (acked,) = db.execute(STATE, ("acked_stamp",)).fetchone()
            (good,) = db.execute("SELECT max(stamp) FROM events WHERE stamp <= ?", (latest,)).fetchone()
            last = max(after_old, acked, good or EARLIEST)
            last = _stamp_anew(db, "stamp > ?", latest, stamps, last, server_ms)
            db.execute(SET_STATE, (last, "last_stamp"))

    def counts(self) -> tuple[int, int, int]:
        """The numbers of events that wait, that are aside, and that were ever refused."""
        query = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM aside), value FROM state WHERE name = ?"
        waiting, aside, refused = self._database.read(query, ("refused",))[0]
        return waiting, aside, refused

    def contents(self, most_ids: int) -> Contents:
        """Counts what waits, by type."""
        return read_contents(self._database, most_ids)

    def span(self) -> int:
        """A bound on the number of events that wait, quickly found."""
        query = "SELECT coalesce((SELECT max(seq) FROM events) - (SELECT min(seq) FROM events) + 1, 0)"
        return int(self._database.read(query)[0][0])

    def move_aside(self, types: Iterable[str] | None, now_ms: int) -> int:
        """Sets aside, unsent, what waits of these types, or all; answers how many."""
        return move_aside(self._database, types, now_ms)

    def oldest_ms(self) -> int | None:
        """The time of the first event that waits."""
        rows = self.first(0, 1, 0)
        return stamp_ms(rows[0].stamp) if rows else None

    def last_seq(self) -> int:
        return int(self._database.read("SELECT coalesce(max(seq), 0) FROM events")[0][0])

    def offset_ms(self) -> int:
        return int(self._database.read(STATE, ("offset_ms",))[0][0])

    def set_aside(self, after_id: int = 0, most: int = 1000) -> list[SetAside]:
        """Events that are aside, by their ids."""
        query = "SELECT seq, stamp, code, message, refused_at_ms, line FROM aside WHERE seq > ? ORDER BY seq LIMIT ?"
        return [
            SetAside(seq, stamp, code, message, at_ms, bytes(line).decode())
            for seq, stamp, code, message, at_ms, line in self._database.read(query, (after_id, most))
        ]

    def retry(self, ids: Iterable[int] | None, stamps: StampSource, now_ms: int) -> int:
        """Puts what is aside behind what waits, as new events: these, or all that were refused; answers how many."""
        where = "code <> ?" if ids is None else "seq = ?"
        values: list[object] = [CLEARED] if ids is None else [*dict.fromkeys(ids)]
        with self._database.transaction("retry") as db:
            self._database.check_in_place()
            found = [
                row
                for value in values
                for row in db.execute(f"SELECT seq, line FROM aside WHERE {where} ORDER BY seq", (value,))
            ]
            (last,) = db.execute(STATE, ("last_stamp",)).fetchone()
            (offset,) = db.execute(STATE, ("offset_ms",)).fetchone()
            for seq, line in found:
                last = stamps.after(last, now_ms + offset)
                db.execute("INSERT INTO events (stamp, line) VALUES (?, ?)", (last, line))
                db.execute("DELETE FROM aside WHERE seq = ?", (seq,))
            db.execute(SET_STATE, (last, "last_stamp"))
        return len(found)

    def greatest_seq(self) -> int:
        """The number of the last event that this file ever took."""
        found = self._database.read("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        return int(found[0][0]) if found else 0

    def give_back_pages(self) -> None:
        """Makes the file smaller where much of it is empty."""
        try:
            ((free,),) = self._database.read("PRAGMA freelist_count")
            if free > FREE_PAGES:
                self._database.read(f"PRAGMA incremental_vacuum({FREE_PAGES})")
        except OutboxError:
            pass  # Another time.


def _stamp_anew(
    db: sqlite3.Connection, which: str, bound: str, stamps: StampSource, last: str, now_ms: int
) -> str:
    """Stamps these events anew, each after the one before and the first after `last`; answers the last stamp."""
    seq = 0
    while True:
        query = f"SELECT seq FROM events WHERE seq > ? AND {which} ORDER BY seq LIMIT 10000"
        found = [one for (one,) in db.execute(query, (seq, bound))]
        if not found:
            return last
        changed = []
        for seq in found:
            last = stamps.after(last, now_ms)
            changed.append((last, seq))
        db.executemany("UPDATE events SET stamp = ? WHERE seq = ?", changed)
