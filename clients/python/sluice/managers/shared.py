"""The client that all managers of a process share."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass

from ..aio import AsyncSluice
from ..errors import ApiError, ConfigurationError, SluiceError
from .figures import Figures

logger = logging.getLogger("sluice")

#: The longest that a forced flush waits for the outbox to be empty.
DRAIN_SECONDS = 10.0


@dataclass(frozen=True)
class Shared:
    """A client with an outbox, and what is known of the outbox and of Sluice without asking."""

    client: AsyncSluice
    figures: Figures


_lock = threading.Lock()
_shared: Shared | None = None


def use(client: AsyncSluice | None) -> None:
    """Has all managers use this client, which needs an outbox; None: one of the environment's settings.

    Without this call they share one that is made of SLUICE_URL, SLUICE_API_KEY and SLUICE_OUTBOX.
    """
    global _shared
    following = None if client is None else _with(client)
    with _lock:
        before, _shared = _shared, following
    if before is not None:
        before.figures.stop()


def shared() -> Shared:
    """The client that managers share, and figures.

    Raises ConfigurationError where a setting is missing, OutboxError where the file cannot be used.
    """
    global _shared
    with _lock:
        if _shared is None:
            if not os.environ.get("SLUICE_OUTBOX"):
                raise ConfigurationError(
                    "The managers need an outbox: set SLUICE_OUTBOX to a file on a disk that outlives the process "
                    "(in a container, on a volume), or hand over a client with sluice.managers.use()."
                )
            _shared = _with(AsyncSluice())
        return _shared


def _with(client: AsyncSluice) -> Shared:
    outbox = client.sync.outbox
    if outbox is None:
        raise ConfigurationError("The managers need a client with an outbox: AsyncSluice(…, outbox=PATH).")
    return Shared(client, Figures(client.sync, outbox))


async def force_flush() -> None:
    """Sends what the outbox holds and asks for a flush; says in the log what did not work, as the rest waits safely."""
    client = shared().client
    try:
        if not await client.drain(DRAIN_SECONDS):
            logger.warning("Sluice has not got everything yet; the rest waits in the outbox and is sent later")
            return
        await client.flush()
    except ApiError as error:
        why = "may not ask for a flush" if error.status == 403 else f"got no flush ({error})"
        logger.warning("All is sent, but this key %s: Sluice writes it in its own time", why)
    except SluiceError as error:
        logger.warning("No flush could be asked for: %s", error)
