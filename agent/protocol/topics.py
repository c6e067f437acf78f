"""The reserved MQTT topics of jobs and streams (OTA spec §0; job service spec §1.1, §4).

Builders take names as they are: a ``+`` in place of a name makes a subscription filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

NEXT = "$next"
"""Stands for the next pending job in place of a job id."""
_RESERVED = "$aws/"
_THINGS = "$aws/things/"
_FORMATS = frozenset({"cbor", "json"})


def things_prefix(thing: str) -> str:
    """What all reserved topics of a thing begin with; ends with a slash."""
    return f"{_THINGS}{thing}/"


def notify(thing: str) -> str:
    """The list of pending jobs has changed (service to device)."""
    return f"{_THINGS}{thing}/jobs/notify"


def notify_next(thing: str) -> str:
    """NN: the next pending job has changed (service to device)."""
    return f"{_THINGS}{thing}/jobs/notify-next"


def pending_get(thing: str) -> str:
    """Ask for the list of pending jobs."""
    return f"{_THINGS}{thing}/jobs/get"


def start_next(thing: str) -> str:
    """Take the next pending job."""
    return f"{_THINGS}{thing}/jobs/start-next"


def describe(thing: str, job: str) -> str:
    """Ask for one job."""
    return f"{_THINGS}{thing}/jobs/{job}/get"


def next_get(thing: str) -> str:
    """NG: ask for the next pending job."""
    return describe(thing, NEXT)


def next_get_accepted(thing: str) -> str:
    """NGA: the answer to :func:`next_get`."""
    return accepted(next_get(thing))


def update(thing: str, job: str) -> str:
    """UP(J): report the status of a job."""
    return f"{_THINGS}{thing}/jobs/{job}/update"


def accepted(request: str) -> str:
    """The topic of the good answer to a jobs request."""
    return f"{request}/accepted"


def rejected(request: str) -> str:
    """The topic of the bad answer to a jobs request."""
    return f"{request}/rejected"


def stream_get(thing: str, stream: str, fmt: str = "cbor") -> str:
    """SG(S): ask for blocks."""
    return f"{_THINGS}{thing}/streams/{stream}/get/{fmt}"


def stream_data(thing: str, stream: str, fmt: str = "cbor") -> str:
    """SD(S): one block (service to device)."""
    return f"{_THINGS}{thing}/streams/{stream}/data/{fmt}"


def stream_describe(thing: str, stream: str, fmt: str = "cbor") -> str:
    """Ask for the files of a stream."""
    return f"{_THINGS}{thing}/streams/{stream}/describe/{fmt}"


def stream_description(thing: str, stream: str, fmt: str = "cbor") -> str:
    """The answer to :func:`stream_describe`."""
    return f"{_THINGS}{thing}/streams/{stream}/description/{fmt}"


def stream_rejected(thing: str, stream: str, fmt: str = "cbor") -> str:
    """The bad answer to a stream request."""
    return f"{_THINGS}{thing}/streams/{stream}/rejected/{fmt}"


class ReservedApi(Enum):
    """What a reserved topic is for."""

    GET_PENDING = "get"
    START_NEXT = "start-next"
    DESCRIBE = "{job}/get"
    UPDATE = "{job}/update"
    STREAM_DESCRIBE = "describe"
    STREAM_GET = "get blocks"
    NOTIFY = "notify"
    NOTIFY_NEXT = "notify-next"
    RESPONSE = "an answer"
    """``accepted``, ``rejected``, ``data`` or ``description``."""
    UNKNOWN = "unknown"
    """Below ``$aws/``, but none of the others."""


@dataclass(frozen=True)
class ReservedTopic:
    """A topic below ``$aws/``, taken apart.

    ``thing`` is "" where the topic names none. ``job_id`` is the level as it stands there, so it
    may be ``$next`` or empty. ``tail`` is the last word of a RESPONSE without its format, e.g.
    ``accepted`` or ``data``.
    """

    thing: str
    api: ReservedApi
    job_id: str | None = None
    stream_id: str | None = None
    fmt: str | None = None
    tail: str = ""


# The same topic is looked at by several, one right after the other.
@lru_cache(maxsize=256)
def parse_reserved(topic: str) -> ReservedTopic | None:
    """Take a topic apart; None if it does not begin with ``$aws/``. Never raises."""
    if not topic.startswith(_RESERVED):
        return None
    match topic.split("/"):
        case [_, "things", thing, "jobs", *rest]:
            return _jobs_topic(thing, rest)
        case [_, "things", thing, "streams", stream, word, fmt] if fmt in _FORMATS:
            return _stream_topic(thing, stream, word, fmt)
        case [_, "things", thing, *_]:
            return ReservedTopic(thing, ReservedApi.UNKNOWN)
        case _:
            return ReservedTopic("", ReservedApi.UNKNOWN)


def _jobs_topic(thing: str, levels: list[str]) -> ReservedTopic:
    match levels:
        case ["get"]:
            return ReservedTopic(thing, ReservedApi.GET_PENDING)
        case ["start-next"]:
            return ReservedTopic(thing, ReservedApi.START_NEXT)
        case ["notify"]:
            return ReservedTopic(thing, ReservedApi.NOTIFY)
        case ["notify-next"]:
            return ReservedTopic(thing, ReservedApi.NOTIFY_NEXT)
        case ["get" | "start-next", ("accepted" | "rejected") as tail]:
            return ReservedTopic(thing, ReservedApi.RESPONSE, tail=tail)
        case [job, "get"]:
            return ReservedTopic(thing, ReservedApi.DESCRIBE, job_id=job)
        case [job, "update"]:
            return ReservedTopic(thing, ReservedApi.UPDATE, job_id=job)
        case [job, "get" | "update", ("accepted" | "rejected") as tail]:
            return ReservedTopic(thing, ReservedApi.RESPONSE, job_id=job, tail=tail)
        case _:
            return ReservedTopic(thing, ReservedApi.UNKNOWN)


def _stream_topic(thing: str, stream: str, word: str, fmt: str) -> ReservedTopic:
    match word:
        case "get":
            return ReservedTopic(thing, ReservedApi.STREAM_GET, stream_id=stream, fmt=fmt)
        case "describe":
            return ReservedTopic(thing, ReservedApi.STREAM_DESCRIBE, stream_id=stream, fmt=fmt)
        case "data" | "description" | "rejected":
            return ReservedTopic(thing, ReservedApi.RESPONSE, stream_id=stream, fmt=fmt, tail=word)
        case _:
            return ReservedTopic(thing, ReservedApi.UNKNOWN)
