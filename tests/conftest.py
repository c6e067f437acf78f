"""What tests of several parts need: a mosquitto of their own, a PostgreSQL for all of them."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.gateway.endpoint import BrokerEndpoint
from tests.mosquitto import start_mosquitto
from tests.postgresql import Cluster, postgresql

PATIENCE_S = 20.0

# A shell has what it starts in the background ignore Ctrl-C, and nohup the hang-up; so would all
# programs that the tests start and interrupt: the rig leaves an ignored signal ignored.
for number, handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGTERM, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


@pytest.fixture
def mosquitto_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process, _ = start_mosquitto(tmp_path)
    yield process
    process.terminate()
    process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def mosquitto(mosquitto_process: subprocess.Popen[str], tmp_path: Path) -> BrokerEndpoint:
    """Where a mosquitto of this test listens."""
    listener = (tmp_path / "mosquitto.conf").read_text("ascii").split()
    return BrokerEndpoint("127.0.0.1", int(listener[1]))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL that runs until the last test of this process."""
    with postgresql() as running:
        yield running
