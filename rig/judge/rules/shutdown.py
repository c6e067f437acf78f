"""Shutdown of the agent (OTA-SHT)."""

from __future__ import annotations

from collections.abc import Iterator

from rig.judge.rule import Findings, Rule, broken, kept
from rig.judge.rules.control import notify_next
from rig.judge.rules.data_timing import gives_up
from rig.judge.story import End, Kind, Seen, Story
from rig.judge.story import seen as s

# One progress report may already have been on its way.
ON_ITS_WAY = 1
# Of the device's patience: a shutdown unsubscribes as one of its steps, and waits for nothing.
AT_ONCE = 0.1


def shutdowns(story: Story) -> Iterator[s.Commanded]:
    return (command for command in story.all(s.Commanded) if command.name == "shutdown")


def _unsubscriptions(story: Story, after: Seen) -> list[s.Unsubscribed]:
    run = story.run_of(after)
    start = story.next_of(s.Commanded, after)
    return [
        seen
        for seen in story.in_run(s.Unsubscribed, run)
        if seen.line > after.line and (start is None or seen.line < start.line)
    ]


def unsubscribes_as_told(story: Story) -> Findings:
    for command in shutdowns(story):
        if command.arguments not in (("0",), ("1",)):
            continue
        found = _unsubscriptions(story, command)
        topics = {name for seen in found for name in seen.filters}
        transfer = next((t for t in story.transfers if t.ended_by is command), None)
        wanted = {notify_next(story)}
        if transfer is not None and not transfer.by_http:
            stream = f"$aws/things/{story.thing}/streams/{transfer.offer.stream}/data/cbor"
            wanted.add(stream)
        if command.arguments == ("0",):
            if topics & wanted:
                yield broken("unsubscribed although told not to", command, *found[:1])
            elif story.waited_in_vain(command, factor=AT_ONCE):
                yield kept("nothing was unsubscribed", command)
        elif wanted <= topics:
            yield kept("the topics were unsubscribed", command, *found)
        elif story.waited_in_vain(command, factor=AT_ONCE):
            missing = min(wanted - topics)
            yield broken(f"{missing} was not unsubscribed", command, *found[:1])


def shuts_down_in_silence(story: Story) -> Findings:
    """Seen by the command, or by the device unsubscribing notify-next."""
    topic = notify_next(story)
    ends: list[Seen] = list(shutdowns(story))
    ends += [seen for seen in story.all(s.Unsubscribed) if topic in seen.filters]
    for end in ends:
        again = [
            seen.line
            for seen in story.in_run(s.Subscribed, story.run_of(end))
            if seen.line > end.line and seen.qos_of(topic) is not None
        ]
        limit = min(again, default=None)
        reports = [
            reported
            for reported in story.in_run(s.Reported, story.run_of(end))
            if reported.line > end.line and (limit is None or reported.line < limit)
        ]
        progress = [r for r in reports if r.report.kind is Kind.RECEIVING]
        sins = [r for r in reports if r.report.kind is not Kind.RECEIVING]
        sins += progress[ON_ITS_WAY:]
        if sins:
            yield broken("a status was published after the shutdown", end, sins[0])
        else:
            yield kept("the shutdown published no status", end)


def starts_again(story: Story) -> Findings:
    topic = notify_next(story)
    down: s.Commanded | None = None
    for command in story.all(s.Commanded):
        if command.name == "shutdown":
            down = command
        if command.name != "start" or down is None or not story.same_run(down, command):
            continue
        down = None
        subscribed = story.next_of(s.Subscribed, command)
        while subscribed is not None and subscribed.qos_of(topic) is None:
            subscribed = story.next_of(s.Subscribed, subscribed)
        asked = story.next_of(s.JobRequested, command)
        if subscribed is not None and asked is not None and subscribed.line < asked.line:
            if subscribed.qos_of(topic) == 1 and asked.qos == 1:
                yield kept("the restarted agent subscribed and asked", command, subscribed, asked)
            else:
                yield broken("the restarted agent did not use QoS 1", command, subscribed, asked)
        elif story.waited_in_vain(command):
            yield broken("the restarted agent did not subscribe and ask", command)


def may_stay_down(story: Story) -> Findings:
    exhausted = {line for finding in gives_up(story) if finding.kept for line in finding.lines}
    for transfer in story.transfers:
        ended = transfer.ended_by
        if transfer.end is End.TERMINAL and ended is not None and ended.line in exhausted:
            yield kept("retries were exhausted; either is granted", ended)


RULES = (
    Rule("OTA-SHT-001", unsubscribes_as_told, "a shutdown by command, told whether to unsubscribe"),
    Rule("OTA-SHT-002", shuts_down_in_silence, "a shutdown"),
    Rule("OTA-SHT-003", starts_again, "a start by command after a shutdown"),
    Rule("OTA-SHT-004", may_stay_down, "exhausted retries"),
)
