"""Limits, floods, long runs, and what is granted to devices (OTA-RES; 010 is with the trials)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rig.judge.rule import Findings, Rule, broken, kept, open_end
from rig.judge.rules.control import status_goes_to_its_job
from rig.judge.rules.data_timing import windows
from rig.judge.rules.job import ordinary
from rig.judge.rules.job_dropped import drops
from rig.judge.rules.receptive import next_job_taken, reaction, sign_of_life
from rig.judge.story import BAD, End, Kind, Seen, Story, Transfer
from rig.judge.story import seen as s

DEFAULT_BLOCK_SIZE = 4096
MIN_LONG_DOCUMENT, LONG_DOCUMENT, EVENT_BUFFER = 1200, 1500, 1530  # bytes beyond l; §10
LONG_STREAM, LONG_THING = 44, 128
MANY = 10
FLOOD = 2  # times the window


def _block_size(story: Story) -> int:
    return int(story.declared_number("block_size") or DEFAULT_BLOCK_SIZE)


def takes_long_documents(story: Story) -> Findings:
    block = _block_size(story)
    for delivery in ordinary(story):
        if block + MIN_LONG_DOCUMENT <= delivery.seen.size <= block + LONG_DOCUMENT:
            yield from reaction(story, delivery, f"a document of {delivery.seen.size} bytes")


def survives_over_long(story: Story) -> Findings:
    block = _block_size(story)
    long: list[Seen] = [d.seen for d in story.deliveries if d.seen.size > block + EVENT_BUFFER]
    for data in story.all(s.DataDelivered):
        if data.block.defect is None and data.block.length > block:
            long.append(data)
    for seen in long:
        life = sign_of_life(story, seen)
        boot = story.boot_after(seen)
        power = story.next_of(s.PowerChanged, seen)
        if life is not None:
            yield kept("the device lived on", seen, life)
        elif boot is not None and (power is None or power.line > boot.line):
            yield broken("the device restarted", seen, boot)
        else:
            yield open_end("no sign of life followed", seen)


def survives_flood(story: Story) -> Findings:
    for transfer in story.transfers:
        flooded = _flooded_request(transfer)
        if flooded is None:
            continue
        spoilt = any(datum.fate in BAD for datum in transfer.data)
        if transfer.end is End.READY:
            yield kept("the transfer completed under a flood", flooded, transfer.ended_by)
        elif transfer.end is None and not spoilt and story.waited_in_vain(transfer.requests[-1]):
            yield broken("the transfer stopped under a flood", flooded)


def _flooded_request(transfer: Transfer) -> s.BlocksRequested | None:
    """The first request that far more messages answered than it had asked for."""
    answers = Counter(datum.window for datum in transfer.data)
    for number, request in enumerate(transfer.requests, start=1):
        if request.request.defect is None and answers[number] > FLOOD * (
            request.request.count or 1
        ):
            return request
    return None


def successes(story: Story) -> Iterator[s.Reported]:
    for execution in story.executions:
        yield from execution.of_kind(Kind.SUCCEEDED)[:1]


def runs_many_updates(story: Story) -> Findings:
    """Ten in a row; each boot between the first and the last must be one of an activation."""
    row = sorted(successes(story), key=lambda reported: reported.line)
    if len(row) < MANY or not story.watches_boots:
        return
    boots = [
        run.boot
        for run in story.timeline.runs
        if run.boot is not None and row[0].line < run.boot.line < row[-1].line
    ]
    extra = [boot for boot in boots if boot.state != "pending_commit"]
    power = [p for p in story.all(s.PowerChanged) if row[0].line < p.line < row[-1].line]
    if power:
        yield open_end("the rig switched the power in between", row[0], power[0])
    elif extra:
        yield broken("a reboot that was no activation", row[0], extra[0])
    else:
        yield kept(f"{len(row)} updates in a row", row[0], row[-1])


def takes_long_names(story: Story) -> Findings:
    for transfer in story.transfers:
        stream = transfer.offer.stream or ""
        if len(stream) < LONG_STREAM or len(story.thing) < LONG_THING:
            continue
        if transfer.end is End.READY:
            yield kept("long names worked", transfer.first, transfer.ended_by)
        elif transfer.end is None and story.waited_in_vain(transfer.first, factor=2):
            yield broken("the download with long names did not complete", transfer.first)


def grants_stray_failure(story: Story) -> Findings:
    """A stray FAILED is granted only after a duplicate of the final block."""
    refused = {
        line
        for finding in status_goes_to_its_job(story)
        if finding.kept is False
        for line in finding.lines
    }
    for reported in story.all(s.Reported):
        if not reported.job_id and reported.line not in refused:
            yield kept("a stray FAILED followed a duplicate of the final block", reported)


def grants_empty_components(story: Story) -> Findings:
    for succeeded in successes(story):
        reason = succeeded.report.reason
        if succeeded.report.named_version is not None and (".." in reason or "v." in reason):
            yield kept(f"zero printed as nothing in {reason!r}", succeeded)


def grants_repetition(story: Story) -> Findings:
    for window in story.once(windows):
        if window.request.payload == window.following.payload:
            yield kept("an equal request was repeated", window.request, window.following)
    seen_filters: dict[tuple[int | None, str], s.Subscribed] = {}
    for subscribed in story.all(s.Subscribed):
        for name, _ in subscribed.filters:
            before = seen_filters.setdefault((subscribed.conn, name), subscribed)
            if before is not subscribed:
                yield kept("a subscription was repeated", before, subscribed)


def survives_many_news(story: Story) -> Findings:
    by_run: dict[int, list[s.Delivered]] = {}
    last: dict[int, object] = {}
    for _, drop in drops(story):
        by_run.setdefault(drop.run, []).append(drop.seen)
        last[drop.run] = next_job_taken(story, drop)
    for run, dropped in by_run.items():
        if len(dropped) < MANY:
            continue
        if isinstance(taken := last[run], Seen):
            yield kept(f"{len(dropped)} drops, and the next job was taken", dropped[-1], taken)
        elif taken is False:
            yield broken(f"the device is deaf after {len(dropped)} drops", dropped[-1])


RULES = (
    Rule("OTA-RES-001", takes_long_documents, "a valid document of nearly l + 1500 bytes"),
    Rule("OTA-RES-002", survives_over_long, "a document or data message that is over-long"),
    Rule("OTA-RES-003", survives_flood, "more data messages than twice the window"),
    Rule("OTA-RES-004", runs_many_updates, "ten updates in a row, and boots"),
    Rule("OTA-RES-005", takes_long_names, "a stream of 44 and a thing of 128 characters"),
    Rule("OTA-RES-006", grants_stray_failure, "a stray FAILED on an empty job id"),
    Rule("OTA-RES-007", grants_empty_components, "a version with empty components"),
    Rule("OTA-RES-008", grants_repetition, "a repeated subscription or equal block request"),
    Rule("OTA-RES-009", survives_many_news, "ten notify-next during downloads"),
)
