"""Whatever bytes a stranger sends: each parser holds its word, in bounded time and memory.

The long run (`python -m benchmarks.fuzz`) searches on; what it found that was worth keeping stands
in `fixtures/fuzz` and is tried here again.
"""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz.corpus import CORPUS, MAX_KEPT, kept, minimise
from benchmarks.fuzz.parsers import PARSERS

MEMORY_PER_BYTE = 600
"""Bytes that an input byte may cost: a packet of two bytes is an object of several hundred."""
MEMORY_ANYWAY = 4 << 20
NESTING = [
    b"[" * 4000,
    b'{"a":' * 800,
    b"\x81" * 4000,
    b"\xa1\x61\x61" * 1200,
    b"a." * 2000 + b"b=1",
]
LONG = [
    b"9" * 5000,
    b"a=" + b"9" * 5000,
    b'{"a":' + b"9" * 5000 + b"}",
    b"\xc2\x59\x0f\x00" + b"\xff" * 3840,
    b"\xc4\x82\x1a\x3b\x9a\xca\x00\x01",
    b"\xff" * 4000,
    b"\0" * 4000,
    b'"\\u' * 1300,
    b"a=" + b"[" * 4000,
    b"a=" + b"{b=" * 1300,
    b"name." + b"a." * 1900 + b"b=1",
    b'name="' + b"x" * 4000 + b'"',
    b"x" * 4000 + b"=1",
]

every_parser = pytest.mark.parametrize("name", PARSERS)


@every_parser
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    PARSERS[name].check(data.draw(st.binary(max_size=300)))


@every_parser
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_good_bytes_spoilt(name: str, data: st.DataObject) -> None:
    """Bytes put in, left out, doubled, and another good input's end behind them."""
    seeds = [*PARSERS[name].seeds(), *kept(name)]
    content = bytearray(data.draw(st.sampled_from(seeds)))
    for _ in range(data.draw(st.integers(0, 5))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 40)))
        match data.draw(st.sampled_from(["put", "drop", "double", "splice"])):
            case "put":
                content[start:end] = data.draw(st.binary(max_size=8))
            case "drop":
                del content[start:end]
            case "double":
                content[end:end] = content[start:end]
            case _:
                content[start:] = data.draw(st.sampled_from(seeds))[start:]
    PARSERS[name].check(bytes(content))


@every_parser
@pytest.mark.parametrize("data", NESTING + LONG, ids=lambda data: f"{data[:6]!r}-{len(data)}")
def test_what_blows_readers_up(name: str, data: bytes) -> None:
    for first in (b"", b"\0", b"\1", b"\2", b"\3"):
        PARSERS[name].check(first + data)


@every_parser
def test_the_corpus_again(name: str) -> None:
    for data in kept(name):
        PARSERS[name].check(data)


def test_the_corpus_is_of_these_parsers_and_small() -> None:
    folders = sorted(path.name for path in CORPUS.iterdir())
    assert set(folders) == set(PARSERS)
    for name in folders:
        assert 0 < len(kept(name)) <= MAX_KEPT
        assert max(map(len, kept(name))) <= PARSERS[name].max_length


@every_parser
def test_time_and_memory_grow_with_the_input_and_no_faster(name: str) -> None:
    """Twice the input, at most a bit more than twice the calls: counted, not timed."""
    check = PARSERS[name].check
    for seed in PARSERS[name].seeds():
        # The first byte may be a choice of the check.
        one, two = seed[:1] + seed[1:] * 10, seed[:1] + seed[1:] * 20
        check(two)
        tracemalloc.start()
        check(two)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MEMORY_ANYWAY + MEMORY_PER_BYTE * len(two)
        assert _calls(name, two) < 3 * _calls(name, one) + 1000


def _calls(name: str, data: bytes) -> int:
    check, calls = PARSERS[name].check, 0

    def count(_frame: object, _event: str, _argument: object) -> None:
        nonlocal calls
        calls += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        check(data)
    finally:
        sys.setprofile(before)
    return calls


def test_a_corpus_is_minimised_to_what_reaches_something_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.fuzz.corpus.CORPUS", tmp_path / "kept")
    found = tmp_path / "found"
    found.mkdir()
    # Too short, a wrong magic, and the same once more but longer.
    for number, data in enumerate((b"x", bytes(64), bytes(70))):
        (found / str(number)).write_bytes(data)
    minimise("image-header", found)
    names = list((tmp_path / "kept" / "image-header").iterdir())
    assert sorted(len(path.read_bytes()) for path in names) == [1, 64]
