from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.jobs.site import Site, serve


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    yield from serve(tmp_path)


@pytest.fixture
def tls_site(tmp_path: Path) -> Iterator[Site]:
    yield from serve(tmp_path, tls=True)
