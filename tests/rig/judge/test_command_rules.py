"""What the application on the device is told: suspend, resume, abort, shutdown, start."""

from __future__ import annotations

import pytest

from tests.rig.judge.tape import NEW, OLD, THING, Tape, check, offer

STREAM = f"$aws/things/{THING}/streams/S/data/cbor"
NOTIFY_NEXT = f"$aws/things/{THING}/jobs/notify-next"
ABORTED = "aborted: 0x00000013"


def idle() -> Tape:
    tape = Tape()
    tape.flash()
    tape.start()
    tape.answer()
    return tape


def downloading() -> Tape:
    """One of three blocks is stored, the second one is outstanding."""
    tape = idle()
    tape.created()
    tape.news(offer())
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    tape.data(0)
    tape.progress(1)
    return tape


def resumes(tape: Tape) -> None:
    tape.command("resume")
    tape.ask()
    tape.answer(offer())
    tape.subscribe_stream()


def completes(tape: Tape) -> None:
    tape.data(1)
    tape.data(2)
    tape.ready()
    tape.close()
    tape.start(NEW, "pending_commit")
    tape.read(NEW, OLD)


def test_suspended_and_resumed() -> None:
    tape = downloading()
    tape.command("suspend")
    tape.data(1)
    resumes(tape)
    tape.request([1, 2])
    completes(tape)
    check(tape, satisfied="SUS-001 SUS-002 SUS-003 SUS-004 SUS-005")


def test_requests_while_suspended() -> None:
    tape = downloading()
    tape.command("suspend")
    tape.data(1)
    tape.request([2])
    tape.data(2)
    tape.ready()
    check(tape, violated="SIG-002 SUS-001")


def test_one_request_on_its_way_is_granted() -> None:
    tape = downloading()
    tape.data(1)
    tape.command("suspend")
    tape.request([2])
    tape.data(2)
    resumes(tape)
    tape.request([2])
    check(tape, satisfied="SUS-001 SUS-002")


def test_block_stored_while_suspended() -> None:
    tape = downloading()
    tape.command("suspend")
    tape.data(1)
    resumes(tape)
    tape.request([2])
    check(tape, violated="SUS-002")


def test_no_request_after_resuming() -> None:
    tape = downloading()
    tape.command("suspend")
    tape.wait(3)
    tape.command("resume")
    tape.wait(60)
    tape.ping()
    check(tape, violated="SUS-003")


def test_asks_without_subscribing_after_resuming() -> None:
    tape = downloading()
    tape.command("suspend")
    tape.wait(3)
    tape.command("resume")
    tape.publish("jobs/$next/get", b'{"clientToken":"1:lamp"}', 1)
    check(tape, violated="SUS-003")


def test_all_blocks_asked_for_after_resuming() -> None:
    tape = downloading()
    tape.command("suspend")
    tape.wait(3)
    resumes(tape)
    tape.request([0, 1, 2])
    check(tape, violated="DAT-010 SUS-004")


def test_does_not_continue_after_resuming() -> None:
    tape = downloading()
    tape.command("suspend")
    tape.wait(3)
    resumes(tape)
    tape.wait(60)
    tape.ping()
    check(tape, violated="SUS-004")


def test_interrupted_image_does_not_verify() -> None:
    tape = downloading()
    tape.command("suspend")
    tape.wait(3)
    resumes(tape)
    tape.request([1, 2])
    tape.data(1)
    tape.data(2)
    tape.failed("0x000000e3: 0x00000000")
    check(tape, violated="DAT-018 SIG-001 SUS-005")


def test_connection_lost() -> None:
    tape = downloading()
    tape.add("mqtt", "TCP_CLOSE", "to_device")
    tape.connect()
    tape.ask()
    tape.answer(offer())
    tape.subscribe_stream()
    tape.request([1, 2])
    completes(tape)
    check(tape, satisfied="SUS-004 SUS-005 SUS-008")


def test_connection_lost_for_good() -> None:
    tape = downloading()
    tape.add("mqtt", "TCP_CLOSE", "to_device")
    tape.wait(100)
    tape.add("rig", "NOTE")
    check(tape, violated="SUS-008")


