"""Self-test: activation, the versions, acceptance (OTA-TST-001 to 011, 016, 017, 023)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rig.judge.rule import Finding, Findings, Rule, broken, kept, open_end
from rig.judge.rules.witness import boots_until_next_update, next_ready
from rig.judge.story import Delivery, Execution, Kind, Seen, Story
from rig.judge.story import seen as s

ACCEPTED = "accepted"
SAME_VERSION, DOWNGRADE, STATE_MISMATCH = 0x10, 0x0F, 0x11


@dataclass(frozen=True)
class Trial:
    """A self-test document in a run: what was running, and what the device reported there."""

    story: Story
    delivery: Delivery
    reports: tuple[s.Reported, ...]

    @property
    def running(self) -> int | None:
        """The packed version that runs, by its boot marker."""
        return self.story.version_of(self.delivery.seen)

    @property
    def updater(self) -> int | None:
        return self.delivery.offer.updated_by

    @property
    def is_pending(self) -> bool | None:
        """Whether the image runs on trial; None where no boot marker says so."""
        boot = self.story.run_of(self.delivery.seen).boot
        if boot is None or boot.state is None:
            return None
        return boot.state == "pending_commit"

    def first(self, *kinds: Kind) -> s.Reported | None:
        return next((r for r in self.reports if r.report.kind in kinds), None)

    @property
    def refusal(self) -> int | None:
        """The number in a FAILED "rejected: 0x…" of this run, None when there is none."""
        failed = self.first(Kind.FAILED)
        codes = None if failed is None else failed.report.reason_codes
        return codes.second if codes is not None and codes.word == "rejected" else None

    @property
    def is_newer(self) -> bool | None:
        """Whether the version rule lets it pass (OTA spec §8.2); None when that is unknown.

        Without a boot marker the device's own refusal is believed: it names the case.
        """
        if self.story.allows_downgrade or not self.delivery.offer.is_firmware:
            return True
        if self.delivery.offer.file_id != 0:
            return True
        if self.running is not None:
            return self.updater is None or self.updater < self.running
        return False if self.refusal in (SAME_VERSION, DOWNGRADE) else None

    @property
    def is_same(self) -> bool:
        if self.running is not None:
            return self.updater == self.running
        return self.refusal == SAME_VERSION


def trials(story: Story) -> Iterator[Trial]:
    """The first self-test document of each job in each run, with all it led to there."""
    judged: set[tuple[int, str | None]] = set()
    for delivery in story.deliveries:
        key = delivery.run, delivery.offer.job_id
        if delivery.offer.self_test is None or not delivery.offer.is_valid or key in judged:
            continue
        judged.add(key)
        execution = story.execution_of(delivery.offer.job_id or "")
        reports = [
            reported
            for reported in (execution.reports if execution is not None else ())
            if reported.line > delivery.seen.line and story.same_run(reported, delivery.seen)
        ]
        yield Trial(story, delivery, tuple(reports))


def reports_active(story: Story) -> Findings:
    for trial in story.once(trials):
        seen = trial.delivery.seen
        if trial.is_newer is False or trial.is_pending is False:
            continue
        active = trial.first(Kind.ACTIVE)
        succeeded = trial.first(Kind.SUCCEEDED)
        if active is not None and (succeeded is None or active.line < succeeded.line):
            boot = story.run_of(seen).boot
            if boot is None:
                yield open_end("self_test active was reported; no boot marker was seen", active)
            else:
                yield kept("the new image reported self_test active", boot, seen, active)
        elif succeeded is not None:
            yield broken("SUCCEEDED without self_test active", seen, succeeded)
        elif trial.is_newer and not trial.reports and story.waited_in_vain(seen):
            yield broken("the new image got its job and did not report active", seen)


def active_names_running(story: Story) -> Findings:
    for trial in story.once(trials):
        active = trial.first(Kind.ACTIVE)
        if active is None:
            continue
        named = active.report.updated_by
        succeeded = trial.first(Kind.SUCCEEDED)
        claimed = None if succeeded is None else succeeded.report.named_version
        running = trial.running if trial.running is not None else claimed
        if named is None:
            yield broken("updatedBy of self_test active is not a number", active)
        elif running is None:
            yield open_end("no witness of the version that runs", active)
        elif named != running:
            yield broken(f"updatedBy is 0x{named:08x}, 0x{running:08x} runs", active, succeeded)
        else:
            yield kept(f"updatedBy is 0x{named:08x}, the running version", active)


def success_is_accepted(story: Story) -> Findings:
    for succeeded in firmware_successes(story):
        if succeeded.report.reason.startswith(ACCEPTED):
            yield kept("SUCCEEDED with a reason that begins with accepted", succeeded)
        else:
            yield broken(f"the reason is {succeeded.report.reason!r}", succeeded)


def firmware_successes(story: Story) -> Iterator[s.Reported]:
    """SUCCEEDED of jobs that deliver firmware; custom jobs and other files are none."""
    for execution in story.executions:
        offers = [delivery.offer for delivery in execution.deliveries]
        if any(offer.is_valid for offer in offers) and execution.is_firmware:
            yield from execution.of_kind(Kind.SUCCEEDED)


def active_precedes_success(story: Story) -> Findings:
    for succeeded in firmware_successes(story):
        execution = story.execution_of(succeeded.job_id)
        actives = [] if execution is None else execution.of_kind(Kind.ACTIVE)
        before = [active for active in actives if active.line < succeeded.line]
        same_boot = [active for active in before if story.same_run(active, succeeded)]
        if same_boot:
            yield kept("self_test active preceded SUCCEEDED", same_boot[-1], succeeded)
        elif before and not story.watches_boots:
            yield open_end("active came on another connection; boots were not seen", succeeded)
        else:
            yield broken("SUCCEEDED without self_test active in the same boot", succeeded)


def success_names_versions(story: Story) -> Findings:
    for trial in story.once(trials):
        succeeded = trial.first(Kind.SUCCEEDED)
        if succeeded is None:
            continue
        active = trial.first(Kind.ACTIVE)
        running = trial.running
        if running is None and active is not None:
            running = active.report.updated_by
        named, updater = succeeded.report.named_version, succeeded.report.named_updater
        if running is not None and named != running:
            yield broken(f"reason {succeeded.report.reason!r} names another version", succeeded)
        elif trial.updater is not None and updater != trial.updater:
            yield broken("updatedBy is not the version of the job document", succeeded)
        elif running is not None:
            yield kept("SUCCEEDED names both versions", succeeded)


def stays_after_success(story: Story) -> Findings:
    for succeeded in firmware_successes(story):
        new = story.version_of(succeeded)
        boots = boots_until_next_update(story, succeeded)
        if new is None or not boots:
            yield open_end("no boot was seen before and after SUCCEEDED", succeeded)
            continue
        other = next((boot for boot in boots if story.version_of(boot) != new), None)
        if other is not None:
            yield broken(f"{other.version} booted after SUCCEEDED", succeeded, other)
        else:
            yield kept("the accepted image booted again", succeeded, boots[-1])


def refuses_not_newer(story: Story, *, same: bool) -> Findings:
    for trial in _not_newer(story):
        if trial.is_same is not same:
            continue
        yield _refused_and_reset(trial, "the version is not newer")


def refuses_same_version(story: Story) -> Findings:
    yield from refuses_not_newer(story, same=True)


def refuses_downgrade(story: Story) -> Findings:
    yield from refuses_not_newer(story, same=False)


def _not_newer(story: Story) -> Iterator[Trial]:
    return (trial for trial in story.once(trials) if trial.is_newer is False)


def _refused_and_reset(trial: Trial, what: str) -> Finding:
    """FAILED, then a reset: the reset needs its witness."""
    story, seen = trial.story, trial.delivery.seen
    failed, succeeded = trial.first(Kind.FAILED), trial.first(Kind.SUCCEEDED)
    if succeeded is not None:
        return broken(f"{what}, the device reported SUCCEEDED", seen, succeeded)
    if failed is None:
        if story.waited_in_vain(seen):
            return broken(f"{what}, the device did not report FAILED", seen)
        return open_end(f"{what}; the trace does not show what was reported", seen)
    boot = story.boot_after(failed)
    if boot is not None:
        return kept(f"{what}: FAILED, then a reset", seen, failed, boot)
    if story.watches_boots and story.waited_in_vain(failed):
        return broken(f"{what}: FAILED, but no reset followed", seen, failed)
    return open_end(f"{what}: FAILED; whether a reset followed was not seen", failed)


def names_version_reason(story: Story) -> Findings:
    for trial in _not_newer(story):
        failed = trial.first(Kind.FAILED)
        if failed is None:
            continue
        wanted = SAME_VERSION if trial.is_same else DOWNGRADE
        if trial.refusal == wanted:
            yield kept(f"the reason is {failed.report.reason!r}", failed)
        else:
            yield broken(f"the reason is {failed.report.reason!r}, not 0x{wanted:08x}", failed)


def not_active_when_not_newer(story: Story) -> Findings:
    for trial in _not_newer(story):
        active = trial.first(Kind.ACTIVE)
        failed = trial.first(Kind.FAILED)
        if active is not None:
            yield broken("self_test active, though the version is not newer", active)
        elif failed is not None:
            yield kept("FAILED without self_test active", failed)


def reports_before_reset(story: Story) -> Findings:
    """The report counts when it comes in the run in which the document did."""
    for trial in _not_newer(story):
        failed = trial.first(Kind.FAILED)
        if failed is not None:
            yield kept("FAILED was published before the reset", trial.delivery.seen, failed)
        elif trial.first(Kind.SUCCEEDED) is not None:
            continue
        elif _reset_itself(trial):
            boot = story.boot_after(trial.delivery.seen)
            yield broken("the device reset without the report", trial.delivery.seen, boot)


def _mismatched(story: Story) -> Iterator[Trial]:
    """Self-test documents given to an image that is not on trial, though newer."""
    return (t for t in story.once(trials) if t.is_pending is False and t.is_newer)


def refuses_when_not_pending(story: Story) -> Findings:
    for trial in _mismatched(story):
        yield _refused_and_reset(trial, "the image is not on trial")


def names_mismatch_reason(story: Story) -> Findings:
    for trial in _mismatched(story):
        failed = trial.first(Kind.FAILED)
        if failed is None:
            continue
        if trial.refusal == STATE_MISMATCH:
            yield kept(f"the reason is {failed.report.reason!r}", failed)
        else:
            yield broken(f"the reason is {failed.report.reason!r}", failed)


def honours_presence(story: Story) -> Findings:
    for trial in story.once(trials):
        if trial.delivery.offer.self_test in ("ready", "active"):
            continue
        answer = trial.first(Kind.ACTIVE, Kind.FAILED)
        value = trial.delivery.offer.self_test
        if trial.delivery.transfer is not None:
            yield broken(f"self_test {value!r} was downloaded as an ordinary job", answer)
        elif answer is not None:
            yield kept(f"self_test {value!r} was taken as a self-test", answer)
        elif _reset_itself(trial):
            yield broken(f"self_test {value!r}: a reset, and no report", trial.delivery.seen)


def _reset_itself(trial: Trial) -> bool:
    """Whether the device started again after the document, and not because of the rig."""
    boot = trial.story.boot_after(trial.delivery.seen)
    power = trial.story.next_of(s.PowerChanged, trial.delivery.seen)
    return boot is not None and (power is None or power.line > boot.line)


def ready_names_running(story: Story) -> Findings:
    """OTA-SIG-003. Without a boot marker only a contradiction can be found."""
    for execution in story.executions:
        for ready in execution.of_kind(Kind.READY):
            yield _judge_updater(story, execution, ready)


def _judge_updater(story: Story, execution: Execution, ready: s.Reported) -> Finding:
    text, named = ready.report.details.get("updatedBy", ""), ready.report.updated_by
    if named is None or not text.lower().startswith("0x"):
        return broken(f"updatedBy {text!r} is not 0x and hex", ready)
    running = story.version_of(ready)
    if running is not None:
        if named != running:
            return broken(f"updatedBy is {text}, 0x{running:08x} runs", ready)
        return kept(f"updatedBy is {text}, the running version", ready)
    succeeded = _success_after(story, execution, ready)
    newer = None if succeeded is None else succeeded.report.named_version
    if newer is not None and newer <= named and not story.allows_downgrade:
        return broken(
            f"updatedBy is {text}, but the newer image is 0x{newer:08x}", ready, succeeded
        )
    return open_end(f"updatedBy is {text}; no boot marker shows what runs", ready)


def _success_after(story: Story, execution: Execution, ready: Seen) -> s.Reported | None:
    limit = next_ready(story, ready)
    for reported in execution.of_kind(Kind.SUCCEEDED):
        if reported.line > ready.line and (limit is None or reported.line < limit.line):
            return reported
    return None


_NOT_NEWER = "a self-test job of a version that is not newer"

RULES = (
    Rule("OTA-TST-001", reports_active, "a new image that gets its self-test job"),
    Rule("OTA-TST-002", active_names_running, "self_test active"),
    Rule("OTA-TST-003", success_is_accepted, "SUCCEEDED of a firmware job"),
    Rule("OTA-TST-004", active_precedes_success, "SUCCEEDED of a firmware job"),
    Rule("OTA-TST-005", success_names_versions, "SUCCEEDED after a self-test job"),
    Rule("OTA-TST-006", stays_after_success, "SUCCEEDED of a firmware job"),
    Rule("OTA-TST-007", refuses_same_version, "a self-test job updated by the running version"),
    Rule("OTA-TST-008", refuses_downgrade, "a self-test job updated by a higher version"),
    Rule("OTA-TST-009", names_version_reason, _NOT_NEWER),
    Rule("OTA-TST-010", not_active_when_not_newer, _NOT_NEWER),
    Rule("OTA-TST-011", reports_before_reset, _NOT_NEWER),
    Rule("OTA-TST-016", refuses_when_not_pending, "a self-test job for an image not on trial"),
    Rule("OTA-TST-017", names_mismatch_reason, "a self-test job for an image not on trial"),
    Rule("OTA-TST-023", honours_presence, "a self-test job with an unusual self_test"),
)
