"""Images on trial: what guards them, and what a rollback leads to (OTA-TST-012 … 024)."""

from __future__ import annotations

from collections.abc import Iterator

from rig.judge.rule import Finding, Findings, Rule, broken, kept, open_end
from rig.judge.rules.witness import boots_until_next_update, running_image
from rig.judge.story import Delivery, End, Execution, Kind, Run, Seen, Story
from rig.judge.story import seen as s

START_S = 10.0  # what a device may take from its boot marker to the start of its agent
REJECTS = "reject"
COMMIT, RESET = "commit", "reset"


class Trial:
    """One run of an image on trial; `old_version` is the packed version confirmed before it."""

    def __init__(self, story: Story, run: Run, boot: s.Booted, old_version: int | None) -> None:
        self.story = story
        self.old_version = old_version
        self.run = run
        self.boot = boot
        following = story.timeline.next_run(run)
        self.next_boot = None if following is None else following.boot
        self.deliveries = [story.delivery_of(seen) for seen in story.in_run(s.Delivered, run)]
        self.reports = story.in_run(s.Reported, run)
        self.requests = story.in_run(s.BlocksRequested, run)
        power = story.next_of(s.PowerChanged, boot)
        self.power = (
            power
            if power is not None and (self.next_boot is None or power.line < self.next_boot.line)
            else None
        )

    @property
    def offered(self) -> list[Delivery]:
        """Documents of this run that offer anything at all."""
        return [d for d in self.deliveries if not d.offer.offers_nothing]

    @property
    def lasted_s(self) -> float:
        """Seconds until the next boot, or until the rig took the power, or the trace's end."""
        until = self.power or self.next_boot
        return (self.story.timeline.end_t if until is None else until.t) - self.boot.t

    @property
    def limit_s(self) -> float:
        declared = self.story.declared_number("trial_time_s") or 0.0
        return max(self.story.self_test_timer_s, declared) + START_S

    def terminal(self) -> s.Reported | None:
        return next((r for r in self.reports if r.report.is_terminal), None)


def trials(story: Story) -> Iterator[Trial]:
    """The runs of images on trial. An image that reported SUCCEEDED is confirmed from then on."""
    confirmed: int | None = None
    for run in story.timeline.runs:
        if run.boot is None:
            continue
        if not run.is_pending:
            confirmed = story.version_of(run.boot)
            continue
        trial = Trial(story, run, run.boot, confirmed)
        yield trial
        terminal = trial.terminal()
        if terminal is not None and terminal.report.kind is Kind.SUCCEEDED:
            confirmed = story.version_of(run.boot)


def _was_rolled_back(trial: Trial, what: str) -> Finding:
    """Whether a run on trial was ended by the device and the old image came back."""
    boot, old = trial.next_boot, trial.old_version
    if trial.lasted_s > trial.limit_s:
        return broken(f"{what}: no reset for {trial.lasted_s:.0f} s", trial.boot)
    if trial.power is not None:
        return open_end(f"{what}; the rig took the power", trial.boot, trial.power)
    if boot is None:
        return open_end(f"{what}; the trace ends before the reset", trial.boot)
    if boot.state == "pending_commit" or old is None:
        return open_end(f"{what}; the device reset, still on trial", trial.boot, boot)
    if trial.story.version_of(boot) != old:
        return broken(f"{what}, then {boot.version} stayed", trial.boot, boot)
    return kept(f"{what}: rolled back to {boot.version}", trial.boot, boot)


def rolls_back_without_job(story: Story) -> Findings:
    for trial in story.once(trials):
        ran_its_time = trial.lasted_s >= story.self_test_timer_s - 1
        if not trial.offered and not trial.reports and ran_its_time:
            yield _was_rolled_back(trial, "the image on trial got no job")


def is_silent_without_job(story: Story) -> Findings:
    for trial in story.once(trials):
        if trial.offered:
            continue
        if trial.reports:
            yield broken("a status was published without a job", trial.boot, trial.reports[0])
        elif trial.next_boot is not None and trial.power is None:
            yield kept("nothing was published before the reset", trial.boot, trial.next_boot)


def _ordinary(trial: Trial) -> Delivery | None:
    """The ordinary job that a run on trial got, before any decision on its self-test."""
    for delivery in trial.offered:
        if delivery.offer.self_test is not None:
            return None
        if delivery.offer.is_valid:
            return delivery
    return None


def resets_on_ordinary_job(story: Story) -> Findings:
    for trial in story.once(trials):
        delivery = _ordinary(trial)
        if delivery is None:
            continue
        if trial.requests:
            yield broken("the image on trial began a download", delivery.seen, trial.requests[0])
        else:
            yield _was_rolled_back(trial, "the image on trial got an ordinary job")


