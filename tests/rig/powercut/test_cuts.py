"""Cuts that a log asks for, and the flash after each."""

from __future__ import annotations

from random import Random

from rig.powercut.cuts import Cut, Moment, chosen, cuts, torn
from rig.powercut.operations import Kind, Layout, Operation, Part, replay

PAGE = 128
LAYOUT = Layout(PAGE, (range(256, 512), range(512, 768)), (range(128, 256),))
BEFORE = bytes(range(256)) * 3


def write(address: int, value: int = 0x1234_5678) -> Operation:
    return Operation(Kind.WRITE, address, value)


def erase(address: int) -> Operation:
    return Operation(Kind.ERASE, address)


def image(start: int = 512) -> list[Operation]:
    """Two pages erased, then written word by word."""
    return [
        erase(start),
        erase(start + PAGE),
        *(write(at) for at in range(start, start + 2 * PAGE, 4)),
    ]


def test_parts() -> None:
    wanted = {
        write(132): Part.STATE,
        erase(512): Part.HEADER,
        write(512): Part.HEADER,
        write(548): Part.MARKER,
        write(560): Part.MARKER,
        write(564): Part.HEADER,
        write(576): Part.DATA,
        erase(640): Part.DATA,
        write(0): Part.OTHER,
    }
    assert {operation: LAYOUT.part(operation) for operation in wanted} == wanted


def test_replay_erases_whole_pages_and_only_clears_bits() -> None:
    after = replay(BEFORE, [erase(512), write(512, 0xF0F0_F0F0), write(512, 0xFF00_FF00)], PAGE)
    assert after[512:640] == bytes.fromhex("00f000f0") + b"\xff" * 124
    assert after[:512] == BEFORE[:512]
    assert after[640:] == BEFORE[640:]


def test_chosen_operations() -> None:
    log = [write(128), *image(), write(132)]
    places = chosen(log, LAYOUT, Random(1))
    at = [log[place] for place in places]
    assert [one.kind for one in at].count(Kind.ERASE) == 2
    assert sum(LAYOUT.part(one) is Part.STATE for one in at) == 2
    assert sum(LAYOUT.part(one) in (Part.HEADER, Part.MARKER) for one in at) == 1 + 16
    first = [one.address for one in at if one.kind is Kind.WRITE and 576 <= one.address < 640]
    last = [one.address for one in at if one.kind is Kind.WRITE and one.address >= 640]
    assert (first[0], first[-1], last[0], last[-1]) == (576, 636, 640, 764)
    assert 2 <= len(first) <= 3
    assert 2 <= len(last) <= 3
    assert chosen(log, LAYOUT, Random(1), every=True) == list(range(len(log)))


def test_each_writing_of_a_page_counts() -> None:
    log = [*image(), *image()]
    assert len(chosen(log, LAYOUT, Random(1))) >= 2 * (2 + 16 + 4)


def test_contents_follow_the_log() -> None:
    log = image()
    found = list(cuts(BEFORE, log, range(len(log)), LAYOUT, Random(2)))
    assert [cut.moment for cut in found] == list(Moment) * len(log)
    for cut in found:
        done = cut.number + (cut.moment is Moment.AFTER)
        if cut.moment is not Moment.DURING:
            assert cut.flash == replay(BEFORE, log[:done], PAGE)


def test_left_out_operations_are_done_all_the_same() -> None:
    log = image()
    (cut, *_) = cuts(BEFORE, log, [len(log) - 1], LAYOUT, Random(2))
    assert cut == Cut(len(log) - 1, log[-1], Moment.BEFORE, replay(BEFORE, log[:-1], PAGE))


def test_torn_word_is_neither_old_nor_new() -> None:
    flash = replay(BEFORE, [erase(512)], PAGE)
    for seed in range(50):
        content = torn(flash, write(516), LAYOUT, Random(seed))
        word = int.from_bytes(content[516:520], "little")
        assert word not in (0xFFFF_FFFF, 0x1234_5678)
        assert word & 0x1234_5678 == 0x1234_5678
        assert content[:516] + content[520:] == flash[:516] + flash[520:]


def test_torn_erase_sets_bits_of_its_page_alone() -> None:
    content = torn(BEFORE, erase(512), LAYOUT, Random(3))
    page, old = content[512:640], BEFORE[512:640]
    assert page not in (old, b"\xff" * PAGE)
    assert all(new & was == was for new, was in zip(page, old, strict=True))
    words = [(page[at : at + 4], old[at : at + 4]) for at in range(0, PAGE, 4)]
    assert any(new == b"\xff" * 4 for new, _ in words)
    assert any(new == was for new, was in words)
    assert any(new not in (was, b"\xff" * 4) for new, was in words)
    assert content[:512] + content[640:] == BEFORE[:512] + BEFORE[640:]
