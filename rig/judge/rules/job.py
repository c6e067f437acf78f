"""Valid jobs: how they are taken up (OTA-JOB-001, 002, 020, 025 to 030, 037, 038)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rig.judge.rule import Findings, Rule, broken, kept, open_end
from rig.judge.rules.job_refused import reports_of, until_next
from rig.judge.story import Delivery, End, Execution, Kind, Story, Transfer
from rig.judge.story import seen as s
from rig.judge.story.offer import Offer

GUARANTEED_JOB_ID = 64
PAL_STATUSES = range(0xE0000000, 0xF0000000)
CREATE_FILE = "create_file"


def ordinary(story: Story) -> Iterator[Delivery]:
    """Jobs that a device must take, and that reached it when it was ready to."""
    return (
        delivery
        for delivery in story.deliveries
        if story.must_take(delivery) and delivery.is_receptive
    )


def is_silent_before_data(story: Story) -> Findings:
    for transfer in story.transfers:
        if transfer.by_http or not transfer.data:
            continue
        first = transfer.data[0].seen
        early = [
            reported
            for reported in transfer.delivery.reports
            if transfer.delivery.seen.line < reported.line < first.line
        ]
        if early:
            yield broken("a status was published before the first block", early[0])
        else:
            yield kept("no status before the first block", transfer.delivery.seen, first)


def subscribes_stream(story: Story) -> Findings:
    for delivery in ordinary(story):
        if story.protocol_for(delivery) != "MQTT" or delivery.offer.stream is None:
            continue
        subscribed = _subscription(story, delivery)
        if subscribed is not None:
            yield kept("the data topic of the stream was subscribed", delivery.seen, subscribed)
        elif delivery.transfer is not None and delivery.transfer.by_http:
            continue
        elif delivery.follower is None and story.waited_in_vain(delivery.seen):
            yield broken("the data topic of the stream was not subscribed", delivery.seen)


def _subscription(story: Story, delivery: Delivery) -> s.Subscribed | None:
    wanted = f"$aws/things/{story.thing}/streams/{delivery.offer.stream}/data/"
    subscribed = story.next_of(s.Subscribed, delivery.seen)
    while subscribed is not None and story.same_run(subscribed, delivery.seen):
        if any(name.startswith(wanted) for name, _ in subscribed.filters):
            return subscribed
        subscribed = story.next_of(s.Subscribed, subscribed)
    return None


def job_id_works(story: Story) -> Findings:
    strays = [
        report
        for execution in story.executions
        if not execution.deliveries
        for report in execution.reports
        if report.job_id
    ]
    for execution in story.executions:
        if not 1 <= len(execution.job_id) <= GUARANTEED_JOB_ID:
            continue
        length = len(execution.job_id)
        if succeeded := execution.of_kind(Kind.SUCCEEDED):
            yield kept(f"a job id of {length} characters worked", succeeded[0])
        elif execution.deliveries and not execution.reports:
            shortened = next((r for r in strays if execution.job_id.startswith(r.job_id)), None)
            if shortened is not None:
                yield broken(f"a status went to {shortened.job_id!r}, a part of the id", shortened)


def uses_only_protocol(story: Story) -> Findings:
    for delivery in ordinary(story):
        listed, transfer = delivery.offer.protocols, delivery.transfer
        if len(listed) != 1 or not listed <= story.data_protocols or transfer is None:
            continue
        yield from _used(transfer, by_http=listed == {"HTTP"})


def uses_primary_protocol(story: Story) -> Findings:
    for delivery in ordinary(story):
        transfer = delivery.transfer
        if not delivery.offer.protocols >= {"MQTT", "HTTP"} or transfer is None:
            continue
        if story.primary_data_protocol is None:
            yield open_end("no primary data protocol is declared", delivery.seen)
        else:
            yield from _used(transfer, by_http=story.primary_data_protocol == "HTTP")


def _used(transfer: Transfer, *, by_http: bool) -> Findings:
    name = "HTTP" if transfer.by_http else "MQTT"
    mixed = bool(transfer.requests) and bool(transfer.ranges)
    if transfer.by_http is by_http and not mixed:
        yield kept(f"the file was asked for by {name}", transfer.delivery.seen, transfer.first)
    else:
        yield broken(f"the file was asked for by {name}", transfer.delivery.seen, transfer.first)


def takes(
    fits: Callable[[Offer], bool],
    what: str,
) -> Callable[[Story], Findings]:
    """A rule: a valid job of this kind is downloaded."""

    def find(story: Story) -> Findings:
        for delivery in ordinary(story):
            if not fits(delivery.offer) or story.protocol_for(delivery) is None:
                continue
            failed = next(
                (r for r in reports_of(story, delivery) if r.report.kind is Kind.FAILED), None
            )
            if delivery.transfer is not None:
                yield kept(f"{what}: downloaded", delivery.seen, delivery.transfer.first)
            elif failed is not None:
                yield broken(f"{what}: {failed.report.reason}", delivery.seen, failed)
            elif delivery.follower is None and story.waited_in_vain(delivery.seen):
                yield broken(f"{what}: the device did nothing", delivery.seen)

    return find


def takes_first_file(story: Story) -> Findings:
    for transfer in story.transfers:
        others = set(transfer.offer.file_ids[1:]) - {transfer.offer.file_id}
        if not others:
            continue
        wrong = [r for r in transfer.requests if r.request.file_id in others]
        if wrong:
            yield broken("another file than the first was asked for", wrong[0])
        elif transfer.end in (End.READY, End.TERMINAL):
            yield kept("only the first file was transferred", transfer.first, transfer.ended_by)


def inherits_nothing(story: Story) -> Findings:
    """The fileType and the signature of the job before must not count for this one."""
    before: Delivery | None = None
    for delivery in ordinary(story):
        previous, before = before, delivery
        transfer = delivery.transfer
        if previous is None or previous.run != delivery.run or transfer is None:
            continue
        ended = transfer.ended_by
        if not isinstance(ended, s.Reported):
            continue
        is_ready = transfer.end is End.READY
        if previous.offer.file_type and delivery.offer.file_type is None:
            if is_ready:
                yield kept("the missing fileType meant firmware", delivery.seen, ended)
            elif ended.report.kind is Kind.SUCCEEDED:
                yield broken("the fileType of the job before was used", delivery.seen, ended)
        unsigned_now = previous.offer.signed and not delivery.offer.signed
        if unsigned_now and _same_image(story, previous, delivery):
            if is_ready:
                yield broken("the signature of the job before was used", delivery.seen, ended)
            elif ended.report.kind is Kind.FAILED:
                yield kept("the missing signature was not inherited", delivery.seen, ended)


def _same_image(story: Story, one: Delivery, other: Delivery) -> bool:
    images = {
        None if execution is None else execution.image_sha256
        for execution in (_execution(story, one), _execution(story, other))
    }
    return len(images) == 1 and None not in images


def _execution(story: Story, delivery: Delivery) -> Execution | None:
    return story.execution_of(delivery.offer.job_id or "")


def custom_job_gets_its_status(story: Story) -> Findings:
    """An EXPECT event with job_id, status and reason says what the application chooses."""
    for expected in story.all(s.Expected):
        job_id, status = expected.data.get("job_id"), expected.data.get("status")
        if not isinstance(job_id, str) or not isinstance(status, str):
            continue
        execution = story.execution_of(job_id)
        terminal = None if execution is None else execution.terminal
        if terminal is None:
            continue
        reason = expected.data.get("reason", terminal.report.reason)
        if (terminal.report.kind.value, terminal.report.reason) == (status, reason):
            yield kept("the application's status was reported", expected, terminal)
        else:
            word = f"{terminal.report.kind.value} {terminal.report.reason!r}"
            yield broken(f"{word} was reported, {status} {reason!r} chosen", expected, terminal)


def reports_file_refusal(story: Story) -> Findings:
    """Recognised by a fault at the file's creation, or by the report itself."""
    for delivery in ordinary(story):
        failed = next(
            (r for r in reports_of(story, delivery) if r.report.kind is Kind.FAILED), None
        )
        codes = None if failed is None else failed.report.reason_codes
        says_so = (
            codes is not None
            and codes.word == "aborted"
            and codes.second in PAL_STATUSES
            and delivery.transfer is None
        )
        if says_so:
            yield kept("the refusal was reported with its status", delivery.seen, failed)
        elif _is_refused(story, delivery) and (failed or story.waited_in_vain(delivery.seen)):
            yield broken("the refusal was not reported with its status", delivery.seen, failed)


