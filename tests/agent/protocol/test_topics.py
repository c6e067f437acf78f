"""Reserved topics: built and taken apart (OTA spec §0; job service spec §1.1, §4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol import topics
from agent.protocol.topics import ReservedApi as Api
from agent.protocol.topics import ReservedTopic, parse_reserved

P = "$aws/things/T/"
CASES: list[tuple[str, str, ReservedTopic]] = [
    (topics.notify("T"), "jobs/notify", ReservedTopic("T", Api.NOTIFY)),
    (topics.notify_next("T"), "jobs/notify-next", ReservedTopic("T", Api.NOTIFY_NEXT)),
    (topics.pending_get("T"), "jobs/get", ReservedTopic("T", Api.GET_PENDING)),
    (topics.start_next("T"), "jobs/start-next", ReservedTopic("T", Api.START_NEXT)),
    (topics.next_get("T"), "jobs/$next/get", ReservedTopic("T", Api.DESCRIBE, "$next")),
    (topics.describe("T", "J"), "jobs/J/get", ReservedTopic("T", Api.DESCRIBE, "J")),
    (topics.update("T", "J"), "jobs/J/update", ReservedTopic("T", Api.UPDATE, "J")),
    (topics.update("T", ""), "jobs//update", ReservedTopic("T", Api.UPDATE, "")),
    (
        topics.next_get_accepted("T"),
        "jobs/$next/get/accepted",
        ReservedTopic("T", Api.RESPONSE, "$next", tail="accepted"),
    ),
    (
        topics.rejected(topics.update("T", "J")),
        "jobs/J/update/rejected",
        ReservedTopic("T", Api.RESPONSE, "J", tail="rejected"),
    ),
    (
        topics.accepted(topics.pending_get("T")),
        "jobs/get/accepted",
        ReservedTopic("T", Api.RESPONSE, tail="accepted"),
    ),
    (
        topics.rejected(topics.start_next("T")),
        "jobs/start-next/rejected",
        ReservedTopic("T", Api.RESPONSE, tail="rejected"),
    ),
    (
        topics.stream_get("T", "S"),
        "streams/S/get/cbor",
        ReservedTopic("T", Api.STREAM_GET, stream_id="S", fmt="cbor"),
    ),
    (
        topics.stream_describe("T", "S", "json"),
        "streams/S/describe/json",
        ReservedTopic("T", Api.STREAM_DESCRIBE, stream_id="S", fmt="json"),
    ),
    (
        topics.stream_data("T", "S"),
        "streams/S/data/cbor",
        ReservedTopic("T", Api.RESPONSE, stream_id="S", fmt="cbor", tail="data"),
    ),
    (
        topics.stream_description("T", "S"),
        "streams/S/description/cbor",
        ReservedTopic("T", Api.RESPONSE, stream_id="S", fmt="cbor", tail="description"),
    ),
    (
        topics.stream_rejected("T", "S", "json"),
        "streams/S/rejected/json",
        ReservedTopic("T", Api.RESPONSE, stream_id="S", fmt="json", tail="rejected"),
    ),
]


@pytest.mark.parametrize(("topic", "rest", "parsed"), CASES, ids=[case[1] for case in CASES])
def test_topics(topic: str, rest: str, parsed: ReservedTopic) -> None:
    assert topic == topics.things_prefix("T") + rest == P + rest
    assert parse_reserved(topic) == parsed


@pytest.mark.parametrize(
    "topic", ["", "$", "$aws", "a/b", "/$aws/things/T/jobs/get", "$SYS/x", "$awsx/"]
)
def test_topics_that_are_not_reserved(topic: str) -> None:
    assert parse_reserved(topic) is None


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "jobs",
        "jobs/",
        "jobs/J",
        "jobs/get/",
        "jobs/J/get/",
        "jobs/J/get/accepted/x",
        "jobs/J/delete",
        "jobs/J/x/get",
        "jobs/notify/accepted",
        "jobs/J/get/other",
        "streams/S/get",
        "streams/S/get/xml",
        "streams/S/get/cbor/x",
        "streams/S/put/cbor",
        "shadow/update",
    ],
)
def test_unknown_topics_of_a_thing(rest: str) -> None:
    assert parse_reserved(P + rest) == ReservedTopic("T", Api.UNKNOWN)


@pytest.mark.parametrize("topic", ["$aws/", "$aws/things", "$aws/events/job/1/completed"])
def test_reserved_topics_of_no_thing(topic: str) -> None:
    assert parse_reserved(topic) == ReservedTopic("", Api.UNKNOWN)


levels = st.sampled_from(
    [
        "$aws",
        "things",
        "T",
        "jobs",
        "streams",
        "get",
        "update",
        "accepted",
        "$next",
        "cbor",
        "",
        "x",
    ]
) | st.text(max_size=5)


@given(st.lists(levels, max_size=9).map("/".join))
def test_every_topic_can_be_taken_apart(topic: str) -> None:
    parsed = parse_reserved(topic)
    assert (parsed is None) is not topic.startswith("$aws/")
    if parsed is not None and parsed.thing:
        assert topic.startswith(topics.things_prefix(parsed.thing).rstrip("/"))
        assert parsed.thing == topic.split("/")[2]


names = st.text(st.characters(exclude_characters="/"), min_size=1, max_size=20)


@given(names, names)
def test_requests_of_any_name_are_known_again(thing: str, name: str) -> None:
    update = parse_reserved(topics.update(thing, name))
    assert update == ReservedTopic(thing, Api.UPDATE, name)
    get = parse_reserved(topics.stream_get(thing, name, "json"))
    assert get == ReservedTopic(thing, Api.STREAM_GET, stream_id=name, fmt="json")
