"""Topic filters, by the examples of MQTT 3.1.1 §4.7."""

from __future__ import annotations

import pytest

from rig.gateway.codec.topic_names import is_topic_filter, is_topic_name, matches

FILTERS = {
    "#": True,
    "sport/tennis/#": True,
    "sport/tennis#": False,
    "sport/tennis/#/ranking": False,
    "+": True,
    "+/tennis/#": True,
    "sport+": False,
    "sport/+/player1": True,
    "/": True,
    "//+": True,
    "": False,
}

# topic, filter, match
MATCHES = [
    ("sport/tennis/player1", "sport/tennis/player1/#", True),
    ("sport/tennis/player1/ranking", "sport/tennis/player1/#", True),
    ("sport", "sport/#", True),
    ("sport/tennis/player1", "sport/tennis/+", True),
    ("sport/tennis/player1/ranking", "sport/tennis/+", False),
    ("sport", "sport/+", False),
    ("sport/", "sport/+", True),
    ("/finance", "+/+", True),
    ("/finance", "/+", True),
    ("/finance", "+", False),
    ("$SYS/monitor/Clients", "#", False),
    ("$SYS/monitor/Clients", "+/monitor/Clients", False),
    ("$SYS/monitor/Clients", "$SYS/#", True),
    ("$SYS/monitor/Clients", "$SYS/monitor/+", True),
    ("a/b", "a", False),
    ("a", "a/b", False),
    ("A", "a", False),
]


@pytest.mark.parametrize("topic_filter", FILTERS)
def test_filters(topic_filter: str) -> None:
    assert is_topic_filter(topic_filter) is FILTERS[topic_filter]


@pytest.mark.parametrize(("topic", "topic_filter", "match"), MATCHES)
def test_matches(topic: str, topic_filter: str, match: bool) -> None:
    assert matches(topic, topic_filter) is match


def test_topic_names() -> None:
    assert [is_topic_name(name) for name in ("a/b", "/", "", "a/+", "#")] == [
        True,
        True,
        False,
        False,
        False,
    ]
