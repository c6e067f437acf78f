"""Self-test, trials and rollback, with all witnesses: boots and slots read back."""

from __future__ import annotations

from tests.rig.judge.tape import NEW, OLD, Tape, check, offer


def idle() -> Tape:
    """A device that runs the old image and has no job."""
    tape = Tape()
    tape.flash()
    tape.start()
    tape.answer()
    return tape


def ready() -> Tape:
    """The same with an image downloaded and about to reset."""
    tape = idle()
    tape.created()
    tape.news(offer())
    tape.download()
    tape.ready()
    tape.close()
    return tape


def test_good_update() -> None:
    tape = idle()
    tape.update()
    tape.read(NEW, OLD)
    tape.power("CUT")
    tape.start(NEW)
    tape.answer()
    tape.read(NEW, OLD)
    check(
        tape,
        satisfied="CTL-001 CTL-009 JOB-002 JOB-003 JOB-020 JOB-025 DAT-018 SIG-001 SIG-002 "
        "SIG-003 SIG-010 TST-001 TST-002 TST-003 TST-004 TST-005 TST-006",
    )


def test_ready_names_another_version() -> None:
    tape = idle()
    tape.created()
    tape.news(offer())
    tape.download()
    tape.ready("1.0.7")
    check(tape, violated="SIG-003")


