"""The block requests of MQTT transfers (OTA-DAT-001 to 012)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rig.judge.rule import Finding, Findings, Rule, broken, kept
from rig.judge.story import Story, Transfer
from rig.judge.story import seen as s
from rig.judge.story.block import BlockRequest

MIN_BLOCK, MAX_BLOCK = 256, 128 * 1024  # bytes; job service §4
MAX_ANSWER = 128 * 1024


def requests(story: Story) -> Iterator[tuple[Transfer, s.BlocksRequested]]:
    """Readable block requests, each with its transfer."""
    for transfer in story.transfers:
        for requested in transfer.requests:
            if requested.request.defect is None:
                yield transfer, requested


def subscribes_first(story: Story) -> Findings:
    for transfer in story.transfers:
        if transfer.by_http or not transfer.requests:
            continue
        first = transfer.requests[0]
        prefix = f"$aws/things/{story.thing}/streams/{transfer.offer.stream}/data/"
        before = [
            (subscribed, qos)
            for subscribed in story.in_run(s.Subscribed, story.run_of(first))
            if subscribed.line < first.line
            for name, qos in subscribed.filters
            if name.startswith(prefix)
        ]
        if not before:
            yield broken("blocks were asked for before the data topic was subscribed", first)
            continue
        subscribed, qos = before[-1]
        if qos == 0:
            yield kept("the data topic was subscribed with QoS 0", subscribed, first)
        else:
            yield broken(f"the data topic was subscribed with QoS {qos}", subscribed)


def asks_with_qos_0(story: Story) -> Findings:
    for requested in story.all(s.BlocksRequested):
        if requested.qos == 0:
            yield kept("the block request has QoS 0", requested)
        else:
            yield broken(f"the block request has QoS {requested.qos}", requested)


def is_one_map(story: Story) -> Findings:
    for requested in story.all(s.BlocksRequested):
        if requested.request.defect is not None:
            yield broken(requested.request.defect, requested)
        else:
            yield kept("the block request is the map of six keys", requested)


def names_file(story: Story) -> Findings:
    for transfer, requested in story.once(requests):
        asked, wanted = requested.request.file_id, transfer.offer.file_id
        if wanted is None:
            continue
        if asked == wanted:
            yield kept(f"f is {asked}", requested)
        else:
            yield broken(f"f is {asked}, the job's fileid {wanted}", requested)


def block_size_is_sound(story: Story) -> Findings:
    for transfer, requested in story.once(requests):
        size = requested.request.block_size or 0
        if size < 1 or size & (size - 1):
            yield broken(f"l is {size}, not a power of two", requested)
        elif not MIN_BLOCK <= size <= MAX_BLOCK:
            yield broken(f"l is {size}, outside {MIN_BLOCK} to {MAX_BLOCK} bytes", requested)
        elif size != transfer.block_size:
            yield broken(f"l changed from {transfer.block_size} to {size}", requested)
        else:
            yield kept(f"l is {size}", requested)


def offset_is_zero(story: Story) -> Findings:
    yield from _each(story, lambda r: r.offset == 0, lambda r: f"o is {r.offset}")


def word_is_rdy(story: Story) -> Findings:
    yield from _each(story, lambda r: r.word == "rdy", lambda r: f"c is {r.word!r}")


def _each(
    story: Story, fits: Callable[[BlockRequest], bool], what: Callable[[BlockRequest], str]
) -> Findings:
    for _, requested in story.once(requests):
        finding: Callable[..., Finding] = kept if fits(requested.request) else broken
        yield finding(what(requested.request), requested)


def bitmap_fits(story: Story) -> Findings:
    """The length of b, and that only bits of blocks that were delivered are cleared."""
    for transfer in story.transfers:
        blocks = transfer.blocks
        if transfer.by_http or blocks is None:
            continue
        everything = (1 << blocks) - 1
        delivered, position = 0, 0
        for requested in transfer.requests:
            if requested.request.defect is not None:
                continue
            length, wanted_length = len(requested.request.bitmap), -(-blocks // 8)
            while position < len(transfer.data):
                datum = transfer.data[position].seen
                if datum.line > requested.line:
                    break
                if datum.block.index is not None and 0 <= datum.block.index < blocks:
                    delivered |= 1 << datum.block.index
                position += 1
            # What the first request leaves out is the business of OTA-DAT-009.
            first = requested is transfer.requests[0]
            cleared = 0 if first else everything & ~requested.request.wanted
            if length != wanted_length:
                yield broken(f"b has {length} bytes, not {wanted_length}", requested)
            elif cleared & ~delivered:
                block = _lowest(cleared & ~delivered)
                yield broken(f"bit {block} is 0, but block {block} was never sent", requested)
            else:
                yield kept("b has a bit for each block", requested)


def spare_bits_are_zero(story: Story) -> Findings:
    for transfer, requested in story.once(requests):
        blocks = transfer.blocks
        if blocks is None:
            continue
        if requested.request.wanted >> blocks:
            bit = blocks + _lowest(requested.request.wanted >> blocks)
            yield broken(f"bit {bit} is set, the file has {blocks} blocks", requested)
        elif blocks % 8:
            yield kept(f"bits from {blocks} on are 0", requested)


def starts_full(story: Story) -> Findings:
    for transfer in story.transfers:
        first = next((r for r in transfer.requests if r.request.defect is None), None)
        if first is None or transfer.blocks is None or transfer.requests[0] is not first:
            continue
        missing = ((1 << transfer.blocks) - 1) & ~first.request.wanted
        if missing:
            yield broken(f"a new download did not ask for block {_lowest(missing)}", first)
        else:
            yield kept(f"all {transfer.blocks} blocks were asked for", first)


def never_asks_again(story: Story) -> Findings:
    """Bits go from 1 to 0 only; and no fewer are 0 than progress reports have counted."""
    for transfer in story.transfers:
        if transfer.blocks is None:
            continue
        everything = (1 << transfer.blocks) - 1
        before: s.BlocksRequested | None = None
        reports = iter([r for r in transfer.reports if r.report.progress is not None])
        report = next(reports, None)
        stored = 0
        for requested in transfer.requests:
            if requested.request.defect is not None:
                continue
            while report is not None and report.line < requested.line:
                stored = max(stored, (report.report.progress or (0, 0))[0])
                report = next(reports, None)
            wanted = requested.request.wanted & everything
            again = wanted & ~before.request.wanted if before is not None else 0
            if again:
                block = _lowest(again)
                yield broken(f"bit {block} went from 0 to 1", before, requested)
            elif transfer.blocks - wanted.bit_count() < stored <= transfer.blocks:
                yield broken(f"{stored} blocks were reported stored, more are asked for", requested)
            elif before is not None and wanted != before.request.wanted:
                yield kept("stored blocks were not asked for again", before, requested)
            before = requested


def window_is_sound(story: Story) -> Findings:
    first: dict[int, int] = {}
    for transfer, requested in story.once(requests):
        count, size = requested.request.count or 0, requested.request.block_size or 0
        window = first.setdefault(id(transfer), count)
        if count < 1:
            yield broken(f"n is {count}", requested)
        elif count != window:
            yield broken(f"n changed from {window} to {count}", requested)
        elif count * size > MAX_ANSWER:
            yield broken(f"l times n is {count * size}, above 128 KiB", requested)
        else:
            yield kept(f"n is {count}", requested)


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


_REQUEST = "a block request"

RULES = (
    Rule("OTA-DAT-001", subscribes_first, "the first block request of a download"),
    Rule("OTA-DAT-002", asks_with_qos_0, _REQUEST),
    Rule("OTA-DAT-003", is_one_map, _REQUEST),
    Rule("OTA-DAT-004", names_file, _REQUEST),
    Rule("OTA-DAT-005", block_size_is_sound, _REQUEST),
    Rule("OTA-DAT-006", offset_is_zero, _REQUEST),
    Rule("OTA-DAT-007", bitmap_fits, _REQUEST),
    Rule("OTA-DAT-008", spare_bits_are_zero, "a file whose blocks do not fill the last byte of b"),
    Rule("OTA-DAT-009", starts_full, "the first request of a new download"),
    Rule("OTA-DAT-010", never_asks_again, "requests of one download with blocks between them"),
    Rule("OTA-DAT-011", window_is_sound, _REQUEST),
    Rule("OTA-DAT-012", word_is_rdy, _REQUEST),
)
