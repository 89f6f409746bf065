"""Recordings of outboxes' files, which every client of this form must read: `python3 recording.py > ../outbox/N.json`
makes one of what this code writes. None is ever changed."""

from __future__ import annotations

import json
import os
import sqlite3
from typing import Any

RECORDINGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../outbox")
TABLES = ("events", "aside", "state", "created", "sqlite_sequence")
PRAGMAS = ("application_id", "user_version", "auto_vacuum", "journal_mode")


def recorded(path: str) -> dict[str, Any]:
    """All that a file has: its pragmas, its tables as they were made, and their rows."""
    db = sqlite3.connect(path)
    try:
        query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'sqlite_sequence' ORDER BY rowid"
        return {
            "pragmas": {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS},
            "schema": [" ".join(sql.split()) for (sql,) in db.execute(query)],
            "rows": {name: [[shown(value) for value in row] for row in rows(db, name)] for name in TABLES},
        }
    finally:
        db.close()


def rows(db: sqlite3.Connection, name: str) -> list[Any]:
    return db.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall()


def shown(value: Any) -> Any:
    """A value as JSON has it: bytes are always text here."""
    return {"bytes": value.decode()} if isinstance(value, bytes) else value


def restore(recording: dict[str, Any], path: str) -> None:
    """Makes the file of a recording."""
    db = sqlite3.connect(path, isolation_level=None)
    for name, value in recording["pragmas"].items():
        if name != "journal_mode":
            db.execute(f"PRAGMA {name} = {value}")
    for sql in recording["schema"]:
        db.execute(sql)
    db.execute(f"PRAGMA journal_mode = {recording['pragmas']['journal_mode']}")
    for name, found in recording["rows"].items():
        for row in found:
            values = [value["bytes"].encode() if isinstance(value, dict) else value for value in row]
            db.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(values))})", values)
    db.close()


def main() -> None:
    from support import Server, problem, until

    from sluice import Sluice
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "outbox.db")
        server = Server()
        server.clock_ahead = 3.0
        server.refuse = lambda line: ("invalid_request", "no such thing") if line["type"] == "delete" else None
        client = Sluice(server.url, "a-key", outbox=path, linger=0.01, max_backoff=0.02)
        client.delete("a/refused")
        client.set("a/sent", {"n": 1})
        assert client.drain()
        server.failures = [problem(503, "unavailable")] * 100_000
        client.send_response("t", 1, {"text": "cleared"})
        client.clear_outbox(["response"])
        client.create_task("translation", input_text="ä, \u0000 and half of one: \ud83d", task_id="a-task")
        client.send_response("a-task", 7, {"large": 9_007_199_254_740_993, "text": "“Hello”"}, hotkey="5F")
        client.update("a/b", {"c.d": None})
        until(lambda: len(server.requests) > 3)
        client.close(0)
        server.stop()
        print(json.dumps(recorded(path), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
