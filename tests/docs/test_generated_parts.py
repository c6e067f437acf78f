"""What the documents show of the code is what the code says now."""

from __future__ import annotations

from docs.generate import PARTS, ROOT, arrows, generated, stale


def test_no_document_is_stale() -> None:
    assert stale() == [], "run `python -m docs.generate`"


def test_every_part_stands_in_some_document() -> None:
    everything = "".join(path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md"))
    assert all(f"<!-- begin {name} -->" in everything for name in PARTS)


def test_a_part_is_made_anew() -> None:
    text = "a\n<!-- begin rooms -->\nold\n<!-- end rooms -->\nb"
    made = generated(text)
    assert "old" not in made
    assert '["agent.protocol"]' in made
    assert made.startswith("a\n")
    assert made.endswith("\nb")


def test_imports_point_one_way() -> None:
    """No room imports, over however many others, a room that imports it."""
    reached = arrows()
    rooms = {room for pair in reached for room in pair}
    for middle in rooms:
        for one in rooms:
            for other in rooms:
                if (one, middle) in reached and (middle, other) in reached:
                    reached.add((one, other))
    assert [room for room in rooms if (room, room) in reached] == []


def test_the_agent_stands_alone() -> None:
    assert {other for one, other in arrows() if one == "agent"} == {"agent.protocol"}
    assert {other for one, other in arrows() if one == "agent.protocol"} == set()