def old_image_performs_job(story: Story) -> Findings:
    for trial in story.once(trials):
        delivery = _ordinary(trial)
        if delivery is None:
            continue
        said: list[Seen] = [*trial.requests, *trial.reports]
        later = next(
            (
                transfer
                for transfer in story.transfers
                if transfer.job_id == delivery.offer.job_id and transfer.run > trial.run.number
            ),
            None,
        )
        if said:
            yield broken("the image on trial published", delivery.seen, said[0])
        elif later is not None:
            yield kept("the old image performed the job", delivery.seen, later.first)


def reports_failed_commit(story: Story) -> Findings:
    for fault in story.all(s.FaultFired):
        if fault.data.get("at") != COMMIT:
            continue
        reported = story.next_of(s.Reported, fault)
        while reported is not None and not reported.report.is_terminal:
            reported = story.next_of(s.Reported, reported)
        if reported is None:
            continue
        if reported.report.kind is not Kind.FAILED:
            yield broken("SUCCEEDED, though the commit failed", fault, reported)
            continue
        boot = story.boot_after(reported)
        if boot is None:
            yield open_end("FAILED; no later boot shows what is committed", fault, reported)
        elif story.version_of(boot) == story.version_of(reported):
            yield broken("FAILED, but the uncommitted image booted again", reported, boot)
        else:
            yield kept("FAILED, and the old image booted", fault, reported, boot)


def application_failure_rolls_back(story: Story) -> Findings:
    for execution in story.executions:
        rejects = execution.created is not None and execution.created.image.get("behaviour") in (
            REJECTS,
            REJECTS.upper(),
        )
        terminal = execution.terminal
        if terminal is None or not (rejects or _says_rejected(execution, terminal)):
            continue
        if terminal.report.kind is not Kind.FAILED:
            if rejects:
                yield broken("the application rejected, SUCCEEDED was reported", terminal)
            continue
        codes = terminal.report.reason_codes
        if rejects and (codes is None or (codes.word, codes.second) != ("rejected", 0)):
            if execution.of_kind(Kind.ACTIVE):
                yield broken(f"the reason is {terminal.report.reason!r}", terminal)
            continue
        yield _ends_on_old_image(story, execution, terminal)


def _says_rejected(execution: Execution, terminal: s.Reported) -> bool:
    codes = terminal.report.reason_codes
    return (
        terminal.report.kind is Kind.FAILED
        and codes is not None
        and (codes.word, codes.second) == ("rejected", 0)
        and bool(execution.of_kind(Kind.ACTIVE))
    )


def _ends_on_old_image(story: Story, execution: Execution, failed: s.Reported) -> Finding:
    ready = next(iter(execution.of_kind(Kind.READY)), None)
    old = None if ready is None else story.version_of(ready)
    boots = boots_until_next_update(story, failed)
    if ready is None or old is None:
        return open_end("the application rejected; boots were not seen", failed)
    if not boots:
        if story.waited_in_vain(failed):
            return broken("the application rejected, the new image ran on", failed)
        return open_end("the application rejected; no boot followed in the trace", failed)
    if story.version_of(boots[-1]) != old:
        return broken(f"the application rejected, {boots[-1].version} stayed", failed, boots[-1])
    image = running_image(story, ready)
    read = next(iter(story.reads(after=boots[-1], active=True)), None)
    if image is None or read is None:
        return open_end("the old image booted; its slot was not read before and after", failed)
    if read.sha256 != image:
        return broken(f"slot {read.slot} does not hold the old image", failed, read)
    return kept("the application rejected, the old image is back", failed, boots[-1], read)


def old_image_fails_job(story: Story) -> Findings:
    for trial in story.once(trials):
        boot, old = trial.next_boot, trial.old_version
        rolled_back = (
            boot is not None
            and boot.state != "pending_commit"
            and old is not None
            and story.version_of(boot) == old
        )
        if boot is None or not rolled_back:
            continue
        for execution in _open_at(story, boot):
            yield from _fails_open_job(story, execution, boot)


def _open_at(story: Story, boot: s.Booted) -> Iterator[Execution]:
    """Jobs that had become ready and had no terminal status when this boot came."""
    run = story.run_of(boot).number
    for execution in story.executions:
        ready = next(iter(execution.of_kind(Kind.READY)), None)
        terminal = execution.terminal
        if ready is None or story.run_of(ready).number >= run:
            continue
        if terminal is None or story.run_of(terminal).number >= run:
            yield execution


def _fails_open_job(story: Story, execution: Execution, boot: s.Booted) -> Findings:
    run = story.run_of(boot)
    again = next(
        (d for d in execution.deliveries if d.run >= run.number and d.offer.self_test is not None),
        None,
    )
    if again is None:
        return
    transfer = again.transfer
    terminal = next((r for r in execution.reports if r.line > again.seen.line), None)
    if transfer is not None:
        yield broken("the old image downloaded the job again", again.seen, transfer.first)
    elif terminal is not None and terminal.report.kind is Kind.FAILED:
        yield kept("the old image turned the job into FAILED", boot, again.seen, terminal)
    elif terminal is not None:
        what = terminal.report.kind.value
        yield broken(f"the old image reported {what}", again.seen, terminal)
    elif story.waited_in_vain(again.seen):
        yield broken("the old image did not report FAILED", again.seen)


