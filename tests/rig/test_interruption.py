"""Signals are kept until somebody waits, and then end the wait."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from rig.interruption import SIGNALS, Interruption
from rig.trace import Header, Recorder


@pytest.fixture
def interruption(monkeypatch: pytest.MonkeyPatch) -> Iterator[Interruption]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    made = Interruption()
    monkeypatch.setattr("rig.trace.recorder.interruption", made)
    made.take_signals()
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_it_is_kept_until_somebody_waits(
    number: signal.Signals, interruption: Interruption
) -> None:
    done = []
    signal.raise_signal(number)
    done.append("what was being done")
    with pytest.raises(KeyboardInterrupt), interruption.allowed():
        done.append("a wait")
    assert done == ["what was being done"]


def test_a_second_one_is_not_kept(interruption: Interruption) -> None:
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        interruption.check()


def test_a_wait_for_the_device_ends(interruption: Interruption) -> None:
    recorder = Recorder(Header("story", "device", "thing", {}))
    main = threading.main_thread().ident
    timer = threading.Timer(0.1, signal.pthread_kill, [main, signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        recorder.wait(lambda _event: False, 60.0)
    timer.join()
    with pytest.raises(KeyboardInterrupt):
        interruption.check()


def test_other_threads_are_left_alone(interruption: Interruption) -> None:
    signal.raise_signal(signal.SIGINT)
    came: list[str] = []

    def work() -> None:
        with interruption.allowed():
            came.append("here")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert came == ["here"]


def test_what_is_to_be_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    others = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        Interruption().take_signals()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        for number, handler in others.items():
            signal.signal(number, handler)
        signal.signal(signal.SIGHUP, before)
