"""Downloads by HTTP (OTA-HTP)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import urlsplit

from rig.judge.rule import Findings, Rule, broken, kept, open_end
from rig.judge.rules.data_progress import progress_of
from rig.judge.rules.witness import holds_its_image, keeps_old_image
from rig.judge.story import End, Kind, RangeAsked, Story, Transfer
from rig.judge.story import seen as s

TIMER_TOLERANCE_S = 1.0
UNDECLARED_ATTEMPTS = 64
EXPIRED = 403
NO_ANSWER = "no answer"
WHOLE_FILE = 200


def downloads(story: Story) -> Iterator[Transfer]:
    return (transfer for transfer in story.transfers if transfer.by_http)


def uses_no_stream(story: Story) -> Findings:
    for transfer in downloads(story):
        sin = _stream_use(story, transfer)
        if sin is not None:
            yield broken("a stream topic was used for a job by HTTP", transfer.first, sin)
        else:
            yield kept("no stream topic was used", transfer.delivery.seen, transfer.first)


def _stream_use(story: Story, transfer: Transfer) -> s.Seen | None:
    """The first subscription to a stream or block request while the job was performed."""
    start, ended = transfer.delivery.seen, transfer.ended_by
    subscribed = story.next_of(s.Subscribed, start)
    while subscribed is not None and not any("/streams/" in name for name, _ in subscribed.filters):
        subscribed = story.next_of(s.Subscribed, subscribed)
    for seen in (subscribed, story.next_of(s.BlocksRequested, start)):
        if seen is not None and (ended is None or seen.line < ended.line):
            return seen
    return None


def _targets(transfer: Transfer) -> set[str]:
    """Path and query of every URL that the device was given for this transfer."""
    urls = [transfer.offer.url, *(d.offer.url for d in transfer.resumed_by)]
    return {_target(url) for url in urls if url is not None}


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def uses_given_url(story: Story) -> Findings:
    for transfer in downloads(story):
        targets = _targets(transfer)
        for asked in transfer.ranges:
            if asked.asked.target in targets:
                yield kept("the request went to the given URL", asked.asked)
            else:
                yield broken("the request went to another URL than the given one", asked.asked)
    for stray in story.stray_http:
        yield broken("a request went to a URL that no job has given", stray)


def asks_for_one_range(story: Story) -> Findings:
    declared = story.declared_number("block_size")
    for transfer in downloads(story):
        size = transfer.offer.file_size or 0
        for number, asked in enumerate(_gets(transfer)):
            span = asked.asked.range
            if span is None:
                text = asked.asked.range_text
                yield broken(f"Range is {text!r}, not one range of bytes", asked.asked)
                continue
            first, last = span
            if number == 0 and first != 0:
                yield broken(f"the first range begins at {first}", asked.asked)
            elif number == 0 and declared and last != min(int(declared), size) - 1:
                yield broken(f"the first range ends at {last}", asked.asked)
            else:
                yield kept(f"one range, {first} to {last}", asked.asked)


def _gets(transfer: Transfer) -> list[RangeAsked]:
    return [asked for asked in transfer.ranges if asked.asked.method == "GET"]


def ranges_are_consecutive(story: Story) -> Findings:
    for transfer in downloads(story):
        size, block = transfer.offer.file_size, transfer.block_size
        gets = [asked for asked in _gets(transfer) if asked.asked.range is not None]
        if size is None or not block:
            continue
        for before, asked in pairwise([None, *gets]):
            assert asked is not None
            assert asked.asked.range is not None
            first, last = asked.asked.range
            allowed = {0}
            if before is not None and before.asked.range is not None:
                allowed = {before.asked.range[0]}
                if before.is_full:
                    allowed.add(before.asked.range[1] + 1)
            if last >= size or last < first:
                yield broken(f"range {first}-{last} of a file of {size} bytes", asked.asked)
            elif first % block or (last + 1 != size and last - first + 1 != block):
                yield broken(f"range {first}-{last} is not aligned to {block}", asked.asked)
            elif first not in allowed:
                yield broken(f"range {first}-{last} does not follow the one before", asked.asked)
            elif before is not None:
                yield kept(f"range {first}-{last} follows", before.asked, asked.asked)
            elif last + 1 == size:
                yield kept("one range holds the whole file", asked.asked)


def asks_one_at_a_time(story: Story) -> Findings:
    for transfer in downloads(story):
        for before, asked in pairwise(transfer.ranges):
            answered = before.answered
            crossed = answered is not None and answered.line > asked.asked.line
            crossed = crossed or _stays_unanswered(story, before, asked)
            timed_out = asked.asked.t - before.asked.t > story.request_timer_s - TIMER_TOLERANCE_S
            if crossed and not timed_out:
                yield broken("a range was asked for with another outstanding", asked.asked)
            elif answered is not None:
                yield kept("the answer came before the next request", before.asked, asked.asked)


def _stays_unanswered(story: Story, before: RangeAsked, asked: RangeAsked) -> bool:
    """Whether the rig left the request before without an answer, its connection open."""
    fault = story.next_of(s.FaultFired, before.asked)
    return (
        before.answered is None
        and fault is not None
        and fault.line < asked.asked.line
        and fault.data.get("action") == NO_ANSWER
    )


def _wrong_bodies(transfer: Transfer) -> Iterator[tuple[int, RangeAsked]]:
    """Answers with a body that is not the range asked for."""
    for number, asked in enumerate(transfer.ranges):
        answered = asked.answered
        if answered is None or answered.status not in (200, 206) or asked.span is None:
            continue
        if answered.length != asked.span:
            yield number, asked


def _next(transfer: Transfer, number: int) -> RangeAsked | None:
    return transfer.ranges[number + 1] if number + 1 < len(transfer.ranges) else None


def refuses_wrong_body(story: Story) -> Findings:
    for transfer in downloads(story):
        for number, asked in _wrong_bodies(transfer):
            following, ended = _next(transfer, number), transfer.ended_by
            if following is not None:
                if following.asked.range == asked.asked.range:
                    yield kept("the range was asked for again", asked.asked, following.asked)
                else:
                    yield broken("a wrong body was taken", asked.answered, following.asked)
            elif isinstance(ended, s.Reported) and ended.report.kind is Kind.FAILED:
                yield kept("the job ended FAILED", asked.answered, ended)
            elif transfer.end is End.READY:
                yield broken("a wrong body was taken", asked.answered, ended)


def repeats_unanswered(story: Story) -> Findings:
    declared = story.declared_number("request_timer_s")
    for transfer in downloads(story):
        for number, asked in enumerate(transfer.ranges):
            if asked.answered is not None:
                continue
            following = _next(transfer, number)
            if following is None:
                if transfer.end is None and story.waited_in_vain(asked.asked, factor=2):
                    yield broken("the unanswered range was never asked for again", asked.asked)
                continue
            waited = following.asked.t - asked.asked.t
            if following.asked.range != asked.asked.range:
                yield broken("another range was asked for", asked.asked, following.asked)
            elif declared is not None and waited > declared + TIMER_TOLERANCE_S:
                yield broken(f"repeated after {waited:.1f} s", asked.asked, following.asked)
            else:
                yield kept(f"repeated after {waited:.1f} s", asked.asked, following.asked)


def _failures_at_end(transfer: Transfer) -> list[RangeAsked]:
    """The row of failed requests at the end of a transfer."""
    row: list[RangeAsked] = []
    for asked in reversed(transfer.ranges):
        if asked.is_full:
            break
        row.append(asked)
    return row[::-1]


def gives_up(story: Story) -> Findings:
    declared = story.declared_number("momentum")
    limit = UNDECLARED_ATTEMPTS if declared is None else int(declared) + 1
    for transfer in downloads(story):
        row, ended = _failures_at_end(transfer), transfer.ended_by
        if len(row) > limit:
            yield broken(f"{len(row)} failed requests in a row", row[0].asked, row[-1].asked)
        elif len(row) < 2:
            continue
        elif isinstance(ended, s.Reported) and ended.report.kind is Kind.FAILED:
            yield kept(f"FAILED after {len(row)} failed requests", row[0].asked, ended)
        elif transfer.end is None and story.waited_in_vain(row[-1].asked, factor=2):
            yield kept(f"the device stopped after {len(row)} failed requests", row[-1].asked)


def renews_url(story: Story) -> Findings:
    for transfer in downloads(story):
        for number, asked in enumerate(transfer.ranges):
            answered = asked.answered
            if answered is None or answered.status != EXPIRED:
                continue
            requested = story.next_of(s.JobRequested, answered)
            following = next(
                (
                    later
                    for later in transfer.ranges[number + 1 :]
                    if requested is not None and later.asked.line > requested.line
                ),
                None,
            )
            if requested is None or not story.same_run(requested, answered):
                if story.waited_in_vain(answered, factor=2):
                    yield broken("403, and the job was not asked for again", answered)
            elif following is not None and following.asked.range == asked.asked.range:
                yield kept("the transfer went on at the missing range", answered, following.asked)
            elif following is not None:
                yield broken("the transfer went on at another range", answered, following.asked)


def survives_whole_file(story: Story) -> Findings:
    for transfer in downloads(story):
        whole = next(
            (
                asked.answered
                for _, asked in _wrong_bodies(transfer)
                if asked.answered is not None and asked.answered.status == WHOLE_FILE
            ),
            None,
        )
        if whole is None or transfer.ended_by is None:
            continue
        if transfer.end is End.READY:
            yield holds_its_image(story, transfer, "the whole file came at once")
        else:
            yield keeps_old_image(story, transfer.ended_by, "the whole file came at once")


def reports_like_mqtt(story: Story) -> Findings:
    for transfer in downloads(story):
        if transfer.end is not End.READY or transfer.blocks is None:
            continue
        progress = progress_of(transfer)
        if transfer.blocks > 1 and not progress:
            yield broken("no progress was reported", transfer.first, transfer.ended_by)
            continue
        totals = {r.report.progress[1] for r in progress.values() if r.report.progress}
        if totals - {transfer.blocks}:
            yield broken("progress counts other blocks than the file has", transfer.first)
        else:
            yield kept("progress and self_test ready were reported", transfer.ended_by)


def survives_duplicate_answer(story: Story) -> Findings:
    for transfer in downloads(story):
        full = [asked.asked.range for asked in transfer.ranges if asked.is_full]
        if len(full) == len(set(full)) or transfer.ended_by is None:
            continue
        if transfer.end is End.READY:
            yield holds_its_image(story, transfer, "an answer came twice")
        else:
            yield open_end("an answer came twice; the transfer did not complete", transfer.first)


_HTTP = "a download by HTTP"

RULES = (
    Rule("OTA-HTP-001", uses_no_stream, _HTTP),
    Rule("OTA-HTP-002", uses_given_url, _HTTP),
    Rule("OTA-HTP-003", asks_for_one_range, _HTTP),
    Rule("OTA-HTP-004", ranges_are_consecutive, _HTTP),
    Rule("OTA-HTP-005", asks_one_at_a_time, "two requests of a download by HTTP"),
    Rule("OTA-HTP-006", refuses_wrong_body, "a body that is not the range asked for"),
    Rule("OTA-HTP-007", repeats_unanswered, "a range without an answer"),
    Rule("OTA-HTP-008", gives_up, "HTTP requests that fail for good"),
    Rule("OTA-HTP-009", renews_url, "an answer 403"),
    Rule("OTA-HTP-010", survives_whole_file, "an answer 200 with the whole file"),
    Rule("OTA-HTP-011", reports_like_mqtt, "a completed download by HTTP"),
    Rule("OTA-HTP-012", survives_duplicate_answer, "an answer that came twice"),
)
