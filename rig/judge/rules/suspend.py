"""Suspension, resumption, lost connections (OTA-SUS; 007 is with the images on trial)."""

from __future__ import annotations

from collections.abc import Iterator

from rig.judge.rule import Findings, Rule, broken, kept, open_end
from rig.judge.rules.control import notify_next
from rig.judge.rules.witness import holds_its_image
from rig.judge.story import End, Fate, Kind, Seen, Story, Transfer
from rig.judge.story import seen as s

# Of each kind, one message may already have been on its way when the command was answered.
ON_ITS_WAY = 1
RECONNECTS = 4.0
# What the device sent before it took the command may be recorded after its answer.
CROSSED_S = 0.2


def is_silent_while_suspended(story: Story) -> Findings:
    for start, end in story.suspensions:
        run = story.run_of(start)
        abort = next(
            (c for c in story.all(s.Commanded) if c.name == "abort" and c.line > start.line), None
        )
        limits = [limit.line for limit in (end, abort) if limit is not None]
        limit = min(limits, default=None)

        def within(seen: Seen, start: Seen = start, limit: int | None = limit) -> bool:
            return seen.line > start.line and (limit is None or seen.line < limit)

        progress = [
            r
            for r in story.in_run(s.Reported, run)
            if within(r) and r.report.kind is Kind.RECEIVING
        ]
        others: list[Seen] = [
            r
            for r in story.in_run(s.Reported, run)
            if within(r) and r.report.kind is not Kind.RECEIVING
        ]
        requests = [r for r in story.in_run(s.BlocksRequested, run) if within(r)]
        asked = [
            r for r in story.in_run(s.JobRequested, run) if within(r) and r.t - start.t > CROSSED_S
        ]
        sins = [*others, *asked, *progress[ON_ITS_WAY:], *requests[ON_ITS_WAY:]]
        tempted = any(
            datum.fate is Fate.WHILE_SUSPENDED and within(datum.seen)
            for transfer in story.transfers
            for datum in transfer.data
        ) or any(within(seen) for seen in story.in_run(s.Delivered, run))
        until = story.timeline.end_t if end is None else end.t
        if sins:
            yield broken("the suspended device published", start, sins[0])
        elif tempted or until - start.t > story.request_timer_s:
            yield kept("the suspended device was silent", start, end)
        else:
            yield open_end("the suspension was short, nothing reached the device", start, end)


def is_deaf_while_suspended(story: Story) -> Findings:
    """Blocks sent to the suspended device must still be wanted in its next request."""
    for transfer in story.transfers:
        ignored = [d for d in transfer.data if d.fate is Fate.WHILE_SUSPENDED]
        if not ignored:
            continue
        after = next(
            (
                r
                for r in transfer.requests[ignored[-1].window :]
                if r.request.defect is None and r.line > ignored[-1].seen.line
            ),
            None,
        )
        before = transfer.requests[ignored[0].window - 1] if ignored[0].window else None
        if after is None or before is None:
            continue
        taken = next(
            (
                d.seen
                for d in ignored
                if d.seen.block.index is not None
                and d.seen.block.index >= 0
                and before.request.wanted >> d.seen.block.index & 1
                and not after.request.wanted >> d.seen.block.index & 1
            ),
            None,
        )
        if taken is not None:
            yield broken("a block was stored while suspended", taken, after)
        else:
            yield kept("blocks sent while suspended are still wanted", ignored[0].seen, after)


def asks_after_resuming(story: Story) -> Findings:
    for _, end in story.suspensions:
        if end is None or end.name != "resume":
            continue
        asked = story.next_of(s.JobRequested, end)
        if asked is None or not story.same_run(asked, end):
            if story.waited_in_vain(end):
                yield broken("no job request followed the resumption", end)
            continue
        topic = notify_next(story)
        subscribed = story.next_of(s.Subscribed, end)
        while subscribed is not None and subscribed.qos_of(topic) is None:
            subscribed = story.next_of(s.Subscribed, subscribed)
        if subscribed is None or subscribed.line > asked.line:
            yield broken("notify-next was not subscribed before the request", end, asked)
        else:
            yield kept("notify-next was subscribed, the job asked for", end, subscribed, asked)


def interrupted(story: Story) -> Iterator[tuple[Transfer, Seen]]:
    """Transfers that went through a suspension or a lost connection, with the first one."""
    for transfer in story.transfers:
        if transfer.interruptions:
            yield transfer, transfer.interruptions[0]


