"""Where a deliberate fault takes hold of the agent, and ways to say what it does there.

Every seam is there anyway: the handler table, the ports, the settings, the boot plan. The agent's
own code knows nothing of faults. A fault is a function of the running agent's :class:`Parts`,
applied at each start of an image; what it must remember it remembers until the next start.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import cbor2

from agent.machine.machine import Machine, Step
from agent.machine.ports import EventData, JobAnswer, StreamMessage
from agent.platform.ab_platform import AbPlatform
from agent.platform.boot_plan import Planner
from agent.protocol.codes import OtaErr
from agent.protocol.transitions import Handler

if TYPE_CHECKING:
    from agent.agent import OtaAgent
    from agent.connection import Connection
    from agent.mqtt import OtaMqtt

T = TypeVar("T")
Send = Callable[[str, bytes, int], bool]
Publish = Callable[[Send, str, bytes, int], bool]
Table = dict[str, Any]

TERMINAL = (b'"FAILED"', b'"SUCCEEDED"', b'"REJECTED"')
JOB_REQUEST = "/jobs/$next/get"
NOTIFY_NEXT = "/jobs/notify-next"
BLOCK_REQUEST = "/get/cbor"
DATA = "/data/cbor"


@dataclass
class Parts:
    """The running agent's seams."""

    machine: Machine
    platform: AbPlatform
    mqtt: OtaMqtt
    agent: OtaAgent
    connection: Connection


Apply = Callable[[Parts], None]


@dataclass(frozen=True)
class Fault:
    """One way to be wrong: what it does, which requirements that breaks, and how.

    ``scenarios`` are the cases of the conformance suite that are enough to catch it, ``declares``
    what the device must declare differently for that (times in seconds).
    """

    description: str
    breaks: tuple[str, ...]
    scenarios: tuple[str, ...]
    apply: Apply | None = None
    plan: Planner | None = None
    declares: Mapping[str, float] = field(default_factory=dict)


def fault(
    description: str,
    breaks: str,
    scenarios: str,
    *applies: Apply,
    plan: Planner | None = None,
    **declares: float,
) -> Fault:
    """A row of a table: ``breaks`` and ``scenarios`` are words, ``breaks`` without ``OTA-``."""
    return Fault(
        description,
        tuple(f"OTA-{name}" for name in breaks.split()),
        tuple(scenarios.split()),
        together(*applies) if applies else None,
        plan,
        declares,
    )


def together(*applies: Apply) -> Apply:
    """Several faults at once."""

    def apply(parts: Parts) -> None:
        for one in applies:
            one(parts)

    return apply


class _Overlay:
    """An object of which some methods are others."""

    def __init__(self, inner: object, methods: Mapping[str, Callable[..., Any]]) -> None:
        self._inner = inner
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        return self._methods[name] if name in self._methods else getattr(self._inner, name)


def overlaid(inner: T, **methods: Callable[..., Any]) -> T:
    """The same object with other methods in the place of these."""
    return cast(T, _Overlay(inner, methods))


# -- what goes out ------------------------------------------------------------------------------


def on_publish(publish: Publish) -> Apply:
    """``publish`` decides what becomes of every PUBLISH; its first argument sends one."""

    def apply(parts: Parts) -> None:
        inner = parts.machine.transport
        parts.machine.transport = overlaid(
            inner,
            publish=lambda topic, payload, qos: publish(inner.publish, topic, payload, qos),
        )

    return apply


def on_subscribe(subscribe: Callable[[Callable[[str, int], bool], str, int], bool]) -> Apply:
    """``subscribe`` decides what becomes of every SUBSCRIBE."""

    def apply(parts: Parts) -> None:
        inner = parts.machine.transport
        parts.machine.transport = overlaid(
            inner, subscribe=lambda topic, qos: subscribe(inner.subscribe, topic, qos)
        )

    return apply


def without_unsubscribing(part: str) -> Apply:
    """UNSUBSCRIBE of topics with this part is left out."""

    def apply(parts: Parts) -> None:
        inner = parts.machine.transport
        parts.machine.transport = overlaid(
            inner, unsubscribe=lambda topic: part in topic or inner.unsubscribe(topic)
        )

    return apply


def is_status(topic: str) -> bool:
    """Whether a job's status goes there."""
    return topic.endswith("/update")


def is_last(topic: str, payload: bytes) -> bool:
    """Whether this is a terminal status."""
    return is_status(topic) and any(word in payload for word in TERMINAL)


def with_qos(end: str, qos: int, part: bytes = b"") -> Apply:
    """What goes to topics that end so, and holds this part, goes with another QoS."""

    def publish(send: Send, topic: str, payload: bytes, usual: int) -> bool:
        return send(topic, payload, qos if topic.endswith(end) and part in payload else usual)

    return on_publish(publish)


def status_says(pattern: bytes, instead: bytes, part: bytes = b"") -> Apply:
    """In statuses that hold ``part``, the pattern is replaced."""

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        if is_status(topic) and part in payload:
            payload = re.sub(pattern, instead, payload)
        return send(topic, payload, qos)

    return on_publish(publish)


