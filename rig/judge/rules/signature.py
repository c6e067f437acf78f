"""Verification and activation of what was downloaded (OTA-SIG)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rig.judge.rule import Finding, Findings, Rule, broken, kept, open_end
from rig.judge.rules.control import is_retransmission
from rig.judge.rules.self_test import ready_names_running
from rig.judge.rules.witness import keeps_old_image, runs_refused_image, stays_on_old_image
from rig.judge.story import End, Execution, Kind, Seen, Story, Transfer
from rig.judge.story import seen as s

SIGNATURE_MAIN, BAD_CERTIFICATE_MAIN = 0xE3, 0xE7
OLD_SIGNATURE_SUB = 0xFFFFFFFE
ABORT_CODE = 0x13
SUB_LIMIT = 0x1000000
WRONG = frozenset({"corrupted-image", "corrupted-signature", "wrong-key"})


def firmware_transfers(story: Story) -> Iterator[tuple[Transfer, Execution]]:
    """Transfers of firmware, each with its job execution."""
    for transfer in story.transfers:
        execution = story.execution_of(transfer.job_id)
        if execution is not None and transfer.offer.is_firmware:
            yield transfer, execution


def _last_data(transfer: Transfer) -> Seen:
    if transfer.data:
        return transfer.data[-1].seen
    answered = [asked.answered for asked in transfer.ranges if asked.answered is not None]
    return answered[-1] if answered else transfer.first


def reports_ready(story: Story) -> Findings:
    for transfer, execution in firmware_transfers(story):
        if not transfer.all_delivered or not transfer.is_clean:
            continue
        ended, last = transfer.ended_by, _last_data(transfer)
        if transfer.end is End.READY and isinstance(ended, s.Reported):
            if ended.qos == 1:
                yield kept("self_test ready, QoS 1, followed the last block", last, ended)
            else:
                yield broken(f"self_test ready has QoS {ended.qos}", ended)
        elif execution.signed != "good":
            continue
        elif isinstance(ended, s.Reported) and not _was_aborted(ended):
            yield broken(f"the image is rightly signed: {ended.report.reason}", last, ended)
        elif transfer.end is None and story.waited_in_vain(last):
            yield broken("nothing was reported after the last block", last)


def _was_aborted(reported: s.Reported) -> bool:
    codes = reported.report.reason_codes
    return codes is not None and codes.word == "aborted" and codes.second == ABORT_CODE


def ready_comes_last(story: Story) -> Findings:
    ended_by = {t.ended_by.line: t for t in story.transfers if t.ended_by is not None}
    for execution in story.executions:
        readies = execution.of_kind(Kind.READY)
        for ready in readies:
            if ready is not readies[0] and is_retransmission(execution, readies[0], ready):
                continue
            transfer = ended_by.get(ready.line)
            verdict = next(
                (
                    failed
                    for failed in execution.of_kind(Kind.FAILED)
                    if failed.line > ready.line
                    and story.same_run(failed, ready)
                    and is_signature_failure(failed)
                ),
                None,
            )
            if transfer is None:
                yield broken("self_test ready without a download", ready)
            elif not transfer.all_delivered:
                yield broken("self_test ready before all blocks were delivered", ready)
            elif verdict is not None:
                yield broken("self_test ready before the verification", ready, verdict)
            else:
                yield kept("self_test ready followed the last block", _last_data(transfer), ready)


def is_signature_failure(reported: s.Reported) -> bool:
    """Whether the reason is a failed signature check (OTA spec §5.4, §12.5)."""
    codes = reported.report.reason_codes
    if codes is None or codes.first is None:
        return False
    if codes.first == SIGNATURE_MAIN:
        return codes.second < SUB_LIMIT
    return codes.first >> 24 == SIGNATURE_MAIN and codes.second == OLD_SIGNATURE_SUB


def _wrongly_signed(*how: str) -> Callable[[Story], Iterator[tuple[Transfer, Execution]]]:
    def find(story: Story) -> Iterator[tuple[Transfer, Execution]]:
        for transfer, execution in firmware_transfers(story):
            if execution.signed in how:
                yield transfer, execution

    return find


def _unsigned(story: Story) -> Iterator[tuple[Transfer, Execution]]:
    for transfer, execution in firmware_transfers(story):
        if not transfer.offer.signed or execution.signed == "none":
            yield transfer, execution


def refuses(
    find: Callable[[Story], Iterator[tuple[Transfer, Execution]]], *, by_boot: bool
) -> Callable[[Story], Findings]:
    """A rule: such an image ends FAILED and never runs; with `by_boot`, boots must show it."""

    def judge(story: Story) -> Findings:
        for transfer, execution in find(story):
            yield _refused(story, transfer, execution, by_boot=by_boot)

    return judge


def _refused(story: Story, transfer: Transfer, execution: Execution, *, by_boot: bool) -> Finding:
    what = "the signature does not hold"
    ended = transfer.ended_by
    if isinstance(ended, s.Reported) and ended.report.kind is not Kind.FAILED:
        return broken(f"{what}, {ended.report.kind.value} was reported", ended)
    running = runs_refused_image(story, execution, ended or transfer.first)
    if running is not None:
        return broken(f"{what}, yet the image runs", ended, running)
    if not isinstance(ended, s.Reported):
        last = _last_data(transfer)
        if transfer.end is None and transfer.all_delivered and story.waited_in_vain(last):
            return broken(f"{what}, and no FAILED was reported", last)
        return open_end(f"{what}; the trace does not show how the job ended", transfer.first)
    if by_boot and not story.watches_boots:
        return open_end(f"{what}: FAILED; boots were not watched", ended)
    return keeps_old_image(story, ended, f"{what}: FAILED")


def names_signature_reason(story: Story) -> Findings:
    for transfer, execution in firmware_transfers(story):
        ended = transfer.ended_by
        if not isinstance(ended, s.Reported) or ended.report.kind is not Kind.FAILED:
            continue
        if is_signature_failure(ended):
            yield kept(f"the reason is {ended.report.reason!r}", ended)
        elif execution.signed in WRONG and transfer.is_clean and not _was_aborted(ended):
            yield broken(f"the reason is {ended.report.reason!r}", ended)


def names_certificate_reason(story: Story) -> Findings:
    for transfer, execution in firmware_transfers(story):
        ended = transfer.ended_by
        if not isinstance(ended, s.Reported) or ended.report.kind is not Kind.FAILED:
            continue
        codes = ended.report.reason_codes
        named = codes is not None and codes.first in (
            BAD_CERTIFICATE_MAIN,
            BAD_CERTIFICATE_MAIN << 24 | (codes.first or 0) & 0xFFFFFF,
        )
        if named:
            yield kept(f"the reason is {ended.report.reason!r}", ended)
        elif execution.signed == "unusable-certificate":
            yield broken(f"the reason is {ended.report.reason!r}", ended)


def reboots_into_old(story: Story) -> Findings:
    for transfer, _ in firmware_transfers(story):
        ended = transfer.ended_by
        if isinstance(ended, s.Reported) and is_signature_failure(ended):
            yield stays_on_old_image(story, ended, "the verification failed")


def activates(story: Story) -> Findings:
    for transfer, execution in firmware_transfers(story):
        ready = transfer.ended_by
        if transfer.end is not End.READY or ready is None:
            continue
        boot = story.boot_after(ready)
        if boot is None:
            if story.watches_boots and story.waited_in_vain(ready):
                yield broken("the device did not reset after self_test ready", ready)
            else:
                yield open_end("no boot was seen after self_test ready", ready)
            continue
        power = story.next_of(s.PowerChanged, ready)
        news = story.next_of(s.Delivered, ready)
        if power is not None and power.line < boot.line:
            yield open_end("the rig switched the power before the device reset", ready, power)
        elif news is not None and news.line < boot.line and story.same_run(news, ready):
            yield open_end("a job document came before the device reset", ready, news)
        elif execution.image_version not in (None, story.version_of(boot)):
            yield open_end(f"{boot.version} booted after self_test ready", ready, boot)
        else:
            yield kept("the device reset into the new image", ready, boot)


def other_files(story: Story) -> Iterator[tuple[Transfer, Execution]]:
    """Transfers of files that are not firmware, with all their data."""
    for transfer in story.transfers:
        execution = story.execution_of(transfer.job_id)
        if execution is not None and not transfer.offer.is_firmware and transfer.all_delivered:
            yield transfer, execution


def succeeds_directly(story: Story) -> Findings:
    for transfer, _ in other_files(story):
        ended = transfer.ended_by
        if transfer.end is End.READY:
            yield broken("a file that is not firmware was reported self_test ready", ended)
        elif transfer.end is End.RESTARTED and story.watches_boots:
            yield broken("the device reset for a file that is not firmware", ended)
        elif isinstance(ended, s.Reported) and ended.report.kind is Kind.SUCCEEDED:
            yield kept("the job ended SUCCEEDED directly", transfer.first, ended)


def names_file_type(story: Story) -> Findings:
    for transfer, execution in other_files(story):
        for succeeded in execution.of_kind(Kind.SUCCEEDED)[:1]:
            named = succeeded.report.named_version
            if named == transfer.offer.file_type:
                yield kept(f"the reason is {succeeded.report.reason!r}", succeeded)
            else:
                yield broken(f"the reason is {succeeded.report.reason!r}", succeeded)


_CORRUPTED = "an image known to be corrupted"

RULES = (
    Rule("OTA-SIG-001", reports_ready, "a download with all its blocks"),
    Rule("OTA-SIG-002", ready_comes_last, "self_test ready"),
    Rule("OTA-SIG-003", ready_names_running, "self_test ready"),
    Rule(
        "OTA-SIG-004",
        refuses(_wrongly_signed("corrupted-image", "corrupted-signature"), by_boot=True),
        _CORRUPTED,
    ),
    Rule("OTA-SIG-005", names_signature_reason, "a failed signature check"),
    Rule(
        "OTA-SIG-006",
        refuses(_wrongly_signed("wrong-key"), by_boot=False),
        "an image known to be signed by a wrong key",
    ),
    Rule("OTA-SIG-007", refuses(_unsigned, by_boot=False), "a firmware job without signature"),
    Rule("OTA-SIG-008", names_certificate_reason, "an unusable signer certificate"),
    Rule("OTA-SIG-009", reboots_into_old, "a failed signature check"),
    Rule("OTA-SIG-010", activates, "self_test ready"),
    Rule("OTA-SIG-011", succeeds_directly, "a file that is not firmware"),
    Rule("OTA-SIG-012", names_file_type, "SUCCEEDED of a file that is not firmware"),
)
