"""One transfer of a job's file, as the wire shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from rig.judge.story import seen as s
from rig.judge.story.block import Block
from rig.judge.story.offer import Offer

# A bitmap of more blocks would not fit into a message (job service §4).
MAX_BLOCKS = 1 << 20


class Fate(Enum):
    """What a data message is to the transfer it reaches (OTA spec §6.4)."""

    NEW = auto()
    DUPLICATE = auto()
    WRONG_SIZE = auto()
    WRONG_LAST_SIZE = auto()
    OUT_OF_RANGE = auto()
    UNDECODABLE = auto()
    SHORT_PAYLOAD = auto()
    FOREIGN_FILE = auto()
    WHILE_SUSPENDED = auto()


BAD = frozenset({Fate.WRONG_SIZE, Fate.WRONG_LAST_SIZE, Fate.OUT_OF_RANGE, Fate.UNDECODABLE})


class End(Enum):
    """Why a transfer came to its end."""

    READY = auto()
    TERMINAL = auto()
    DROPPED = auto()
    """By a job document during the download."""
    REPLACED = auto()
    """By another job, or by an empty answer, to a job request of the device."""
    RESTARTED = auto()
    """By a start of the device."""
    SHUT_DOWN = auto()


class Situation(Enum):
    """What the device was doing when a job document reached it."""

    IDLE = auto()
    ASKED = auto()
    DOWNLOADING = auto()
    SUSPENDED = auto()
    SELF_TEST = auto()
    """An image on trial has not yet reported how its self-test ended."""
    UNCERTAIN = auto()
    """A document came just before, and nothing shows yet what became of it."""


@dataclass(eq=False)
class Delivery:
    """A job document that reached the device, and what came of it."""

    seen: s.Delivered
    situation: Situation
    run: int
    taken_up: s.Seen | None = None
    """The first thing the device did about the job in the same run."""
    follower: Delivery | None = None
    """The next job document of the same run."""
    reports: list[s.Reported] = field(default_factory=list)
    """Statuses of the job until the next document of the run."""
    transfer: Transfer | None = None
    offer: Offer = field(init=False)

    def __post_init__(self) -> None:
        self.offer = self.seen.offer

    @property
    def is_receptive(self) -> bool:
        """Whether the device was in a state to take a job."""
        return self.situation in (Situation.IDLE, Situation.ASKED)


@dataclass(eq=False)
class Datum:
    """A data message within a transfer; `window` is the number of requests made before it."""

    seen: s.DataDelivered
    fate: Fate
    window: int


@dataclass(eq=False)
class RangeAsked:
    """One HTTP range request and its answer."""

    asked: s.HttpAsked
    answered: s.HttpAnswered | None = None

    @property
    def span(self) -> int | None:
        """The number of bytes asked for."""
        if self.asked.range is None:
            return None
        return self.asked.range[1] - self.asked.range[0] + 1

    @property
    def is_full(self) -> bool:
        """Whether the answer held just the bytes asked for."""
        return (
            self.answered is not None
            and self.answered.status == 206
            and self.answered.length == self.span
        )


@dataclass(eq=False)
class Transfer:
    """One transfer. Lists are in the order of the trace."""

    job_id: str
    delivery: Delivery
    by_http: bool
    run: int
    first: s.Seen
    requests: list[s.BlocksRequested] = field(default_factory=list)
    data: list[Datum] = field(default_factory=list)
    ranges: list[RangeAsked] = field(default_factory=list)
    reports: list[s.Reported] = field(default_factory=list)
    resumed_by: list[Delivery] = field(default_factory=list)
    interruptions: list[s.Seen] = field(default_factory=list)
    """Suspensions and lost connections that it survived."""
    end: End | None = None
    ended_by: s.Seen | None = None
    late_requests: list[s.Seen] = field(default_factory=list)
    """Requests for its stream or URL after its end."""
    late_data: list[s.DataDelivered] = field(default_factory=list)
    delivered: int = 0
    """Bit i is set when block i was delivered whole."""
    delivered_since_request: int = 0
    """The same since the latest block request."""
    offer: Offer = field(init=False)
    _block_size: int | None = None

    def __post_init__(self) -> None:
        self.offer = self.delivery.offer

    @property
    def block_size(self) -> int | None:
        """`l` of its first readable request, or the span of its first range, in bytes."""
        if self._block_size is None:
            if self.by_http:
                sizes = (asked.span for asked in self.ranges)
            else:
                sizes = (requested.request.block_size for requested in self.requests)
            self._block_size = next((size for size in sizes if size), None)
        return self._block_size

    @property
    def blocks(self) -> int | None:
        """N, the number of blocks of the file; None when it is unknown or beyond any bitmap."""
        size, block = self.offer.file_size, self.block_size
        if size is None or not block or block < 1:
            return None
        blocks = -(-size // block)
        return blocks if blocks <= MAX_BLOCKS else None

    @property
    def starts_full(self) -> bool:
        """Whether its first request asked for all blocks, as that of a new download does."""
        first = next((r for r in self.requests if r.request.defect is None), None)
        if first is None or self.blocks is None:
            return False
        everything = (1 << self.blocks) - 1
        return first.request.wanted & everything == everything

    @property
    def all_delivered(self) -> bool:
        """Whether every block, or every range, reached the device whole."""
        if self.by_http:
            covered = 0
            for asked in self.ranges:
                if asked.is_full and asked.asked.range and asked.asked.range[0] <= covered:
                    covered = max(covered, asked.asked.range[1] + 1)
            return self.offer.file_size is not None and covered >= self.offer.file_size
        return self.blocks is not None and self.delivered == (1 << self.blocks) - 1

    @property
    def may_be_decided(self) -> bool:
        """Whether what the device has may have made it end the job, unseen as yet."""
        return self.all_delivered or not self.is_clean

    @property
    def is_clean(self) -> bool:
        """Whether nothing reached the device that must fail the job."""
        spoilt = BAD | {Fate.SHORT_PAYLOAD, Fate.FOREIGN_FILE}
        return not any(datum.fate in spoilt for datum in self.data) and all(
            asked.is_full for asked in self.ranges if asked.answered is not None
        )

    def fate_of(self, block: Block, suspended: bool) -> Fate:
        """What this data message is to the transfer."""
        if suspended:
            return Fate.WHILE_SUSPENDED
        if block.defect is not None or block.index is None or block.size is None:
            return Fate.UNDECODABLE
        blocks, full, file_size = self.blocks, self.block_size, self.offer.file_size
        if blocks is None or full is None or file_size is None:
            return Fate.UNDECODABLE
        if block.length > full:
            return Fate.UNDECODABLE
        if not 0 <= block.index < blocks:
            return Fate.OUT_OF_RANGE
        if block.index < blocks - 1:
            if block.size != full:
                return Fate.WRONG_SIZE
        elif block.size != file_size - (blocks - 1) * full:
            return Fate.WRONG_LAST_SIZE
        if block.file_id != self.offer.file_id:
            return Fate.FOREIGN_FILE
        if block.length != block.size:
            return Fate.SHORT_PAYLOAD
        bit = 1 << block.index
        wanted = not self.requests or self.requests[-1].request.wanted & bit
        # A block that is asked for again was not stored when it came before.
        if self.delivered_since_request & bit or (self.delivered & bit and not wanted):
            return Fate.DUPLICATE
        return Fate.NEW
