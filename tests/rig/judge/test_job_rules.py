"""Job documents, good and bad, and downloads that are dropped."""

from __future__ import annotations

from typing import Any

import pytest

from rig.judge import Outcome
from tests.rig.judge.tape import NEW, OLD, SIZE, THING, Tape, check, offer

NON_CONFORMING = "0x0000000c: 0x00000004"


def idle(**declares: Any) -> Tape:
    tape = Tape(**declares)
    tape.flash()
    tape.start()
    tape.answer()
    return tape


def lives_on(tape: Tape) -> None:
    """A later job is taken up."""
    tape.news(offer("next", stream="T"))
    tape.subscribe_stream("T")
    tape.request([0, 1, 2], stream="T")


def stays_deaf(tape: Tape) -> None:
    """A later job is not."""
    tape.news(offer("next", stream="T"))
    tape.wait(60)
    tape.ping()


def cut_off() -> bytes:
    return b'{"timestamp":1,"execution":{"jobId":"J","jobDocument":{"afr_ota":{"proto'


PASSED_OVER = [
    ({"clientToken": "x", "timestamp": 1}, "JOB-003"),
    ({"timestamp": 1, "execution": {}}, "JOB-004"),
    (b"\x00not json", "JOB-005"),
]


@pytest.mark.parametrize(("document", "rule"), PASSED_OVER)
def test_passed_over(document: dict[str, Any] | bytes, rule: str) -> None:
    tape = idle()
    tape.news(document)
    lives_on(tape)
    check(tape, satisfied=rule)


@pytest.mark.parametrize(("document", "rule"), PASSED_OVER)
def test_published_because_of_it(document: dict[str, Any] | bytes, rule: str) -> None:
    tape = idle()
    tape.news(document)
    tape.failed(NON_CONFORMING, "")
    check(tape, violated=f"CTL-014 {rule}")


def test_deaf_after_an_empty_document() -> None:
    tape = idle()
    tape.news({"timestamp": 1, "execution": {}})
    stays_deaf(tape)
    check(tape, violated="CTL-009 JOB-002 JOB-003 JOB-004")


def test_cut_off_document() -> None:
    tape = idle()
    tape.news(cut_off())
    tape.ping()
    check(tape, satisfied="JOB-006")


def test_cut_off_document_downloaded() -> None:
    tape = idle()
    tape.news(cut_off())
    tape.request([0, 1, 2])
    check(tape, violated="JOB-006")


def test_document_without_job_id() -> None:
    document = offer()
    del document["execution"]["jobId"]
    tape = idle()
    tape.news(document)
    tape.ping()
    check(tape, satisfied="JOB-007")


def test_document_without_job_id_failed() -> None:
    document = offer()
    del document["execution"]["jobId"]
    tape = idle()
    tape.news(document)
    tape.failed(NON_CONFORMING, "")
    check(tape, violated="CTL-014 JOB-007")


def custom() -> dict[str, Any]:
    return {"timestamp": 1, "execution": {"jobId": "J", "jobDocument": {"blink": 3}}}


def test_custom_job_failed() -> None:
    tape = idle()
    tape.news(custom())
    tape.failed(NON_CONFORMING)
    check(tape, satisfied="JOB-008")


def test_custom_job_claimed() -> None:
    tape = idle()
    tape.add("rig", "EXPECT", job_id="J", status="SUCCEEDED", reason="accepted  v0.0.7")
    tape.news(custom())
    tape.status("SUCCEEDED", reason="accepted  v0.0.7", updatedBy="  v0.0.0")
    check(tape, satisfied="JOB-008 JOB-037")


def test_custom_job_gets_another_status() -> None:
    tape = idle()
    tape.add("rig", "EXPECT", job_id="J", status="REJECTED", reason="rejected: 0x00000007")
    tape.news(custom())
    tape.failed(NON_CONFORMING)
    check(tape, violated="JOB-037")


def test_custom_job_forgotten() -> None:
    tape = idle()
    tape.news(custom())
    tape.wait(60)
    tape.ping()
    check(tape, violated="JOB-008")


