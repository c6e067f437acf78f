"""Ingest (OTA spec §6.4), window and retry (§6.5), progress (§5.3), HTTP data (§7), statistics
(§11)."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.codes import PalMainStatus
from agent.protocol.pal_status import PalStatus
from agent.protocol.states import Event, State
from tests.agent.machine.world import (
    World,
    asked,
    failed,
    job_document,
    ready,
    receive,
    settings,
    succeeded,
    wire,
)

FAILED = failed("0x000000e0: 0x00000000")
URL = "https://host/file?X-Amz-Signature=%2Fab"


def downloading(blocks: int = 3, **job: Any) -> World:
    world = World()
    world.boot()
    world.notify(job_document(blocks, **job))
    return world


def over_http(blocks: int = 3, **job: Any) -> World:
    return downloading(blocks, protocols=["HTTP"], stream=None, url=URL, **job)


BAD_BLOCKS: dict[str, dict[str, Any]] = {
    "index past the end": {"i": 3},
    "index negative": {"i": -1},
    "index 2^32": {"i": 1 << 32},
    "index huge": {"i": 1 << 80},
    "size one less": {"l": 255},
    "size one more": {"l": 257},
    "size zero": {"l": 0},
    "payload short": {"p": b"x"},
    "payload long": {"p": bytes(300)},
    "payload text": {"p": "x" * 256},
    "index text": {"i": "0"},
    "file id text": {"f": "0"},
}


@pytest.mark.parametrize("changes", BAD_BLOCKS.values(), ids=BAD_BLOCKS.keys())
def test_bad_block_fails_the_job(changes: dict[str, Any]) -> None:
    world = downloading()
    lines = world.block(0, **changes)
    assert wire(lines) == [FAILED, "UNSUB SD"]
    assert world.flash == {}
    assert "PAL set REJECTED" in lines
    assert "CB FAIL AFR_OTA-job1" in lines
    assert world.machine.state is State.WAITING_FOR_JOB
    assert world.block(0) == []


BAD_BYTES = [b"", b"junk", b"\xff", b"\xa4", b"\x80", b"\xa0", cbor2.dumps([1]), b"\x9f" * 5000]


@pytest.mark.parametrize("payload", BAD_BYTES)
def test_undecodable_message_fails_the_job(payload: bytes) -> None:
    world = downloading()
    assert wire(world.data(payload)) == [FAILED, "UNSUB SD"]


@pytest.mark.parametrize("missing", ["f", "i", "l", "p"])
def test_missing_key_fails_the_job(missing: str) -> None:
    message = {"f": 0, "i": 0, "l": 256, "p": bytes(256)}
    del message[missing]
    assert FAILED in downloading().data(cbor2.dumps(message))


@given(st.binary(max_size=64))
def test_no_bytes_crash_the_machine(payload: bytes) -> None:
    world = downloading()
    lines = world.data(payload)
    assert FAILED in lines or lines == ["TIMER request 10"]


def test_last_block_of_the_wrong_size() -> None:
    assert FAILED in downloading().block(2, 256)
    assert FAILED in downloading().block(2, 254)


def test_short_write_fails_the_job() -> None:
    world = downloading()
    world.short_write = True
    assert wire(world.block(0)) == [FAILED, "UNSUB SD"]


def test_duplicate_changes_nothing_but_the_timer() -> None:
    world = downloading(4)
    world.block(0)
    assert world.block(0, p=b"y" * 256) == ["TIMER request 10"]
    assert world.flash[0] == bytes(256)
    assert wire(world.block(1)) == ["SG 0c q0"]


def test_duplicate_of_the_wrong_size_fails_the_job() -> None:
    world = downloading()
    world.block(0)
    assert FAILED in world.block(0, l=100)


def test_block_of_another_file_is_ignored() -> None:
    world = downloading()
    assert wire(world.block(0, f=1)) == []
    assert wire(world.block(0)) == [receive(1, 3)]


def test_block_of_another_stream_is_dropped() -> None:
    world = downloading()
    assert world.data(b"junk", stream="other") == []
    assert wire(world.block(0)) == [receive(1, 3)]


def test_tolerated_encodings() -> None:
    world = downloading()
    indefinite = b"\xbf\x61\x70\x5f\x58\x80" + bytes(128) + b"\x58\x80" + bytes(128) + b"\xff"
    indefinite += b"\x61\x6c\x19\x01\x00\x61\x69\x00\x61\x66\x00\x61\x7a\xf6\xff"
    assert wire(world.data(indefinite)) == [receive(1, 3)]


@given(st.permutations(range(9)))
def test_any_order_gives_the_file(order: list[int]) -> None:
    world = downloading(9)
    for index in order:
        world.block(index, 255 if index == 8 else 256)
    image = b"".join(world.flash[offset] for offset in sorted(world.flash))
    assert image == b"".join(bytes([i]) * (255 if i == 8 else 256) for i in range(9))
    assert ready() in world.log


SIZES = {1: 1, 255: 1, 256: 1, 257: 2, 8 * 256: 8, 8 * 256 + 1: 9}


@pytest.mark.parametrize(("size", "blocks"), SIZES.items())
def test_file_sizes_around_the_block_size(size: int, blocks: int) -> None:
    world = downloading(size=size)
    bitmap = ((1 << blocks) - 1).to_bytes((blocks + 7) // 8, "little")
    assert f"SG {bitmap.hex()} q0" in world.log
    for index in range(blocks):
        world.block(index, min(256, size - index * 256))
    assert ready() in world.log
    assert sum(map(len, world.flash.values())) == size


def test_progress_after_the_first_block_and_at_multiples() -> None:
    world = downloading(9)
    for index in range(9):
        world.block(index, 255 if index == 8 else 256)
    reports = [line for line in world.log if "receive" in line]
    assert reports == [receive(1, 9), receive(4, 9), receive(8, 9)]


def test_download_goes_on_when_progress_cannot_be_sent() -> None:
    world = downloading()
    world.refuse = {"UP"}
    world.block(0)
    assert wire(world.block(1)) == ["SG 04 q0"]
    assert "CB ACTIVATE AFR_OTA-job1" in world.block(2, 255)


def test_window_counts_stored_blocks_only() -> None:
    world = World(settings(window=3))
    world.boot()
    world.notify(job_document(8))
    assert wire(world.block(0))[1:] == []
    assert wire(world.block(0)) == []
    assert wire(world.block(1)) == []
    assert wire(world.block(2)) == ["SG f8 q0"]


def test_other_file_type_ends_at_once() -> None:
    world = downloading(1, fileType=2, details=None)
    lines = world.block(0, 255)
    assert wire(lines) == [succeeded("0.0.2", "0.0.0"), "UNSUB SD"]
    assert "CB UPDATE_COMPLETE AFR_OTA-job1" in lines
    assert not any("reset" in line or "ACTIVATE" in line for line in lines)


# -- HTTP ---------------------------------------------------------------------------------------


def test_http_download() -> None:
    world = over_http()
    assert wire(world.log)[2:] == [f"HTTP init {URL}", "HTTP get 0-255"]
    assert wire(world.body(0, bytes(256))) == [receive(1, 3), "HTTP get 256-511"]
    assert wire(world.body(1, bytes(256))) == ["HTTP get 512-766"]
    assert wire(world.body(2, bytes(255))) == [ready(), "HTTP deinit"]


def test_http_file_of_one_block() -> None:
    assert "HTTP get 0-99" in over_http(size=100).log


@pytest.mark.parametrize("size", [0, 255, 257])
def test_http_body_of_the_wrong_size(size: int) -> None:
    assert wire(over_http().body(0, bytes(size))) == [FAILED, "HTTP deinit"]


def test_http_unanswered_range_is_asked_for_again() -> None:
    world = over_http()
    world.body(0, bytes(256))
    for _ in range(2):
        assert wire(world.expire()) == ["HTTP get 256-511"]
    assert failed("aborted: 0x00000000") in world.expire()


def test_http_late_duplicate_is_not_the_next_block() -> None:
    world = over_http()
    world.body(0, b"a" * 256)
    assert wire(world.body(0, b"a" * 256)) == []
    world.body(1, b"b" * 256)
    assert (world.flash[0], world.flash[256]) == (b"a" * 256, b"b" * 256)


def test_http_fresh_url_continues_at_the_next_block() -> None:
    world = over_http()
    world.body(0, bytes(256))
    assert wire(world.send(Event.REQUEST_JOB_DOCUMENT)) == asked(1)
    fresh = job_document(protocols=["HTTP"], stream=None, url="https://host/new")
    assert wire(world.answer(fresh)) == ["HTTP init https://host/new", "HTTP get 256-511"]


def test_http_bad_url_is_reported_in_the_end() -> None:
    world = World()
    world.refuse = {"HTTP init"}
    world.boot()
    world.notify(job_document(protocols=["HTTP"], stream=None, url=URL))
    for _ in range(2):
        world.expire()
    assert failed("aborted: 0x00000000") in world.expire()
    assert world.machine.state is State.STOPPED


def test_http_request_that_cannot_be_sent_is_tried_again() -> None:
    world = World()
    world.refuse = {"HTTP get"}
    world.boot()
    world.notify(job_document(protocols=["HTTP"], stream=None, url=URL))
    world.refuse.clear()
    assert wire(world.expire()) == ["HTTP get 0-255"]
    assert world.machine.state is State.WAITING_FOR_FILE_BLOCK


def test_stream_message_in_an_http_download_is_dropped() -> None:
    assert over_http().block(0) == []


# -- statistics ---------------------------------------------------------------------------------


def test_processed_counts_stored_blocks() -> None:
    world = downloading()
    world.block(0)
    world.block(0)
    world.block(1)
    assert world.machine.counters.processed == 2
    world.block(2, 255)
    assert world.machine.counters.processed == 3


def test_final_block_does_not_count_when_the_close_fails() -> None:
    world = downloading(1)
    world.pal["close"] = PalStatus(PalMainStatus.SIGNATURE_CHECK_FAILED, 0)
    world.block(0, 255)
    assert world.machine.counters.processed == 0


def test_counters_start_again_with_each_transfer() -> None:
    world = downloading()
    world.block(0)
    world.send(Event.SUSPEND)
    world.block(1)
    assert world.machine.counters.dropped == 1
    world.send(Event.RESUME)
    world.answer(job_document())
    assert (world.machine.counters.processed, world.machine.counters.dropped) == (0, 0)


def test_every_data_message_is_given_back_once() -> None:
    world = downloading()
    world.block(0)
    world.block(0)
    world.data(b"", stream="other")
    world.data(b"junk")
    world.data(b"junk")
    assert len(world.given_back) == 1 + 5
