"""The control plane: subscriptions, job requests, statuses (OTA-CTL)."""

from __future__ import annotations

import json
import re

from rig.judge.rule import Findings, Rule, broken, kept, open_end
from rig.judge.rules.receptive import reaction
from rig.judge.story import Execution, Kind, Situation, Story
from rig.judge.story import seen as s
from rig.judge.story.transfer import End, Fate

MAX_TOKEN = 64
TOKEN_THING = 53
MAX_STATUS_BYTES = 128
MAX_REQUESTS_IN_A_ROW = 33
TIMER_TOLERANCE_S = 1.0
# These change nothing for an idle device; that it subscribes again is part of asking again.
_UNEVENTFUL = (s.Pinged, s.Acknowledged, s.JobCreated, s.SlotRead, s.Subscribed)


def notify_next(story: Story) -> str:
    """The topic NN of the device."""
    return f"$aws/things/{story.thing}/jobs/notify-next"


def subscriptions(story: Story) -> list[tuple[s.Subscribed, int]]:
    """Subscriptions to NN, each with the QoS asked for."""
    topic = notify_next(story)
    return [
        (subscribed, qos)
        for subscribed in story.all(s.Subscribed)
        if (qos := subscribed.qos_of(topic)) is not None
    ]


def subscribes_notify_next(story: Story) -> Findings:
    subscribed = {story.run_of(seen).number: seen for seen, _ in reversed(subscriptions(story))}
    asked = {story.run_of(seen).number: seen for seen in reversed(story.all(s.JobRequested))}
    judged: set[int] = set()
    for connected in story.all(s.Connected):
        run = story.run_of(connected)
        if run.number in judged or not run.witnessed:
            continue
        if run.number in subscribed:
            judged.add(run.number)
            yield kept("jobs/notify-next was subscribed after start", subscribed[run.number])
        elif run.number in asked or story.waited_in_vain(connected):
            judged.add(run.number)
            request = asked.get(run.number)
            yield broken("the device did not subscribe to notify-next", connected, request)


def subscribes_with_qos_1(story: Story) -> Findings:
    for subscribed, qos in subscriptions(story):
        if qos == 1:
            yield kept("the subscription asks for QoS 1", subscribed)
        else:
            yield broken(f"the subscription to notify-next asks for QoS {qos}", subscribed)


def asks_after_subscribing(story: Story) -> Findings:
    first_subscription: dict[int, s.Subscribed] = {}
    for subscribed, _ in subscriptions(story):
        first_subscription.setdefault(story.run_of(subscribed).number, subscribed)
    first_request: dict[int, s.JobRequested] = {}
    for request in story.all(s.JobRequested):
        first_request.setdefault(story.run_of(request).number, request)
    for run, request in first_request.items():
        if run not in first_subscription or first_subscription[run].line > request.line:
            yield broken("the job request came before a subscription to notify-next", request)
        else:
            yield kept("the job request follows the subscription", first_subscription[run], request)
    for run, subscribed in first_subscription.items():
        if run not in first_request and story.waited_in_vain(subscribed):
            yield broken("no job request followed the subscription to notify-next", subscribed)


def asks_with_qos_1(story: Story) -> Findings:
    for request in story.all(s.JobRequested):
        if request.qos == 1:
            yield kept("the job request has QoS 1", request)
        else:
            yield broken(f"the job request has QoS {request.qos}", request)


def client_token(request: s.JobRequested) -> str | None:
    """The clientToken of a job request, None when the payload has none that is a string."""
    try:
        document = json.loads(request.payload)
    except (ValueError, RecursionError):
        return None
    token = document.get("clientToken") if isinstance(document, dict) else None
    return token if isinstance(token, str) else None


def asks_with_token(story: Story) -> Findings:
    for request in story.all(s.JobRequested):
        token = client_token(request)
        if token is None:
            yield broken("the payload is not a JSON object with a string clientToken", request)
        elif len(token) > MAX_TOKEN:
            yield broken(f"the clientToken has {len(token)} characters, above 64", request)
        else:
            yield kept("the job request carries a clientToken", request)


def token_names_thing(story: Story) -> Findings:
    form = re.compile(rf"[0-9]*:{re.escape(story.thing[:TOKEN_THING])}")
    for request in story.all(s.JobRequested):
        token = client_token(request)
        if token is None:
            continue
        if form.fullmatch(token):
            yield kept(f"the clientToken is {token!r}", request)
        else:
            yield broken(f"the clientToken {token!r} is not '<digits>:<thing>'", request)


