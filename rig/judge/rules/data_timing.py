"""When block requests are repeated: window, request timer, attempts (OTA-DAT-013 … 032)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from rig.judge.rule import Findings, Rule, broken, kept, open_end
from rig.judge.rules.witness import holds_its_image
from rig.judge.story import End, Fate, Kind, Seen, Story, Transfer
from rig.judge.story import seen as s
from rig.judge.story.transfer import Datum

TIMER_TOLERANCE_S = 1.0  # OTA spec §12.3
# Where no number of attempts is declared, more than twice the usual number is not finite.
UNDECLARED_ATTEMPTS = 64
MOMENTUM_REASON = 0


@dataclass(frozen=True)
class Window:
    """Two block requests in a row and what passed between them.

    `stored` is how many bits the second one has cleared; `broken_off` tells that the device asked
    for its job or was disturbed in between, so that the timer says nothing.
    """

    transfer: Transfer
    request: s.BlocksRequested
    following: s.BlocksRequested
    data: tuple[Datum, ...]
    stored: int
    broken_off: bool

    @property
    def size(self) -> int:
        return self.request.request.count or 0

    @property
    def last_message(self) -> Seen:
        """What started the request timer last: a data message, or the request itself."""
        return self.data[-1].seen if self.data else self.request

    @property
    def waited_s(self) -> float:
        return self.following.t - self.last_message.t


def windows(story: Story) -> Iterator[Window]:
    """All pairs of block requests that follow each other in a transfer."""
    for transfer in story.transfers:
        yield from windows_of(story, transfer)


def windows_of(story: Story, transfer: Transfer) -> Iterator[Window]:
    """The pairs of block requests of one transfer."""
    readable = [r for r in transfer.requests if r.request.defect is None]
    position = 0
    for request, following in pairwise(readable):
        while position < len(transfer.data) and transfer.data[position].seen.line < request.line:
            position += 1
        start = position
        while position < len(transfer.data) and transfer.data[position].seen.line < following.line:
            position += 1
        between = story.next_of(s.JobRequested, request)
        broken_off = (
            request.conn != following.conn
            or (between is not None and between.line < following.line)
            or any(request.line < seen.line < following.line for seen in transfer.interruptions)
        )
        cleared = request.request.wanted & ~following.request.wanted
        yield Window(
            transfer,
            request,
            following,
            tuple(transfer.data[start:position]),
            cleared.bit_count(),
            broken_off,
        )


def asks_at_once(story: Story) -> Findings:
    limit = max(story.request_timer_s - TIMER_TOLERANCE_S, story.request_timer_s / 2)
    for window in story.once(windows):
        if window.broken_off or window.size < 1 or window.stored < window.size:
            continue
        new = [datum for datum in window.data if datum.fate is Fate.NEW]
        if len(new) < window.size:
            continue
        last = new[window.size - 1].seen
        waited = window.following.t - last.t
        if waited < limit:
            yield kept(f"the next request came {waited:.3f} s later", last, window.following)
        else:
            yield broken(f"the next request came {waited:.1f} s later", last, window.following)


def repeats_at_timer(story: Story) -> Findings:
    declared = story.declared_number("request_timer_s")
    for window in story.once(windows):
        answers = [d for d in window.data if d.fate is not Fate.WHILE_SUSPENDED]
        if window.broken_off or len(answers) >= window.size or window.stored >= window.size:
            continue
        evidence = (window.last_message, window.following)
        waited = window.waited_s
        if declared is None or abs(waited - declared) <= TIMER_TOLERANCE_S:
            yield kept(f"the request was repeated after {waited:.1f} s", *evidence)
        else:
            yield broken(
                f"the request was repeated {waited:.1f} s after the last data message, "
                f"the declared request timer is {declared:g} s",
                *evidence,
            )
    yield from _never_repeats(story)


def _never_repeats(story: Story) -> Findings:
    for transfer in story.transfers:
        if transfer.by_http or transfer.end is not None or not transfer.requests:
            continue
        last = transfer.requests[-1]
        data = [d.seen for d in transfer.data if d.seen.line > last.line]
        latest = data[-1] if data else last
        if transfer.all_delivered or story.next_of(s.JobRequested, last) is not None:
            continue
        # Twice: the timer may have been started again by messages that the trace does not show.
        if story.waited_in_vain(latest, factor=2):
            yield broken("blocks are missing, and the request was never repeated", last, latest)


def ignores_duplicates_for_window(story: Story) -> Findings:
    for window in story.once(windows):
        duplicates = [d.seen for d in window.data if d.fate is Fate.DUPLICATE]
        new = sum(d.fate is Fate.NEW for d in window.data)
        if window.broken_off or not duplicates or window.stored >= window.size:
            continue
        if new >= window.size:
            continue
        if window.waited_s < story.request_timer_s - TIMER_TOLERANCE_S:
            yield broken("the next request came before the timer", duplicates[0], window.following)
        else:
            yield kept("the next request waited for the timer", duplicates[0], window.following)


@dataclass(frozen=True)
class Silence:
    """Requests in a row that no data message answered."""

    transfer: Transfer
    requests: tuple[s.BlocksRequested, ...]
    after_data: bool
    """Whether blocks had been stored before."""
    is_last: bool
    """Whether the transfer has no further request."""


def silences(story: Story) -> Iterator[Silence]:
    """The longest rows of requests without any data between them."""
    for transfer in story.transfers:
        if transfer.by_http:
            continue
        answered = {datum.window for datum in transfer.data}
        row: list[s.BlocksRequested] = []
        after_data = False
        for number, request in enumerate(transfer.requests, start=1):
            row.append(request)
            is_last = number == len(transfer.requests)
            if is_last or number in answered:
                yield Silence(transfer, tuple(row), after_data, is_last)
                if number in answered:
                    row, after_data = [], True


def gives_up(story: Story) -> Findings:
    declared = story.declared_number("momentum")
    limit = UNDECLARED_ATTEMPTS if declared is None else int(declared) + 1
    for silence in story.once(silences):
        first, last = silence.requests[0], silence.requests[-1]
        if len(silence.requests) > limit:
            yield broken(
                f"{len(silence.requests)} requests in a row without an answer", first, last
            )
            continue
        if not silence.is_last or len(silence.requests) < 2 or _is_answered(silence):
            continue
        ended = silence.transfer.ended_by
        if silence.transfer.end is End.TERMINAL and isinstance(ended, s.Reported):
            if ended.report.kind is Kind.FAILED and _is_momentum(ended):
                yield kept(
                    f"after {len(silence.requests)} requests the job was FAILED", first, ended
                )
        elif silence.transfer.end is None and story.waited_in_vain(last, factor=2):
            yield broken("the device stopped asking and did not report FAILED", first, last)


def _is_answered(silence: Silence) -> bool:
    number = len(silence.transfer.requests)
    return any(datum.window == number for datum in silence.transfer.data)


def _is_momentum(reported: s.Reported) -> bool:
    codes = reported.report.reason_codes
    return codes is None or codes.second != 0x13


def gives_up_for_the_reason(story: Story) -> Findings:
    for silence in story.once(silences):
        ended = silence.transfer.ended_by
        given_up = (
            silence.is_last
            and len(silence.requests) >= 2
            and silence.transfer.end is End.TERMINAL
            and not _is_answered(silence)
        )
        if not given_up or not isinstance(ended, s.Reported) or not _is_momentum(ended):
            continue
        codes = ended.report.reason_codes
        if codes is not None and (codes.word, codes.second) == ("aborted", MOMENTUM_REASON):
            yield kept(f"the reason is {ended.report.reason!r}", ended)
        else:
            yield broken(f"the reason is {ended.report.reason!r}", ended)


def counts_anew(story: Story) -> Findings:
    declared = story.declared_number("momentum")
    if declared is None:
        return
    unanswered_before: dict[int, int] = {}
    for silence in story.once(silences):
        key = id(silence.transfer)
        before = unanswered_before.get(key, 0)
        # A request that was answered is not an unanswered attempt.
        attempts = len(silence.requests) - (0 if silence.is_last else 1)
        ended = silence.transfer.ended_by
        if silence.after_data and before:
            gave_up = (
                silence.is_last
                and silence.transfer.end is End.TERMINAL
                and isinstance(ended, s.Reported)
                and ended.report.kind is Kind.FAILED
                and ended.report.reason_codes is not None
                and ended.report.reason_codes.word == "aborted"
                and ended.report.reason_codes.second == MOMENTUM_REASON
            )
            if gave_up and attempts < declared - 1:
                yield broken(f"FAILED after {attempts} attempts since a block", ended)
            elif before + attempts >= declared:
                yield kept(f"{attempts} attempts since a block", silence.requests[-1])
        unanswered_before[key] = before + attempts


def survives_loss(story: Story) -> Findings:
    """An answer is lost when a request is repeated with blocks missing that it had asked for."""
    for transfer in story.transfers:
        lost = next(
            (
                window
                for window in windows_of(story, transfer)
                if not window.broken_off and window.stored < window.size
            ),
            None,
        )
        if lost is None or transfer.by_http or not transfer.is_clean:
            continue
        if transfer.end is End.READY:
            yield holds_its_image(story, transfer, "the transfer completed after a loss")
        elif transfer.all_delivered and transfer.end is End.TERMINAL:
            execution = story.execution_of(transfer.job_id)
            if execution is not None and execution.signed == "good":
                yield broken("blocks came again, the job failed", lost.following, transfer.ended_by)
        else:
            yield open_end("an answer was lost, the transfer did not complete", lost.following)


RULES = (
    Rule("OTA-DAT-013", asks_at_once, "n stored blocks with more to come"),
    Rule("OTA-DAT-014", repeats_at_timer, "a block request with fewer than n answers"),
    Rule("OTA-DAT-017", ignores_duplicates_for_window, "a duplicate in an incomplete window"),
    Rule("OTA-DAT-029", gives_up, "block requests that nothing answers until the device gives up"),
    Rule("OTA-DAT-030", gives_up_for_the_reason, "a device that gave up for want of blocks"),
    Rule("OTA-DAT-031", counts_anew, "a block between unanswered requests, enough to give up"),
    Rule("OTA-DAT-032", survives_loss, "a download in which an answer was lost"),
)
