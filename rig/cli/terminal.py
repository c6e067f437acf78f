"""What becomes of output that the terminal, or whoever reads it, does not take."""

from __future__ import annotations

import os
import sys

from rich.console import Console


def be_lenient() -> None:
    """Signs that the terminal's encoding lacks come as question marks, and never fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def go_silent() -> None:
    """Nobody reads the output any more: what is still to be said, Python's last words too, is lost.

    Without this the interpreter would try once more at its end, and complain.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


class TerminalConsole(Console):
    """A console that goes on without a reader: a run ends with its report all the same."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        go_silent()
