"""Stamps: when an event was accepted, by whom and as which of that millisecond; its identity and its place.

A stamp has 21 characters: 9 of milliseconds since the epoch in base 36, 8 of the opening that made it, 4 of a sequence.
Comparing two as texts compares their times.
"""

from __future__ import annotations

import secrets

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
MAX_SEQUENCE = 36**4 - 1
EARLIEST = "0" * 21


def encode(value: int, width: int) -> str:
    """A number in base 36, of a fixed width."""
    text = ""
    for _ in range(width):
        value, digit = divmod(value, 36)
        text = DIGITS[digit] + text
    return text


def stamp_ms(stamp: str) -> int:
    """Milliseconds since the epoch of a stamp."""
    return int(stamp[:9], 36)


def new_boot_id() -> str:
    """Names one opening of an outbox: random, so that a copied file shares it with nobody."""
    # The first character is neither `0` nor `z` nor `d`: Sluice keeps some ids to itself.
    return secrets.choice("abcefghijklmnopqrstuvwxy") + "".join(secrets.choice(DIGITS) for _ in range(7))


class StampSource:
    """Makes stamps of one opening, each greater than all before in the same file, whoever made those."""

    def __init__(self, boot_id: str | None = None) -> None:
        self.boot_id = boot_id or new_boot_id()

    def after(self, last: str, now_ms: int) -> str:
        """The stamp of now, or the next one after `last` where that is later."""
        last_ms = stamp_ms(last)
        if now_ms > last_ms:
            return self._stamp(now_ms, 0)
        sequence = int(last[17:], 36)
        # Another opening's stamps of the same millisecond may sort behind all of this one's.
        if last[9:17] != self.boot_id or sequence == MAX_SEQUENCE:
            return self._stamp(last_ms + 1, 0)
        return self._stamp(last_ms, sequence + 1)

    def _stamp(self, ms: int, sequence: int) -> str:
        return f"{encode(ms, 9)}{self.boot_id}{encode(sequence, 4)}"
