"""Forks: a child must share no file, connection or stamp with its parent, and no lock of a thread that it lacks."""

from __future__ import annotations

import os
import threading
import weakref


class Forkable:
    """Holds its lock while it is in the middle of something; `leave` lets a child forget what is its parent's."""

    def __init__(self) -> None:
        self.fork_lock = threading.RLock()
        with _lock:
            _all.add(self)

    def leave(self) -> None:
        raise NotImplementedError


_lock = threading.RLock()
_all: weakref.WeakSet[Forkable] = weakref.WeakSet()
_held: list[Forkable] = []


def _hold() -> None:
    _lock.acquire()
    _held.extend(_all)
    for one in _held:
        one.fork_lock.acquire()


def _release() -> list[Forkable]:
    held = _held[:]
    _held.clear()
    for one in held:
        one.fork_lock.release()
    _lock.release()
    return held


def _leave() -> None:
    for one in _release():
        one.leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_leave)
