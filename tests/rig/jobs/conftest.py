from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgresql import Cluster
from tests.rig.jobs.site import Site, serve
from tests.rig.jobs.world import World, make_world


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind that jobs can be kept in, and nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/jobs.db"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.new_database()


@pytest.fixture
def world(tmp_path: Path, store_url: str) -> Iterator[World]:
    made = make_world(tmp_path, url=store_url)
    yield made
    made.store.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    yield from serve(tmp_path)


@pytest.fixture
def tls_site(tmp_path: Path) -> Iterator[Site]:
    yield from serve(tmp_path, tls=True)
