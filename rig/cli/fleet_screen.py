"""The fleet as lines on a terminal: values in, renderables out.

Texts of devices and users are shown as they are, but for what a terminal would obey.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from rig.jobs.fleet_view import AbortRule, FleetView, JobDetail, JobView
from rig.judge.command import printable

MAX_THINGS = 12
WAITING = "WAITING"
STYLES = {
    "SUCCEEDED": "green",
    "IN_PROGRESS": "blue",
    "QUEUED": "cyan",
    WAITING: "bright_black",
    "FAILED": "red",
    "REJECTED": "magenta",
    "TIMED_OUT": "yellow",
    "CANCELED": "white",
    "REMOVED": "bright_black",
}
"""The states of things in the order in which they are shown."""
_WORDS = {"COMPLETED": "green", "ABORTED": "bold red", "CANCELED": "yellow", "IN_PROGRESS": "blue"}
_SIGN = "━"


class Bar:
    """A line as wide as there is room, its parts as long as their counts ask."""

    def __init__(self, parts: Sequence[tuple[str, int]]) -> None:
        self._parts = [(style, count) for style, count in parts if count]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        total = sum(count for _, count in self._parts)
        if not total:
            yield Segment(_SIGN * options.max_width, Style.parse("bright_black"))
        done = 0
        for style, count in self._parts:
            begin = options.max_width * done // total
            done += count
            length = options.max_width * done // total - begin
            yield Segment(_SIGN * length, Style.parse(style))
        yield Segment.line()


def fleet_screen(fleet: FleetView) -> RenderableType:
    """Every job, the newest first."""
    title = Text("Fleet", "bold")
    about = f"  {fleet.job_count} jobs, {fleet.thing_count} things, {fleet.region}"
    title.append(about, "dim").append(f"  {_clock(fleet.now)}", "green")
    blocks: list[RenderableType] = [title]
    for job in fleet.jobs:
        blocks += [Text(), *_head(job, fleet.now)]
    if not fleet.jobs:
        blocks.append(Text("There is no job yet.", "dim"))
    elif fleet.job_count > len(fleet.jobs):
        blocks.append(Text(f"and {fleet.job_count - len(fleet.jobs)} older ones", "dim"))
    return Group(*blocks)


def job_screen(detail: JobDetail) -> RenderableType:
    """One job with what goes wrong and what changed last."""
    job = detail.job
    blocks: list[RenderableType] = [*_head(job, detail.now)]
    for text in (job.description, job.comment):
        if text:
            blocks.append(Text(printable(text)))
    minute = f"{detail.queued_last_minute} queued, {detail.ended_last_minute} ended"
    blocks.append(Text(f"last minute: {minute}", "dim"))
    if detail.failures:
        table = _table("things", "state", "reason")
        for failure in detail.failures:
            reason = "none given" if failure.reason is None else printable(failure.reason)
            table.add_row(str(failure.things), _word(failure.status), Text(reason))
        blocks += [Text(), Text("Failures by reason", "bold"), table]
    if detail.things:
        table = _table("thing", "state", "details")
        for thing in detail.things[:MAX_THINGS]:
            details = Text(printable(thing.details))
            table.add_row(Text(thing.thing), _word(thing.status), details)
        blocks += [Text(), Text("Things that changed last", "bold"), table]
    return Group(*blocks)


def _head(job: JobView, now: float) -> Iterator[RenderableType]:
    """A job in a few lines: name and state, bar, counts, pace, abort rules."""
    title = Text(job.job_id, "bold").append("  ")
    yield title.append(_word("ABORTED" if job.aborted else job.status))
    counts = [(state, _count(job, state)) for state in STYLES]
    yield Bar([(STYLES[state], count) for state, count in counts])
    told = [f"{count} {_name(state)}" for state, count in counts if count]
    yield Text(", ".join(told) or "no things")
    yield Text(_pace(job, now), "dim")
    for rule in job.abort:
        yield Text(_rule(rule), "red" if job.aborted else "dim")


def _pace(job: JobView, now: float) -> str:
    pace = job.pace
    if pace.next_at is None:
        return "rollout: not begun" if pace.waiting else "rollout: over"
    left = max(0, round(pace.next_at - now))
    return f"rollout: {pace.rate} a minute, next {pace.next_rate} in {left} s"


def _rule(rule: AbortRule) -> str:
    return (
        f"abort: {rule.percentage:.1f} % {_name(rule.failure)} of {rule.executed} ended, "
        f"strikes at {rule.threshold:g} % from {rule.minimum}"
    )


def _count(job: JobView, state: str) -> int:
    return job.pace.waiting if state == WAITING else job.counts.get(state, 0)


def _word(state: str) -> Text:
    return Text(_name(state), _WORDS.get(state) or STYLES.get(state, ""))


def _name(state: str) -> str:
    return state.lower().replace("_", " ")


def _clock(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
