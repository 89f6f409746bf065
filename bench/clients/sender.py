"""Sends what an outbox holds: how many responses a second reach Sluice.

Arguments: a directory, the address of Sluice, a key, the number of responses.
"""

import json
import os
import sys
import time

from sluice import Sluice

MINERS_PER_TASK = 3
ANSWER = {"transcript": "as long as many are " * 20, "confidence": 0.9, "language": "en"}
UNREACHABLE = "http://127.0.0.1:9"


def response(number: int) -> dict[str, object]:
    task, uid = divmod(number, MINERS_PER_TASK)
    return {"type": "response", "task_id": f"sender-{task}", "miner_uid": uid, "response_data": ANSWER}


def main(directory: str, url: str, key: str, count: str) -> None:
    path = os.path.join(directory, "outbox.db")
    filling = Sluice(UNREACHABLE, key, outbox=path)
    for start in range(0, int(count), 1000):
        filling.send_events(response(number) for number in range(start, start + 1000))
    filling.close(0)
    began = time.perf_counter()
    with Sluice(url, key, outbox=path) as client:
        is_sent = client.drain(120)
        seconds = time.perf_counter() - began
        status = client.outbox_status()
    print(json.dumps({"seconds": seconds, "is_sent": is_sent, "refused": status.refused, "sent": status.sent}))


main(*sys.argv[1:])
