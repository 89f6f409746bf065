"""Contents of an outbox that were not sent, by type; and moving them aside."""

from __future__ import annotations

from typing import Iterable, NamedTuple

from .database import Database

#: The code of events that were moved aside unsent, as their owner asked.
CLEARED = "cleared"
#: An event's type, and the task of an answer, as the package writes them at the beginning of a line.
KIND = "substr(line, 10, instr(substr(line, 10, 12), x'22') - 1)"
TASK_ID = "substr(line, 31, instr(substr(line, 31, 130), x'22') - 1)"


class Contents(NamedTuple):
    """Events that wait, by type, and the tasks that answers are of."""

    by_type: dict[str, int]
    tasks: int
    #: The first of them, up to as many as were asked for.
    task_ids: list[str]


def read_contents(database: Database, most_ids: int) -> Contents:
    """Counts what waits, by type."""
    found = database.read(f"SELECT {KIND} AS kind, count(*) FROM events GROUP BY kind")
    by_type = {bytes(kind).decode(errors="replace"): count for kind, count in found}
    if "response" not in by_type:
        return Contents(by_type, 0, [])
    answers = f"FROM events WHERE {KIND} = CAST('response' AS BLOB)"
    ((tasks,),) = database.read(f"SELECT count(DISTINCT {TASK_ID}) {answers}")
    ids = database.read(f"SELECT DISTINCT {TASK_ID} {answers} LIMIT ?", (most_ids,))
    return Contents(by_type, tasks, [bytes(one).decode(errors="replace") for (one,) in ids])


def move_aside(database: Database, types: Iterable[str] | None, now_ms: int) -> int:
    """Sets aside, unsent, what waits of these types, or all; answers how many."""
    names = None if types is None else [name.encode() for name in types]
    chosen = "" if names is None else f" WHERE {KIND} IN ({', '.join('?' * len(names))})"
    message = "It was moved aside before it was sent."
    with database.transaction("set aside") as db:
        moved = db.execute(
            f"INSERT OR REPLACE INTO aside SELECT seq, stamp, line, ?, ?, ? FROM events{chosen}",
            (CLEARED, message, now_ms, *(names or [])),
        ).rowcount
        db.execute(f"DELETE FROM events{chosen}", names or [])
    return moved
