"""An idle TLS connection is small: a gateway has thousands of them."""

from __future__ import annotations

import tracemalloc

import pytest

from tests.rig.gateway.world import World

CONNECTIONS = 10
AT_MOST_BYTES = 64 * 1024


@pytest.mark.parametrize("transport", ["tls"], indirect=True)
@pytest.mark.parametrize("broker_kind", ["amqtt"], indirect=True)
def test_a_tls_connection_has_no_large_buffer(world: World) -> None:
    """Tells when asyncio's buffers are no longer those that `tls_buffers` keeps small."""
    world.bare("thing1")
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(CONNECTIONS):
            world.bare("thing1")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / CONNECTIONS < AT_MOST_BYTES
