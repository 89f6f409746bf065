"""`python -m sluice outbox PATH`: shows, retries and exports what an outbox holds, also while a proxy uses it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Sequence

from .errors import OutboxError
from .stamps import StampSource, stamp_ms
from .store import Store

PAGE = 1000


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
        store = Store(given.path, create=False)
        try:
            if given.retry is not None:
                count = store.retry(given.retry or None, StampSource(), int(time.time() * 1000))
                print(f"{count} refused events will be sent again.")
            elif given.export is not None:
                _export(store, given.export)
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


def _export(store: Store, which: str) -> None:
    last = 0
    while True:
        if which == "waiting":
            rows = [(row.seq, {"stamp": row.stamp, **json.loads(row.line)}) for row in store.first(last, PAGE, 2**26)]
        else:
            rows = [
                (one.id, {**json.loads(one.line), "refused": {"id": one.id, "code": one.code, "message": one.message}})
                for one in store.set_aside(last, PAGE)
            ]
        if not rows:
            return
        for last, event in rows:
            print(json.dumps(event, ensure_ascii=False))


def _time(ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000))


if __name__ == "__main__":
    sys.exit(main())
