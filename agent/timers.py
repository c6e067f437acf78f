"""The two one-shot timers for an application with an event loop of its own (OTA spec §2.5)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from agent.machine.ports import Timer


class LoopTimers:
    """The request timer is a deadline the loop looks at (it is restarted with every block); the
    self-test timer is a thread, because it must fire when the loop hangs."""

    def __init__(
        self, expired: Callable[[Timer], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """``expired`` is called in the loop's thread for REQUEST, in its own for SELF_TEST."""
        self._expired = expired
        self._monotonic = monotonic
        self._deadline: float | None = None
        self._self_test: threading.Timer | None = None

    def start(self, timer: Timer, seconds: float) -> bool:
        """Start or restart; ``seconds`` from now."""
        if timer is Timer.REQUEST:
            self._deadline = self._monotonic() + seconds
            return True
        self.stop(Timer.SELF_TEST)
        thread = threading.Timer(seconds, self._expired, (Timer.SELF_TEST,))
        thread.daemon = True
        self._self_test = thread
        thread.start()
        return True

    def stop(self, timer: Timer) -> bool:
        """Stop; harmless when not running."""
        if timer is Timer.REQUEST:
            self._deadline = None
        elif self._self_test is not None:
            self._self_test.cancel()
            self._self_test = None
        return True

    @property
    def deadline(self) -> float | None:
        """When the request timer expires (``monotonic`` seconds)."""
        return self._deadline

    def run_due(self) -> None:
        """Fire the request timer if its time has come."""
        if self._deadline is not None and self._monotonic() >= self._deadline:
            self._deadline = None
            self._expired(Timer.REQUEST)