DEFECTS: list[tuple[dict[str, Any], str]] = [
    (offer(without=["filesize"]), "JOB-009"),
    (offer(without=["fileid"]), "JOB-010"),
    (offer(without=["protocols"]), "JOB-011"),
    (offer(filesize="many"), "JOB-013"),
    (offer(filesize=12.5), "JOB-013"),
    (offer(**{"sig-sha256-ecdsa": "*"}), "JOB-014"),
]
NO_FILES = offer()
NO_FILES["execution"]["jobDocument"]["afr_ota"]["files"] = []
DEFECTS.append((NO_FILES, "JOB-012"))


@pytest.mark.parametrize(("document", "rule"), DEFECTS)
def test_defective_document_failed(document: dict[str, Any], rule: str) -> None:
    tape = idle()
    tape.news(document)
    tape.failed(NON_CONFORMING)
    lives_on(tape)
    check(tape, satisfied=f"{rule} JOB-015 CTL-019")


@pytest.mark.parametrize(("document", "rule"), DEFECTS)
def test_defective_document_downloaded(document: dict[str, Any], rule: str) -> None:
    tape = idle()
    tape.news(document)
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    check(tape, violated=rule)


@pytest.mark.parametrize(("document", "rule"), DEFECTS)
def test_defective_document_forgotten(document: dict[str, Any], rule: str) -> None:
    tape = idle()
    tape.news(document)
    tape.wait(60)
    tape.ping()
    check(tape, violated=rule)


def test_empty_file_reported() -> None:
    tape = idle()
    tape.news(offer(filesize=0))
    tape.failed("0x0000000c: 0x00000003")
    tape.read(OLD)
    check(tape, satisfied="JOB-016 JOB-017")


def test_empty_file_refused_in_silence() -> None:
    tape = idle()
    tape.news(offer(filesize=0))
    tape.wait(60)
    tape.ping()
    tape.read(OLD)
    check(tape, satisfied="JOB-016", violated="JOB-017")


def test_empty_file_written() -> None:
    tape = idle()
    tape.read(OLD, OLD)
    tape.news(offer(filesize=0))
    tape.failed("0x0000000c: 0x00000003")
    tape.read(OLD, NEW)
    check(tape, violated="JOB-016")


def test_huge_file() -> None:
    tape = idle()
    tape.news(offer(filesize=0xFFFFFFFF))
    tape.failed("aborted: 0xe5000000")
    tape.read(OLD)
    check(tape, satisfied="JOB-018 JOB-019")


def test_huge_file_downloaded() -> None:
    tape = idle()
    tape.news(offer(filesize=0xFFFFFFFF))
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    tape.failed("aborted: 0xe5000000")
    check(tape, violated="DAT-007 DAT-009 JOB-018")


def test_long_job_id() -> None:
    tape = idle()
    tape.news(offer("J" * 73))
    tape.ping()
    check(tape, satisfied="JOB-021")


def test_long_job_id_downloaded() -> None:
    tape = idle()
    tape.news(offer("J" * 73))
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    check(tape, violated="JOB-021")


def test_long_job_id_shortened() -> None:
    tape = idle()
    tape.news(offer("J" * 73))
    tape.failed(NON_CONFORMING, "J" * 72)
    check(tape, violated="CTL-014 JOB-021")


def test_unsupported_protocol() -> None:
    tape = idle()
    tape.news(offer(protocols=["FTP"]))
    tape.failed("aborted: 0x0000000d")
    lives_on(tape)
    check(tape, satisfied="JOB-022 JOB-023 JOB-024")


def test_unsupported_protocol_wrong_reason() -> None:
    tape = idle()
    tape.news(offer(protocols=["FTP"]))
    tape.failed("aborted: 0x00000000")
    check(tape, violated="JOB-023")


def test_deaf_after_unsupported_protocol() -> None:
    tape = idle()
    tape.news(offer(protocols=["FTP"]))
    tape.failed("aborted: 0x0000000d")
    stays_deaf(tape)
    check(tape, violated="CTL-009 CTL-019 JOB-002 JOB-024")


def test_undeclared_protocol_used() -> None:
    tape = idle(data_protocols=["HTTP"], primary_data_protocol="HTTP")
    tape.news(offer(protocols=["MQTT"]))
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    check(tape, violated="JOB-022")


def test_another_protocol_than_the_only_one() -> None:
    tape = idle()
    tape.news(offer(protocols=["HTTP"], update_data_url="https://h/f"))
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    check(tape, violated="JOB-025")


