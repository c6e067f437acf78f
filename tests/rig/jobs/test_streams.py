"""Streams in CBOR and JSON (job service §4)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.jobs.block_selection import ANSWER_CAP, block_count, select_blocks
from rig.jobs.stream_registry import FileSpec
from tests.rig.jobs.world import BUCKET, THING, World, make_world

CONTENT = bytes(n % 251 for n in range(130_000))


@pytest.fixture
def stream(world: World) -> str:
    stream_id = world.offer(content=CONTENT).stream_id
    assert stream_id is not None
    return stream_id


def get(world: World, stream: str, fmt: str, request: object, thing: str = THING) -> list[Any]:
    """The decoded answers to a `get`, each a (kind, message) pair."""
    return ask(world, f"streams/{stream}/get/{fmt}", request, thing)


def ask(world: World, api: str, request: object, thing: str = THING) -> list[Any]:
    fmt = api.rsplit("/", 1)[1]
    raw = request if isinstance(request, bytes) else encode(fmt, request)
    outcome = world.ask(api, raw, thing)
    assert outcome.notifications == ()
    answers = []
    for reply in outcome.replies:
        _, _, owner, _, _, kind, answered = reply.topic.split("/")
        assert (owner, answered) == (thing, fmt)
        message = json.loads(reply.payload) if fmt == "json" else cbor2.loads(reply.payload)
        answers.append((kind, message))
    return answers


def encode(fmt: str, request: object) -> bytes:
    return json.dumps(request).encode() if fmt == "json" else cbor2.dumps(request)


def payload(fmt: str, message: dict[str, Any]) -> bytes:
    content = message["p"]
    if fmt == "json":
        assert isinstance(content, str)
        return base64.b64decode(content)
    assert isinstance(content, bytes)
    return content


def refusal(answers: list[Any]) -> tuple[str, str | None]:
    """Code and token of the one rejection, which has both spellings of each key."""
    ((kind, message),) = answers
    assert kind == "rejected"
    assert message["code"] == message["o"]
    assert message["message"] == message["m"]
    assert message.get("clientToken") == message.get("c")
    return message["code"], message.get("c")


@pytest.mark.parametrize("fmt", ["cbor", "json"])
@pytest.mark.parametrize("size", [256, 1000, 4096, 65_536, 131_072])
def test_all_blocks_make_the_file(world: World, stream: str, fmt: str, size: int) -> None:
    """Asked for as the C library does: a bitmap of what is missing, eight at a time."""
    blocks = block_count(len(CONTENT), size)
    missing = set(range(blocks))
    received = {}
    while missing:
        bits = sum(1 << block for block in missing)
        bitmap: Any = bits.to_bytes(-(-blocks // 8), "little")
        bitmap = bitmap.hex() if fmt == "json" else bitmap
        request = {"c": "rdy", "f": 0, "l": size, "o": 0, "b": bitmap, "n": 8}
        answers = get(world, stream, fmt, request)
        assert 1 <= len(answers) <= 8
        for kind, message in answers:
            assert kind == "data"
            assert (message["c"], message["f"]) == ("rdy", 0)
            content = payload(fmt, message)
            assert message["l"] == len(content)
            received[message["i"]] = content
            missing.remove(message["i"])
    assert b"".join(received[block] for block in range(blocks)) == CONTENT


def test_the_request_of_the_c_library_byte_by_byte(world: World, stream: str) -> None:
    raw = bytes.fromhex("a6616363726479616600616c191000616f00616244000000ff616e08")
    answers = get(world, stream, "cbor", raw)
    assert [message["i"] for _, message in answers] == list(range(24, 32))
    assert answers[-1][1]["l"] == 130_000 - 31 * 4096


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, [3]), (8, [3, 5, 6, 9, 11, 15, 17, 19]), (None, [3, 5, 6, 9, 11, 15, 17, 19, 21])],
)
def test_the_literal_bitmap_of_the_file_streams_library(
    world: World, stream: str, count: int | None, expected: list[int]
) -> None:
    request = {"c": "rdy", "f": 0, "l": 4096, "o": 3, "b": b"MQ=="}
    if count is not None:
        request["n"] = count
    answers = get(world, stream, "cbor", request)
    assert [message["i"] for _, message in answers][: len(expected)] == expected


def test_json_without_a_bitmap_is_contiguous(world: World, stream: str) -> None:
    answers = get(world, stream, "json", {"s": 1, "f": 0, "l": 4096, "o": 30, "n": 8})
    assert [message["i"] for _, message in answers] == [30, 31]
    assert all("c" not in message for _, message in answers)


@pytest.mark.parametrize("bitmap", ["0x130080", "130080"])
def test_the_worked_bitmap_of_the_guide(world: World, bitmap: str) -> None:
    stream = world.offer(content=bytes(50 * 256)).stream_id
    assert stream is not None
    answers = get(world, stream, "json", {"f": 0, "l": 256, "o": 20, "b": bitmap})
    assert [message["i"] for _, message in answers] == [20, 21, 24, 43]


def test_no_answer_is_longer_than_128_kib(world: World, tmp_path: Path) -> None:
    stream = world.offer("big", content=bytes(300_000)).stream_id
    assert stream is not None
    answers = get(world, stream, "cbor", {"f": 0, "l": 4096, "n": 1000})
    assert len(answers) == 32
    assert sum(message["l"] for _, message in answers) == ANSWER_CAP


ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "no file": ({"l": 4096}, "InvalidRequest"),
    "no size": ({"f": 0}, "InvalidRequest"),
    "size small": ({"f": 0, "l": 255}, "BlockSizeOutOfBounds"),
    "size large": ({"f": 0, "l": 131_073}, "BlockSizeOutOfBounds"),
    "offset": ({"f": 0, "l": 4096, "o": 98_305}, "OffsetOutOfBounds"),
    "offset negative": ({"f": 0, "l": 4096, "o": -1}, "OffsetOutOfBounds"),
    "count": ({"f": 0, "l": 4096, "n": 98_305}, "BlockCountLimitExceeded"),
    "count negative": ({"f": 0, "l": 4096, "n": -1}, "BlockCountLimitExceeded"),
    "unknown file": ({"f": 1, "l": 4096}, "ResourceNotFound"),
    "version": ({"f": 0, "l": 4096, "s": 2}, "VersionMismatch"),
    "beyond the end": ({"f": 0, "l": 4096, "o": 32}, "InvalidRequest"),
    "no blocks": ({"f": 0, "l": 4096, "n": 0}, "InvalidRequest"),
}


@pytest.mark.parametrize("fmt", ["cbor", "json"])
@pytest.mark.parametrize("name", ERRORS)
def test_every_bad_request_has_its_code(world: World, stream: str, fmt: str, name: str) -> None:
    request, code = ERRORS[name]
    assert refusal(get(world, stream, fmt, {"c": "rdy", **request})) == (code, "rdy")


def test_bitmaps(world: World, stream: str) -> None:
    long = {"f": 0, "l": 4096, "b": b"\xff" * 12_288}
    assert refusal(get(world, stream, "cbor", long))[0] == "BlockBitmapLimitExceeded"
    assert len(get(world, stream, "cbor", {**long, "b": b"\xff" * 12_287})) == 32
    text = {"f": 0, "l": 4096, "b": "ff"}
    assert refusal(get(world, stream, "cbor", text))[0] == "InvalidCbor"
    odd = {"f": 0, "l": 4096, "b": "0xfg"}
    assert refusal(get(world, stream, "json", odd))[0] in {"InvalidRequest", "InvalidJson"}
    empty = {"f": 0, "l": 4096, "b": b"\0\0\0\0"}
    assert refusal(get(world, stream, "cbor", empty))[0] == "InvalidRequest"


def test_a_token_over_64_bytes_is_refused(world: World, stream: str) -> None:
    request = {"c": "t" * 65, "f": 0, "l": 4096}
    assert refusal(get(world, stream, "json", request))[0] == "InvalidRequest"
    assert refusal(get(world, stream, "cbor", request))[0] == "InvalidRequest"


UNREADABLE = [b"", b"\xff", b"{", b"\xa1", b"\x9f" * 5000, b"[" * 5000, b"\xbf" * 100, b"\xc1\x00"]


@pytest.mark.parametrize("raw", UNREADABLE)
@pytest.mark.parametrize("api", ["get", "describe"])
def test_unreadable_bytes_are_refused_without_a_token(
    world: World, stream: str, api: str, raw: bytes
) -> None:
    for fmt, code in (("cbor", "InvalidCbor"), ("json", "InvalidJson")):
        if api == "describe" and not raw:
            continue
        found, token = refusal(ask(world, f"streams/{stream}/{api}/{fmt}", raw))
        assert found in {code, "InvalidRequest"}
        assert token is None


def test_a_cbor_rejection_is_an_indefinite_map(world: World, stream: str) -> None:
    (reply,) = world.ask(f"streams/{stream}/get/cbor", b"\xff").replies
    assert reply.payload[:1] == b"\xbf"
    assert reply.payload[-1:] == b"\xff"


@pytest.mark.parametrize("fmt", ["cbor", "json"])
def test_describe(world: World, stream: str, fmt: str) -> None:
    expected = {"s": 1, "r": [{"f": 0, "z": 130_000}]}
    assert ask(world, f"streams/{stream}/describe/{fmt}", b"") == [("description", expected)]
    answers = ask(world, f"streams/{stream}/describe/{fmt}", {"c": "x"})
    assert answers == [("description", {"c": "x", **expected})]


def test_only_a_pending_job_opens_the_stream(world: World, stream: str) -> None:
    request = {"c": "rdy", "f": 0, "l": 4096, "n": 1}
    world.service.registry.create_thing("other")
    assert refusal(get(world, stream, "cbor", request, "other")) == ("Unauthorized", "rdy")
    assert refusal(get(world, "AFR_OTA-nope", "cbor", request)) == ("ResourceNotFound", "rdy")
    assert len(get(world, stream, "cbor", request)) == 1
    world.accepted("AFR_OTA-u1/update", {"status": "IN_PROGRESS"})
    assert len(get(world, stream, "cbor", request)) == 1
    world.accepted("AFR_OTA-u1/update", {"status": "FAILED"})
    assert refusal(get(world, stream, "cbor", request))[0] == "Unauthorized"


@pytest.mark.parametrize("end", ["cancel", "delete", "timeout"])
def test_a_job_that_the_service_ends_closes_the_stream(world: World, stream: str, end: str) -> None:
    request = {"f": 0, "l": 4096, "n": 1}
    update = {"status": "IN_PROGRESS", "stepTimeoutInMinutes": 1}
    world.accepted("AFR_OTA-u1/update", update)
    assert len(get(world, stream, "cbor", request)) == 1
    if end == "cancel":
        world.service.cancel_job("AFR_OTA-u1", force=True)
    elif end == "delete":
        world.service.delete_job("AFR_OTA-u1", force=True)
    else:
        world.clock.advance(60)
        world.service.tick()
    assert refusal(get(world, stream, "cbor", request))[0] == "Unauthorized"


def test_a_changed_source_is_noticed(world: World, stream: str) -> None:
    request = {"f": 0, "l": 4096, "n": 1}
    assert len(get(world, stream, "cbor", request)) == 1
    world.service.put_object(BUCKET, "u1.bin", CONTENT[:-1] + b"x")
    assert refusal(get(world, stream, "cbor", request))[0] == "ETagMismatch"
    world.service.put_object(BUCKET, "u1.bin", CONTENT)
    assert len(get(world, stream, "cbor", request)) == 1


def test_a_lost_source_is_noticed(world: World, stream: str, tmp_path: Path) -> None:
    for path in (tmp_path / "objects").iterdir():
        path.unlink()
    assert refusal(get(world, stream, "cbor", {"f": 0, "l": 4096}))[0] == "Unauthorized"


def test_the_same_words_are_answered_again_only_to_who_may_read(world: World, stream: str) -> None:
    request = {"f": 0, "l": 4096, "o": 0, "n": 2}
    first = get(world, stream, "cbor", request)
    assert get(world, stream, "cbor", request) == first
    world.service.registry.create_thing("stranger")
    assert refusal(get(world, stream, "cbor", request, "stranger"))[0] == "Unauthorized"
    assert get(world, stream, "cbor", request) == first


def test_the_same_words_mean_another_file_in_a_new_stream_of_the_name(world: World) -> None:
    contents = []
    for number, content in enumerate((b"old" * 100, b"new" * 100)):
        world.service.put_object(BUCKET, f"{number}.bin", content)
        file = FileSpec(0, BUCKET, f"{number}.bin")
        world.service.streams.create("again", [file], "arn:aws:iam::0:role/r", None)
        document = {"afr_ota": {"streamname": "again"}}
        world.service.create_job("job", [THING], document)
        for token in "ab":
            request = {"c": token, "f": 0, "l": 4096, "o": 0, "n": 1}
            (answer,) = get(world, "again", "cbor", request)
            contents.append(payload("cbor", answer[1]))
        world.service.delete_job("job", force=True)
        world.service.streams.delete("again")
    assert contents == [b"old" * 100] * 2 + [b"new" * 100] * 2


@given(
    size=st.integers(1, 400_000),
    block=st.integers(256, 131_072),
    offset=st.integers(0, 2000),
    bitmap=st.none() | st.binary(max_size=300),
    count=st.none() | st.integers(0, 2000),
)
def test_the_selection_is_the_algorithm_of_the_spec(
    size: int, block: int, offset: int, bitmap: bytes | None, count: int | None
) -> None:
    """Against a word-for-word version of §4.2."""
    blocks = -(-size // block)
    if bitmap is None:
        wanted = list(range(offset, offset + max(blocks, 1)))
    else:
        bits = ((j, k) for j in range(len(bitmap)) for k in range(8))
        wanted = [offset + 8 * j + k for j, k in bits if bitmap[j] >> k & 1]
    wanted = wanted[: 131_072 // block if count is None else count]
    chosen: list[int] = []
    for index in wanted:
        if index >= blocks:
            continue
        lengths = [min(block, size - i * block) for i in [*chosen, index]]
        if sum(lengths) > 131_072:
            break
        chosen.append(index)
    assert select_blocks(size, block, offset, bitmap, count) == chosen


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=80), api=st.sampled_from(["get", "describe"]))
def test_no_bytes_make_the_service_fail(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, api: str
) -> None:
    world = make_world(tmp_path_factory.mktemp("w"))
    stream = world.offer(content=b"x" * 300).stream_id
    for fmt in ("cbor", "json"):
        for kind, message in ask(world, f"streams/{stream}/{api}/{fmt}", raw):
            assert kind in {"data", "description", "rejected"}
            assert message.get("code") != "InternalError"
    world.store.close()
