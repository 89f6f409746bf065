"""The memory of a client whose outbox fills while Sluice is out of reach, at each number of events that wait.

Arguments: a directory, the numbers.
"""

import json
import os
import subprocess
import sys

from sluice import Sluice

UNREACHABLE = "http://127.0.0.1:9"
ANSWER = {"text": "a short answer " * 8}


def resident_mib() -> float:
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, check=True)
    return int(shown.stdout) / 1024


def main(directory: str, *counts: str) -> None:
    path = os.path.join(directory, "outbox.db")
    client = Sluice(UNREACHABLE, "a-key", outbox=path)
    found = []
    number = 0
    for count in map(int, counts):
        while number < count:
            client.send_events(
                {"type": "response", "task_id": f"memory-{one // 3}", "miner_uid": one % 3, "response_data": ANSWER}
                for one in range(number, number + 1000)
            )
            number += 1000
        waiting = client.outbox_status().waiting
        found.append({"waiting": waiting, "resident_mib": resident_mib(), "file_mib": os.path.getsize(path) / 2**20})
    client.close(0)
    print(json.dumps(found))


main(*sys.argv[1:])
