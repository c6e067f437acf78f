"""What becomes of the blocks that a device is sent (OTA-DAT-015 to 028, 032)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rig.judge.rule import Finding, Findings, Rule, broken, kept, open_end
from rig.judge.rules.witness import holds_its_image, keeps_old_image, runs_refused_image
from rig.judge.story import BAD, End, Fate, Kind, Story, Transfer
from rig.judge.story import seen as s
from rig.judge.story.transfer import Datum

# Reasons of an ingest failure: this tree's, and that of releases 3.0 to 3.2 (OTA spec §12.5).
INGEST_MAIN, INGEST_SUB = 0xE0, 0
OLD_INGEST_MAIN = 0xE0000000
OLD_INGEST_SUBS = range(0xFFFFFF81, 0xFFFFFFFF)
SPOILT = BAD | {Fate.SHORT_PAYLOAD, Fate.FOREIGN_FILE}


def stores_in_any_order(story: Story) -> Findings:
    for transfer in story.transfers:
        indexes = [d.seen.block.index or 0 for d in transfer.data if d.fate is Fate.NEW]
        if transfer.is_clean and indexes != sorted(indexes):
            yield from completes(story, transfer, "blocks came out of order")


def ignores_duplicates(story: Story) -> Findings:
    for transfer in story.transfers:
        duplicate = next((d for d in transfer.data if d.fate is Fate.DUPLICATE), None)
        if duplicate is not None and transfer.is_clean:
            yield from completes(story, transfer, "a duplicate block came")


def accepts_last_block(story: Story) -> Findings:
    for transfer in story.transfers:
        if not transfer.by_http and transfer.is_clean and transfer.all_delivered:
            yield from completes(story, transfer, "the last block came")


def completes(story: Story, transfer: Transfer, what: str) -> Findings:
    """Whether a transfer of good blocks ended with the right image, by flash."""
    ended = transfer.ended_by
    if transfer.end is End.READY:
        yield holds_its_image(story, transfer, f"{what} and the transfer completed")
    elif isinstance(ended, s.Reported) and ended.report.kind is Kind.FAILED:
        if is_ingest_failure(ended) or (
            transfer.all_delivered and has_good_signature(story, transfer)
        ):
            yield broken(f"{what} and the job failed: {ended.report.reason}", ended)
    else:
        yield open_end(f"{what}, the transfer did not come to its end", transfer.first)


def has_good_signature(story: Story, transfer: Transfer) -> bool:
    """Whether the rig says that the image is rightly signed."""
    execution = story.execution_of(transfer.job_id)
    return execution is not None and execution.signed == "good"


def is_ingest_failure(reported: s.Reported) -> bool:
    """Whether the reason is that of a block that could not be taken in."""
    codes = reported.report.reason_codes
    if codes is None or codes.first is None:
        return False
    if codes.first == OLD_INGEST_MAIN:
        return codes.second in OLD_INGEST_SUBS
    return codes.first == INGEST_MAIN and codes.second == INGEST_SUB


def bad_blocks(story: Story, *fates: Fate) -> Iterator[tuple[Transfer, Datum]]:
    """The first spoilt data message of each transfer, where it is one of these."""
    for transfer in story.transfers:
        first = next((d for d in transfer.data if d.fate in SPOILT), None)
        if first is not None and first.fate in fates:
            yield transfer, first


def outcome_of_bad_block(story: Story, transfer: Transfer, datum: Datum, what: str) -> Finding:
    """What the device made of it: the job must end FAILED."""
    ended = transfer.ended_by
    if isinstance(ended, s.Reported) and ended.report.kind is Kind.FAILED:
        return kept(f"{what}: the job ended FAILED", datum.seen, ended)
    if isinstance(ended, s.Reported):
        return broken(f"{what}: the device reported {ended.report.kind.value}", datum.seen, ended)
    if transfer.end is End.RESTARTED and not _rig_restarted(story, datum.seen, ended):
        return broken(f"{what}: the device restarted", datum.seen, ended)
    if transfer.end is None and story.waited_in_vain(datum.seen):
        return broken(f"{what}: the job was not reported FAILED", datum.seen)
    return open_end(f"{what}: the trace does not show what became of the job", datum.seen)


def _rig_restarted(story: Story, since: s.Seen, until: s.Seen | None) -> bool:
    if not story.watches_boots or until is None:
        return True
    power = story.next_of(s.PowerChanged, since)
    return power is not None and power.line < until.line


def refuses(what: str, *fates: Fate, flash: bool) -> Callable[[Story], Findings]:
    """A rule: such a block fails the job; with `flash`, the old image must be seen to be intact."""

    def find(story: Story) -> Findings:
        for transfer, datum in bad_blocks(story, *fates):
            finding = outcome_of_bad_block(story, transfer, datum, what)
            if flash and finding.kept and transfer.ended_by is not None:
                yield keeps_old_image(story, transfer.ended_by, finding.why)
            else:
                yield finding

    return find


def reports_ingest_reason(story: Story) -> Findings:
    for transfer, _ in bad_blocks(story, *BAD):
        ended = transfer.ended_by
        if not isinstance(ended, s.Reported) or ended.report.kind is not Kind.FAILED:
            continue
        if is_ingest_failure(ended):
            yield kept(f"the reason is {ended.report.reason!r}", ended)
        else:
            yield broken(f"the reason is {ended.report.reason!r}", ended)


def ingest_failures(story: Story) -> Iterator[tuple[Transfer, s.Reported]]:
    """Transfers that ended with a failed block."""
    for transfer in story.transfers:
        ended = transfer.ended_by
        if isinstance(ended, s.Reported) and is_ingest_failure(ended):
            yield transfer, ended


def is_quiet_after_failure(story: Story) -> Findings:
    for transfer, ended in ingest_failures(story):
        late = [r for r in transfer.late_requests if story.same_run(r, ended)]
        if late:
            yield broken("blocks were asked for after the failure was reported", ended, *late)
        else:
            yield kept("no block was asked for after the failure", ended)


def keeps_old_after_failure(story: Story) -> Findings:
    for transfer, ended in ingest_failures(story):
        execution = story.execution_of(transfer.job_id)
        running = None if execution is None else runs_refused_image(story, execution, ended)
        if running is not None:
            yield broken("the image of the failed transfer runs", ended, running)
        else:
            yield keeps_old_image(story, ended, "a block failed the job")


def tolerates_encodings(story: Story) -> Findings:
    """An unusual message counts as taken when its block is not asked for again."""
    for transfer in story.transfers:
        for datum in transfer.data:
            if datum.fate is not Fate.NEW or not datum.seen.block.unusual:
                continue
            later = transfer.requests[datum.window :]
            index = datum.seen.block.index or 0
            ended = transfer.ended_by
            if isinstance(ended, s.Reported) and is_ingest_failure(ended) and transfer.is_clean:
                yield broken("a block in an unusual encoding failed the job", datum.seen, ended)
            elif transfer.end is End.READY or any(
                r.request.defect is None and not r.request.wanted >> index & 1 for r in later
            ):
                yield kept("a block in an unusual encoding was taken", datum.seen)


def refuses_short_payload(story: Story) -> Findings:
    for transfer, datum in bad_blocks(story, Fate.SHORT_PAYLOAD):
        execution = story.execution_of(transfer.job_id)
        ended = transfer.ended_by
        succeeded = execution.of_kind(Kind.SUCCEEDED) if execution is not None else []
        if succeeded:
            yield broken("the image with the short block was accepted", datum.seen, succeeded[0])
        elif isinstance(ended, s.Reported) and ended.report.kind is Kind.FAILED:
            yield keeps_old_image(story, ended, "a short payload failed the job")


def foreign_file_is_tolerated(story: Story) -> Findings:
    for transfer in story.transfers:
        for datum in transfer.data:
            if datum.fate is Fate.FOREIGN_FILE:
                yield kept("a block of another file came; either is granted", datum.seen)


RULES = (
    Rule("OTA-DAT-015", stores_in_any_order, "blocks that come out of order"),
    Rule("OTA-DAT-016", ignores_duplicates, "a duplicate of a stored block"),
    Rule("OTA-DAT-018", accepts_last_block, "a download with all its blocks"),
    Rule(
        "OTA-DAT-019",
        refuses("a block of the wrong size", Fate.WRONG_SIZE, flash=True),
        "a block of the wrong size",
    ),
    Rule(
        "OTA-DAT-020",
        refuses("a last block of the wrong size", Fate.WRONG_LAST_SIZE, flash=True),
        "a last block of the wrong size",
    ),
    Rule(
        "OTA-DAT-021",
        refuses("a block outside the file", Fate.OUT_OF_RANGE, flash=True),
        "a block with an index outside the file",
    ),
    Rule(
        "OTA-DAT-022",
        refuses("an undecodable data message", Fate.UNDECODABLE, flash=False),
        "a data message that cannot be decoded",
    ),
    Rule("OTA-DAT-023", reports_ingest_reason, "a job failed by a bad block"),
    Rule("OTA-DAT-024", is_quiet_after_failure, "a job failed by a bad block"),
    Rule("OTA-DAT-025", keeps_old_after_failure, "a job failed by a bad block"),
    Rule("OTA-DAT-026", tolerates_encodings, "a data message in an unusual encoding"),
    Rule("OTA-DAT-027", refuses_short_payload, "a payload shorter than its l"),
    Rule("OTA-DAT-028", foreign_file_is_tolerated, "a block with another file id"),
)
