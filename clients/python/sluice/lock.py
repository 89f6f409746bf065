"""A lock between processes that ends with its holder, however that ends."""

from __future__ import annotations

import sqlite3

from .errors import OutboxError
from .forks import Forkable


class FileLock(Forkable):
    """Held by an open transaction on a SQLite file of its own: the system frees it when the process dies."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._db: sqlite3.Connection | None = None

    def acquire(self) -> bool:
        """True where this process holds it, now or already. Raises OutboxError where the file cannot be made."""
        with self.fork_lock:
            if self._db is not None:
                return True
            db = None
            try:
                db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=0)
                db.execute("BEGIN EXCLUSIVE")
            except sqlite3.Error as error:
                if db is not None:
                    db.close()
                if "locked" in str(error):
                    return False
                raise OutboxError(f"{self._path} cannot be locked: {error}") from error
            self._db = db
            return True

    def release(self) -> None:
        with self.fork_lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    #: The parent holds it on: locks are no child's.
    leave = release
