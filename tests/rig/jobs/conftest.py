from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.jobs.site import Site, serve
from tests.rig.jobs.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    yield from serve(tmp_path)


@pytest.fixture
def tls_site(tmp_path: Path) -> Iterator[Site]:
    yield from serve(tmp_path, tls=True)