def retains_nothing(story: Story) -> Findings:
    for published in publishes(story):
        if published.retain:
            yield broken(f"{published.topic} was published with the retain flag", published)
        else:
            yield kept("published without the retain flag", published)


def publishes(story: Story) -> list[s.Published]:
    """Everything the device published to reserved topics."""
    return [
        published
        for kind in (s.JobRequested, s.Reported, s.BlocksRequested, s.Published)
        for published in story.all(kind)
    ]


def uses_own_topics(story: Story) -> Findings:
    for seen, topic in story.foreign_topics:
        yield broken(f"{topic} is not of thing {story.thing!r}", seen)
    for published in publishes(story):
        if published.topic.startswith(f"$aws/things/{story.thing}/"):
            yield kept("the topic carries the device's thing name", published)


def takes_news_up(story: Story) -> Findings:
    for delivery in story.deliveries:
        if delivery.seen.on_notify_next and delivery.situation is Situation.IDLE:
            yield from reaction(story, delivery, "the job from notify-next")


def takes_answer_up(story: Story) -> Findings:
    for delivery in story.deliveries:
        if delivery.seen.on_notify_next or delivery.situation is not Situation.ASKED:
            continue
        if delivery.seen.subscribed:
            if delivery.offer.is_valid:
                yield open_end("the device had subscribed to the answer's topic", delivery.seen)
            continue
        yield from reaction(story, delivery, "the job in the unsubscribed answer")


def does_not_poll(story: Story) -> Findings:
    """A repeated request counts only when the one before was answered and nothing came between."""
    answers = {
        delivery.seen.line
        for delivery in story.deliveries
        if delivery.situation is Situation.ASKED and delivery.offer.offers_nothing
    }
    idle_since: s.Delivered | None = None
    for seen in story.ordered:
        if idle_since is None or isinstance(seen, _UNEVENTFUL):
            pass
        elif isinstance(seen, s.JobRequested) and not seen.dup:
            yield broken("the device asked again while idle and nothing changed", seen)
        elif seen.t - idle_since.t > story.request_timer_s:
            yield kept("the idle device did not ask again", idle_since, seen)
        if isinstance(seen, s.Delivered):
            idle_since = seen if seen.line in answers else None
        elif not isinstance(seen, _UNEVENTFUL):
            idle_since = None


def repeats_request(story: Story) -> Findings:
    """Judged where the gateway left job requests without acknowledgement."""
    acknowledged = {
        (seen.conn, seen.pid) for seen in story.all(s.Acknowledged) if not seen.by_device
    }
    row: list[s.JobRequested] = []
    for request in story.all(s.JobRequested):
        if row and row[-1].conn != request.conn:
            row = []
        if row and (row[-1].conn, row[-1].pid) not in acknowledged and not request.dup:
            waited = request.t - row[-1].t
            if abs(waited - story.request_timer_s) <= TIMER_TOLERANCE_S:
                yield kept(f"the request was repeated after {waited:.1f} s", row[-1], request)
        row = (
            [*row, request]
            if row and (request.conn, request.pid) not in acknowledged
            else [request]
        )
        if len(row) == MAX_REQUESTS_IN_A_ROW + 1:
            yield broken("more than 33 job requests in a row", *row[-2:])


def status_qos(story: Story) -> Findings:
    for reported in story.all(s.Reported):
        if reported.report.defect is not None:
            continue
        wanted = 0 if reported.report.kind is Kind.RECEIVING else 1
        what = reported.report.kind.value
        if reported.qos == wanted:
            yield kept(f"{what} has QoS {wanted}", reported)
        else:
            yield broken(f"{what} has QoS {reported.qos}, not {wanted}", reported)


def status_goes_to_its_job(story: Story) -> Findings:
    delivered: set[str] = set()
    final_duplicated = False
    for seen in story.ordered:
        match seen:
            case s.Delivered() if seen.offer.job_id is not None:
                delivered.add(seen.offer.job_id)
            case s.DataDelivered():
                final_duplicated = True
            case s.Reported() if seen.job_id in delivered:
                yield kept("the status goes to a job that was delivered", seen)
            case s.Reported() if not seen.job_id and seen.report.kind is Kind.FAILED:
                # OTA spec §12.2: a stray FAILED after a duplicate of the final block is granted.
                if not (final_duplicated and _follows_ready(story, seen)):
                    yield broken("the status goes to the empty job id", seen)
            case s.Reported():
                yield broken(f"job {seen.job_id!r} was never delivered to the device", seen)


