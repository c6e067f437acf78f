from __future__ import annotations

import pytest

from rig.jobs.http_range import ByteRange, UnsatisfiableRange, parse_range

TOTAL = 10_000


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("bytes=0-4095", ByteRange(0, 4095)),
        ("bytes=8192-9999", ByteRange(8192, 9999)),
        ("bytes=8192-12287", ByteRange(8192, 9999)),
        ("bytes=9999-", ByteRange(9999, 9999)),
        ("bytes=0-", ByteRange(0, 9999)),
        ("bytes=-1", ByteRange(9999, 9999)),
        ("bytes=-99999", ByteRange(0, 9999)),
        ("bytes = 0 - 1", ByteRange(0, 1)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        ("bytes=0-1,3-4", None),
        ("bytes=0-99999999999999999999999999", None),
    ],
)
def test_ranges(header: str | None, expected: ByteRange | None) -> None:
    assert parse_range(header, TOTAL) == expected


@pytest.mark.parametrize("header", ["bytes=10000-", "bytes=10000-10001", "bytes=-0"])
def test_ranges_without_a_byte(header: str) -> None:
    with pytest.raises(UnsatisfiableRange):
        parse_range(header, TOTAL)


def test_an_empty_file_has_no_range() -> None:
    with pytest.raises(UnsatisfiableRange):
        parse_range("bytes=-5", 0)


def test_content_range() -> None:
    assert ByteRange(4096, 8191).content_range(TOTAL) == "bytes 4096-8191/10000"
