"""A place of its own for every test of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rig.cli.command import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    directory = tmp_path / "desk"
    directory.mkdir()
    return Desk(directory)
