"""Runs a proxy for each line of stdin, in a child that is killed as the line says: a fork takes no interpreter's start.

A line is JSON: `url`, `key`, `path`, `events` (lists, each sent at once; or one list for ever, with `first` and the
numbers after it for `$n`), and nothing more or `seconds` (SIGKILL from outside, so long after the start, or with
`acked` after the first event), `statements` (SIGKILL before that statement of
SQLite) or `limit` (no file may grow past so many bytes, until all are tried, and then `last`). Each durable event is
written as `ack N`; `end` or `killed` follows.
"""

import itertools
import json
import logging
import os
import resource
import signal
import sqlite3
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../clients/python"))

from sluice import OutboxError, Sluice  # noqa: E402

logging.getLogger("sluice").addHandler(logging.NullHandler())


def say(text):
    os.write(1, f"{text}\n".encode())


def die_before_statement(number):
    lock = threading.Lock()
    left = [number]
    connect = sqlite3.connect

    def count(_):
        with lock:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def connect_and_count(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.set_trace_callback(count)
        return connection

    sqlite3.connect = connect_and_count


def limit_files(size):
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if size is None else size, hard))


def lists(line):
    """The lists of events to send; `$hundreds` and `$rest` are parts of the number."""
    if "first" not in line:
        return line["events"]
    text = json.dumps(line["events"])
    return (numbered(text, number) for number in itertools.count(line["first"]))


def numbered(text, number):
    values = {'"$n"': number, '"$rest"': number % 100, "$hundreds": number // 100}
    for name, value in values.items():
        text = text.replace(name, str(value))
    return json.loads(text)


def proxy(line):
    return Sluice(line["url"], line["key"], outbox=line["path"], linger=0.005, max_backoff=0.02)


def run(line, acked):
    if "statements" in line:
        die_before_statement(line["statements"])
    if "limit" in line:
        limit_files(line["limit"])
    client = None
    for number, events in enumerate(lists(line)):
        try:
            client = client or proxy(line)
            client.send_events(events)
            say(f"ack {number}")
            if number == 0:
                os.close(acked)
        except OutboxError:
            if "limit" not in line:
                raise
    if "limit" in line:
        limit_files(None)
        client = client or proxy(line)
        client.send_events(line["last"])
        say(f"ack {len(line['events'])}")
    client = client or proxy(line)
    client.drain(10)
    client.close(0)


def main():
    for text in sys.stdin:
        line = json.loads(text)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                run(line, write)
                os._exit(0)
            finally:
                os._exit(1)
        os.close(write)
        if line.get("acked"):
            os.read(read, 1)
        os.close(read)
        if "seconds" in line:
            time.sleep(line["seconds"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        say("end" if status == 0 else "killed" if os.WIFSIGNALED(status) else "failed")


if __name__ == "__main__":
    main()
