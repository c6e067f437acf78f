"""Number texts and base64 of job documents (OTA spec §4.2)."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.protocol.base64_text import Base64Error, decode
from agent.protocol.codes import Base64Status
from agent.protocol.numbers import NumberTextError, parse_number_text

NUMBERS = {
    "1024": 1024,
    "010": 8,
    "0x10": 16,
    "0XfF": 255,
    "0": 0,
    "00": 0,
    "": 0,
    "-1": 0xFFFFFFFF,
    "-0x10": 0xFFFFFFF0,
    "+7": 7,
    " \t\n7": 7,
    " -0": 0,
    "4294967295": 0xFFFFFFFF,
    "0xffffffff": 0xFFFFFFFF,
    "-4294967295": 1,
    "0x" + "0" * 5000 + "1": 1,
}
NO_NUMBERS = [
    " ",
    "-",
    "+-1",
    "1024.5",
    "1e3",
    "NaN",
    "true",
    "null",
    "0x",
    "0xg",
    "08",
    "12 ",
    "1 2",
    "1_000",
    "0b1",
    "0o7",
    "١",
    "4294967296",
    "-4294967296",
    "0x100000000",
    "9" * 100_000,
]


@pytest.mark.parametrize(("text", "value"), NUMBERS.items(), ids=lambda value: str(value)[:20])
def test_number_texts(text: str, value: int) -> None:
    assert parse_number_text(text) == value


@pytest.mark.parametrize("text", NO_NUMBERS, ids=lambda text: text[:20])
def test_texts_that_are_no_number(text: str) -> None:
    with pytest.raises(NumberTextError):
        parse_number_text(text)


@given(st.integers(0, 0xFFFFFFFF), st.sampled_from(["{}", "0x{:x}", "0{:o}", " +{}"]))
def test_every_number_in_every_notation(value: int, notation: str) -> None:
    assert parse_number_text(notation.format(value)) == value


@given(st.text(max_size=12) | st.from_regex(r"[ +-]{0,2}0?[xX]?[0-9a-f]{0,12}", fullmatch=True))
@example("0" * 4400)
def test_a_number_has_32_bits_or_there_is_none(text: str) -> None:
    try:
        value = parse_number_text(text)
    except NumberTextError:
        return
    assert 0 <= value <= 0xFFFFFFFF


GOOD_BASE64 = {
    "": "",
    "TQ==": "4d",
    "TQ": "4d",
    "TQ=": "4d",
    "TWE=": "4d61",
    "TWE": "4d61",
    "TWFu": "4d616e",
    "+/+/": "fbffbf",
    "T\r\nQ\n=\r=\n": "4d",
    "TQ==  ": "4d",
    "TQ  ": "4d",
    "TQ== \n ": "4d",
}
BAD_BASE64 = {
    "!!!!": Base64Status.INVALID_SYMBOL,
    "TW-_": Base64Status.INVALID_SYMBOL,
    "TQ==!": Base64Status.INVALID_SYMBOL,
    "TWFü": Base64Status.INVALID_SYMBOL,
    "TQ\t": Base64Status.INVALID_SYMBOL,
    r"TW\/u": Base64Status.INVALID_SYMBOL,
    "TQ==TQ==": Base64Status.INVALID_SYMBOL_ORDERING,
    "TQ Q": Base64Status.INVALID_SYMBOL_ORDERING,
    "TQ =": Base64Status.INVALID_SYMBOL_ORDERING,
    " TQ==": Base64Status.INVALID_SYMBOL_ORDERING,
    "T": Base64Status.INVALID_INPUT_SIZE,
    "TWFuT": Base64Status.INVALID_INPUT_SIZE,
    "TR==": Base64Status.NON_ZERO_PADDING,
    "TWF": Base64Status.NON_ZERO_PADDING,
    "TQ===": Base64Status.INVALID_PADDING_SYMBOL,
}


@pytest.mark.parametrize(("text", "content"), GOOD_BASE64.items())
def test_base64(text: str, content: str) -> None:
    assert decode(text).hex() == content


@pytest.mark.parametrize(("text", "expected"), BAD_BASE64.items())
def test_texts_that_are_not_base64(text: str, expected: Base64Status) -> None:
    with pytest.raises(Base64Error) as raised:
        decode(text)
    assert raised.value.status is expected


@pytest.mark.parametrize("size", [381, 382, 383, 384])
def test_as_much_as_there_is_room_for(size: int) -> None:
    text = base64.b64encode(bytes(size)).decode()
    assert len(decode(text, 384)) == size
    with pytest.raises(Base64Error) as raised:
        decode(text, size - 1)
    assert raised.value.status is Base64Status.INVALID_BUFFER_SIZE


@given(st.binary(max_size=400), st.booleans(), st.integers(0, 3), st.integers(1, 76))
def test_every_content_in_every_dress(content: bytes, padded: bool, blanks: int, line: int) -> None:
    text = base64.b64encode(content).decode()
    text = text if padded else text.rstrip("=")
    assert decode("\r\n".join(re.findall(f".{{1,{line}}}", text)) + " " * blanks) == content


@given(st.text(alphabet="ABCDEf0189+/=-_ \r\n!", max_size=12))
def test_what_is_taken_is_encoded_the_same(text: str) -> None:
    try:
        content = decode(text)
    except Base64Error:
        return
    symbols = re.sub(r"[=\s]", "", text)
    assert base64.b64encode(content).decode().rstrip("=") == symbols
