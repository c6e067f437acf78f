"""Progress reports, the end of a transfer, and odd sizes (OTA-DAT-033 to 038)."""

from __future__ import annotations

from rig.judge.rule import Findings, Rule, broken, kept, open_end
from rig.judge.rules.data_blocks import completes
from rig.judge.story import End, Fate, Kind, Story, Transfer
from rig.judge.story import seen as s


def unsubscribes(story: Story) -> Findings:
    for transfer in story.transfers:
        ended = transfer.ended_by
        if transfer.by_http or ended is None or transfer.end not in (End.READY, End.TERMINAL):
            continue
        wanted = f"/streams/{transfer.offer.stream}/data/"
        unsubscribed = story.next_of(s.Unsubscribed, ended)
        while unsubscribed is not None and not any(wanted in name for name in unsubscribed.filters):
            unsubscribed = story.next_of(s.Unsubscribed, unsubscribed)
        if unsubscribed is not None and unsubscribed.conn == ended.conn:
            yield kept("the data topic was unsubscribed", ended, unsubscribed)
        elif story.waited_in_vain(ended):
            yield broken("the data topic stayed subscribed", ended)
        else:
            yield open_end("the connection ended before it could unsubscribe", ended)


def stored_at_least(transfer: Transfer) -> int:
    """How many blocks the device has shown to have stored."""
    if transfer.end is End.READY and transfer.blocks is not None:
        return transfer.blocks
    last = next((r for r in reversed(transfer.requests) if r.request.defect is None), None)
    if last is None or transfer.blocks is None or not transfer.starts_full:
        return 0
    everything = (1 << transfer.blocks) - 1
    return transfer.blocks - (last.request.wanted & everything).bit_count()


def progress_of(transfer: Transfer) -> dict[int, s.Reported]:
    """Stored counts that the device reported, each with its first report."""
    found: dict[int, s.Reported] = {}
    for reported in transfer.reports:
        if (progress := reported.report.progress) is not None:
            found.setdefault(progress[0], reported)
    return found


def cut_off_at(transfer: Transfer, stored: int) -> s.Seen | None:
    """What ended the connection before a device with so many blocks could have said so.

    A report is sent once, on the connection that brought the block; if it is lost before the device
    sent anything more, nobody can tell whether it was about to report.
    """
    new = [datum.seen for datum in transfer.data if datum.fate is Fate.NEW]
    if len(new) < stored:
        return None
    brought = new[stored - 1].line
    lost = next((seen for seen in transfer.interruptions if seen.line > brought), None)
    if lost is None:
        return None
    sent = (*transfer.requests, *transfer.reports)
    return None if any(brought < seen.line < lost.line for seen in sent) else lost


def reports_first_block(story: Story) -> Findings:
    for transfer in story.transfers:
        blocks = transfer.blocks
        if transfer.by_http or blocks is None or blocks < 2 or stored_at_least(transfer) < 1:
            continue
        first = progress_of(transfer).get(1)
        if first is not None:
            yield kept("progress was reported after the first block", first)
        elif (lost := cut_off_at(transfer, 1)) is not None:
            yield open_end("the connection ended right after the first block", lost)
        else:
            yield broken("no progress was reported after the first block", transfer.first)


def progress_is_sound(story: Story) -> Findings:
    for transfer in story.transfers:
        before = -1
        for reported in transfer.reports:
            if reported.report.kind is not Kind.RECEIVING:
                continue
            progress = reported.report.progress
            if progress is None:
                yield broken("receive is not '<stored>/<N>' in decimal", reported)
                continue
            stored, total = progress
            if transfer.blocks is not None and total != transfer.blocks:
                yield broken(f"receive counts {total} blocks of {transfer.blocks}", reported)
            elif stored >= total:
                yield broken(f"receive is {stored}/{total}, not below the total", reported)
            elif stored <= before:
                yield broken(f"receive went from {before} to {stored}", reported)
            else:
                yield kept(f"receive is {stored}/{total}", reported)
            before = max(before, stored)


def reports_at_multiples(story: Story) -> Findings:
    frequency = int(story.declared_number("status_frequency") or 0)
    if frequency < 1:
        return
    for transfer in story.transfers:
        if transfer.by_http or transfer.blocks is None:
            continue
        reported = progress_of(transfer)
        passed = min(stored_at_least(transfer), transfer.blocks - 1)
        for count in range(frequency, passed + 1, frequency):
            if count in reported:
                yield kept(f"progress was reported at {count} blocks", reported[count])
            elif (lost := cut_off_at(transfer, count)) is not None:
                yield open_end(f"the connection ended right after {count} blocks", lost)
            else:
                yield broken(f"no progress was reported at {count} blocks", transfer.first)


def survives_lost_reports(story: Story) -> Findings:
    """A fault that took a status on its way must not stop the download."""
    for fault in story.all(s.FaultFired):
        topic = str(fault.data.get("topic", ""))
        if fault.data.get("packet") != "PUBLISH" or not topic.endswith("/update"):
            continue
        transfer = next((t for t in story.transfers if topic.endswith(f"/{t.job_id}/update")), None)
        if transfer is None or not transfer.first.line < fault.line:
            continue
        if transfer.ended_by is not None and transfer.ended_by.line < fault.line:
            continue
        if transfer.end is End.READY:
            yield kept("the download completed in spite of a lost report", fault, transfer.ended_by)
        elif transfer.end is None and story.waited_in_vain(fault, factor=2):
            yield broken("the download stopped after a lost report", fault)


def completes_odd_sizes(story: Story) -> Findings:
    for transfer in story.transfers:
        size, block = transfer.offer.file_size, transfer.block_size
        if not block or not size or not transfer.is_clean or not transfer.all_delivered:
            continue
        # A multiple of 8 l ends in the bitmap as 8 l does, and no firmware may be as small as that.
        if size in (1, block - 1, block, block + 1) or size % (8 * block) in (0, 1):
            yield from completes(story, transfer, f"a file of {size} bytes came")


RULES = (
    Rule("OTA-DAT-033", unsubscribes, "a download that came to its end"),
    Rule("OTA-DAT-034", reports_first_block, "a stored block of a file of several"),
    Rule("OTA-DAT-035", progress_is_sound, "a progress report"),
    Rule("OTA-DAT-036", reports_at_multiples, "a declared frequency and a download that passed it"),
    Rule("OTA-DAT-037", survives_lost_reports, "a progress report that a fault took away"),
    Rule("OTA-DAT-038", completes_odd_sizes, "a file of 1, l-1, l, l+1, 8l or 8l+1 bytes"),
)
