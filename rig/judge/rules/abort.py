"""Aborts by the application (OTA-ABT)."""

from __future__ import annotations

from collections.abc import Iterator

from rig.judge.rule import Findings, Rule, broken, kept, open_end
from rig.judge.rules.receptive import reaction, sign_of_life
from rig.judge.rules.witness import keeps_old_image, stays_on_old_image
from rig.judge.story import End, Kind, Situation, Story, Transfer
from rig.judge.story import seen as s

ABORTED = ("aborted", 0x13)
# A download that ends this soon after the command had already ended when it was handled.
CROSSED_S = 0.2


def abort_reports(story: Story) -> Iterator[s.Reported]:
    """FAILED "aborted: 0x00000013": the device itself says that its application aborted."""
    for reported in story.all(s.Reported):
        codes = reported.report.reason_codes
        aborted = codes is not None and (codes.word, codes.second) == ABORTED
        if aborted and reported.report.kind is Kind.FAILED:
            yield reported


def abort_commands(story: Story) -> Iterator[s.Commanded]:
    return (command for command in story.all(s.Commanded) if command.name == "abort")


def running_transfer(story: Story, at: s.Seen) -> Transfer | None:
    """The transfer that was under way at this point."""
    for transfer in story.transfers:
        if transfer.first.line < at.line and (
            transfer.ended_by is None or transfer.ended_by.line > at.line
        ):
            return transfer
    return None


def reports_abort(story: Story) -> Findings:
    for reported in abort_reports(story):
        if reported.qos == 1:
            yield kept("the abort was reported with QoS 1", reported)
        else:
            yield broken(f"the abort was reported with QoS {reported.qos}", reported)
    for command in abort_commands(story):
        transfer = running_transfer(story, command)
        if transfer is None:
            continue
        ended = transfer.ended_by
        if ended is None:
            if story.waited_in_vain(command):
                yield broken("the abort was not reported", command)
        elif transfer.end in (End.READY, End.TERMINAL) and ended.t - command.t > CROSSED_S:
            assert isinstance(ended, s.Reported)
            codes = ended.report.reason_codes
            if codes is None or (codes.word, codes.second) != ABORTED:
                yield broken("the download went on after the abort", command, ended)


def is_quiet_after_abort(story: Story) -> Findings:
    by_end = {t.ended_by.line: t for t in story.transfers if t.ended_by is not None}
    for reported in abort_reports(story):
        transfer = by_end.get(reported.line)
        if transfer is None:
            continue
        late = [r for r in transfer.late_requests if story.same_run(r, reported)]
        if late:
            yield broken("blocks were asked for after the abort", reported, late[0])
        else:
            yield kept("no block was asked for after the abort", reported)


def abort_without_job(story: Story) -> Findings:
    for command in abort_commands(story):
        if running_transfer(story, command) is not None or _has_job(story, command):
            continue
        reported = story.next_of(s.Reported, command)
        news = story.next_of(s.Delivered, command)
        limit = None if news is None else news.line
        if reported is not None and (limit is None or reported.line < limit):
            yield broken("a status was published for an abort without a job", command, reported)
        elif (life := sign_of_life(story, command)) is not None or news is not None:
            yield kept("the abort without a job published nothing", command, life or news)
        else:
            yield open_end("no sign of life followed the abort", command)


def _has_job(story: Story, command: s.Commanded) -> bool:
    """Whether a job was delivered in this run and not ended before the command."""
    run = story.run_of(command)
    for seen in story.in_run(s.Delivered, run):
        delivery = story.delivery_of(seen)
        if seen.line > command.line or delivery.offer.offers_nothing:
            continue
        execution = story.execution_of(delivery.offer.job_id or "")
        terminal = None if execution is None else execution.terminal
        dropped = delivery.transfer is not None and delivery.transfer.end in (
            End.DROPPED,
            End.REPLACED,
        )
        if not dropped and (terminal is None or terminal.line > command.line):
            return True
    return False


def takes_job_after_abort(story: Story) -> Findings:
    for reported in abort_reports(story):
        seen = story.next_of(s.Delivered, reported)
        while seen is not None:
            delivery = story.delivery_of(seen)
            is_news = seen.on_notify_next and delivery.situation is Situation.IDLE
            if is_news and story.must_take(delivery):
                yield from reaction(story, delivery, "the job after the abort")
                break
            seen = story.next_of(s.Delivered, seen)


def keeps_image_after_abort(story: Story) -> Findings:
    for reported in abort_reports(story):
        by_boot = stays_on_old_image(story, reported, "the update was aborted")
        if by_boot.kept is False:
            yield by_boot
        else:
            yield keeps_old_image(story, reported, "the update was aborted")


_ABORT = "an abort by the application during a download"

RULES = (
    Rule("OTA-ABT-001", reports_abort, _ABORT),
    Rule("OTA-ABT-002", is_quiet_after_abort, _ABORT),
    Rule("OTA-ABT-003", abort_without_job, "an abort command without a job"),
    Rule("OTA-ABT-004", takes_job_after_abort, "a job on notify-next after an abort"),
    Rule("OTA-ABT-005", keeps_image_after_abort, _ABORT),
)
