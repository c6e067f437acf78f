"""Documents that a device must refuse or pass over (OTA-JOB-003 to 019, 021 to 024)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rig.judge.rule import Finding, Findings, Rule, broken, kept, open_end
from rig.judge.rules.control import notify_next
from rig.judge.rules.receptive import next_job_taken, sign_of_life
from rig.judge.story import Delivery, Kind, Seen, Story
from rig.judge.story import seen as s
from rig.judge.story.offer import Defect

NON_CONFORMING = (0x0C, 0x04)
UNSUPPORTED_PROTOCOL = 0x0D
# No microcontroller stores a file of 2 GiB, whatever its vendor declares.
HUGE_FILE = 0x80000000
NON_CONFORMING_DEFECTS = frozenset(
    {
        Defect.NO_PROTOCOLS, Defect.NO_FILES, Defect.NO_FILESIZE, Defect.NO_FILEID,
        Defect.BAD_FILESIZE, Defect.BAD_NUMBER, Defect.BAD_SIGNATURE,
    }
)  # fmt: skip


def with_defect(story: Story, *defects: Defect) -> Iterator[Delivery]:
    """Documents with one of these defects that reached a device ready to take a job."""
    wanted = frozenset(defects)
    return (d for d in story.once(_defective) if d.offer.defects & wanted and d.is_receptive)


def _defective(story: Story) -> Iterator[Delivery]:
    return (delivery for delivery in story.deliveries if delivery.offer.defects)


def until_next(story: Story, delivery: Delivery, kind: type[Seen]) -> list[Seen]:
    """What the device did of this kind after the document, before the next one of its run."""
    limit = delivery.follower.seen.line if delivery.follower is not None else None
    found: list[Seen] = []
    seen = story.next_of(kind, delivery.seen)
    while seen is not None and (limit is None or seen.line < limit):
        if not story.same_run(seen, delivery.seen):
            break
        found.append(seen)
        seen = story.next_of(kind, seen)
    return found


def downloads(story: Story, delivery: Delivery) -> list[Seen]:
    """Requests for data between the document and the next one."""
    return [
        request
        for kind in (s.BlocksRequested, s.HttpAsked)
        for request in until_next(story, delivery, kind)
    ]


def reports_of(story: Story, delivery: Delivery) -> list[s.Reported]:
    """Statuses of the document's own job in the same run, from the document on."""
    execution = story.execution_of(delivery.offer.job_id or "")
    return [
        reported
        for reported in (execution.reports if execution is not None else ())
        if reported.line > delivery.seen.line and story.same_run(reported, delivery.seen)
    ]


def _statuses(story: Story, delivery: Delivery) -> list[Seen]:
    """Statuses until the next document, those of custom jobs left out."""
    found: list[Seen] = []
    for reported in until_next(story, delivery, s.Reported):
        assert isinstance(reported, s.Reported)
        execution = story.execution_of(reported.job_id)
        offers = [] if execution is None else [d.offer for d in execution.deliveries]
        if not any(Defect.NO_AFR_OTA in offer.defects for offer in offers):
            found.append(reported)
    return found


def passes_over(*defects: Defect) -> Callable[[Story], Findings]:
    """A rule: nothing is published, and the next valid job is taken up."""

    def find(story: Story) -> Findings:
        for delivery in with_defect(story, *defects):
            published = [
                seen
                for seen in (*_statuses(story, delivery), *downloads(story, delivery))
                if _is_caused(story, delivery, seen)
            ]
            if published:
                yield broken("the device published because of it", delivery.seen, published[0])
                continue
            taken = next_job_taken(story, delivery)
            if isinstance(taken, Seen):
                yield kept("it was passed over, the next job taken up", delivery.seen, taken)
            elif taken is False:
                yield broken("the device was deaf to the next job", delivery.seen)
            else:
                yield open_end("it was passed over; no valid job followed", delivery.seen)

    return find


def _is_caused(story: Story, delivery: Delivery, seen: Seen) -> bool:
    """Whether nothing else explains what the device did: neither its shutdown nor long silence."""
    if seen.t - delivery.seen.t > story.patience_s:
        return False
    unsubscribed = story.next_of(s.Unsubscribed, delivery.seen)
    while unsubscribed is not None and notify_next(story) not in unsubscribed.filters:
        unsubscribed = story.next_of(s.Unsubscribed, unsubscribed)
    return unsubscribed is None or unsubscribed.line > seen.line


def starts_no_download(story: Story) -> Findings:
    for delivery in with_defect(story, Defect.CUT_OFF):
        yield _alive_without(story, delivery, downloads(story, delivery), "asked for data")


def reports_nothing(story: Story) -> Findings:
    for delivery in with_defect(story, Defect.NO_JOB_ID):
        yield _alive_without(story, delivery, _statuses(story, delivery), "reported a status")