def test_both_protocols() -> None:
    tape = idle()
    tape.news(offer(protocols=["MQTT", "HTTP"], update_data_url="https://h/f"))
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    check(tape, satisfied="JOB-026")


def test_both_protocols_and_the_other_is_used() -> None:
    tape = idle(primary_data_protocol="HTTP")
    tape.news(offer(protocols=["MQTT", "HTTP"], update_data_url="https://h/f"))
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    check(tape, violated="JOB-026")


VARIANTS = [(offer(colour="red"), "JOB-027"), (offer(filesize=str(SIZE)), "JOB-028")]


@pytest.mark.parametrize(("document", "rule"), VARIANTS)
def test_unusual_but_valid(document: dict[str, Any], rule: str) -> None:
    tape = idle()
    tape.news(document)
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    check(tape, satisfied=rule)


@pytest.mark.parametrize(("document", "rule"), VARIANTS)
def test_unusual_but_valid_refused(document: dict[str, Any], rule: str) -> None:
    tape = idle()
    tape.news(document)
    tape.failed(NON_CONFORMING)
    check(tape, violated=rule)


def two_files() -> dict[str, Any]:
    document = offer()
    files = document["execution"]["jobDocument"]["afr_ota"]["files"]
    files.append(files[0] | {"fileid": 1})
    return document


def test_first_of_two_files() -> None:
    tape = idle()
    tape.news(two_files())
    tape.download()
    tape.ready()
    check(tape, satisfied="JOB-029")


def test_second_of_two_files() -> None:
    tape = idle()
    tape.news(two_files())
    tape.subscribe_stream()
    tape.request([0, 1, 2], file=1)
    check(tape, violated="DAT-004 JOB-029")


def other_type_first() -> Tape:
    tape = idle()
    tape.news(offer("first", fileType=2))
    tape.download("first")
    tape.status("SUCCEEDED", "first", reason="accepted  v0.0.2", updatedBy="  v0.0.0")
    tape.unsubscribe(f"$aws/things/{THING}/streams/S/data/cbor")
    tape.news(offer("second", stream="T"))
    tape.download("second", "T")
    return tape


def test_file_type_not_inherited() -> None:
    tape = other_type_first()
    tape.ready(job="second")
    check(tape, satisfied="JOB-030")


def test_file_type_inherited() -> None:
    tape = other_type_first()
    tape.status("SUCCEEDED", "second", reason="accepted  v0.0.2", updatedBy="  v0.0.0")
    check(tape, violated="JOB-030 TST-004")


def test_file_creation_refused() -> None:
    tape = idle()
    tape.news(offer())
    tape.fault(at="create_file")
    tape.failed("aborted: 0xe4000005")
    check(tape, satisfied="JOB-038")


def test_file_creation_refused_for_another_reason() -> None:
    tape = idle()
    tape.news(offer())
    tape.fault(at="create_file")
    tape.failed(NON_CONFORMING)
    check(tape, violated="JOB-038")


# -- dropped downloads --------------------------------------------------------------------------


def dropped() -> Tape:
    """A download with one of three blocks stored, stopped by news."""
    tape = idle()
    tape.created()
    tape.news(offer())
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    tape.data(0)
    tape.progress(1)
    tape.news({"timestamp": 2, "execution": {}})
    return tape


def test_dropped_and_idle() -> None:
    tape = dropped()
    tape.unsubscribe(f"$aws/things/{THING}/streams/S/data/cbor")
    tape.ask()
    tape.answer()
    tape.read(OLD, NEW)
    lives_on(tape)
    check(tape, satisfied="JOB-031 JOB-032 JOB-033 JOB-035 JOB-036")


def test_dropped_and_begun_again() -> None:
    tape = dropped()
    tape.ask()
    tape.answer(offer())
    tape.download()
    check(tape, satisfied="JOB-031 JOB-034")


def test_dropped_and_continued() -> None:
    tape = dropped()
    tape.ask()
    tape.answer(offer())
    tape.subscribe_stream()
    tape.request([1, 2])
    check(tape, violated="DAT-009 JOB-034")


def test_news_ignored() -> None:
    tape = dropped()
    tape.data(1)
    tape.request([2])
    tape.data(2)
    tape.ready()
    check(tape, violated="JOB-032 SIG-002")


def complete_when_news_comes() -> Tape:
    """The device verifies a complete image when a document reaches it."""
    tape = idle()
    tape.created()
    tape.news(offer())
    tape.download()
    tape.news(offer())
    return tape


