"""`python3 examples/proxy`: runs the proxy until Ctrl-C, by default beside `npm start`."""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

# Where the package is not installed, the one beside is taken.
sys.path.append(str(Path(__file__).parents[2] / "clients/python"))

from proxy import proxy  # noqa: E402
from sluice import AsyncSluice  # noqa: E402


async def main() -> None:
    url = os.environ.get("SLUICE_URL", "http://127.0.0.1:5000")
    key = os.environ.get("SLUICE_API_KEY", "local-proxy-key")
    outbox = os.environ.get("SLUICE_OUTBOX", str(Path(__file__).with_name("outbox.db")))
    ended = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    async with AsyncSluice(url, key, outbox=outbox) as client:
        port = int(os.environ.get("PORT", "8000"))
        server = await asyncio.start_server(proxy(client, url, key).serve, "127.0.0.1", port, backlog=1024)
        host, port = server.sockets[0].getsockname()
        print(f"Miners may call http://{host}:{port}; their answers wait in {outbox} for {url}.", flush=True)
        await ended.wait()
        server.close()


logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
asyncio.run(main())