def test_reconnects_and_asks_for_nothing() -> None:
    tape = downloading()
    tape.add("mqtt", "TCP_CLOSE", "to_device")
    tape.connect()
    tape.wait(60)
    tape.ping()
    check(tape, violated="SUS-008")


def test_full_restart_after_a_lost_connection_without_a_reset() -> None:
    tape = downloading()
    tape.add("mqtt", "TCP_CLOSE", "to_device")
    tape.connect()
    tape.ask()
    tape.answer(offer())
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    check(tape, violated="DAT-010 SUS-004")


def test_without_boots_a_full_restart_may_follow_a_reset() -> None:
    tape = downloading()
    tape.close()
    tape.connect()
    tape.ask()
    tape.answer(offer())
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    tape.events = [event for event in tape.events if event.kind != "BOOT"]
    check(tape, satisfied="DAT-009")


# -- aborts -------------------------------------------------------------------------------------


def test_abort() -> None:
    tape = downloading()
    tape.command("abort")
    tape.failed(ABORTED)
    tape.unsubscribe(STREAM)
    tape.read(OLD, NEW)
    tape.news(offer("next", stream="T"))
    tape.subscribe_stream("T")
    check(tape, satisfied="ABT-001 ABT-002 ABT-004 ABT-005 CTL-019 DAT-033")


def test_abort_ignored() -> None:
    tape = downloading()
    tape.command("abort")
    tape.wait(1)
    tape.data(1)
    tape.request([2])
    tape.data(2)
    tape.ready()
    check(tape, violated="ABT-001")


def test_abort_not_reported() -> None:
    tape = downloading()
    tape.command("abort")
    tape.wait(60)
    tape.ping()
    check(tape, violated="ABT-001")


def test_aborted_image_runs() -> None:
    tape = downloading()
    tape.command("abort")
    tape.failed(ABORTED)
    tape.close()
    tape.boot(NEW)
    check(tape, violated="ABT-005")


def test_deaf_after_an_abort() -> None:
    tape = downloading()
    tape.command("abort")
    tape.failed(ABORTED)
    tape.unsubscribe(STREAM)
    tape.news(offer("next", stream="T"))
    tape.wait(60)
    tape.ping()
    check(tape, violated="ABT-004 CTL-009 CTL-019 JOB-002")


def test_abort_without_a_job() -> None:
    tape = idle()
    tape.command("abort")
    tape.ping()
    check(tape, satisfied="ABT-003")


def test_abort_without_a_job_reported() -> None:
    tape = idle()
    tape.command("abort")
    tape.failed(ABORTED, "J")
    check(tape, violated="ABT-003 CTL-014 JOB-003")


def test_abort_after_a_finished_job_is_one_without_a_job() -> None:
    tape = downloading()
    tape.command("abort")
    tape.failed(ABORTED)
    tape.unsubscribe(STREAM)
    tape.command("abort")
    tape.ping()
    check(tape, satisfied="ABT-001 ABT-003")


# -- shutdown -----------------------------------------------------------------------------------


def test_shutdown_in_a_download() -> None:
    tape = downloading()
    tape.command("shutdown", "1")
    tape.unsubscribe(NOTIFY_NEXT)
    tape.unsubscribe(STREAM)
    tape.command("start")
    tape.ask()
    check(tape, satisfied="SHT-001 SHT-002 SHT-003")


def test_shutdown_told_not_to_unsubscribe() -> None:
    tape = downloading()
    tape.command("shutdown", "0")
    tape.wait(5)
    tape.ping()
    check(tape, satisfied="SHT-001 SHT-002")


@pytest.mark.parametrize("told", ["0", "1"])
def test_shutdown_does_not_as_told(told: str) -> None:
    tape = downloading()
    tape.command("shutdown", told)
    tape.unsubscribe(NOTIFY_NEXT)
    tape.wait(60)
    tape.ping()
    check(tape, violated="SHT-001")


