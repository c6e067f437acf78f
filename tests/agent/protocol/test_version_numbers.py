"""Firmware versions (OTA spec §3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.version import Version

versions = st.builds(
    Version, st.integers(0, 255), st.integers(0, 255), st.integers(min_value=0, max_value=0xFFFF)
)


def test_packing() -> None:
    assert Version(1, 0, 1).packed == 0x01000001
    assert Version.unpack(0x00090002) == Version(0, 9, 2)
    assert str(Version.parse("255.255.65535")) == "255.255.65535"
    assert Version.parse("255.255.65535").packed == 0xFFFFFFFF


@given(versions)
def test_every_version_survives_packing_and_writing(version: Version) -> None:
    assert Version.unpack(version.packed) == version
    assert Version.parse(str(version)) == version


@given(versions, versions)
def test_versions_are_ordered_as_one_number(one: Version, other: Version) -> None:
    assert (one < other) is (one.packed < other.packed)
    assert (one == other) is (one.packed == other.packed)


@pytest.mark.parametrize(
    "text", ["", "1", "1.0", "1.0.1.0", "v1.0.1", "1.0.1 ", "1.0.-1", "1..1", "a.b.c", "١.٠.١"]
)
def test_texts_that_are_no_version(text: str) -> None:
    with pytest.raises(ValueError, match=r"major\.minor\.build"):
        Version.parse(text)


@pytest.mark.parametrize("text", ["256.0.0", "0.256.0", "0.0.65536"])
def test_components_that_do_not_fit(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Version.parse(text)


@pytest.mark.parametrize("packed", [-1, 1 << 32])
def test_numbers_that_do_not_fit(packed: int) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        Version.unpack(packed)
