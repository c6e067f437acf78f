"""Reference images: header and body."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.image import (
    HEADER_SIZE,
    Behaviour,
    ImageError,
    ImageHeader,
    build_image,
    read_header,
)
from agent.protocol.version import Version

MARKER = bytes(range(16))
VERSION = Version(1, 2, 3)


def patched(offset: int, content: bytes) -> bytes:
    image = bytearray(build_image(VERSION, 100, marker=MARKER))
    image[offset : offset + len(content)] = content
    return bytes(image)


def test_the_layout_of_the_header() -> None:
    image = build_image(VERSION, 100, behaviour=Behaviour.CRASH, product="lamp", marker=MARKER)
    assert image[:64].hex() == (
        "4f54494d" + "0100" + "4000" + "03000201" + "64000000" + "03" + "000000"
        + b"lamp".hex() + "00" * 12 + MARKER.hex() + "00" * 12
    )  # fmt: skip
    assert len(image) == 100


@given(
    st.integers(HEADER_SIZE, 5000),
    st.sampled_from(Behaviour),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=16),
    st.binary(min_size=16, max_size=16),
    st.integers(),
)
def test_what_is_built_is_read(
    size: int, behaviour: Behaviour, product: str, marker: bytes, seed: int
) -> None:
    image = build_image(VERSION, size, behaviour, product, marker, seed)
    assert len(image) == size
    assert read_header(image) == ImageHeader(VERSION, size, behaviour, product, marker)
    assert read_header(image[:HEADER_SIZE]) == read_header(image)


def test_the_body_comes_from_the_seed() -> None:
    one, same, other = (build_image(VERSION, 4096, body_seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one[:HEADER_SIZE] == other[:HEADER_SIZE]
    assert one[HEADER_SIZE:] != other[HEADER_SIZE:]
    assert len(set(one[HEADER_SIZE:])) > 200


BROKEN = {
    "no bytes": (b"", "too few"),
    "63 bytes": (build_image(VERSION, 64)[:63], "too few"),
    "magic": (patched(0, b"ELF!"), "begins with"),
    "format": (patched(4, b"\x02"), "format 2"),
    "header size": (patched(6, b"\x80"), "128 bytes"),
    "image size": (patched(12, b"\x3f\0\0\0"), "63 bytes"),
    "behaviour": (patched(16, b"\x05"), "behaviour 5"),
    "product beyond ASCII": (patched(20, b"\xe4"), "product"),
    "product with a control character": (patched(20, b"a\nb"), "product"),
    "product with a gap": (patched(20, b"a\0b"), "product"),
}


@pytest.mark.parametrize(("data", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_bytes_that_are_no_image(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        read_header(data)


@given(st.binary(max_size=80), st.booleans())
def test_no_bytes_raise_anything_else(data: bytes, with_magic: bool) -> None:
    data = b"OTIM\1\0\x40\0" + data if with_magic else data
    try:
        header = read_header(data)
    except ImageError:
        return
    assert header.image_size >= HEADER_SIZE


@pytest.mark.parametrize(
    ("size", "product", "marker"),
    [
        (63, "p", MARKER),
        (1 << 32, "p", MARKER),
        (64, "p" * 17, MARKER),
        (64, "ä", MARKER),
        (64, "a\n", MARKER),
        (64, "p", b"short"),
    ],
)
def test_images_that_cannot_be_built(size: int, product: str, marker: bytes) -> None:
    with pytest.raises(ImageError):
        build_image(VERSION, size, product=product, marker=marker)