def continues(story: Story) -> Findings:
    for transfer, interruption in interrupted(story):
        again = next((d for d in transfer.resumed_by if d.seen.line > interruption.line), None)
        if again is None or transfer.blocks is None or transfer.by_http:
            continue
        readable = [r for r in transfer.requests if r.request.defect is None]
        before = [r for r in readable if r.line < interruption.line]
        after = next((r for r in readable if r.line > again.seen.line), None)
        if not before:
            continue
        if after is None:
            if transfer.end is None and story.waited_in_vain(again.seen):
                yield broken("the download did not continue", again.seen)
            continue
        everything = (1 << transfer.blocks) - 1
        wanted, last = after.request.wanted & everything, before[-1].request.wanted & everything
        stored = max(
            (
                r.report.progress[0]
                for r in transfer.reports
                if r.report.progress is not None and r.line < interruption.line
            ),
            default=0,
        )
        if wanted & ~last:
            yield broken("blocks that were stored are asked for again", before[-1], after)
        elif wanted == everything and stored:
            yield broken(f"{stored} blocks were stored, all are asked for", again.seen, after)
        elif wanted != everything:
            yield kept("only missing blocks were asked for", interruption, after)
        else:
            yield open_end("nothing was stored before the interruption", interruption, after)


def verifies_after_interruption(story: Story) -> Findings:
    for transfer, interruption in interrupted(story):
        execution = story.execution_of(transfer.job_id)
        what = "the download was interrupted"
        if transfer.end is End.READY:
            yield holds_its_image(story, transfer, what)
        elif (
            transfer.end is End.TERMINAL
            and transfer.all_delivered
            and transfer.is_clean
            and execution is not None
            and execution.signed == "good"
        ):
            yield broken(f"{what} and failed", interruption, transfer.ended_by)


def starts_other_job_full(story: Story) -> Findings:
    for transfer in story.transfers:
        by = transfer.ended_by
        if transfer.end is not End.REPLACED or not isinstance(by, s.Delivered):
            continue
        successor = story.delivery_of(by).transfer
        late = [r for r in transfer.late_requests if story.same_run(r, by)]
        if late:
            yield broken("blocks of the old job were asked for", by, late[0])
        elif successor is not None and successor.blocks is not None and successor.requests:
            first = successor.requests[0]
            if successor.starts_full:
                yield kept("the other job began with all its blocks", by, first)
            else:
                yield broken("the other job did not begin with all its blocks", by, first)


def reconnects(story: Story) -> Findings:
    topic = notify_next(story)
    for transfer in story.transfers:
        for lost in transfer.interruptions:
            if not isinstance(lost, s.Closed):
                continue
            connected = story.next_of(s.Connected, lost)
            disturbed = story.timeline.next_run(story.run_of(lost))
            if connected is None or not story.same_run(connected, lost):
                waited = story.timeline.end_t - lost.t
                if disturbed is None and waited > story.patience_s * RECONNECTS:
                    yield broken("the device did not connect again", lost)
                continue
            subscribed = story.next_of(s.Subscribed, connected)
            while subscribed is not None and subscribed.qos_of(topic) is None:
                subscribed = story.next_of(s.Subscribed, subscribed)
            asked = story.next_of(s.JobRequested, connected)
            is_back = (
                subscribed is not None
                and asked is not None
                and subscribed.conn == asked.conn == connected.conn
            )
            if is_back:
                yield kept("the device reconnected, subscribed and asked", lost, connected, asked)
            elif story.waited_in_vain(connected):
                yield broken("the device reconnected and did not ask for its job", connected)


_SUSPENSION = "a suspension by command"

RULES = (
    Rule("OTA-SUS-001", is_silent_while_suspended, _SUSPENSION),
    Rule("OTA-SUS-002", is_deaf_while_suspended, "blocks sent to a suspended device, resumed"),
    Rule("OTA-SUS-003", asks_after_resuming, "a resumption by command"),
    Rule("OTA-SUS-004", continues, "the same job after a suspension or a lost connection"),
    Rule("OTA-SUS-005", verifies_after_interruption, "an interrupted download that completed"),
    Rule("OTA-SUS-006", starts_other_job_full, "another job in answer to an interrupted download"),
    Rule("OTA-SUS-008", reconnects, "a connection lost during a download, and boots"),
)
