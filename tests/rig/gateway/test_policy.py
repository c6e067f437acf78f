"""The access rules A3 to A8 of job service §8.2, as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.gateway.codec.topic_names import is_topic_filter, matches
from rig.gateway.policy import (
    PublishDecision,
    changes_something,
    decide_publish,
    may_deliver,
    may_leave_will,
    may_subscribe,
)

OWN = "$aws/things/T"

REQUESTS = [
    f"{OWN}/jobs/get",
    f"{OWN}/jobs/start-next",
    f"{OWN}/jobs/$next/get",
    f"{OWN}/jobs/AFR_OTA-1/get",
    f"{OWN}/jobs/AFR_OTA-1/update",
    f"{OWN}/streams/s/describe/json",
    f"{OWN}/streams/s/get/cbor",
]
FORBIDDEN = [
    "$aws/things/T2/jobs/get",
    "$aws/things/t/jobs/get",
    "$aws/things//jobs/get",
    f"{OWN}/jobs/get/accepted",
    f"{OWN}/jobs/notify",
    f"{OWN}/jobs/notify-next",
    f"{OWN}/streams/s/data/cbor",
    f"{OWN}/other",
    "$aws/events/job/1/completed",
    "$SYS/x",
    "$share/g/t",
    "$",
]
ORDINARY = ["a", "T/jobs/get", "/$aws/things/T2/jobs/get", "aws/things/T2/jobs/get"]


@pytest.mark.parametrize("topic", REQUESTS)
def test_own_requests_are_answered(topic: str) -> None:
    assert decide_publish("T", topic) is PublishDecision.REQUEST


@pytest.mark.parametrize("topic", FORBIDDEN)
def test_all_else_on_dollar_topics_is_refused(topic: str) -> None:
    assert decide_publish("T", topic) is PublishDecision.REFUSE


@pytest.mark.parametrize("topic", ORDINARY)
def test_ordinary_topics_pass(topic: str) -> None:
    assert decide_publish("T", topic) is PublishDecision.FORWARD
    assert may_leave_will("T", topic)


@pytest.mark.parametrize("topic", REQUESTS + FORBIDDEN)
def test_wills_pass_on_ordinary_topics_only(topic: str) -> None:
    assert not may_leave_will("T", topic)


FILTERS = {
    f"{OWN}/#": True,
    f"{OWN}/jobs/+/get/accepted": True,
    f"{OWN}/jobs/notify-next": True,
    "#": True,
    "+/things/T2/#": True,
    "fleet/#": True,
    "$aws/#": False,
    "$aws/things/#": False,
    "$aws/+/T/#": False,
    "$aws/things/+/jobs/notify": False,
    "$aws/things/T2/#": False,
    "$aws/things/T+/#": False,
    "$aws": False,
    "$SYS/#": False,
    "$share/g/#": False,
    "$queue/a": False,
}


@pytest.mark.parametrize("topic_filter", FILTERS)
def test_filters(topic_filter: str) -> None:
    assert may_subscribe("T", topic_filter) is FILTERS[topic_filter]


DELIVERIES = {
    f"{OWN}/jobs/notify": True,
    f"{OWN}/jobs/notify-next": True,
    "a/b": True,
    f"{OWN}/jobs/$next/get/accepted": False,
    f"{OWN}/jobs/get": False,
    f"{OWN}/streams/s/data/cbor": False,
    "$aws/things/T2/jobs/notify": False,
    "$SYS/broker/version": False,
}


@pytest.mark.parametrize("topic", DELIVERIES)
def test_deliveries(topic: str) -> None:
    assert may_deliver("T", topic) is DELIVERIES[topic]


levels = st.sampled_from(["$aws", "things", "T", "T2", "jobs", "notify", "$next", "+", "#", ""])


@given(st.lists(levels, min_size=1, max_size=6).map("/".join))
def test_no_allowed_filter_takes_in_a_dollar_topic_of_others(topic_filter: str) -> None:
    if is_topic_filter(topic_filter) and may_subscribe("T", topic_filter):
        for topic in ("$aws/things/T2/jobs/notify", "$aws/events/job/1/x", "$SYS/x", "$aws"):
            assert not matches(topic, topic_filter)


def test_only_some_requests_change_a_job() -> None:
    assert [topic for topic in REQUESTS if changes_something(topic)] == [
        f"{OWN}/jobs/start-next",
        f"{OWN}/jobs/AFR_OTA-1/update",
    ]