def cuts(story: Story) -> Iterator[tuple[s.PowerChanged, s.Booted]]:
    """Losses of power, or resets by the rig, each with the boot that follows."""
    for power in story.all(s.PowerChanged):
        boot = story.next_of(s.Booted, power)
        if power.kind in ("CUT", "RESET") and boot is not None:
            yield power, boot


def boots_old_after_cut(story: Story) -> Findings:
    for power, boot in cuts(story):
        interrupted = next(
            (
                t
                for t in story.transfers
                if t.end is End.RESTARTED
                and t.first.line < power.line
                and t.ended_by is not None
                and t.ended_by.line >= power.line
                and t.run == story.run_of(boot).number - 1
            ),
            None,
        )
        if interrupted is None:
            continue
        before = story.version_of(interrupted.first)
        if before is None:
            continue
        if story.version_of(boot) != before or boot.state == "pending_commit":
            yield broken(f"{boot.version} booted after a cut in the download", power, boot)
        else:
            yield kept(f"{boot.version} booted after a cut in the download", power, boot)


def cut_leaves_no_uncommitted(story: Story) -> Findings:
    for trial in story.once(trials):
        boot = trial.next_boot
        if trial.power is None or boot is None or trial.terminal() is not None:
            continue
        active = any(r.report.kind is Kind.ACTIVE for r in trial.reports)
        if story.version_of(boot) == trial.old_version:
            yield kept("the old image booted after the cut", trial.power, boot)
        elif boot.state == "pending_commit":
            yield kept("the image on trial booted on trial again", trial.power, boot)
        elif active:
            yield open_end("the cut may have come after the commit", trial.power, boot)
        else:
            yield broken("the image is permanent without its self-test", trial.power, boot)


def waits_for_reset(story: Story) -> Findings:
    for fault in story.all(s.FaultFired):
        if fault.data.get("at") != RESET:
            continue
        run = story.run_of(fault)
        if not run.is_pending:
            continue
        request = story.next_of(s.BlocksRequested, fault)
        if request is not None and story.run_of(request) is run:
            yield broken("a download began while the image was on trial", fault, request)
        elif story.waited_in_vain(fault) or story.timeline.next_run(run) is not None:
            yield kept("no download began before the reset", fault)


def gets_one_attempt(story: Story) -> Findings:
    """OTA-RES-010: a reset after self_test active and before acceptance."""
    for trial in story.once(trials):
        active = next((r for r in trial.reports if r.report.kind is Kind.ACTIVE), None)
        boot = trial.next_boot
        if active is None or boot is None or trial.terminal() is not None:
            continue
        execution = story.execution_of(active.job_id)
        terminal = None if execution is None else execution.terminal
        if terminal is None:
            yield open_end("a reset in self-test; no terminal status followed", active, boot)
        elif terminal.report.kind is not Kind.FAILED:
            yield broken("a reset in self-test, then SUCCEEDED", active, boot, terminal)
        else:
            boots = boots_until_next_update(story, active)
            if boots and story.version_of(boots[-1]) == trial.old_version:
                yield kept("a reset in self-test led to FAILED", active, terminal, boots[-1])
            else:
                yield open_end("FAILED; the old image was not seen to boot", active, terminal)


def suspended_trial_is_guarded(story: Story) -> Findings:
    """OTA-SUS-007."""
    for start, end in story.suspensions:
        run = story.run_of(start)
        if end is None or end.name != "resume" or not run.is_pending or run.boot is None:
            continue
        trial = next(trial for trial in story.once(trials) if trial.run is run)
        if trial.terminal() is None:
            yield _was_rolled_back(trial, "suspended and resumed on trial")


_TRIAL = "an image on trial, by its boot marker,"

RULES = (
    Rule("OTA-TST-012", rolls_back_without_job, f"{_TRIAL} that gets no job"),
    Rule("OTA-TST-013", is_silent_without_job, f"{_TRIAL} that gets no job"),
    Rule("OTA-TST-014", resets_on_ordinary_job, f"{_TRIAL} that gets an ordinary job"),
    Rule("OTA-TST-015", old_image_performs_job, f"{_TRIAL} that gets an ordinary job"),
    Rule("OTA-TST-018", reports_failed_commit, "a commit that fails"),
    Rule("OTA-TST-019", application_failure_rolls_back, "a self-test failed by the application"),
    Rule("OTA-TST-020", old_image_fails_job, "a rollback with the job still open"),
    Rule("OTA-TST-021", boots_old_after_cut, "a power cut during a download, and boots"),
    Rule("OTA-TST-022", cut_leaves_no_uncommitted, "a power cut during a self-test, and boots"),
    Rule("OTA-TST-024", waits_for_reset, "a reset without effect"),
    Rule("OTA-RES-010", gets_one_attempt, "a reset after self_test active"),
    Rule("OTA-SUS-007", suspended_trial_is_guarded, f"{_TRIAL} that is suspended and resumed"),
)
