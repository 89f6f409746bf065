"""Runs a command at a terminal and presses Enter at each question, as `python3 terminal.py COMMAND ARGUMENT…`."""

import os
import pty
import sys

QUESTION = b"(y/N)"


def main(command: list[str]) -> int:
    """Returns how the command ended; prints what it shows."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    shown = b""
    answered = 0
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says so where the other end is closed.
            part = b""
        if part == b"":
            break
        shown += part
        while shown.count(QUESTION) > answered:
            answered += 1
            os.write(terminal, b"\r")
    _, status = os.waitpid(child, 0)
    sys.stdout.write(shown.decode(errors="replace"))
    return os.waitstatus_to_exitcode(status)


sys.exit(main(sys.argv[1:]))
