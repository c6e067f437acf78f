"""Connecting, giving up on silence, and the pace of further attempts; the loop's timers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from agent.config import MqttEndpoint
from agent.connection import CONNACK_TIMEOUT_S, Connection, make_client
from agent.machine.ports import Timer
from agent.timers import LoopTimers


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def connection(port: int, clock: Clock, downs: list[str]) -> Connection:
    endpoint = MqttEndpoint("127.0.0.1", port)
    client = make_client(endpoint, "t")
    return Connection(client, endpoint, lambda: None, downs.append, clock)


def test_refused_attempts_come_at_doubling_intervals_up_to_two_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    clock, downs, waits = Clock(), list[str](), list[float]()
    device = connection(port, clock, downs)
    for _ in range(8):
        device.attend()
        assert device.deadline is not None
        waits.append(round(device.deadline - clock.now, 3))
        clock.now = device.deadline
    assert waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert all(why.startswith("cannot connect") for why in downs)


def test_nothing_happens_before_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    clock, downs = Clock(), list[str]()
    device = connection(port, clock, downs)
    device.attend()
    clock.now += 0.04
    device.attend()
    assert len(downs) == 1


def test_server_that_never_acknowledges(silent: socket.socket) -> None:
    clock, downs = Clock(), list[str]()
    device = connection(silent.getsockname()[1], clock, downs)
    device.attend()
    assert device.deadline == clock.now + CONNACK_TIMEOUT_S
    device.attend()
    assert downs == []
    clock.now += CONNACK_TIMEOUT_S
    device.attend()
    assert len(downs) == 1
    assert device.socket is None
    assert device.deadline == clock.now + 0.05


# -- timers -------------------------------------------------------------------------------------


def test_request_timer_fires_once_in_the_loop() -> None:
    clock, fired = Clock(), list[Timer]()
    timers = LoopTimers(fired.append, clock)
    assert timers.deadline is None
    timers.start(Timer.REQUEST, 2.0)
    clock.now += 1.0
    timers.start(Timer.REQUEST, 2.0)
    clock.now += 1.5
    timers.run_due()
    assert fired == []
    clock.now += 0.5
    timers.run_due()
    timers.run_due()
    assert fired == [Timer.REQUEST]


def test_stopped_timers_do_not_fire() -> None:
    clock, fired = Clock(), list[Timer]()
    timers = LoopTimers(fired.append, clock)
    timers.start(Timer.REQUEST, 1.0)
    timers.start(Timer.SELF_TEST, 3600.0)
    assert timers.stop(Timer.REQUEST)
    assert timers.stop(Timer.SELF_TEST)
    assert timers.stop(Timer.SELF_TEST)
    clock.now += 5
    timers.run_due()
    assert fired == []


def test_self_test_timer_needs_no_loop() -> None:
    fired = threading.Event()
    timers = LoopTimers(lambda _: fired.set())
    timers.start(Timer.SELF_TEST, 0.01)
    assert fired.wait(10)
