"""Which cuts a log of flash operations asks for, and what the flash holds after each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random

from rig.powercut.operations import WORD, Kind, Layout, Operation, Part, apply


class Moment(Enum):
    """When the power goes."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


@dataclass(frozen=True)
class Cut:
    """The power gone at one operation; `flash` is what the chip then holds, all of it."""

    number: int
    """The operation's place in the log, from 0."""
    operation: Operation
    moment: Moment
    flash: bytes

    def is_before(self, number: int) -> bool:
        """Whether at the cut the operation of that number had not been begun."""
        return self.number < number or (self.number == number and self.moment is Moment.BEFORE)

    def is_after(self, number: int) -> bool:
        """Whether at the cut the operation of that number was done, all of it."""
        return self.number > number or (self.number == number and self.moment is Moment.AFTER)


def chosen(
    log: Sequence[Operation], layout: Layout, random: Random, *, every: bool = False
) -> list[int]:
    """The places in the log of the operations to cut at, ascending.

    Every erase and every write of header, marker, boot state, or where nothing should be written;
    of image data the first, the last and a random word that is written between two erases of its
    page. With `every` all.
    """
    if every:
        return list(range(len(log)))
    found: set[int] = set()
    data: dict[int, list[int]] = {}

    def close(page: int) -> None:
        places = data.pop(page, [])
        if places:
            found.update((places[0], places[-1], random.choice(places)))

    for number, operation in enumerate(log):
        page = operation.address // layout.page_size
        if operation.kind is Kind.ERASE:
            close(page)
            found.add(number)
        elif layout.part(operation) is Part.DATA:
            data.setdefault(page, []).append(number)
        else:
            found.add(number)
    for page in list(data):
        close(page)
    return sorted(found)


def cuts(
    before: bytes,
    log: Sequence[Operation],
    places: Sequence[int],
    layout: Layout,
    random: Random,
) -> Iterator[Cut]:
    """Three cuts for each place, in the order of the log; `before` is the flash at its start."""
    flash = bytearray(before)
    wanted = set(places)
    for number, operation in enumerate(log):
        if number not in wanted:
            apply(flash, operation, layout.page_size)
            continue
        yield Cut(number, operation, Moment.BEFORE, bytes(flash))
        yield Cut(number, operation, Moment.DURING, torn(flash, operation, layout, random))
        apply(flash, operation, layout.page_size)
        yield Cut(number, operation, Moment.AFTER, bytes(flash))


def torn(flash: bytes | bytearray, operation: Operation, layout: Layout, random: Random) -> bytes:
    """The operation done in part.

    Of a word some of the bits are cleared that are to be cleared; of a page some words are erased,
    some are as they were, and some have only some of their bits set.
    """
    content = bytearray(flash)
    if operation.kind is Kind.WRITE:
        old = int.from_bytes(content[operation.address : operation.address + WORD], "little")
        clear = _some_of(old & ~operation.value, random)
        content[operation.address : operation.address + WORD] = (old & ~clear).to_bytes(
            WORD, "little"
        )
        return bytes(content)
    start = operation.address - operation.address % layout.page_size
    for at in range(start, start + layout.page_size, WORD):
        old = int.from_bytes(content[at : at + WORD], "little")
        now = old | random.choice((0, 0xFFFF_FFFF, random.getrandbits(32)))
        content[at : at + WORD] = now.to_bytes(WORD, "little")
    return bytes(content)


def _some_of(bits: int, random: Random) -> int:
    """Neither none nor all of these bits, if there are at least two."""
    places = [place for place in range(32) if bits >> place & 1]
    if len(places) < 2:
        return 0
    return sum(1 << place for place in random.sample(places, random.randrange(1, len(places))))
