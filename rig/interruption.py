"""Ctrl-C and its kin, taken only where the rig waits: no lock, packet or file is left half done.

Python's own way raises `KeyboardInterrupt` between any two instructions of the main thread, which
may just hold a lock or have sent half a request to a probe. Here the first signal is kept until the
main thread waits for the device; a second one is not kept.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """What the signals of this process have asked for."""

    def __init__(self) -> None:
        self._asked = False
        self._may_raise = False

    def take_signals(self, *, forget: bool = True) -> None:
        """From now on the process ends in order at any of the signals; main thread only.

        But not at those that whoever started it wants ignored, as `nohup` does. `forget` what
        was asked for before; not so in a forked process.
        """
        self._asked = self._asked and not forget
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def check(self) -> None:
        """Raises `KeyboardInterrupt` if a signal came."""
        if self._asked:
            raise KeyboardInterrupt

    def answered(self) -> None:
        """Whoever got `KeyboardInterrupt` does what was asked for, and waits for its end."""
        self._asked = False

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Within this a signal raises `KeyboardInterrupt` at once, in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._may_raise = True
        try:
            self.check()
            yield
        finally:
            self._may_raise = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        again, self._asked = self._asked, True
        if again or self._may_raise:
            raise KeyboardInterrupt


interruption = Interruption()
"""The one of this process: signals belong to no object."""
