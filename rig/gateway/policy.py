"""Who may do what: rules A2 to A8 of the job service spec §8.2, as pure functions.

"Own" is the thing a connection has proved to be; its client id is the same (A3). Topics that do
not begin with `$` are the devices' own business and pass to the broker.
"""

from __future__ import annotations

from enum import Enum

from agent.protocol.topics import ReservedApi, parse_reserved

# The only topics of `$aws/…` that a device may publish to (A4, A5).
REQUESTS = frozenset(
    {
        ReservedApi.GET_PENDING,
        ReservedApi.START_NEXT,
        ReservedApi.DESCRIBE,
        ReservedApi.UPDATE,
        ReservedApi.STREAM_DESCRIBE,
        ReservedApi.STREAM_GET,
    }
)

# Those that change a job; the others only read.
CHANGES = frozenset({ReservedApi.START_NEXT, ReservedApi.UPDATE})

# The only topics of `$aws/…` that are ordinary publishes and so may come from the broker (A7).
NEWS = frozenset({ReservedApi.NOTIFY, ReservedApi.NOTIFY_NEXT})


class PublishDecision(Enum):
    """What becomes of a device's PUBLISH."""

    REQUEST = "answer it from the job service, on this connection only"
    FORWARD = "pass it to the broker"
    REFUSE = "drop the connection"


def thing_of(topic: str) -> str | None:
    """The thing that a reserved topic is about; None for any other topic."""
    reserved = parse_reserved(topic)
    return None if reserved is None else reserved.thing


def decide_publish(thing: str, topic: str) -> PublishDecision:
    """A4, A5, A8: requests below the own prefix, nothing else that begins with `$`."""
    if not topic.startswith("$"):
        return PublishDecision.FORWARD
    reserved = parse_reserved(topic)
    if reserved is not None and reserved.thing == thing and reserved.api in REQUESTS:
        return PublishDecision.REQUEST
    return PublishDecision.REFUSE


def changes_something(topic: str) -> bool:
    """Whether a request matters even if nobody is left to hear the answer."""
    reserved = parse_reserved(topic)
    return reserved is not None and reserved.api in CHANGES


def may_leave_will(thing: str, topic: str) -> bool:
    """A will is a publish that nobody answers, so it may only go where publishes pass."""
    return decide_publish(thing, topic) is PublishDecision.FORWARD


def may_subscribe(thing: str, topic_filter: str) -> bool:
    """A6: the first three levels of `$…` are literally the own prefix; no `$share`, no `$SYS`.

    A filter that begins with a wildcard is an ordinary one: it takes in no topic with a leading
    `$` (MQTT 3.1.1 §4.7.2), and `may_deliver` sees to that whatever the broker does.
    """
    if not topic_filter.startswith("$"):
        return True
    return topic_filter.split("/")[:3] == ["$aws", "things", thing]


def may_deliver(thing: str, topic: str) -> bool:
    """A6, A7 at delivery: what comes from the broker on `$…` is news below the own prefix.

    Answers never pass the broker, so one that comes from there is somebody's forgery.
    """
    if not topic.startswith("$"):
        return True
    reserved = parse_reserved(topic)
    return reserved is not None and reserved.thing == thing and reserved.api in NEWS
