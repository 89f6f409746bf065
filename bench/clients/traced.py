"""The client, whole, in the time of another process: only its clock and the waits of its sender are replaced.

Arguments: the path of an outbox, the address of Sluice, a key, seconds to linger. Each line of the input is
`{at_ms, calls: [[method, arguments, keywords]]}`: the clock moves there, then the calls are made, and when the sender
waits or has a request under way the answer is `{sent, is_sending, due_ms}`, a line of JSON.
"""

import json
import math
import sys
import threading
from types import SimpleNamespace
from typing import Any

import sluice.sender
from sluice import Sluice


class Time:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def time(self) -> float:
        return self.seconds

    monotonic = time


class Waits(threading.Condition):
    """The sender's condition: its waits end by notification or by the clock that is moved."""

    def __init__(self, clock: Time) -> None:
        super().__init__()
        self._clock = clock
        self.changed = threading.Condition()
        self.is_waiting = self.is_sending = False
        self.due = math.inf

    def note(self, **state: Any) -> None:
        with self.changed:
            self.__dict__.update(state)
            self.changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        self.note(is_waiting=True, due=math.inf if timeout is None else self._clock.seconds + timeout)
        return super().wait()

    def notify(self, n: int = 1) -> None:
        # The sender is busy from here on, though its thread may not run yet.
        self.note(is_waiting=False, due=math.inf)
        super().notify(n)

    def settle(self) -> None:
        """Returns when the sender waits, or has a request under way."""
        with self.changed:
            self.changed.wait_for(lambda: self.is_waiting or self.is_sending)


def main(path: str, url: str, key: str, linger: str) -> None:
    clock = Time()
    waits = Waits(clock)
    ship = sluice.sender.ship

    def noted_ship(*args: Any, **kwargs: Any) -> Any:
        waits.note(is_sending=True)
        try:
            return ship(*args, **kwargs)
        finally:
            waits.note(is_sending=False)

    vars(sluice.sender).update(
        time=clock, ship=noted_ship, threading=SimpleNamespace(Condition=lambda: waits, Thread=threading.Thread)
    )
    clock.seconds = json.loads(sys.stdin.readline())["at_ms"] / 1000
    client = Sluice(url, key, outbox=path, linger=float(linger), now=clock.time)
    print("{}", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if clock.seconds != command["at_ms"] / 1000:
            clock.seconds = command["at_ms"] / 1000
            with waits:
                waits.notify_all()
        for method, args, keywords in command["calls"]:
            getattr(client, method)(*args, **keywords)
        waits.settle()
        due_ms = None if waits.due == math.inf else math.ceil(waits.due * 1000)
        sent = client._outbox._sender.sent
        print(json.dumps({"sent": sent, "is_sending": waits.is_sending, "due_ms": due_ms}), flush=True)
    client.close(0)


main(*sys.argv[1:])
