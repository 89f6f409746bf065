"""`python -m sluice outbox PATH`: shows, retries and exports what an outbox holds, also while a proxy uses it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any, Sequence

from .errors import OutboxError
from .stamps import StampSource, stamp_ms
from .store import Store

PAGE = 1000
#: An event and its number.
Found = tuple[int, dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sluice", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    outbox = commands.add_parser("outbox", help="shows, retries and exports what an outbox holds")
    outbox.add_argument("path", metavar="PATH", help="the outbox's file")
    outbox.add_argument(
        "--retry", nargs="*", type=int, metavar="ID", help="sends again what is aside: these, or all that were refused"
    )
    outbox.add_argument(
        "--export", choices=["waiting", "refused"], help="prints the events as lines of POST /v1/events"
    )
    given = parser.parse_args(arguments)
    try:
        store = Store(given.path, create=False, check=False)
        try:
            if given.retry is not None:
                count = store.retry(given.retry or None, StampSource(), int(time.time() * 1000))
                print(f"{count} refused events will be sent again.")
            elif given.export is not None:
                lost = _export(store, given.export)
                if lost:
                    print(f"{lost} places in {given.path} cannot be read.", file=sys.stderr)
                    return 1
            else:
                _show(store)
        finally:
            store.close()
    except OutboxError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _show(store: Store) -> None:
    waiting, aside, refused = store.counts()
    oldest = store.oldest_ms()
    age = "" if oldest is None else f", the oldest of {_time(oldest)}"
    print(f"{waiting} events wait{age}.")
    print(f"{aside} events are kept aside, refused or cleared ({refused} were refused ever).")
    for one in store.set_aside(most=20):
        print(f"  {one.id}  {_time(one.refused_at_ms)}  {one.code}: {one.message}")
    if aside > 20:
        print(f"  … and {aside - 20} more; --export refused prints them all.")


def _export(store: Store, which: str) -> int:
    """Prints the events, and past damage those that can be read; answers how many cannot."""
    read = _waiting if which == "waiting" else _refused
    last = 0
    try:
        while found := read(store, last, PAGE):
            for last, event in found:
                print(json.dumps(event, ensure_ascii=False))
        return 0
    except OutboxError as error:
        print(error, file=sys.stderr)
    lost = 0
    for seq in range(last + 1, store.greatest_seq() + 1):
        try:
            for found_seq, event in read(store, seq - 1, 1):
                if found_seq == seq:
                    print(json.dumps(event, ensure_ascii=False))
        except (OutboxError, ValueError):
            lost += 1
    return lost


def _waiting(store: Store, after: int, most: int) -> list[Found]:
    return [(row.seq, {"stamp": row.stamp, **json.loads(row.line)}) for row in store.first(after, most, 2**26)]


def _refused(store: Store, after: int, most: int) -> list[Found]:
    return [
        (one.id, {**json.loads(one.line), "refused": {"id": one.id, "code": one.code, "message": one.message}})
        for one in store.set_aside(after, most)
    ]


def _time(ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000))


if __name__ == "__main__":
    sys.exit(main())
