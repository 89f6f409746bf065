"""Durable calls of `send_response` from 64 asyncio tasks: how many a second, and how long each takes.

Arguments: a directory, the address of Sluice, a key, seconds.
"""

import asyncio
import json
import os
import sys
import time

from sluice import AsyncSluice

TASKS = 64
ANSWER = {"transcript": "as long as many are " * 20, "confidence": 0.9, "language": "en"}
WAITS = 200


def disk_ms(directory: str) -> list[float]:
    """Milliseconds of waits for the disk, of a page each, without SQLite."""
    path = os.path.join(directory, "disk")
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    took = []
    for _ in range(WAITS):
        began = time.perf_counter()
        os.write(file, bytes(4096))
        os.fsync(file)
        took.append((time.perf_counter() - began) * 1000)
    os.close(file)
    os.unlink(path)
    return took


async def calls_ms(directory: str, url: str, key: str, seconds: float) -> tuple[list[float], float]:
    """Milliseconds of each call, and how many seconds they took together."""
    client = AsyncSluice(url, key, outbox=os.path.join(directory, "outbox.db"))
    took: list[float] = []
    began = time.perf_counter()

    async def caller(uid: int) -> None:
        number = 0
        while time.perf_counter() < began + seconds:
            at = time.perf_counter()
            await client.send_response(f"outbox-{number}", uid, ANSWER, processing_time=1.5, accuracy_score=0.9)
            took.append((time.perf_counter() - at) * 1000)
            number += 1

    await asyncio.gather(*(caller(uid) for uid in range(TASKS)))
    lasted = time.perf_counter() - began
    await client.close(0)
    return took, lasted


async def main(directory: str, url: str, key: str, seconds: str) -> None:
    disk = disk_ms(directory)
    took, lasted = await calls_ms(directory, url, key, float(seconds))
    print(json.dumps({"calls_ms": took, "seconds": lasted, "disk_ms": disk}))


asyncio.run(main(*sys.argv[1:]))
