"""The real C library's bytes, over a real socket, get the answers that the real device needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.clock import SystemClock
from rig.loop_thread import LoopThread
from rig.server import Server, ServerSettings
from rig.trace import RecorderSwitch, read_trace
from tests.rig.wire.recorded_device import RecordedCloud, RecordedDevice

RECORDINGS = sorted((Path(__file__).parents[3] / "fixtures" / "traces").glob("*.jsonl"))
# In these no block ever came: the document is refused, or the cloud stayed silent on purpose.
WITHOUT_BLOCKS = frozenset({"bad-base64", "no-blocks-momentum"})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    loop = LoopThread("server")
    started = Server(ServerSettings(tmp_path, tls_port=None), SystemClock(), RecorderSwitch())
    try:
        loop.call(started.start())
        yield started
    finally:
        loop.call(started.stop())
        loop.close()


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_the_recorded_device_hears_what_it_needs(
    path: Path, server: Server, tmp_path: Path
) -> None:
    trace = read_trace(path)
    server.jobs.registry.create_thing(trace.header.thing)
    cloud = RecordedCloud(server.jobs, tmp_path / "jobs.sqlite", trace)
    port = server.gateway.plain_port
    assert port is not None
    device = RecordedDevice(port, trace, cloud)
    device.play()
    assert (device.blocks > 0) is (path.stem not in WITHOUT_BLOCKS)
    assert server.gateway.failure is None


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) == 13
