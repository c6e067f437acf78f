"""What becomes of blocks, and of images, with boots and slots read back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rig.judge.verdict import Outcome
from tests.rig.judge.tape import BLOCK, NEW, OLD, SIZE, Tape, check, offer, outcomes

INGEST = "0x000000e0: 0x00000000"
SIGNATURE = "0x000000e3: 0x00000000"
STREAM = "$aws/things/lamp/streams/S/data/cbor"


def downloading() -> Tape:
    """A device that has asked for the first two of three blocks."""
    tape = Tape()
    tape.flash()
    tape.start()
    tape.answer()
    tape.created()
    tape.news(offer())
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    return tape


def completes(tape: Tape) -> None:
    """Self-test ready, reset, and the new image in a slot."""
    tape.ready()
    tape.close()
    tape.start(NEW, "pending_commit")
    tape.read(NEW, OLD)


def refused(tape: Tape, reason: str) -> None:
    """FAILED, unsubscribed, and still on the old image after a power cycle."""
    tape.failed(reason)
    tape.unsubscribe(STREAM)
    tape.read(OLD, NEW)
    tape.close()
    tape.power("CUT")
    tape.start(OLD)
    tape.read(OLD, NEW)


def test_blocks_out_of_order() -> None:
    tape = downloading()
    tape.data(1)
    tape.progress(1)
    tape.data(0)
    tape.request([2])
    tape.data(2)
    completes(tape)
    check(tape, satisfied="DAT-013 DAT-015 DAT-018")


def test_blocks_out_of_order_fail() -> None:
    tape = downloading()
    tape.data(1)
    tape.progress(1)
    tape.data(0)
    refused(tape, INGEST)
    check(tape, violated="DAT-015")


def test_duplicate_is_ignored() -> None:
    tape = downloading()
    tape.data(0)
    tape.progress(1)
    tape.data(0)
    tape.wait(2)
    tape.request([1, 2])
    tape.data(1)
    tape.data(2)
    completes(tape)
    check(tape, satisfied="DAT-016 DAT-017 DAT-032")


def test_duplicate_counts() -> None:
    tape = downloading()
    tape.data(0)
    tape.progress(1)
    tape.data(0)
    tape.request([1, 2])
    tape.data(1)
    tape.data(2)
    completes(tape)
    check(tape, violated="DAT-017")


def test_duplicate_fails_the_job() -> None:
    tape = downloading()
    tape.data(0)
    tape.progress(1)
    tape.data(0)
    refused(tape, INGEST)
    check(tape, violated="DAT-016")


BAD: list[tuple[str, Callable[[Tape], object], str]] = [
    ("block too short", lambda tape: tape.data(1, size=100), "DAT-019"),
    ("last block too short", lambda tape: tape.data(2, size=100), "DAT-020"),
    ("last block too long", lambda tape: tape.data(2, size=BLOCK), "DAT-020"),
    ("index beyond the file", lambda tape: tape.data(3, size=BLOCK), "DAT-021"),
    ("negative index", lambda tape: tape.data(0, i=-1), "DAT-021"),
    ("index of 64 bits", lambda tape: tape.data(0, i=1 << 40), "DAT-021"),
    ("no CBOR", lambda tape: tape.send("streams/S/data/cbor", b"\xff\x00", 0), "DAT-022"),
    ("index a text", lambda tape: tape.data(0, i="0"), "DAT-022"),
    ("payload beyond the buffer", lambda tape: tape.data(0, p=bytes(2 * BLOCK)), "DAT-022"),
]
BAD_PARAMETERS = [pytest.param(bad, rule, id=name) for name, bad, rule in BAD]


@pytest.mark.parametrize(("bad", "rule"), BAD_PARAMETERS)
def test_bad_block_fails_the_job(bad: Callable[[Tape], object], rule: str) -> None:
    tape = downloading()
    bad(tape)
    refused(tape, INGEST)
    check(tape, satisfied=f"{rule} DAT-023 DAT-024 DAT-025 DAT-033")


@pytest.mark.parametrize(("bad", "rule"), BAD_PARAMETERS)
def test_bad_block_taken(bad: Callable[[Tape], object], rule: str) -> None:
    tape = downloading()
    bad(tape)
    tape.data(0)
    tape.progress(1)
    tape.data(1)
    tape.request([2])
    tape.data(2)
    completes(tape)
    check(tape, violated=rule)


@pytest.mark.parametrize(("bad", "rule"), BAD_PARAMETERS)
def test_bad_block_crashes_the_device(bad: Callable[[Tape], object], rule: str) -> None:
    tape = downloading()
    bad(tape)
    tape.close()
    tape.start(OLD)
    over_long = bad is BAD[-1][1]
    check(tape, violated=f"{rule} RES-002" if over_long else rule)


def test_bad_block_left_without_a_word() -> None:
    tape = downloading()
    tape.data(1, size=100)
    tape.wait(60)
    tape.ping()
    check(tape, violated="DAT-014 DAT-019")


def test_failed_image_boots() -> None:
    tape = downloading()
    tape.data(1, size=100)
    tape.failed(INGEST)
    tape.close()
    tape.boot(NEW)
    check(tape, violated="DAT-025")


def test_failed_image_found_in_the_running_slot() -> None:
    tape = downloading()
    tape.data(1, size=100)
    tape.failed(INGEST)
    tape.read(NEW, OLD)
    check(tape, violated="DAT-019 DAT-025")


def test_old_release_reason() -> None:
    tape = downloading()
    tape.data(1, size=100)
    refused(tape, "0xe0000000: 0xfffffff9")
    check(tape, satisfied="DAT-019 DAT-023")


def test_unusual_encoding() -> None:
    tape = downloading()
    tape.data(0, extra="ignored")
    tape.progress(1)
    tape.data(1)
    tape.request([2])
    check(tape, satisfied="DAT-026")


def test_unusual_encoding_refused() -> None:
    tape = downloading()
    tape.data(0, extra="ignored")
    refused(tape, INGEST)
    check(tape, violated="DAT-026")


def test_short_payload() -> None:
    tape = downloading()
    tape.data(0, p=b"short")
    tape.progress(1)
    tape.data(1)
    tape.request([2])
    tape.data(2)
    refused(tape, SIGNATURE)
    check(tape, satisfied="DAT-027 SIG-005")


def test_short_payload_accepted() -> None:
    tape = downloading()
    tape.data(0, p=b"short")
    tape.progress(1)
    tape.data(1)
    tape.request([2])
    tape.data(2)
    tape.ready()
    tape.reset_into(NEW, offer(ready=OLD), "pending_commit")
    tape.active()
    tape.succeeded()
    check(tape, violated="DAT-027 SIG-002")


def test_foreign_file_is_granted() -> None:
    tape = downloading()
    tape.data(0, f=9)
    check(tape, satisfied="DAT-028")


def test_attempts_count_anew_after_a_block() -> None:
    tape = downloading()
    for _ in range(2):
        tape.wait(2)
        tape.request([0, 1, 2])
    tape.data(0)
    tape.progress(1)
    for _ in range(4):
        tape.wait(2)
        tape.request([1, 2])
    tape.wait(2)
    tape.failed("aborted: 0x00000000")
    check(tape, satisfied="DAT-014 DAT-029 DAT-030 DAT-031 SHT-004 RES-008")


def test_gives_up_at_once_after_a_block() -> None:
    """The request that the block answered counts in such a device, too."""
    tape = downloading()
    for _ in range(2):
        tape.wait(2)
        tape.request([0, 1, 2])
    tape.data(0)
    tape.progress(1)
    tape.wait(2)
    tape.request([1, 2])
    tape.wait(2)
    tape.failed("aborted: 0x00000000")
    check(tape, violated="DAT-031")


def test_attempts_go_on_counting_after_a_block() -> None:
    tape = downloading()
    for _ in range(2):
        tape.wait(2)
        tape.request([0, 1, 2])
    tape.data(0)
    tape.progress(1)
    for _ in range(2):
        tape.wait(2)
        tape.request([1, 2])
    tape.wait(2)
    tape.failed("aborted: 0x00000000")
    check(tape, violated="DAT-031")


def test_stops_asking_without_a_word() -> None:
    tape = downloading()
    for _ in range(3):
        tape.wait(2)
        tape.request([0, 1, 2])
    tape.wait(100)
    tape.ping()
    check(tape, violated="DAT-014 DAT-029")


def test_lost_progress_report() -> None:
    tape = downloading()
    tape.data(0)
    tape.progress(1)
    tape.fault(
        dir="from_device", action="Drop", packet="PUBLISH", topic="$aws/things/lamp/jobs/J/update"
    )
    tape.data(1)
    tape.request([2])
    tape.data(2)
    completes(tape)
    check(tape, satisfied="DAT-037")


def test_connection_lost_before_it_could_report() -> None:
    tape = downloading()
    tape.data(0)
    tape.close()
    tape.connect()
    tape.request([1, 2])
    tape.data(1)
    tape.data(2)
    completes(tape)
    assert "DAT-034" not in outcomes(tape, Outcome.VIOLATED)


def test_no_report_before_the_connection_was_lost() -> None:
    tape = downloading()
    tape.data(0)
    tape.request([1, 2])
    tape.close()
    tape.connect()
    tape.request([1, 2])
    tape.data(1)
    tape.data(2)
    completes(tape)
    assert "DAT-034" in outcomes(tape, Outcome.VIOLATED)


def test_stops_after_a_lost_progress_report() -> None:
    tape = downloading()
    tape.data(0)
    tape.progress(1)
    tape.fault(
        dir="from_device", action="Drop", packet="PUBLISH", topic="$aws/things/lamp/jobs/J/update"
    )
    tape.wait(100)
    tape.ping()
    check(tape, violated="DAT-014 DAT-037")


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK])
def test_odd_sizes(size: int) -> None:
    tape = Tape()
    tape.flash()
    tape.start()
    tape.created()
    tape.answer(offer(filesize=size))
    tape.subscribe_stream()
    tape.request([0], blocks=1)
    tape.data(0, size=size)
    completes(tape)
    check(tape, satisfied="DAT-018 DAT-038 CTL-010")


def test_odd_size_fails() -> None:
    tape = Tape()
    tape.flash()
    tape.start()
    tape.created()
    tape.answer(offer(filesize=1))
    tape.subscribe_stream()
    tape.request([0], blocks=1)
    tape.data(0, size=1)
    refused(tape, INGEST)
    check(tape, violated="DAT-018 DAT-038 SIG-001")


def test_flood() -> None:
    tape = downloading()
    tape.data(0)
    tape.progress(1)
    for _ in range(9):
        tape.data(0)
    tape.data(1)
    tape.request([2])
    tape.data(2)
    completes(tape)
    check(tape, satisfied="RES-003")


# -- signatures ---------------------------------------------------------------------------------


def whole(signed: str, without: tuple[str, ...] = ()) -> Tape:
    """All blocks delivered of an image signed like this."""
    tape = Tape()
    tape.flash()
    tape.start()
    tape.answer()
    tape.created(signed=signed)
    tape.news(offer(without=without))
    tape.download()
    return tape


SIGNED = [
    ("corrupted-image", "SIG-004", ()),
    ("corrupted-signature", "SIG-004", ()),
    ("wrong-key", "SIG-006", ()),
    ("none", "SIG-007", ("sig-sha256-ecdsa",)),
]


@pytest.mark.parametrize(("signed", "rule", "without"), SIGNED)
def test_wrong_signature_refused(signed: str, rule: str, without: tuple[str, ...]) -> None:
    tape = whole(signed, without=without)
    refused(tape, SIGNATURE)
    check(tape, satisfied=f"{rule} SIG-005 SIG-009 CTL-017")


@pytest.mark.parametrize(("signed", "rule", "without"), SIGNED)
def test_wrong_signature_activated(signed: str, rule: str, without: tuple[str, ...]) -> None:
    tape = whole(signed, without=without)
    completes(tape)
    check(tape, violated=rule)


def test_refused_image_boots() -> None:
    tape = whole("wrong-key")
    tape.failed(SIGNATURE)
    tape.close()
    tape.boot(NEW)
    check(tape, violated="SIG-006 SIG-009")


def test_another_reason_for_a_wrong_signature() -> None:
    tape = whole("wrong-key")
    refused(tape, INGEST)
    check(tape, violated="DAT-018 SIG-005")


def test_unusable_certificate() -> None:
    tape = whole("unusable-certificate")
    refused(tape, "0x000000e7: 0x00000000")
    check(tape, satisfied="SIG-008")


def test_unusable_certificate_with_another_reason() -> None:
    tape = whole("unusable-certificate")
    refused(tape, SIGNATURE)
    check(tape, violated="SIG-008")


def test_good_signature_refused() -> None:
    tape = whole("good")
    refused(tape, SIGNATURE)
    check(tape, violated="DAT-018 SIG-001")


def test_ready_then_refused() -> None:
    tape = whole("wrong-key")
    tape.ready()
    tape.failed(SIGNATURE)
    check(tape, violated="SIG-002 SIG-006")


def test_ready_without_a_download() -> None:
    tape = Tape()
    tape.start()
    tape.answer(offer())
    tape.ready()
    check(tape, violated="SIG-002")


def test_other_file_type() -> None:
    tape = Tape()
    tape.start()
    tape.answer(offer(fileType=2))
    tape.download()
    tape.status("SUCCEEDED", reason="accepted  v0.0.2", updatedBy="  v0.0.0")
    tape.wait(1)
    tape.ping()
    check(tape, satisfied="SIG-011 SIG-012")


def test_other_file_type_handled_as_firmware() -> None:
    tape = Tape()
    tape.start()
    tape.answer(offer(fileType=2))
    tape.download()
    tape.ready()
    check(tape, violated="SIG-011")


def test_other_file_type_named_wrongly() -> None:
    tape = Tape()
    tape.start()
    tape.answer(offer(fileType=2))
    tape.download()
    tape.status("SUCCEEDED", reason="accepted  v1.0.0", updatedBy="  v0.0.0")
    check(tape, violated="SIG-012")


def test_the_size_is_that_of_three_blocks() -> None:
    assert 2 * BLOCK < SIZE < 3 * BLOCK


def test_loss_spoils_the_image() -> None:
    tape = downloading()
    tape.data(0)
    tape.progress(1)
    tape.wait(2)
    tape.request([1, 2])
    tape.data(1)
    tape.data(2)
    refused(tape, SIGNATURE)
    check(tape, violated="DAT-018 DAT-032 SIG-001")


def test_another_image_runs_after_success() -> None:
    tape = downloading()
    tape.data(1)
    tape.progress(1)
    tape.data(0)
    tape.request([2])
    tape.data(2)
    tape.ready()
    tape.reset_into(NEW, offer(ready=OLD), "pending_commit")
    tape.active()
    tape.succeeded()
    tape.read("9.9.9", OLD)
    check(tape, violated="DAT-015 DAT-018")


def test_flood_stops_the_transfer() -> None:
    tape = downloading()
    tape.data(0)
    tape.progress(1)
    for _ in range(9):
        tape.data(0)
    tape.wait(2)
    tape.request([1, 2])
    tape.wait(60)
    tape.ping()
    check(tape, violated="DAT-014 RES-003")


def test_flood_silences_the_device() -> None:
    tape = downloading()
    for _ in range(9):
        tape.data(0)
    tape.wait(60)
    tape.ping()
    check(tape, violated="DAT-014 RES-003")