def _alive_without(story: Story, delivery: Delivery, sinned: list[Seen], what: str) -> Finding:
    if sinned:
        return broken(f"the device {what}", delivery.seen, sinned[0])
    life = sign_of_life(story, delivery.seen)
    if life is None:
        return open_end("no sign of life followed the document", delivery.seen)
    return kept(f"the device lived on and never {what}", delivery.seen, life)


def ends_without_afr_ota(story: Story) -> Findings:
    for delivery in with_defect(story, Defect.NO_AFR_OTA):
        reports = reports_of(story, delivery)
        terminal = next((r for r in reports if r.report.is_terminal), None)
        if terminal is not None:
            yield kept(f"the job ended {terminal.report.kind.value}", delivery.seen, terminal)
        elif delivery.follower is None and story.waited_in_vain(delivery.seen, factor=2):
            yield broken("the job got no terminal status", delivery.seen)
        else:
            yield open_end("the trace ends before the job could", delivery.seen)


def fails(defect: Defect) -> Callable[[Story], Findings]:
    """A rule: the job ends FAILED and no data is asked for."""

    def find(story: Story) -> Findings:
        for delivery in with_defect(story, defect):
            yield failed_without_data(story, delivery, defect.value)

    return find


def failed_without_data(story: Story, delivery: Delivery, what: str) -> Finding:
    """Whether the document's job ended FAILED, without a request for data."""
    asked = downloads(story, delivery)
    terminal = next((r for r in reports_of(story, delivery) if r.report.is_terminal), None)
    if asked:
        return broken(f"{what}, yet data was asked for", delivery.seen, asked[0])
    if terminal is None:
        if delivery.follower is None and story.waited_in_vain(delivery.seen):
            return broken(f"{what}, and no FAILED was reported", delivery.seen)
        return open_end(f"{what}; the trace does not show how the job ended", delivery.seen)
    if terminal.report.kind is not Kind.FAILED:
        word = terminal.report.kind.value
        return broken(f"{what}, and {word} was reported", delivery.seen, terminal)
    return kept(f"{what}: the job ended FAILED", delivery.seen, terminal)


def gives_reason(story: Story) -> Findings:
    for delivery in with_defect(story, *NON_CONFORMING_DEFECTS):
        failed = _failed(story, delivery)
        if failed is None:
            continue
        codes = failed.report.reason_codes
        if codes is not None and (codes.first, codes.second) == NON_CONFORMING:
            yield kept(f"the reason is {failed.report.reason!r}", failed)
        else:
            yield broken(f"the reason is {failed.report.reason!r}", failed)


def _failed(story: Story, delivery: Delivery) -> s.Reported | None:
    reports = reports_of(story, delivery)
    return next((r for r in reports if r.report.kind is Kind.FAILED), None)


def empty_file_starts_nothing(story: Story) -> Findings:
    for delivery in with_defect(story, Defect.ZERO_FILESIZE):
        yield _writes_nothing(story, delivery, "a file of 0 bytes")


def oversize(story: Story) -> Iterator[Delivery]:
    """Jobs whose file is larger than declared, or larger than any device takes."""
    declared = story.declared_number("max_image_size")
    limit = HUGE_FILE - 1 if declared is None else int(declared)
    for delivery in story.deliveries:
        size = delivery.offer.file_size
        if size is not None and size > limit and delivery.is_receptive:
            yield delivery


def oversize_starts_nothing(story: Story) -> Findings:
    for delivery in oversize(story):
        yield _writes_nothing(story, delivery, f"a file of {delivery.offer.file_size} bytes")


def _writes_nothing(story: Story, delivery: Delivery, what: str) -> Finding:
    asked = downloads(story, delivery)
    if asked:
        return broken(f"{what}, yet data was asked for", delivery.seen, asked[0])
    reads = story.reads(active=False)
    before = [read for read in reads if read.line < delivery.seen.line]
    after = next((read for read in reads if read.line > delivery.seen.line), None)
    if after is None:
        return open_end(f"{what}: nothing asked for; no slot was read afterwards", delivery.seen)
    fresh = not before and after.length == 0 and bool(story.all(s.Flashed))
    if fresh or (before and before[-1].sha256 == after.sha256):
        return kept(f"{what}: nothing asked for, nothing written", delivery.seen, after)
    if before:
        return broken(f"{what}, yet slot {after.slot} changed", delivery.seen, after)
    return open_end(f"{what}: no slot was read before", delivery.seen)


def reports_failed(find: Callable[[Story], Iterator[Delivery]]) -> Callable[[Story], Findings]:
    """A rule: jobs of this kind are reported FAILED."""

    def judge(story: Story) -> Findings:
        for delivery in find(story):
            failed = _failed(story, delivery)
            if failed is not None:
                yield kept("the job was reported FAILED", delivery.seen, failed)
            elif _was_given_time(story, delivery):
                yield broken("the device refused it in silence", delivery.seen)

    return judge