def without_status(part: bytes) -> Apply:
    """Statuses that hold ``part`` are not sent, though the agent believes so."""

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        return (is_status(topic) and part in payload) or send(topic, payload, qos)

    return on_publish(publish)


def block_request(edit: Callable[[Table], object]) -> Apply:
    """Every block request is changed by ``edit``."""

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        if topic.endswith(BLOCK_REQUEST):
            request = cbor2.loads(payload)
            edit(request)
            payload = cbor2.dumps(request)
        return send(topic, payload, qos)

    return on_publish(publish)


def later_block_requests(edit: Callable[[Table], object]) -> Apply:
    """Every block request of a transfer but the first is changed by ``edit``."""

    def apply(parts: Parts) -> None:
        streams: set[str] = set()

        def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
            if topic in streams:
                request = cbor2.loads(payload)
                edit(request)
                payload = cbor2.dumps(request)
            if topic.endswith(BLOCK_REQUEST):
                streams.add(topic)
            return send(topic, payload, qos)

        on_publish(publish)(parts)

    return apply


# -- what comes in ------------------------------------------------------------------------------


def raw_document(payload: EventData) -> bytes | None:
    """The bytes of a job document, however it came."""
    raw = payload.document if isinstance(payload, JobAnswer) else payload
    return raw if isinstance(raw, bytes) else None


def with_document(payload: EventData, raw: bytes) -> EventData:
    """The same event with another document."""
    return JobAnswer(raw) if isinstance(payload, JobAnswer) else raw


def read_document(raw: bytes | None) -> Table:
    """The document as a table, empty when it is none."""
    try:
        document = json.loads(raw or b"")
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def execution_of(document: Table) -> Table:
    """The job execution in a document, empty when there is none."""
    execution = document.get("execution")
    return execution if isinstance(execution, dict) else {}


def ota_of(document: Table) -> Table:
    """The OTA part of a document, empty when there is none."""
    job = execution_of(document).get("jobDocument")
    ota = job.get("afr_ota") if isinstance(job, dict) else None
    return ota if isinstance(ota, dict) else {}


def file_of(document: Table) -> Table:
    """The first file of a document, empty when there is none."""
    files = ota_of(document).get("files")
    first = files[0] if isinstance(files, list) and files else None
    return first if isinstance(first, dict) else {}


def document(edit: Callable[[Table], object]) -> Apply:
    """The agent takes every job document for what ``edit`` makes of it."""

    def process(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        table = read_document(raw_document(payload))
        if table:
            edit(table)
            payload = with_document(payload, json.dumps(table).encode())
        return inner(m, payload)

    return handler(Handler.PROCESS_JOB, process)


def block(edit: Callable[[Machine, Table], object]) -> Apply:
    """The agent takes every readable data message for what ``edit`` makes of it."""

    def process(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        message = read_block(payload)
        if message and isinstance(payload, StreamMessage):
            edit(m, message)
            payload = StreamMessage(payload.stream, cbor2.dumps(message))
        return inner(m, payload)

    return handler(Handler.PROCESS_DATA, process)


def read_block(payload: EventData) -> Table:
    """A data message as a table, empty when it cannot be read."""
    if not isinstance(payload, StreamMessage):
        return {}
    try:
        message = cbor2.loads(payload.payload)
    except Exception:  # whatever hostile bytes bring about
        return {}
    numbers = isinstance(message, dict) and all(type(message.get(key)) is int for key in "fil")
    return message if numbers and isinstance(message.get("p"), bytes) else {}


# -- the machine --------------------------------------------------------------------------------


def handler(which: Handler, wrapper: Callable[[Step, Machine, EventData], OtaErr]) -> Apply:
    """``wrapper`` handles the events of a handler; its first argument is the right handler."""

    def apply(parts: Parts) -> None:
        inner = parts.machine.handlers[which]
        parts.machine.handlers[which] = lambda m, payload: wrapper(inner, m, payload)

    return apply


def settings(**changes: Any) -> Apply:
    """The agent works with other settings than the device declares."""

    def apply(parts: Parts) -> None:
        parts.machine.settings = replace(parts.machine.settings, **changes)

    return apply


def platform(**methods: Callable[..., Any]) -> Apply:
    """Calls of the platform that the machine makes; each gets the right method first."""

    def apply(parts: Parts) -> None:
        inner = parts.machine.platform
        parts.machine.platform = overlaid(inner, **_bound(inner, methods))

    return apply


def downloads(**methods: Callable[..., Any]) -> Apply:
    """Calls of the HTTP download; each gets the right method first."""

    def apply(parts: Parts) -> None:
        inner = parts.machine.http
        parts.machine.http = overlaid(inner, **_bound(inner, methods))

    return apply


def timers(**methods: Callable[..., Any]) -> Apply:
    """Calls of the timers; each gets the right method first."""

    def apply(parts: Parts) -> None:
        inner = parts.machine.timers
        parts.machine.timers = overlaid(inner, **_bound(inner, methods))

    return apply


def _bound(
    inner: object, methods: Mapping[str, Callable[..., Any]]
) -> dict[str, Callable[..., Any]]:
    def bind(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        right = getattr(inner, name)
        return lambda *arguments: method(right, *arguments)

    return {name: bind(name, method) for name, method in methods.items()}
