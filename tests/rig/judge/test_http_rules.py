"""Downloads by HTTP, and the limits of a device."""

from __future__ import annotations

import json

import pytest

from tests.rig.judge import tape as words
from tests.rig.judge.tape import BLOCK, NEW, OLD, SIZE, Tape, check, offer

URL = "https://files/f?sig=1"
RANGES = [(0, BLOCK - 1), (BLOCK, 2 * BLOCK - 1), (2 * BLOCK, SIZE - 1)]


def begun() -> Tape:
    """A job by HTTP has been delivered."""
    tape = Tape()
    tape.flash()
    tape.start()
    tape.answer()
    tape.created()
    tape.news(offer(protocols=["HTTP"], update_data_url=URL))
    return tape


def get(tape: Tape, number: int, **changes: str | int) -> None:
    """Ask for the block of this number and get it."""
    first, last = RANGES[number]
    tape.get(first, last, **changes)  # type: ignore[arg-type]
    tape.body(last - first + 1)


def completes(tape: Tape) -> None:
    tape.ready()
    tape.close()
    tape.start(NEW, "pending_commit")
    tape.read(NEW, OLD)


def test_good_download() -> None:
    tape = begun()
    get(tape, 0)
    tape.progress(1)
    get(tape, 1)
    get(tape, 2)
    completes(tape)
    check(
        tape,
        satisfied="HTP-001 HTP-002 HTP-003 HTP-004 HTP-005 HTP-011 JOB-025 SIG-001 SIG-002",
    )


def test_stream_used_besides() -> None:
    tape = begun()
    tape.subscribe_stream()
    get(tape, 0)
    check(tape, violated="HTP-001")


def test_query_altered() -> None:
    tape = begun()
    get(tape, 0, target="/f?sig=2")
    check(tape, violated="HTP-002")


def test_another_path() -> None:
    tape = begun()
    get(tape, 0, target="/other")
    check(tape, violated="HTP-002")


def test_no_range() -> None:
    tape = begun()
    tape.add("http", "REQUEST", "from_device", conn=1, method="GET", target="/f?sig=1", headers={})
    check(tape, violated="HTP-003")


def test_two_ranges() -> None:
    tape = begun()
    headers = {"Range": "bytes=0-1,4-5"}
    tape.add(
        "http", "REQUEST", "from_device", conn=1, method="GET", target="/f?sig=1", headers=headers
    )
    check(tape, violated="HTP-003")


def test_first_range_elsewhere() -> None:
    tape = begun()
    get(tape, 1)
    check(tape, violated="HTP-003 HTP-004")


def test_range_left_out() -> None:
    tape = begun()
    get(tape, 0)
    tape.progress(1)
    get(tape, 2)
    check(tape, violated="HTP-004")


def test_range_beyond_the_file() -> None:
    tape = begun()
    get(tape, 0)
    tape.progress(1)
    get(tape, 1)
    tape.get(2 * BLOCK, 3 * BLOCK - 1)
    check(tape, violated="HTP-004")


def test_two_requests_outstanding() -> None:
    tape = begun()
    tape.get(*RANGES[0], conn=1)
    tape.get(*RANGES[0], conn=2)
    tape.body(BLOCK, conn=1)
    tape.body(BLOCK, conn=2)
    check(tape, violated="HTP-005")


def test_another_request_while_one_is_left_without_an_answer() -> None:
    tape = begun()
    tape.get(*RANGES[0], conn=1)
    tape.fault(what="http", action="no answer")
    tape.get(*RANGES[0], conn=2)
    tape.body(BLOCK, conn=2)
    check(tape, violated="HTP-005")


def test_another_request_when_the_connection_broke() -> None:
    tape = begun()
    tape.get(*RANGES[0], conn=1)
    tape.fault(what="http", action="close")
    for number in (0, 1):
        tape.get(*RANGES[number], conn=2)
        tape.body(BLOCK, conn=2)
    check(tape, satisfied="HTP-005")


def short_body(tape: Tape) -> None:
    tape.get(*RANGES[0])
    tape.body(100)


def test_short_body_asked_for_again() -> None:
    tape = begun()
    short_body(tape)
    get(tape, 0)
    check(tape, satisfied="HTP-006")


def test_short_body_fails_the_job() -> None:
    tape = begun()
    short_body(tape)
    tape.failed("0x000000e0: 0x00000000")
    check(tape, satisfied="HTP-006")


def test_short_body_taken() -> None:
    tape = begun()
    short_body(tape)
    get(tape, 1)
    check(tape, violated="HTP-004 HTP-006")


def test_unanswered_range_asked_for_again() -> None:
    tape = begun()
    tape.get(*RANGES[0])
    tape.wait(2)
    get(tape, 0)
    check(tape, satisfied="HTP-007")


def test_unanswered_range_asked_for_too_late() -> None:
    tape = begun()
    tape.get(*RANGES[0])
    tape.wait(9)
    get(tape, 0)
    check(tape, violated="HTP-007")


def test_unanswered_range_forgotten() -> None:
    tape = begun()
    tape.get(*RANGES[0])
    tape.wait(60)
    tape.ping()
    check(tape, violated="HTP-007")


def fails(tape: Tape, times: int) -> None:
    for _ in range(times):
        tape.get(*RANGES[0])
        tape.body(0, status=500)
        tape.wait(2)


def test_gives_up() -> None:
    tape = begun()
    fails(tape, 4)
    tape.failed("aborted: 0x00000000")
    check(tape, satisfied="HTP-008")


def test_never_gives_up() -> None:
    tape = begun()
    fails(tape, 9)
    check(tape, violated="HTP-008")


