"""SLIP frames of a board, answers of a GDB stub, and what HTTP carries on either side."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from agent.http import Range, Source, range_fits
from benchmarks.fuzz.parser import in_pieces
from rig.clock import FakeClock
from rig.jobs import sigv4
from rig.jobs.access_key import AccessKey
from rig.jobs.http_range import UnsatisfiableRange, parse_range
from rig.jobs.presign import Access, Presigner
from targets.modem.frames import MAX_FRAME, Frame, FrameDecoder
from targets.virtual import gdb_packets
from targets.virtual.gdb_packets import AnswerReader, StubGone

_TOTAL = 10_000
_PRESIGNER = Presigner(AccessKey("AKIAFUZZ", "secret"), FakeClock(1e9), "http://rig")
_GOOD_URL = _PRESIGNER.url("bucket", "image.bin", 60)


def slip(data: bytes) -> None:
    """Noise is dropped, in any pieces alike; a frame made of the data comes out as it went in."""
    whole, pieced = FrameDecoder(), FrameDecoder()
    frames = list(whole.feed(data[1:]))
    cut: list[Frame] = []
    for piece in in_pieces(data):
        cut += pieced.feed(piece)
        assert len(pieced._buffer) <= MAX_FRAME
    assert cut == frames
    assert pieced.bad_frames == whole.bad_frames
    if len(data) >= 2:
        frame = Frame(data[0], data[1], data[2:])
        assert list(FrameDecoder().feed(frame.encode())) == [frame]


def gdb_stub(data: bytes) -> None:
    """An emulator that answers anything: each answer has a meaning, or the stub is given up."""
    reader = AnswerReader()
    try:
        for piece in in_pieces(data):
            reader.feed(piece)
            while (answer := reader.take()) is not None:
                _understand(answer)
            assert len(reader._received) <= gdb_packets.MAX_ANSWER + len(piece)
    except StubGone:
        return


def _understand(answer: str) -> None:
    for read in (gdb_packets.memory_of, gdb_packets.word_of, gdb_packets.stop_of):
        try:
            read(answer)
        except StubGone as gone:
            assert len(str(gone)) < 400


def http(data: bytes) -> None:
    """The first byte says which: a Range, a URL to fetch from, an answer's range, a signed URL."""
    if not data:
        return
    text = data[1:].decode("utf-8", "surrogateescape")
    match data[0] % 4:
        case 0:
            _range(text)
        case 1:
            source = Source.of(text)
            if source is not None:
                assert source.target.startswith("/")
                assert not set(source.target) & set(" \r\n")
        case 2:
            range_fits(data[1:].decode("latin-1"), Range(0, Source(False, "h", 1, "/"), 0, 0, 9))
        case _:
            path, _, query = text.partition("?")
            path = unquote(path)
            granted = _PRESIGNER.check("GET", path, sigv4.decode_query(query), "rig")
            assert granted is not Access.GRANTED or path == "/bucket/image.bin"


def _range(text: str) -> None:
    try:
        part = parse_range(text, _TOTAL)
    except UnsatisfiableRange:
        return
    if part is not None:
        assert 0 <= part.first <= part.last < _TOTAL


def slip_seeds() -> Iterator[bytes]:
    for frame in (
        Frame(0, 5),
        Frame(1, 1, b"\1"),
        Frame(1, 2, b"\xc0\xdb data"),
        Frame(3, 4, b"\0\4"),
    ):
        yield b"\3" + frame.encode()


def gdb_seeds() -> list[bytes]:
    return [
        b"\3+$OK#9a",
        b"\3$T05thread:01;watch:20000010;#00",
        b"\2+$S02#b5$E22#a9",
        b"\3$78563412#a4+$#00",
        b"\3$W00#b7",
    ]


def http_seeds() -> list[bytes]:
    return [
        b"\0bytes=0-4095",
        b"\0bytes=-500",
        b"\0bytes=9000-, 3-4",
        b"\1https://[::1]:8443/bucket/image.bin?a=b#c",
        b"\1http://user@host/",
        b"\2bytes 0-9/100",
        b"\3" + _GOOD_URL.removeprefix("http://rig").encode(),
    ]