def test_news_that_crosses_with_ready() -> None:
    tape = complete_when_news_comes()
    tape.ready()
    check(tape, satisfied="SIG-001 SIG-002")


def test_news_that_drops_a_complete_download() -> None:
    tape = complete_when_news_comes()
    tape.ask()
    tape.answer()
    check(tape, satisfied="JOB-031 JOB-032")


def test_deaf_after_a_drop() -> None:
    tape = dropped()
    tape.ask()
    tape.answer()
    stays_deaf(tape)
    check(tape, violated="CTL-009 JOB-002 JOB-003 JOB-035")


def test_dropped_image_boots() -> None:
    tape = dropped()
    tape.close()
    tape.boot(NEW)
    check(tape, violated="JOB-036")


def test_other_job_after_resuming() -> None:
    tape = idle()
    tape.news(offer())
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    tape.command("suspend")
    tape.command("resume")
    tape.ask()
    tape.answer(offer("K", stream="T"))
    tape.download("K", "T")
    check(tape, satisfied="SUS-003 SUS-006")


def test_ten_drops() -> None:
    tape = idle()
    for number in range(10):
        tape.news(offer(f"J{number}", stream=f"S{number}"))
        tape.subscribe_stream(f"S{number}")
        tape.request([0, 1, 2], stream=f"S{number}")
        tape.news({"timestamp": 2, "execution": {}})
        tape.ask()
        tape.answer()
    lives_on(tape)
    check(tape, satisfied="RES-009")


def test_deaf_after_ten_drops() -> None:
    tape = idle()
    for number in range(10):
        tape.news(offer(f"J{number}", stream=f"S{number}"))
        tape.subscribe_stream(f"S{number}")
        tape.request([0, 1, 2], stream=f"S{number}")
        tape.news({"timestamp": 2, "execution": {}})
        tape.ask()
        tape.answer()
    stays_deaf(tape)
    check(tape, violated="CTL-009 JOB-002 JOB-003 JOB-035 RES-009")


def test_blocks_of_the_old_job_after_resuming_with_another() -> None:
    tape = idle()
    tape.news(offer())
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    tape.command("suspend")
    tape.command("resume")
    tape.ask()
    tape.answer(offer("K", stream="T"))
    tape.request([0, 1, 2])
    check(tape, violated="SUS-006")


def test_huge_file_refused_in_silence() -> None:
    tape = idle()
    tape.news(offer(filesize=0xFFFFFFFF))
    tape.wait(60)
    tape.ping()
    check(tape, violated="JOB-019")


def test_answer_ignored() -> None:
    tape = Tape()
    tape.start()
    tape.answer(offer())
    tape.wait(60)
    tape.ping()
    check(tape, violated="CTL-010 JOB-002")


def test_job_id_shortened() -> None:
    tape = idle()
    tape.news(offer("J" * 64))
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    tape.data(0)
    tape.status("IN_PROGRESS", "J" * 32, 0, receive="1/3")
    check(tape, violated="CTL-014 JOB-020")


def test_empty_file_refused_in_silence_before_the_next_job() -> None:
    """Time enough for an answer went by, so the job that follows excuses nothing."""
    tape = idle()
    tape.news(offer(filesize=0))
    tape.wait(60)
    tape.news({"timestamp": 2})
    lives_on(tape)
    check(tape, violated="JOB-017")


def test_empty_file_followed_at_once_by_the_next_job() -> None:
    tape = idle()
    tape.news(offer(filesize=0))
    tape.news({"timestamp": 2})
    lives_on(tape)
    assert tape.verdicts()["OTA-JOB-017"].outcome is Outcome.NOT_OBSERVED


def test_file_creation_made_to_fail_before_the_job_comes() -> None:
    tape = idle()
    tape.fault(at="create_file")
    tape.news(offer())
    tape.failed("aborted: 0x00000000")
    check(tape, violated="JOB-038")


def test_file_creation_made_to_fail_for_an_earlier_job() -> None:
    tape = idle()
    tape.fault(at="create_file")
    tape.news(offer("ONE"))
    tape.failed("aborted: 0xe4000002", job="ONE")
    tape.news(offer("TWO"))
    tape.failed(NON_CONFORMING, job="TWO")
    check(tape, satisfied="JOB-038")