def test_status_after_shutdown() -> None:
    tape = downloading()
    tape.command("shutdown", "1")
    tape.unsubscribe(NOTIFY_NEXT)
    tape.unsubscribe(STREAM)
    tape.failed("aborted: 0x00000000")
    check(tape, violated="SHT-002")


def test_start_without_a_request() -> None:
    tape = idle()
    tape.command("shutdown", "1")
    tape.unsubscribe(NOTIFY_NEXT)
    tape.command("start")
    tape.wait(60)
    tape.ping()
    check(tape, violated="SHT-003")


def test_start_with_qos_0() -> None:
    tape = idle()
    tape.command("shutdown", "1")
    tape.unsubscribe(NOTIFY_NEXT)
    tape.command("start")
    tape.subscribe(NOTIFY_NEXT, 0)
    tape.publish("jobs/$next/get", b'{"clientToken":"1:lamp"}', 1)
    check(tape, violated="CTL-002 SHT-003")


# -- idle ---------------------------------------------------------------------------------------


def test_polling() -> None:
    tape = idle()
    tape.wait(10)
    tape.publish("jobs/$next/get", b'{"clientToken":"1:lamp"}', 1)
    check(tape, violated="CTL-011")


def test_no_polling() -> None:
    tape = idle()
    tape.wait(10)
    tape.ping()
    tape.news(offer())
    tape.subscribe_stream()
    check(tape, satisfied="CTL-009 CTL-011")


def test_asking_again_without_an_answer_is_no_polling() -> None:
    tape = Tape()
    tape.start()
    tape.wait(2)
    tape.publish("jobs/$next/get", b'{"clientToken":"1:lamp"}', 1)
    check(tape)


def test_request_repeated_without_acknowledgement() -> None:
    tape = Tape()
    tape.start()
    tape.events.pop()  # the PUBACK
    tape.wait(2)
    tape.publish("jobs/$next/get", b'{"clientToken":"1:lamp"}', 1)
    check(tape, satisfied="CTL-012")


def test_request_repeated_without_end() -> None:
    tape = Tape()
    tape.start()
    tape.events.pop()
    for _ in range(34):
        tape.wait(2)
        tape.publish("jobs/$next/get", b'{"clientToken":"1:lamp"}', 1)
        tape.events.pop()
    check(tape, violated="CTL-012")


def test_no_subscription_after_start() -> None:
    tape = Tape()
    tape.boot()
    tape.connect()
    tape.wait(60)
    tape.ping()
    check(tape, violated="CTL-001")


def test_no_request_after_the_subscription() -> None:
    tape = Tape()
    tape.boot()
    tape.connect()
    tape.subscribe(NOTIFY_NEXT, 1)
    tape.wait(60)
    tape.ping()
    check(tape, violated="CTL-003")


def test_unacknowledged_terminal_status_may_be_repeated() -> None:
    tape = downloading()
    tape.command("abort")
    tape.failed(ABORTED)
    tape.events.pop()  # the PUBACK
    tape.failed(ABORTED)
    check(tape, satisfied="CTL-017 CTL-018")


def test_acknowledged_terminal_status_may_not_be_repeated() -> None:
    tape = downloading()
    tape.command("abort")
    tape.failed(ABORTED)
    tape.failed(ABORTED)
    check(tape, violated="CTL-017 CTL-018")


def test_stray_failure_after_a_duplicate_of_the_final_block_is_granted() -> None:
    tape = downloading()
    tape.data(1)
    tape.request([2])
    tape.data(2)
    tape.ready()
    tape.data(2)
    tape.failed("0x000000e0: 0x00000000", "")
    check(tape, satisfied="RES-006 SIG-002")


def test_a_job_created_again_is_another_execution() -> None:
    tape = idle()
    for _ in range(2):
        tape.created()
        tape.news({"timestamp": 1, "execution": {"jobId": "J", "jobDocument": {"blink": 1}}})
        tape.failed("0x0000000c: 0x00000004")
    check(tape, satisfied="CTL-017 CTL-018 JOB-008")
