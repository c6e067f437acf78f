"""The judge judged: take a real recording, change one thing, and see that rule broken alone.

Each edit is a line of the table: the recording, the change, and all requirements that it breaks.
Where one change breaks several, they speak of the same thing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import cbor2
import pytest

from rig.judge import Outcome, judge
from rig.trace import read_trace

RECORDINGS = Path(__file__).parents[3] / "fixtures" / "traces"
THING = "$aws/things/thing1"
Event = dict[str, Any]


class Recording:
    """A recording to be edited: its lines as JSON objects, the header first."""

    def __init__(self, name: str) -> None:
        text = (RECORDINGS / f"{name}.jsonl").read_text()
        self.lines: list[Event] = [json.loads(line) for line in text.splitlines()]

    def find(self, fits: Callable[[Event], bool], nth: int = 0) -> Event:
        """The nth event (from 0) that fits."""
        return [event for event in self.lines[1:] if fits(event)][nth]

    def sent(self, topic_end: str, containing: str = "", nth: int = 0) -> Event:
        """The nth PUBLISH of the device to a topic that ends so, with this in its payload."""

        def fits(event: Event) -> bool:
            return (
                event["kind"] == "PUBLISH"
                and event.get("dir") == "from_device"
                and event["topic"].endswith(topic_end)
                and containing.encode() in bytes.fromhex(event["payload"])
            )

        return self.find(fits, nth)

    def delivered(self, topic_end: str, nth: int = 0) -> Event:
        """The nth PUBLISH to the device on a topic that ends so."""
        return self.find(
            lambda event: (
                event["kind"] == "PUBLISH"
                and event.get("dir") == "to_device"
                and event["topic"].endswith(topic_end)
            ),
            nth,
        )

    def subscription(self, part: str, nth: int = 0) -> Event:
        """The nth SUBSCRIBE with a filter that contains this."""
        return self.find(
            lambda event: event["kind"] == "SUBSCRIBE" and part in event["filters"][0][0], nth
        )

    def insert_after(self, event: Event, **changes: Any) -> Event:
        """Put a copy of the event, changed, right behind it."""
        return self.copy_to(event, event, **changes)

    def copy_to(self, place: Event, event: Event, **changes: Any) -> Event:
        """Put a copy of the event, changed, right behind the place, at its time."""
        copy = deepcopy(event) | {"t": place["t"], "conn": place["conn"]} | changes
        self.lines.insert(self.index(place) + 1, copy)
        return copy

    def index(self, event: Event) -> int:
        return next(n for n, line in enumerate(self.lines) if line is event)

    def remove(self, event: Event) -> None:
        del self.lines[self.index(event)]

    def delay_from(self, event: Event, seconds: float) -> None:
        """Let this event and all after it happen later."""
        for line in self.lines[self.index(event) :]:
            line["t"] += seconds

    def write(self, path: Path) -> Path:
        path.write_text("".join(f"{json.dumps(line)}\n" for line in self.lines))
        return path


def set_text(event: Event, text: str) -> None:
    event["payload"] = text.encode().hex()


def replace_text(event: Event, old: str, new: str) -> None:
    text = bytes.fromhex(event["payload"]).decode()
    assert old in text
    set_text(event, text.replace(old, new))


def change_map(event: Event, **changes: Any) -> None:
    """Change keys of a CBOR map; None removes one."""
    message = cbor2.loads(bytes.fromhex(event["payload"]))
    message |= changes
    kept = {key: value for key, value in message.items() if value is not None}
    event["payload"] = cbor2.dumps(kept).hex()


NEXT_GET, UPDATE, GET, DATA = "$next/get", "/update", "/get/cbor", "/data/cbor"
NOTIFY_NEXT = "notify-next"
Edit = Callable[[Recording], object]
EDITS: list[tuple[str, str, Edit, set[str]]] = []


def edit(recording: str, *breaks: str) -> Callable[[Edit], Edit]:
    """Enter an edit into the table."""

    def enter(change: Edit) -> Edit:
        EDITS.append((change.__name__, recording, change, {f"OTA-{name}" for name in breaks}))
        return change

    return enter


# -- control ------------------------------------------------------------------------------------


@edit("success", "CTL-001", "CTL-003")
def no_subscription_to_notify_next(r: Recording) -> None:
    r.remove(r.subscription(NOTIFY_NEXT))


@edit("success", "CTL-002")
def notify_next_with_qos_0(r: Recording) -> None:
    r.subscription(NOTIFY_NEXT)["filters"][0][1] = 0


@edit("success", "CTL-003")
def job_request_before_subscription(r: Recording) -> None:
    subscription, request = r.subscription(NOTIFY_NEXT, 1), r.sent(NEXT_GET, nth=1)
    r.remove(subscription)
    r.copy_to(request, subscription)


@edit("success", "CTL-004")
def job_request_with_qos_0(r: Recording) -> None:
    r.sent(NEXT_GET)["qos"] = 0


@edit("success", "CTL-005")
def token_is_a_number(r: Recording) -> None:
    set_text(r.sent(NEXT_GET), '{"clientToken":7}')


@edit("success", "CTL-005", "CTL-006")
def token_is_too_long(r: Recording) -> None:
    set_text(r.sent(NEXT_GET), json.dumps({"clientToken": "x" * 65}))


@edit("success", "CTL-006")
def token_of_another_form(r: Recording) -> None:
    set_text(r.sent(NEXT_GET), '{"clientToken":"abc:thing1"}')


@edit("success", "CTL-007")
def job_request_retained(r: Recording) -> None:
    r.sent(NEXT_GET)["retain"] = True


@edit("success", "CTL-007")
def status_retained(r: Recording) -> None:
    r.sent(UPDATE, "ready")["retain"] = True


@edit("success", "CTL-007")
def block_request_retained(r: Recording) -> None:
    r.sent(GET, nth=2)["retain"] = True


@edit("success", "CTL-008")
def subscription_to_another_thing(r: Recording) -> None:
    r.subscription("accepted")["filters"][0][0] = "$aws/things/thing2/jobs/$next/get/accepted"


@edit("success", "CTL-008")
def publish_to_another_thing(r: Recording) -> None:
    r.insert_after(r.sent(NEXT_GET), topic="$aws/things/thing2/jobs/$next/get", pid=99)


@edit("success", "CTL-013")
def progress_with_qos_1(r: Recording) -> None:
    r.sent(UPDATE, "receive").update(qos=1, pid=77)


@edit("success", "CTL-013", "SIG-001")
def ready_with_qos_0(r: Recording) -> None:
    r.sent(UPDATE, "ready")["qos"] = 0


@edit("success", "CTL-014", "DAT-036")
def progress_of_an_unknown_job(r: Recording) -> None:
    r.sent(UPDATE, "25/32")["topic"] = f"{THING}/jobs/AFR_OTA-other/update"


@edit("success", "CTL-014", "DAT-036")
def progress_of_an_empty_job_id(r: Recording) -> None:
    r.sent(UPDATE, "25/32")["topic"] = f"{THING}/jobs//update"


@edit("success", "CTL-015", "DAT-036")
def status_that_is_not_json(r: Recording) -> None:
    set_text(r.sent(UPDATE, "25/32"), '{"status":"IN_PROGRESS","statusDetails":{"receive":"25')


@edit("success", "CTL-015")
def status_word_of_its_own(r: Recording) -> None:
    replace_text(r.sent(UPDATE, "25/32"), "IN_PROGRESS", "DOWNLOADING")


@edit("success", "CTL-016", "SIG-003")
def updated_by_is_a_number(r: Recording) -> None:
    replace_text(r.sent(UPDATE, "ready"), '"0x00090002"', "589826")


@edit("success", "CTL-017", "CTL-018")
def failed_after_succeeded(r: Recording) -> None:
    text = b'{"status":"FAILED","statusDetails":{"reason":"rejected: 0x00000000"}}'
    r.insert_after(r.sent(UPDATE, "SUCCEEDED"), pid=90, payload=text.hex())


@edit("success", "CTL-018")
def progress_after_succeeded(r: Recording) -> None:
    r.copy_to(r.sent(UPDATE, "SUCCEEDED"), r.sent(UPDATE, "25/32"))


@edit("success", "CTL-018", "SHT-002")
def status_after_shutdown(r: Recording) -> None:
    unsubscribed = r.find(lambda event: event["kind"] == "UNSUBSCRIBE")
    r.copy_to(unsubscribed, r.sent(UPDATE, "active"), pid=90)


@edit("success", "CTL-020")
def status_of_200_bytes(r: Recording) -> None:
    progress = r.sent(UPDATE, "1/32")
    progress["payload"] += b" ".hex() * 150


@edit("badsig-then-good", "CTL-009", "CTL-019", "JOB-002", "JOB-004")
def deaf_after_a_failed_job(r: Recording) -> None:
    second = r.delivered(NOTIFY_NEXT, 2)
    del r.lines[r.index(second) + 1 :]
    r.lines.append({"t": second["t"] + 60, "channel": "rig", "kind": "NOTE"})


# -- jobs ---------------------------------------------------------------------------------------


@edit("success", "JOB-001")
def status_before_the_first_block(r: Recording) -> None:
    copy = r.copy_to(r.sent(GET), r.sent(UPDATE, "1/32"))
    replace_text(copy, "1/32", "0/32")


@edit("success", "JOB-003")
def blocks_asked_for_after_an_empty_answer(r: Recording) -> None:
    r.copy_to(r.delivered("get/accepted"), r.sent(GET), topic=f"{THING}/streams/other/get/cbor")


@edit("bad-base64", "JOB-014")
def undecodable_signature_succeeds(r: Recording) -> None:
    replace_text(r.sent(UPDATE), "FAILED", "SUCCEEDED")


@edit("bad-base64", "JOB-015")
def another_reason_for_a_bad_document(r: Recording) -> None:
    replace_text(r.sent(UPDATE), "0x0000000c: 0x00000004", "0x0000000c: 0x00000001")


@edit("cancel-midway", "JOB-031")
def blocks_asked_for_after_cancelling(r: Recording) -> None:
    r.copy_to(r.sent(NEXT_GET, nth=1), r.sent(GET, nth=2))


@edit("cancel-midway", "JOB-032")
def no_job_request_after_cancelling(r: Recording) -> None:
    r.remove(r.sent(NEXT_GET, nth=1))
    r.delay_from(r.delivered(NOTIFY_NEXT, 2), 20)


@edit("cancel-midway", "JOB-033")
def status_of_the_cancelled_job(r: Recording) -> None:
    copy = r.copy_to(r.sent(NEXT_GET, nth=1), r.sent(UPDATE, "1/98"))
    replace_text(copy, "1/98", "17/98")


@edit("cancel-midway", "JOB-003", "JOB-033", "JOB-035")
def status_after_the_empty_answer(r: Recording) -> None:
    copy = r.copy_to(r.delivered("get/accepted", 1), r.sent(UPDATE, "1/98"))
    replace_text(copy, "1/98", "17/98")


# -- data ---------------------------------------------------------------------------------------


@edit("success", "DAT-001")
def data_topic_not_subscribed(r: Recording) -> None:
    r.remove(r.subscription("/streams/"))


@edit("success", "DAT-001")
def data_topic_with_qos_1(r: Recording) -> None:
    r.subscription("/streams/")["filters"][0][1] = 1


@edit("success", "DAT-002")
def block_request_with_qos_1(r: Recording) -> None:
    r.sent(GET, nth=1).update(qos=1, pid=78)


@edit("success", "DAT-003")
def block_request_without_offset(r: Recording) -> None:
    change_map(r.sent(GET, nth=1), o=None)


@edit("success", "DAT-003")
def block_request_with_trailing_bytes(r: Recording) -> None:
    r.sent(GET, nth=1)["payload"] += "00"


@edit("success", "DAT-004")
def another_file_asked_for(r: Recording) -> None:
    change_map(r.sent(GET, nth=1), f=1)


@edit("success", "DAT-005")
def block_size_changes(r: Recording) -> None:
    change_map(r.sent(GET, nth=1), l=8192)


@edit("success", "DAT-006")
def offset_is_one(r: Recording) -> None:
    change_map(r.sent(GET, nth=1), o=1)


@edit("success", "DAT-007")
def bitmap_too_long(r: Recording) -> None:
    change_map(r.sent(GET, nth=1), b=b"\x00\xff\xff\xff\x00")


@edit("success", "DAT-007")
def block_that_never_came_left_out(r: Recording) -> None:
    change_map(r.sent(GET, nth=3), b=b"\x00\x00\x00\x7f")


@edit("success", "DAT-007", "DAT-010")
def bitmap_most_significant_bit_first(r: Recording) -> None:
    # Blocks 0 to 7 are stored; a device that counts from the other end clears bits 24 to 31.
    change_map(r.sent(GET, nth=1), b=b"\xff\xff\xff\x00")


@edit("badsig-then-good", "DAT-008")
def bits_beyond_the_last_block(r: Recording) -> None:
    change_map(r.sent(GET), b=b"\x3f")


@edit("badsig-then-good", "DAT-009")
def first_request_not_full(r: Recording) -> None:
    change_map(r.sent(GET), b=b"\x1e")


@edit("success", "DAT-010")
def bit_set_again(r: Recording) -> None:
    change_map(r.sent(GET, nth=2), b=b"\x01\x00\xff\xff")


@edit("success", "DAT-011")
def window_changes(r: Recording) -> None:
    change_map(r.sent(GET, nth=1), n=4)


@edit("success", "DAT-012")
def another_word(r: Recording) -> None:
    change_map(r.sent(GET, nth=1), c="set")


@edit("success", "DAT-013")
def next_request_only_at_the_timer(r: Recording) -> None:
    r.delay_from(r.sent(GET, nth=1), 10)


@edit("block-loss", "DAT-014")
def repeated_too_late(r: Recording) -> None:
    r.delay_from(r.sent(GET, nth=1), 5)


@edit("block-loss", "DAT-014", "DAT-017")
def duplicate_counted_for_the_window(r: Recording) -> None:
    r.insert_after(r.delivered(DATA, 2))
    r.delay_from(r.sent(GET, nth=1), -1.5)


@edit("block-bad-cbor", "DAT-022")
def bad_block_rejected_instead_of_failed(r: Recording) -> None:
    replace_text(r.sent(UPDATE, "FAILED"), "FAILED", "REJECTED")


@edit("block-bad-cbor", "DAT-023")
def another_reason_for_a_bad_block(r: Recording) -> None:
    replace_text(r.sent(UPDATE, "FAILED"), "0x000000e0: 0x00000000", "aborted: 0x00000000")


@edit("block-bad-cbor", "DAT-024")
def blocks_asked_for_after_a_bad_block(r: Recording) -> None:
    r.copy_to(r.sent(UPDATE, "FAILED"), r.sent(GET))


@edit("no-blocks-momentum", "DAT-029")
def never_gives_up(r: Recording) -> None:
    for _ in range(3):
        request = r.sent(GET, nth=3)
        r.insert_after(request)
        r.delay_from(r.sent(GET, nth=4), 2)


@edit("no-blocks-momentum", "DAT-030")
def gives_up_for_another_reason(r: Recording) -> None:
    replace_text(r.sent(UPDATE, "FAILED"), "0x00000000", "0x0000000e")


@edit("badsig", "DAT-033")
def data_topic_stays_subscribed(r: Recording) -> None:
    unsubscribed = r.find(lambda event: event["kind"] == "UNSUBSCRIBE")
    following = r.lines[r.index(unsubscribed) + 1]
    r.remove(unsubscribed)
    r.delay_from(following, 30)


@edit("success", "DAT-034")
def no_progress_after_the_first_block(r: Recording) -> None:
    r.remove(r.sent(UPDATE, "1/32"))


@edit("success", "DAT-035")
def another_number_of_blocks(r: Recording) -> None:
    replace_text(r.sent(UPDATE, "1/32"), "1/32", "1/31")


@edit("success", "DAT-035", "DAT-036")
def progress_goes_back(r: Recording) -> None:
    replace_text(r.sent(UPDATE, "25/32"), "25/32", "1/32")


@edit("success", "DAT-035", "DAT-036")
def progress_in_hex(r: Recording) -> None:
    replace_text(r.sent(UPDATE, "25/32"), "25/32", "0x19/0x20")


@edit("success", "DAT-036")
def no_progress_at_25_blocks(r: Recording) -> None:
    r.remove(r.sent(UPDATE, "25/32"))


# -- signature and self-test --------------------------------------------------------------------


@edit("success", "SIG-002")
def ready_before_the_last_block(r: Recording) -> None:
    ready, last = r.sent(UPDATE, "ready"), r.delivered(DATA, 30)
    r.remove(ready)
    r.copy_to(last, ready)


@edit("success", "SIG-003")
def ready_names_the_new_version(r: Recording) -> None:
    replace_text(r.sent(UPDATE, "ready"), "0x00090002", "0x00090003")


@edit("success", "TST-001", "TST-004")
def no_self_test_active(r: Recording) -> None:
    r.remove(r.sent(UPDATE, "active"))


@edit("success", "TST-002", "TST-005")
def active_names_the_old_version(r: Recording) -> None:
    replace_text(r.sent(UPDATE, "active"), "0x00090003", "0x00090002")


@edit("success", "TST-003", "TST-005")
def succeeded_without_accepted(r: Recording) -> None:
    replace_text(r.sent(UPDATE, "SUCCEEDED"), "accepted  v0.9.3", "done")


@edit("success", "TST-005")
def succeeded_names_another_updater(r: Recording) -> None:
    replace_text(r.sent(UPDATE, "SUCCEEDED"), "v0.9.2", "v0.9.1")


@edit("same-version", "TST-010")
def active_with_the_same_version(r: Recording) -> None:
    text = b'{"status":"IN_PROGRESS","statusDetails":{"self_test":"active","updatedBy":"0x90002"}}'
    r.copy_to(r.delivered("get/accepted", 1), r.sent(UPDATE, "FAILED"), payload=text.hex(), pid=91)


# -- aborts -------------------------------------------------------------------------------------


@edit("user-abort", "ABT-001", "CTL-013")
def abort_with_qos_0(r: Recording) -> None:
    r.sent(UPDATE, "aborted")["qos"] = 0


@edit("user-abort", "ABT-002")
def blocks_asked_for_after_the_abort(r: Recording) -> None:
    r.copy_to(r.sent(UPDATE, "aborted"), r.sent(GET, nth=2))


@pytest.mark.parametrize(
    ("recording", "change", "breaks"),
    [pytest.param(recording, change, breaks, id=name) for name, recording, change, breaks in EDITS],
)
def test_the_rule_is_violated_and_no_other(
    recording: str, change: Edit, breaks: set[str], tmp_path: Path
) -> None:
    edited = Recording(recording)
    change(edited)
    verdicts = judge(read_trace(edited.write(tmp_path / "edited.jsonl")))
    violated = {
        identifier: (verdict.why, verdict.events)
        for identifier, verdict in verdicts.items()
        if verdict.outcome is Outcome.VIOLATED
    }
    assert set(violated) == breaks, violated
    assert all(events for _, events in violated.values())