def _was_given_time(story: Story, delivery: Delivery) -> bool:
    """Whether neither a disturbance nor the next document came before it must have answered."""
    following = delivery.follower
    early = following is not None and following.seen.t - delivery.seen.t <= story.patience_s
    return not early and story.waited_in_vain(delivery.seen)


def shortens_no_id(story: Story) -> Findings:
    for delivery in with_defect(story, Defect.LONG_JOB_ID):
        long_id = delivery.offer.job_id or ""
        shortened = next(
            (r for r in story.all(s.Reported) if r.job_id != long_id and _begins(long_id, r)), None
        )
        if shortened is not None:
            yield broken("a status went to a shortened job id", delivery.seen, shortened)
        elif asked := downloads(story, delivery):
            yield broken("data was asked for, for a job id that is too long", delivery.seen, *asked)
        elif life := sign_of_life(story, delivery.seen):
            yield kept("no download and no status on a shortened id", delivery.seen, life)


def _begins(long_id: str, reported: s.Reported) -> bool:
    return bool(reported.job_id) and long_id.startswith(reported.job_id)


def unsupported(story: Story) -> Iterator[Delivery]:
    """Valid jobs that list no data protocol the device declares."""
    return (
        delivery
        for delivery in story.deliveries
        if delivery.offer.is_valid
        and delivery.is_receptive
        and delivery.offer.self_test is None
        and not delivery.offer.protocols & story.data_protocols
    )


def fails_unsupported(story: Story) -> Findings:
    for delivery in unsupported(story):
        yield failed_without_data(story, delivery, "only unsupported protocols are listed")


def gives_protocol_reason(story: Story) -> Findings:
    for delivery in unsupported(story):
        failed = _failed(story, delivery)
        codes = None if failed is None else failed.report.reason_codes
        if failed is None:
            continue
        if codes is not None and (codes.word, codes.second) == ("aborted", UNSUPPORTED_PROTOCOL):
            yield kept(f"the reason is {failed.report.reason!r}", failed)
        else:
            yield broken(f"the reason is {failed.report.reason!r}", failed)


def lives_after_unsupported(story: Story) -> Findings:
    for delivery in unsupported(story):
        taken = next_job_taken(story, delivery)
        if isinstance(taken, Seen):
            yield kept("the next valid job was taken up", delivery.seen, taken)
        elif taken is False:
            yield broken("the device was deaf to the next job", delivery.seen)


RULES = (
    Rule("OTA-JOB-003", passes_over(Defect.NO_JOB), "an answer without a job"),
    Rule("OTA-JOB-004", passes_over(Defect.EMPTY_EXECUTION), "a document with empty execution"),
    Rule("OTA-JOB-005", passes_over(Defect.NOT_JSON), "a document that is not JSON"),
    Rule("OTA-JOB-006", starts_no_download, "a document cut off inside execution"),
    Rule("OTA-JOB-007", reports_nothing, "a document without jobId"),
    Rule("OTA-JOB-008", ends_without_afr_ota, "a job document without afr_ota"),
    Rule("OTA-JOB-009", fails(Defect.NO_FILESIZE), "a job without filesize"),
    Rule("OTA-JOB-010", fails(Defect.NO_FILEID), "a job without fileid"),
    Rule("OTA-JOB-011", fails(Defect.NO_PROTOCOLS), "a job without protocols"),
    Rule("OTA-JOB-012", fails(Defect.NO_FILES), "a job without files"),
    Rule("OTA-JOB-013", fails(Defect.BAD_FILESIZE), "a filesize that is not a number"),
    Rule("OTA-JOB-014", fails(Defect.BAD_SIGNATURE), "a signature that is not base64"),
    Rule("OTA-JOB-015", gives_reason, "a document that does not conform, failed by the device"),
    Rule("OTA-JOB-016", empty_file_starts_nothing, "a job with filesize 0"),
    Rule(
        "OTA-JOB-017",
        reports_failed(lambda story: with_defect(story, Defect.ZERO_FILESIZE)),
        "a job with filesize 0",
    ),
    Rule("OTA-JOB-018", oversize_starts_nothing, "a file larger than the device takes"),
    Rule("OTA-JOB-019", reports_failed(oversize), "a file larger than the device takes"),
    Rule("OTA-JOB-021", shortens_no_id, "a job id of more than 72 characters"),
    Rule("OTA-JOB-022", fails_unsupported, "a job with only unsupported protocols"),
    Rule("OTA-JOB-023", gives_protocol_reason, "a job failed for its protocols"),
    Rule("OTA-JOB-024", lives_after_unsupported, "a valid job after one of unsupported protocols"),
)
