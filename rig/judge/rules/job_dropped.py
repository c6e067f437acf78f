"""Downloads stopped by a notify-next (OTA-JOB-031 to 036)."""

from __future__ import annotations

from collections.abc import Iterator

from rig.judge.rule import Findings, Rule, broken, kept, open_end
from rig.judge.rules.job_refused import downloads, until_next
from rig.judge.rules.receptive import next_job_taken
from rig.judge.rules.witness import keeps_old_image, stays_on_old_image
from rig.judge.story import Delivery, End, Seen, Situation, Story, Transfer
from rig.judge.story import seen as s

# A request that was already on its way when the news came is no sin.
ON_ITS_WAY = 1


def drops(story: Story) -> Iterator[tuple[Transfer, Delivery]]:
    """Transfers that a document stopped, each with that document."""
    for transfer in story.transfers:
        if transfer.end is End.DROPPED and isinstance(transfer.ended_by, s.Delivered):
            yield transfer, story.delivery_of(transfer.ended_by)


def _next_request(story: Story, drop: Delivery) -> s.JobRequested | None:
    request = story.next_of(s.JobRequested, drop.seen)
    if request is None or not story.same_run(request, drop.seen):
        return None
    return request


def stops_asking(story: Story) -> Findings:
    for transfer, drop in drops(story):
        asked = _next_request(story, drop)
        late = [r for r in transfer.late_requests if story.same_run(r, drop.seen)]
        sins = [r for r in late if asked is not None and r.line > asked.line]
        if len(late) > ON_ITS_WAY:
            sins = late[ON_ITS_WAY:]
        if sins:
            yield broken("blocks of the stopped download were asked for", drop.seen, sins[0])
        elif asked is not None:
            yield kept("no block was asked for any more", drop.seen, asked)


def asks_for_job(story: Story) -> Findings:
    for transfer, drop in drops(story):
        asked = _next_request(story, drop)
        went_on = next((r for r in transfer.reports if r.line > drop.seen.line), None)
        if asked is not None:
            yield kept("the device asked for its job", drop.seen, asked)
        elif went_on is not None and not transfer.all_delivered and _is_end(went_on):
            yield broken("the device went on instead of asking", drop.seen, went_on)
        elif story.waited_in_vain(drop.seen):
            yield broken("the device did not ask for its job", drop.seen)


def _is_end(reported: s.Reported) -> bool:
    return reported.report.is_terminal or reported.report.details.get("self_test") == "ready"


def reports_nothing(story: Story) -> Findings:
    for transfer, drop in drops(story):
        asked = _next_request(story, drop)
        execution = story.execution_of(transfer.job_id)
        if asked is None or execution is None:
            continue
        again = next((d.seen for d in execution.deliveries if d.seen.line > asked.line), None)
        sins = [
            reported
            for reported in execution.reports
            if reported.line > asked.line
            and (again is None or reported.line < again.line)
            and story.same_run(reported, asked)
        ]
        if sins:
            yield broken("a status of the dropped job was published", drop.seen, sins[0])
        else:
            yield kept("nothing was reported for the dropped job", drop.seen, asked)


def _answer(drop: Delivery) -> Delivery | None:
    """The answer to the request that follows a drop."""
    answer = drop.follower
    return answer if answer is not None and answer.situation is Situation.ASKED else None


def starts_again_full(story: Story) -> Findings:
    for _, drop in drops(story):
        answer = _answer(drop)
        transfer = None if answer is None else answer.transfer
        if transfer is None or transfer.blocks is None or not transfer.requests:
            continue
        first = transfer.requests[0]
        if transfer.starts_full:
            yield kept("the new download began with all blocks", drop.seen, first)
        else:
            yield broken("the new download did not begin with all blocks", drop.seen, first)


def goes_idle(story: Story) -> Findings:
    for _, drop in drops(story):
        answer = _answer(drop)
        if answer is None or not answer.offer.offers_nothing:
            continue
        sins = [*until_next(story, answer, s.Reported), *downloads(story, answer)]
        taken = next_job_taken(story, answer)
        if sins:
            yield broken("the device published after the empty answer", answer.seen, sins[0])
        elif isinstance(taken, Seen):
            yield kept("the device went idle and took the next job", answer.seen, taken)
        elif taken is False:
            yield broken("the device was deaf to the next job", answer.seen)
        else:
            yield open_end("the device went idle; no job followed", answer.seen)


def stays_bootable(story: Story) -> Findings:
    for transfer in story.transfers:
        if transfer.end not in (End.DROPPED, End.REPLACED) or transfer.ended_by is None:
            continue
        by_boot = stays_on_old_image(story, transfer.ended_by, "the download was dropped")
        if by_boot.kept is False:
            yield by_boot
        else:
            yield keeps_old_image(story, transfer.ended_by, "the download was dropped")


_DROP = "a job document during a download"

RULES = (
    Rule("OTA-JOB-031", stops_asking, _DROP),
    Rule("OTA-JOB-032", asks_for_job, _DROP),
    Rule("OTA-JOB-033", reports_nothing, _DROP),
    Rule("OTA-JOB-034", starts_again_full, "a download that follows a dropped one"),
    Rule("OTA-JOB-035", goes_idle, "an empty answer after a dropped download"),
    Rule("OTA-JOB-036", stays_bootable, "a superseded or cancelled download"),
)