def expired(tape: Tape) -> None:
    get(tape, 0)
    tape.progress(1)
    tape.get(*RANGES[1])
    tape.body(0, status=403)


def test_expired_url_renewed() -> None:
    tape = begun()
    expired(tape)
    tape.ask()
    tape.answer(offer(protocols=["HTTP"], update_data_url="https://files/f?sig=2"))
    get(tape, 1, target="/f?sig=2")
    check(tape, satisfied="HTP-002 HTP-004 HTP-009")


def test_expired_url_and_another_range() -> None:
    tape = begun()
    expired(tape)
    tape.ask()
    tape.answer(offer(protocols=["HTTP"], update_data_url="https://files/f?sig=2"))
    get(tape, 0, target="/f?sig=2")
    check(tape, violated="HTP-004 HTP-009")


def test_expired_url_not_renewed() -> None:
    tape = begun()
    expired(tape)
    tape.wait(100)
    tape.ping()
    check(tape, violated="HTP-009")


def test_whole_file_refused() -> None:
    tape = begun()
    tape.get(*RANGES[0])
    tape.body(SIZE, status=200)
    tape.failed("0x000000e0: 0x00000000")
    tape.read(OLD)
    check(tape, satisfied="HTP-006 HTP-010")


def test_whole_file_spoils_the_image() -> None:
    tape = begun()
    tape.get(*RANGES[0])
    tape.body(SIZE, status=200)
    tape.failed("0x000000e0: 0x00000000")
    tape.read(NEW)
    check(tape, violated="DAT-025 HTP-010")


def test_no_progress() -> None:
    tape = begun()
    for number in range(3):
        get(tape, number)
    completes(tape)
    check(tape, violated="HTP-011")


def test_answer_twice() -> None:
    tape = begun()
    get(tape, 0)
    tape.progress(1)
    get(tape, 0)
    get(tape, 1)
    get(tape, 2)
    completes(tape)
    check(tape, satisfied="HTP-012")


def test_answer_twice_spoils_the_image() -> None:
    tape = begun()
    get(tape, 0)
    tape.progress(1)
    get(tape, 0)
    get(tape, 1)
    get(tape, 2)
    tape.ready()
    tape.reset_into(NEW, offer(ready=OLD), "pending_commit")
    tape.active()
    tape.succeeded()
    tape.read("9.9.9", OLD)
    check(tape, violated="HTP-012")


# -- limits -------------------------------------------------------------------------------------


def long_document(size: int) -> bytes:
    document = offer()
    document["execution"]["jobDocument"]["padding"] = ""
    document["execution"]["jobDocument"]["padding"] = "x" * (size - len(json.dumps(document)))
    return json.dumps(document).encode()


def idle() -> Tape:
    tape = Tape()
    tape.start()
    tape.answer()
    return tape


def test_long_document() -> None:
    tape = idle()
    tape.news(long_document(BLOCK + 1400))
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    check(tape, satisfied="RES-001 JOB-027")


def test_long_document_ignored() -> None:
    tape = idle()
    tape.news(long_document(BLOCK + 1400))
    tape.wait(60)
    tape.ping()
    check(tape, violated="CTL-009 JOB-002 JOB-003 JOB-027 RES-001")


def test_over_long_document() -> None:
    tape = idle()
    tape.news(long_document(BLOCK + 20_000))
    tape.ping()
    check(tape, satisfied="RES-002")


def test_over_long_document_crashes_the_device() -> None:
    tape = idle()
    tape.news(long_document(BLOCK + 20_000))
    tape.close()
    tape.boot()
    check(tape, violated="RES-002")


def ten_updates(tape: Tape) -> None:
    tape.flash()
    tape.start("1.0.0")
    tape.answer()
    for number in range(10):
        tape.update(f"J{number}", f"1.0.{number}", f"1.0.{number + 1}", f"S{number}")


def test_ten_updates() -> None:
    tape = Tape()
    ten_updates(tape)
    check(tape, satisfied="RES-004 CTL-019 SIG-010")


def test_ten_updates_with_a_reboot() -> None:
    tape = Tape()
    tape.flash()
    tape.start("1.0.0")
    tape.answer()
    for number in range(10):
        if number == 5:
            tape.close()
            tape.start("1.0.5")
            tape.answer()
        tape.update(f"J{number}", f"1.0.{number}", f"1.0.{number + 1}", f"S{number}")
    check(tape, violated="RES-004")


def test_empty_version_components_are_granted() -> None:
    tape = idle()
    tape.created(version="1.0.1")
    tape.news(offer())
    tape.download()
    tape.ready()
    tape.reset_into(NEW, offer(ready=OLD), "pending_commit")
    tape.active()
    tape.status("SUCCEEDED", reason="accepted  v1..1", updatedBy="  v1..")
    check(tape, satisfied="RES-007 TST-003 TST-005")


@pytest.mark.parametrize("completed", [True, False])
def test_long_names(completed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    long_thing, long_stream = "t" * 128, "s" * 44
    monkeypatch.setattr(words, "THING", long_thing)
    monkeypatch.setattr(words, "TOPICS", f"$aws/things/{long_thing}")
    tape = idle()
    tape.news(offer(stream=long_stream))
    if completed:
        tape.download(stream=long_stream)
        tape.ready()
        check(tape, satisfied="RES-005")
    else:
        tape.subscribe_stream(long_stream)
        tape.request([0, 1, 2], stream=long_stream)
        tape.wait(100)
        tape.ping()
        check(tape, violated="DAT-014 RES-005")
