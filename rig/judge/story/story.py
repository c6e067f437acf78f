"""The story of a run: everything the rules ask about, made once from a trace."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from rig.judge.story import seen as s
from rig.judge.story.model import DeviceModel
from rig.judge.story.reader import Reader
from rig.judge.story.report import Kind, packed_version
from rig.judge.story.timeline import Run, Timeline, in_story_order
from rig.judge.story.transfer import Delivery
from rig.trace import Trace

_S = TypeVar("_S", bound=s.Seen)
_T = TypeVar("_T")

# How long a device may take to react to what it was sent, on top of its request timer.
REACTION_S = 5.0
DEFAULT_REQUEST_TIMER_S = 10.0
DEFAULT_SELF_TEST_TIMER_S = 16.0
DEFAULT_MOMENTUM = 32
GUARANTEED_FILE_SIZE = 4 * 1024 * 1024  # bytes: 1024 blocks of 4 KiB, OTA spec §4.1


@dataclass(eq=False)
class Execution:
    """One job execution: what was offered, delivered and reported, in order."""

    job_id: str
    created: s.JobCreated | None = None
    cancelled: s.JobCancelled | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    reports: list[s.Reported] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    """Lines of reports that the gateway acknowledged."""

    def of_kind(self, kind: Kind) -> list[s.Reported]:
        return [reported for reported in self.reports if reported.report.kind is kind]

    @property
    def terminal(self) -> s.Reported | None:
        """The first terminal status."""
        return next((r for r in self.reports if r.report.is_terminal), None)

    @property
    def is_firmware(self) -> bool:
        """Whether the job's file is firmware; unknown counts as firmware."""
        return all(d.offer.is_firmware for d in self.deliveries if d.offer.is_valid)

    @property
    def signed(self) -> str | None:
        """How the image is signed, as the rig that made the job says."""
        return None if self.created is None else self.created.signed

    @property
    def image_sha256(self) -> str | None:
        return _text(self.created.image.get("sha256")) if self.created else None

    @property
    def image_version(self) -> int | None:
        """The packed version of the offered image, as the rig that made it says."""
        return packed(_text(self.created.image.get("version"))) if self.created else None