def _follows_ready(story: Story, stray: s.Reported) -> bool:
    return any(
        transfer.end is End.READY
        and transfer.ended_by is not None
        and transfer.ended_by.line < stray.line
        and story.same_run(transfer.ended_by, stray)
        and (transfer.late_data or any(d.fate is Fate.DUPLICATE for d in transfer.data))
        for transfer in story.transfers
    )


def status_is_well_formed(story: Story) -> Findings:
    for reported in story.all(s.Reported):
        if reported.report.defect is not None:
            yield broken(reported.report.defect, reported)
        else:
            yield kept("a status with known word and details", reported)


def details_are_strings(story: Story) -> Findings:
    for reported in story.all(s.Reported):
        if reported.report.not_text:
            key = reported.report.not_text[0]
            yield broken(f"statusDetails.{key} is not a string", reported)
        elif reported.report.details:
            yield kept("all details are strings", reported)


def is_retransmission(execution: Execution, first: s.Reported, again: s.Reported) -> bool:
    """Whether the second is the first once more, because nobody acknowledged that (MQTT §4.4)."""
    return again.payload == first.payload and (
        again.dup or first.line not in execution.acknowledged
    )


def one_terminal_status(story: Story) -> Findings:
    for execution in story.executions:
        first = execution.terminal
        if first is None:
            continue
        others = [
            reported
            for reported in execution.reports
            if reported.report.is_terminal
            and reported is not first
            and not is_retransmission(execution, first, reported)
        ]
        if others:
            yield broken(f"job {execution.job_id} got another terminal status", first, *others)
        else:
            yield kept("one terminal status", first)


def nothing_after_terminal(story: Story) -> Findings:
    for execution in story.executions:
        first = execution.terminal
        if first is None:
            continue
        later = [
            reported
            for reported in execution.reports
            if reported.line > first.line and not is_retransmission(execution, first, reported)
        ]
        if later:
            what = later[0].report.kind.value
            yield broken(f"{what} followed the terminal status", first, *later)
        else:
            yield kept("nothing followed the terminal status", first)


def takes_next_job(story: Story) -> Findings:
    first_terminal: dict[int, s.Reported] = {}
    for reported in story.all(s.Reported):
        if reported.report.is_terminal:
            first_terminal.setdefault(story.run_of(reported).number, reported)
    for delivery in story.deliveries:
        before = first_terminal.get(delivery.run)
        idle = delivery.seen.on_notify_next and delivery.situation is Situation.IDLE
        if idle and before is not None and before.line < delivery.seen.line:
            yield from reaction(story, delivery, "the next job after a terminal status")


def status_is_short(story: Story) -> Findings:
    for reported in story.all(s.Reported):
        if len(reported.payload) > MAX_STATUS_BYTES:
            yield broken(f"a status of {len(reported.payload)} bytes", reported)
        else:
            yield kept("a status of at most 128 bytes", reported)


_STATUS = "a status published by the device"
_REQUEST = "a job request"

RULES = (
    Rule("OTA-CTL-001", subscribes_notify_next, "the device connecting after a start"),
    Rule("OTA-CTL-002", subscribes_with_qos_1, "a subscription to notify-next"),
    Rule("OTA-CTL-003", asks_after_subscribing, "a subscription to notify-next"),
    Rule("OTA-CTL-004", asks_with_qos_1, _REQUEST),
    Rule("OTA-CTL-005", asks_with_token, _REQUEST),
    Rule("OTA-CTL-006", token_names_thing, "a job request with a clientToken"),
    Rule("OTA-CTL-007", retains_nothing, "anything published by the device"),
    Rule("OTA-CTL-008", uses_own_topics, "anything published by the device"),
    Rule("OTA-CTL-009", takes_news_up, "a valid job on notify-next while the device is idle"),
    Rule("OTA-CTL-010", takes_answer_up, "a valid job in an unsubscribed answer"),
    Rule("OTA-CTL-011", does_not_poll, "an idle span longer than the request timer"),
    Rule("OTA-CTL-012", repeats_request, "a job request that was not acknowledged"),
    Rule("OTA-CTL-013", status_qos, _STATUS),
    Rule("OTA-CTL-014", status_goes_to_its_job, _STATUS),
    Rule("OTA-CTL-015", status_is_well_formed, _STATUS),
    Rule("OTA-CTL-016", details_are_strings, "a status with details"),
    Rule("OTA-CTL-017", one_terminal_status, "a terminal status"),
    Rule("OTA-CTL-018", nothing_after_terminal, "a terminal status"),
    Rule("OTA-CTL-019", takes_next_job, "a valid job on notify-next after a terminal status"),
    Rule("OTA-CTL-020", status_is_short, _STATUS),
)
