"""Frames: what goes in comes out, and hostile bytes are dropped and counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from targets.modem.frames import MAX_FRAME, Frame, FrameDecoder

FRAMES = st.builds(Frame, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=1024))


@given(st.lists(FRAMES, max_size=5), st.integers(1, 40))
def test_frames_survive_the_wire_in_any_pieces(frames: list[Frame], piece: int) -> None:
    wire = b"".join(frame.encode() for frame in frames)
    decoder = FrameDecoder()
    found: list[Frame] = []
    for start in range(0, len(wire), piece):
        found += decoder.feed(wire[start : start + piece])
    assert found == frames
    assert decoder.bad_frames == 0


def test_the_bytes_are_those_of_the_document() -> None:
    # The check value of CRC-16/CCITT-FALSE is 0x29B1 for these nine digits.
    assert Frame(0x31, 0x32, b"3456789").encode() == b"\xc0123456789\xb1\x29\xc0"
    assert Frame(0, 2, b"\xc0\xdb").encode()[3:7].hex() == "dbdcdbdd"


@pytest.mark.parametrize(
    "damaged",
    [
        b"\xc0\x00\xc0",
        b"\xc0\x00\x05\x00\x00\xc0",
        b"\xc0\x00\x02\xdb\x00\x11\x22\xc0",
        b"\xc0\x00\x02\x11\x22\xdb\xc0",
    ],
    ids=["too-short", "wrong-checksum", "wrong-escape", "escape-at-the-end"],
)
def test_a_damaged_frame_is_dropped_and_the_next_one_counts(damaged: bytes) -> None:
    decoder = FrameDecoder()
    good = Frame(1, 2, b"data")
    assert list(decoder.feed(damaged + good.encode())) == [good]
    assert decoder.bad_frames == 1


@given(st.binary(max_size=4000))
def test_noise_never_breaks_the_decoder(noise: bytes) -> None:
    decoder = FrameDecoder()
    list(decoder.feed(noise))
    good = Frame(3, 18, b"after")
    assert list(decoder.feed(b"\xc0" + good.encode()))[-1] == good


def test_a_frame_without_end_takes_no_memory() -> None:
    decoder = FrameDecoder()
    for _ in range(100):
        assert list(decoder.feed(b"x" * MAX_FRAME)) == []
    good = Frame(1, 2, b"data")
    assert list(decoder.feed(good.encode())) == [good]
    assert decoder.bad_frames == 1