def test_active_names_another_version() -> None:
    tape = ready()
    tape.start(NEW, "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.active("1.0.7")
    check(tape, violated="TST-002")


def test_no_reset_after_ready() -> None:
    tape = idle()
    tape.created()
    tape.news(offer())
    tape.download()
    tape.ready()
    tape.unsubscribe("$aws/things/lamp/streams/S/data/cbor")
    tape.wait(60)
    tape.ping()
    tape.add("rig", "NOTE")
    check(tape, satisfied="SIG-001", violated="SIG-010")


def test_accepted_image_lost_at_the_next_boot() -> None:
    tape = idle()
    tape.update()
    tape.power("CUT")
    tape.start(OLD)
    check(tape, violated="TST-006")


def test_same_version() -> None:
    tape = ready()
    tape.start(OLD, "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.failed("rejected: 0x00000010")
    tape.close()
    tape.start(OLD)
    check(tape, satisfied="TST-007 TST-009 TST-010 TST-011")


def test_same_version_accepted() -> None:
    tape = ready()
    tape.start(OLD, "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.active(OLD)
    tape.succeeded(OLD, OLD)
    tape.close()
    tape.start(OLD)
    check(tape, violated="TST-007 TST-010")


def test_older_version() -> None:
    tape = ready()
    tape.start("0.9.9", "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.failed("rejected: 0x0000000f")
    tape.close()
    tape.start(OLD)
    check(tape, satisfied="TST-008 TST-009 TST-010 TST-011")


def test_older_version_where_downgrade_is_declared() -> None:
    tape = ready()
    tape.declares["allow_downgrade"] = True
    tape.start("0.9.9", "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.active("0.9.9")
    tape.succeeded("0.9.9", OLD)
    check(tape, satisfied="TST-001 TST-004")


def test_wrong_reason_for_the_same_version() -> None:
    tape = ready()
    tape.start(OLD, "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.failed("rejected: 0x00000012")
    tape.close()
    tape.start(OLD)
    check(tape, satisfied="TST-007", violated="TST-009")


def test_reset_without_the_report() -> None:
    tape = ready()
    tape.start(OLD, "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.close()
    tape.start(OLD)
    check(tape, violated="TST-011")


def test_no_reset_after_refusing_the_version() -> None:
    tape = ready()
    tape.start(OLD, "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.failed("rejected: 0x00000010")
    tape.wait(60)
    tape.ping()
    tape.add("power", "OFF")
    check(tape, violated="TST-007")


def test_self_test_job_for_an_image_not_on_trial() -> None:
    tape = Tape()
    tape.start("1.0.5")
    tape.answer(offer(ready=OLD))
    tape.active("1.0.5")
    tape.failed("rejected: 0x00000011")
    tape.close()
    tape.start("1.0.5")
    check(tape, satisfied="TST-016 TST-017")


def test_self_test_job_for_an_image_not_on_trial_succeeds() -> None:
    tape = Tape()
    tape.start("1.0.5")
    tape.answer(offer(ready=OLD))
    tape.active("1.0.5")
    tape.succeeded("1.0.5", OLD)
    check(tape, violated="TST-016")


def test_unusual_self_test_value() -> None:
    tape = ready()
    document = offer(ready=OLD)
    document["execution"]["statusDetails"]["self_test"] = "perhaps"
    tape.start(NEW, "pending_commit")
    tape.answer(document)
    tape.active(NEW)
    check(tape, satisfied="TST-023")


def test_unusual_self_test_value_taken_for_a_new_job() -> None:
    tape = Tape()
    document = offer(ready=OLD)
    document["execution"]["statusDetails"]["self_test"] = "perhaps"
    tape.start(OLD)
    tape.answer(document)
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    check(tape, violated="TST-023")


# -- trials -------------------------------------------------------------------------------------


def test_no_job_on_trial() -> None:
    tape = ready()
    tape.boot(NEW, "pending_commit")
    tape.wait(5)
    tape.start(OLD)
    tape.answer(offer(ready=OLD))
    tape.failed("rejected: 0x00000010")
    check(tape, satisfied="TST-012 TST-013 TST-020 TST-011")


def test_trial_without_end() -> None:
    tape = ready()
    tape.boot(NEW, "pending_commit")
    tape.wait(100)
    tape.add("power", "OFF")
    check(tape, violated="TST-012")


def test_trial_without_a_job_reports() -> None:
    tape = ready()
    tape.start(NEW, "pending_commit")
    tape.answer()
    tape.wait(5)
    tape.failed("rejected: 0x00000000")
    tape.close()
    tape.start(OLD)
    check(tape, violated="TST-013")


def test_image_without_a_job_stays() -> None:
    tape = ready()
    tape.boot(NEW, "pending_commit")
    tape.wait(5)
    tape.start(NEW)
    check(tape, violated="TST-012")


def test_ordinary_job_on_trial() -> None:
    tape = ready()
    tape.start(NEW, "pending_commit")
    tape.answer(offer("K", stream="T"))
    tape.close()
    tape.start(OLD)
    tape.answer(offer("K", stream="T"))
    tape.download("K", "T")
    check(tape, satisfied="TST-014 TST-015")


def test_download_on_trial() -> None:
    tape = ready()
    tape.start(NEW, "pending_commit")
    tape.answer(offer("K", stream="T"))
    tape.download("K", "T")
    check(tape, violated="TST-014 TST-015")


def test_application_rejects() -> None:
    tape = idle()
    tape.created(behaviour="reject")
    tape.news(offer())
    tape.download()
    tape.ready()
    tape.reset_into(NEW, offer(ready=OLD), "pending_commit")
    tape.active()
    tape.failed("rejected: 0x00000000")
    tape.close()
    tape.start(OLD)
    tape.answer()
    tape.read(OLD, NEW)
    check(tape, satisfied="TST-001 TST-019")


def test_application_rejects_and_the_new_image_stays() -> None:
    tape = idle()
    tape.created(behaviour="reject")
    tape.news(offer())
    tape.download()
    tape.ready()
    tape.reset_into(NEW, offer(ready=OLD), "pending_commit")
    tape.active()
    tape.failed("rejected: 0x00000000")
    tape.close()
    tape.start(NEW)
    check(tape, violated="TST-019")


def test_rejected_image_reported_as_succeeded() -> None:
    tape = idle()
    tape.created(behaviour="reject")
    tape.news(offer())
    tape.download()
    tape.ready()
    tape.reset_into(NEW, offer(ready=OLD), "pending_commit")
    tape.active()
    tape.succeeded()
    check(tape, violated="TST-019")


def test_reset_in_self_test() -> None:
    tape = ready()
    tape.start(NEW, "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.active()
    tape.wait(5)
    tape.close()
    tape.start(OLD)
    tape.answer(offer(active=NEW))
    tape.failed("rejected: 0x0000000f")
    tape.close()
    tape.start(OLD)
    check(tape, satisfied="RES-010 TST-008 TST-020")


def test_reset_in_self_test_then_success() -> None:
    tape = ready()
    tape.start(NEW, "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.active()
    tape.close()
    tape.start(NEW)
    tape.answer(offer(active=NEW))
    tape.succeeded()
    check(tape, violated="RES-010 TST-004 TST-005 TST-007")


def test_old_image_downloads_again_after_rollback() -> None:
    tape = ready()
    tape.boot(NEW, "pending_commit")
    tape.wait(5)
    tape.start(OLD)
    tape.answer(offer(ready=OLD))
    tape.download()
    check(tape, violated="TST-020")


def test_power_cut_in_download() -> None:
    tape = idle()
    tape.created()
    tape.news(offer())
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    tape.data(0)
    tape.power("CUT")
    tape.close()
    tape.power("ON")
    tape.start(OLD)
    check(tape, satisfied="TST-021")


def test_half_an_image_boots_after_a_cut() -> None:
    tape = idle()
    tape.created()
    tape.news(offer())
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    tape.data(0)
    tape.power("CUT")
    tape.close()
    tape.power("ON")
    tape.boot(NEW, "pending_commit")
    check(tape, violated="TST-021")


def test_power_cut_in_self_test() -> None:
    tape = ready()
    tape.start(NEW, "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.active()
    tape.power("CUT")
    tape.start(OLD)
    tape.answer(offer(active=NEW))
    tape.failed("rejected: 0x0000000f")
    check(tape, satisfied="TST-022 RES-010")


def test_permanent_after_a_cut_in_self_test() -> None:
    tape = ready()
    tape.boot(NEW, "pending_commit")
    tape.power("CUT")
    tape.boot(NEW)
    check(tape, violated="TST-022")


def test_failed_commit() -> None:
    tape = ready()
    tape.start(NEW, "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.active()
    tape.fault(at="commit")
    tape.failed("rejected: 0xeb000000")
    tape.close()
    tape.boot(OLD)
    check(tape, satisfied="TST-018")


def test_failed_commit_reported_as_success() -> None:
    tape = ready()
    tape.start(NEW, "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.active()
    tape.fault(at="commit")
    tape.succeeded()
    check(tape, violated="TST-018")


def test_reset_without_effect() -> None:
    tape = ready()
    tape.start(NEW, "pending_commit")
    tape.answer(offer("K", stream="T"))
    tape.fault(at="reset")
    tape.close()
    tape.boot(OLD)
    check(tape, satisfied="TST-014 TST-024")


def test_download_after_a_reset_without_effect() -> None:
    tape = ready()
    tape.start(NEW, "pending_commit")
    tape.answer(offer("K", stream="T"))
    tape.fault(at="reset")
    tape.download("K", "T")
    check(tape, violated="TST-014 TST-015 TST-024")


def test_suspended_trial() -> None:
    tape = ready()
    tape.start(NEW, "pending_commit")
    tape.answer()
    tape.command("suspend")
    tape.wait(3)
    tape.command("resume")
    tape.ask()
    tape.answer()
    tape.wait(4)
    tape.close()
    tape.start(OLD)
    check(tape, satisfied="SUS-001 SUS-003 SUS-007")


def test_suspended_trial_without_guard() -> None:
    tape = ready()
    tape.start(NEW, "pending_commit")
    tape.answer()
    tape.command("suspend")
    tape.wait(3)
    tape.command("resume")
    tape.ask()
    tape.answer()
    tape.wait(100)
    tape.ping()
    tape.add("power", "OFF")
    check(tape, violated="SUS-007 TST-012")


def test_late_packets_belong_to_the_boot_before() -> None:
    """The console may show the next boot before the network shows the last packets."""
    tape = idle()
    tape.created()
    tape.news(offer())
    tape.download()
    tape.ready()
    tape.reset_into(NEW, offer(ready=OLD), "pending_commit")
    tape.active()
    marker = len(tape.events)
    tape.succeeded()
    tape.close()
    tape.start(NEW)
    boot = next(n for n in range(marker, len(tape.events)) if tape.events[n].kind == "BOOT")
    tape.events.insert(marker, tape.events.pop(boot))
    tape.events = [
        type(event)(
            n * 0.01, event.channel, event.kind, event.dir, event.conn, None, event.data, n + 2
        )
        for n, event in enumerate(tape.events)
    ]
    check(tape, satisfied="TST-004 TST-006")


def test_older_version_accepted() -> None:
    tape = ready()
    tape.start("0.9.9", "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.succeeded("0.9.9", OLD)
    check(tape, violated="TST-004 TST-008")


def test_wrong_reason_for_an_image_not_on_trial() -> None:
    tape = Tape()
    tape.start("1.0.5")
    tape.answer(offer(ready=OLD))
    tape.failed("rejected: 0x00000000")
    tape.close()
    tape.start("1.0.5")
    check(tape, satisfied="TST-016", violated="TST-017")
