"""Warnings that are logged once, however often their cause comes again."""

from __future__ import annotations

import logging

logger = logging.getLogger("sluice")

#: Warnings that are remembered; further ones are not logged.
MAX_WARNINGS = 1000

_warned: set[str] = set()


def warn_once(message: str) -> None:
    """Logs a warning, the first time."""
    if message in _warned or len(_warned) >= MAX_WARNINGS:
        return
    _warned.add(message)
    logger.warning("%s", message)
