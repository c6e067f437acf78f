"""Looking for keys in JSON text, against the standard library's parser and on broken text."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.json_scan import MAX_DEPTH, is_json, members, raw
from agent.protocol.json_text import JsonError, read_object

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False).filter(math.isfinite),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
dresses = st.sampled_from(
    [
        lambda value: json.dumps(value),
        lambda value: json.dumps(value, ensure_ascii=False),
        lambda value: json.dumps(value, separators=(",", ":")),
        lambda value: json.dumps(value, indent="\t"),
    ]
)


@given(values, dresses)
def test_what_is_json_is_taken(value: Any, dress: Any) -> None:
    assert is_json(f" \r\n{dress(value)}\t")


@given(st.dictionaries(st.text(), values), dresses)
def test_every_member_is_found(content: dict[str, Any], dress: Any) -> None:
    text = dress(content)
    found = members(text, 0)
    assert {json.loads(f'"{key}"') for key in found} == set(content)
    for key, value in found.items():
        assert json.loads(text[value.start : value.end]) == content[json.loads(f'"{key}"')]


def depth(value: Any) -> int:
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 1 + max(map(depth, value.values()), default=0) if isinstance(value, dict) else 0


@given(st.text(alphabet='{}[]",:\\/ \n0123e.-+truefalsn\x00ä', max_size=30))
def test_what_is_taken_is_json(text: str) -> None:
    try:
        value = json.loads(text, parse_constant=lambda _word: 1 / 0)
    except (ValueError, ZeroDivisionError):
        assert not is_json(text)
    else:
        assert is_json(text) is (depth(value) <= MAX_DEPTH)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting(opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    for levels, expected in ((32, True), (33, False), (50_000, False)):
        assert is_json(opening * levels + "1" + closing * levels) is expected


NOT_JSON = [
    "", " ", "nul", "01", "+1", "1.", ".1", "1e", "'a'", '"\n"', r'"\x"', r'"\u12"', '{"a"1}',
    "{a:1}", '{"a":1,}', "[1,]", "[1 2]", '{"a":1', '"a', "[1]]", "NaN", "\x00", "\ufeff1",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_JSON)
def test_texts_that_are_not_json(text: str) -> None:
    assert not is_json(text)


def test_members_before_the_break_are_found() -> None:
    text = '{"a":1,"b":{"c":[2]},"d":{"e":3,,"f":4}'
    assert list(members(text, 0)) == ["a", "b"]
    inner = text.index('{"e"')
    assert list(members(text, inner)) == ["e"]


def test_the_first_of_equal_keys_counts() -> None:
    text = '{"a":1,"a":2}'
    assert raw(text, members(text, 0)["a"]) == "1"


@pytest.mark.parametrize("text", ["", "[1]", '"{"', "1", "x", "}"])
def test_what_is_no_object_has_no_members(text: str) -> None:
    assert members(text, 0) == {}


def test_raw_values_are_as_written() -> None:
    text = r'{"s": "a\/\"b", "a": [ 1, "x" ], "n": -1.50e+3, "e": ""}'
    found = {key: raw(text, value) for key, value in members(text, 0).items()}
    assert found == {"s": r"a\/\"b", "a": '[ 1, "x" ]', "n": "-1.50e+3", "e": ""}


def test_objects_are_read_with_the_first_of_equal_keys() -> None:
    assert read_object(b'{"a":{"b":1,"b":2},"a":3}') == {"a": {"b": 1}}


@given(st.binary(max_size=50) | values.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_raise_anything_but_a_json_error(payload: bytes) -> None:
    try:
        content = read_object(payload)
    except JsonError:
        return
    assert content == json.loads(payload)
