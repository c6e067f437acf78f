"""What the tests of the firmware share: one build for the chip, one for this machine."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from targets.firmware.build import Firmware, build
from tests.targets.firmware.host_library import GuardedBytes, build_host_library


@pytest.fixture(scope="session")
def firmware() -> Firmware:
    """The firmware as built; the cache is the user's, as in a run of the rig."""
    home = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    return build(home / "otarig")


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_host_library(tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="session")
def guarded() -> GuardedBytes:
    return GuardedBytes()