class Story:
    """One trace, told. Everything is in the order of the device's own life."""

    def __init__(self, trace: Trace) -> None:
        self.thing = trace.header.thing
        self.declares = trace.header.declares
        reader = Reader(self.thing)
        observations = list(reader.read(trace))
        self.foreign_topics = reader.foreign
        self.ordered = in_story_order(observations)
        end_t = trace.events[-1].t if trace.events else 0.0
        self.timeline = Timeline(self.ordered, end_t)
        self._by_type: dict[type[s.Seen], list[s.Seen]] = defaultdict(list)
        for observation in self.ordered:
            self._by_type[type(observation)].append(observation)
        self._derived: dict[tuple[str, str], list[Any]] = {}
        self._by_line: dict[type[s.Seen], list[Any]] = {}
        self._by_run: dict[type[s.Seen], dict[int, list[Any]]] = {}
        model = DeviceModel(self.timeline)
        model.follow(self.ordered)
        self.deliveries = model.deliveries
        self.transfers = model.transfers
        self.suspensions = model.suspensions
        self.stray_requests = model.stray_requests
        self.stray_http = model.stray_http
        self._delivery_by_line = {d.seen.line: d for d in self.deliveries}
        self.executions = _executions(self)
        self._execution_by_job = {e.job_id: e for e in self.executions}

    def all(self, kind: type[_S]) -> list[_S]:
        """All observations of just this class."""
        return cast(list[_S], self._by_type[kind])

    def in_run(self, kind: type[_S], run: Run) -> list[_S]:
        """All observations of just this class in one run."""
        groups = self._by_run.get(kind)
        if groups is None:
            groups = self._by_run[kind] = defaultdict(list)
            for observation in self.all(kind):
                groups[self.run_of(observation).number].append(observation)
        return cast(list[_S], groups.get(run.number, []))

    def next_of(self, kind: type[_S], after: s.Seen) -> _S | None:
        """The first observation of just this class on a later line."""
        entries = self._by_line.get(kind)
        if entries is None:
            entries = sorted(self.all(kind), key=_line)
            self._by_line[kind] = entries
        position = bisect_right(entries, after.line, key=_line)
        return cast(_S, entries[position]) if position < len(entries) else None

    def once(self, derive: Callable[[Story], Iterator[_T]]) -> list[_T]:
        """What a function derives from the story, derived once however many rules ask for it."""
        key = derive.__qualname__, derive.__module__
        if key not in self._derived:
            self._derived[key] = list(derive(self))
        return cast(list[_T], self._derived[key])

    # -- what the vendor declares --------------------------------------------------------------

    def declared_number(self, name: str) -> float | None:
        value = self.declares.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value)

    @property
    def request_timer_s(self) -> float:
        return self.declared_number("request_timer_s") or DEFAULT_REQUEST_TIMER_S

    @property
    def self_test_timer_s(self) -> float:
        return self.declared_number("self_test_timer_s") or DEFAULT_SELF_TEST_TIMER_S

    @property
    def momentum(self) -> int:
        return int(self.declared_number("momentum") or DEFAULT_MOMENTUM)

    @property
    def allows_downgrade(self) -> bool:
        return self.declares.get("allow_downgrade") is True

    @property
    def data_protocols(self) -> frozenset[str]:
        """The declared data protocols; nothing declared means MQTT (OTA spec §10)."""
        value = self.declares.get("data_protocols")
        if not isinstance(value, list | tuple):
            return frozenset({"MQTT"})
        return frozenset(name for name in value if isinstance(name, str))

    @property
    def primary_data_protocol(self) -> str | None:
        if len(self.data_protocols) == 1:
            return next(iter(self.data_protocols))
        return _text(self.declares.get("primary_data_protocol"))

    def must_take(self, delivery: Delivery) -> bool:
        """Whether a device must take this job up: valid, ordinary, of a size it must hold."""
        offer = delivery.offer
        limit = self.declared_number("max_image_size") or GUARANTEED_FILE_SIZE
        return offer.is_valid and offer.self_test is None and (offer.file_size or 0) <= limit

    def protocol_for(self, delivery: Delivery) -> str | None:
        """The data protocol the device must choose (OTA spec §4.3), None when it has none."""
        usable = delivery.offer.protocols & self.data_protocols
        if self.primary_data_protocol in usable:
            return self.primary_data_protocol
        return next(iter(usable)) if len(usable) == 1 else None

    # -- time ----------------------------------------------------------------------------------

    @property
    def patience_s(self) -> float:
        """After so long without a disturbance, a reaction that has not come will not come."""
        return self.request_timer_s + REACTION_S

    def waited_in_vain(self, since: s.Seen, factor: float = 1.0) -> bool:
        """Whether the device was left alone after `since` for as long as it may take."""
        return self.timeline.calm_after(since) > self.patience_s * factor

    def run_of(self, observation: s.Seen) -> Run:
        return self.timeline.run_of(observation)

    def same_run(self, one: s.Seen, other: s.Seen) -> bool:
        return self.run_of(one) is self.run_of(other)

    # -- the witnesses besides what the device says --------------------------------------------

    @property
    def watches_boots(self) -> bool:
        return self.timeline.has_boots

    def boot_after(self, observation: s.Seen) -> s.Booted | None:
        """The first boot after the run of this observation."""
        following = self.timeline.next_run(self.run_of(observation))
        return None if following is None else following.boot

    def boots_after(self, observation: s.Seen) -> Iterator[s.Booted]:
        """All boots after the run of this observation."""
        run = self.timeline.next_run(self.run_of(observation))
        while run is not None:
            if run.boot is not None:
                yield run.boot
            run = self.timeline.next_run(run)

    def version_of(self, observation: s.Seen) -> int | None:
        """The packed version that runs at this observation, by its boot marker."""
        boot = self.run_of(observation).boot
        return None if boot is None else boot.packed

    def reads(self, *, after: s.Seen | None = None, active: bool | None = None) -> list[s.SlotRead]:
        """Slots read back, in order."""
        return [
            read
            for read in self.all(s.SlotRead)
            if (after is None or read.line > after.line)
            and (active is None or read.active is active)
        ]

    def delivery_of(self, seen: s.Delivered) -> Delivery:
        """The delivery that this document was."""
        return self._delivery_by_line[seen.line]

    # -- jobs ----------------------------------------------------------------------------------

    def execution_of(self, job_id: str) -> Execution | None:
        """The latest execution of this job."""
        return self._execution_by_job.get(job_id)


def tell(trace: Trace) -> Story:
    """Read a trace into a story."""
    return Story(trace)


def packed(text: str | None) -> int | None:
    """A version text "major.minor.build" as one number, None when it is not one."""
    return None if text is None else packed_version(f"v{text}")


def _executions(story: Story) -> list[Execution]:
    """Executions in the order they were first heard of; a job created again is another one."""
    found: list[Execution] = []
    current: dict[str, Execution] = {}
    unacknowledged: dict[tuple[int | None, int], tuple[Execution, int]] = {}

    def execution(job_id: str) -> Execution:
        if job_id not in current:
            current[job_id] = Execution(job_id)
            found.append(current[job_id])
        return current[job_id]

    for seen in story.ordered:
        match seen:
            case s.JobCreated():
                current.pop(seen.job_id, None)
                execution(seen.job_id).created = seen
            case s.JobCancelled():
                execution(seen.job_id).cancelled = seen
            case s.Delivered() if seen.offer.job_id is not None:
                execution(seen.offer.job_id).deliveries.append(story.delivery_of(seen))
            case s.Reported():
                owner = execution(seen.job_id)
                owner.reports.append(seen)
                if seen.pid is not None:
                    unacknowledged[seen.conn, seen.pid] = owner, seen.line
            case s.Acknowledged() if not seen.by_device and seen.pid is not None:
                if entry := unacknowledged.pop((seen.conn, seen.pid), None):
                    entry[0].acknowledged.add(entry[1])
    return found


def _line(seen: s.Seen) -> int:
    return seen.line


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
