"""What the witnesses besides the device's own words show: boots and slots read back.

A verdict that needs these witnesses is not given without them (OTA spec §13, column Obs).
"""

from __future__ import annotations

from itertools import takewhile

from rig.judge.rule import Finding, broken, kept, open_end
from rig.judge.story import Execution, Kind, Seen, Story, Transfer
from rig.judge.story import seen as s


def next_ready(story: Story, after: Seen) -> s.Reported | None:
    """The next self_test ready of any job: from there on another image may rightly run."""
    reported = story.next_of(s.Reported, after)
    while reported is not None and reported.report.kind is not Kind.READY:
        reported = story.next_of(s.Reported, reported)
    return reported


def boots_until_next_update(story: Story, after: Seen) -> list[s.Booted]:
    """Boots after the run of this observation, up to the next image that becomes ready."""
    limit = next_ready(story, after)
    last = len(story.timeline.runs) if limit is None else story.run_of(limit).number
    return list(takewhile(lambda boot: story.run_of(boot).number <= last, story.boots_after(after)))


def active_reads_until_next_update(story: Story, after: Seen) -> list[s.SlotRead]:
    """What was in the running slot after this, up to the next image that becomes ready."""
    limit = next_ready(story, after)
    return [
        read
        for read in story.reads(after=after, active=True)
        if limit is None or read.line < limit.line
    ]


def running_image(story: Story, at: Seen) -> str | None:
    """The SHA-256 of the image that runs at this point, where it was read or flashed before.

    None when an update may have changed it since.
    """
    shown: list[s.Flashed | s.SlotRead] = [*story.all(s.Flashed), *story.reads(active=True)]
    before = [reading for reading in shown if reading.line < at.line]
    latest = max(before, key=lambda reading: reading.line, default=None)
    if latest is None:
        return None
    changed = next_ready(story, latest)
    return latest.sha256 if changed is None or changed.line >= at.line else None


def holds_its_image(story: Story, transfer: Transfer, what: str) -> Finding:
    """Whether the image of a finished transfer was found in a slot, byte for byte."""
    execution = story.execution_of(transfer.job_id)
    wanted = None if execution is None else execution.image_sha256
    if wanted is None or transfer.ended_by is None:
        return open_end(f"{what}; the trace does not say which image it should be")
    reads = story.reads(after=transfer.ended_by)
    if not reads:
        return open_end(f"{what}; no slot was read back afterwards", transfer.ended_by)
    succeeded = next(iter(execution.of_kind(Kind.SUCCEEDED)), None) if execution else None
    if succeeded is not None:
        for read in active_reads_until_next_update(story, succeeded):
            if read.sha256 != wanted:
                return broken(f"{what}, but slot {read.slot} runs another image", succeeded, read)
    match = next((read for read in reads if read.sha256 == wanted), None)
    if match is None:
        return open_end(f"{what}; the image is in no slot that was read", transfer.ended_by)
    return kept(f"{what}; the image is in slot {match.slot}", transfer.ended_by, match)


def keeps_old_image(story: Story, at: Seen, what: str) -> Finding:
    """Whether the image that ran at this point still is the running one afterwards, by flash."""
    before = running_image(story, at)
    reads = active_reads_until_next_update(story, at)
    if before is None or not reads:
        return open_end(f"{what}; the running slot was not read before and after", at)
    changed = next((read for read in reads if read.sha256 != before), None)
    if changed is not None:
        return broken(f"{what}, but slot {changed.slot} no longer holds that image", at, changed)
    return kept(f"{what}; slot {reads[0].slot} still holds the old image", at, reads[0])


def runs_refused_image(story: Story, execution: Execution, at: Seen) -> Seen | None:
    """The boot or slot reading that shows a refused image running, None when nothing does."""
    reads = active_reads_until_next_update(story, at)
    for read in reads:
        if execution.image_sha256 is not None and read.sha256 == execution.image_sha256:
            return read
    old = story.version_of(at)
    if execution.image_version is None or old is None or old == execution.image_version:
        return None
    for boot in boots_until_next_update(story, at):
        run = story.run_of(boot)
        if story.version_of(run.start) == execution.image_version:
            return boot
    return None


def stays_on_old_image(story: Story, at: Seen, what: str) -> Finding:
    """Whether every later boot, up to the next update, is one of the version that ran here."""
    old = story.version_of(at)
    boots = boots_until_next_update(story, at)
    if old is None or not boots:
        return open_end(f"{what}; no boot was seen before and after", at)
    for boot in boots:
        if story.version_of(boot) != old:
            return broken(f"{what}, but then {boot.version} booted", at, boot)
    return kept(f"{what}; {boots[-1].version} booted afterwards", at, boots[-1])