def _is_refused(story: Story, delivery: Delivery) -> bool:
    """Whether the call was made to fail just before the document, or while it was the last."""
    faults = until_next(story, delivery, s.FaultFired)
    if any(isinstance(f, s.FaultFired) and f.data.get("at") == CREATE_FILE for f in faults):
        return True
    armed = [f for f in story.all(s.FaultFired) if f.line < delivery.seen.line]
    if not armed or armed[-1].data.get("at") != CREATE_FILE:
        return False
    following = story.next_of(s.Delivered, armed[-1])
    return following is delivery.seen


_ORDINARY = "a valid job reaching a device that is ready for it"

RULES = (
    Rule("OTA-JOB-001", is_silent_before_data, "a block of an MQTT job"),
    Rule("OTA-JOB-002", subscribes_stream, "a valid job by MQTT"),
    Rule("OTA-JOB-020", job_id_works, "a job that ended SUCCEEDED"),
    Rule("OTA-JOB-025", uses_only_protocol, "a job that lists one declared data protocol"),
    Rule("OTA-JOB-026", uses_primary_protocol, "a job that lists both data protocols"),
    Rule(
        "OTA-JOB-027",
        takes(lambda offer: offer.unknown_members, "unknown members"),
        "a valid job with unknown members",
    ),
    Rule(
        "OTA-JOB-028",
        takes(lambda offer: offer.numbers_as_text, "numbers as strings"),
        "a valid job with numbers as strings",
    ),
    Rule("OTA-JOB-029", takes_first_file, "a job with several files"),
    Rule("OTA-JOB-030", inherits_nothing, "a job without the optional fields of the one before"),
    Rule("OTA-JOB-037", custom_job_gets_its_status, "what the application chose for a custom job"),
    Rule("OTA-JOB-038", reports_file_refusal, "a platform that refuses to create the file"),
)
