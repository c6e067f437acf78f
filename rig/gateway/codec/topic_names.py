"""Topic names and topic filters (MQTT 3.1.1 §4.7)."""

from __future__ import annotations


def is_topic_name(topic: str) -> bool:
    """Whether this may be published to: not empty, no wildcards."""
    return bool(topic) and "+" not in topic and "#" not in topic


def is_topic_filter(topic_filter: str) -> bool:
    """Whether this may be subscribed to: wildcards fill whole levels, `#` the last (§4.7.1)."""
    if not topic_filter:
        return False
    *earlier, last = topic_filter.split("/")
    if last not in ("+", "#") and not is_topic_name(last or "-"):
        return False
    return all(level == "+" or is_topic_name(level or "-") for level in earlier)


def matches(topic: str, topic_filter: str) -> bool:
    """Whether the filter takes the topic in; no leading wildcard takes in `$…` (§4.7.2)."""
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False
    names, wanted = topic.split("/"), topic_filter.split("/")
    if wanted[-1] == "#":
        wanted.pop()
        if len(names) < len(wanted):
            return False
        names = names[: len(wanted)]
    return len(names) == len(wanted) and all(
        level in ("+", name) for name, level in zip(names, wanted, strict=True)
    )
