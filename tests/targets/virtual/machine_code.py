"""Small programs for a Cortex-M0, made by hand: what a chip does is then known to the instruction.

Addresses are absolute: a program is flashed to address 0, its code begins behind the vectors.
"""

from __future__ import annotations

from targets.virtual.memory_map import RAM_SIZE, RAM_START

CODE = 0x40
STACK = RAM_START + RAM_SIZE - 256
COUNTER = RAM_START + 0x800
RTT_BLOCK = RAM_START
RTT_TEXT = RAM_START + 0x400


def program(code: bytes, *, hard_fault: int = CODE) -> bytes:
    """Vector table and code; `hard_fault` is the address of that handler."""
    vectors = [STACK, CODE | 1, CODE | 1, hard_fault | 1, *[CODE | 1] * 12]
    return b"".join(word.to_bytes(4, "little") for word in vectors) + code


def halfwords(*codes: int) -> bytes:
    return b"".join(code.to_bytes(2, "little") for code in codes)


COUNTING = program(
    halfwords(
        0x4902,  # ldr r1, [pc, #8]   address of the counter
        0x2000,  # movs r0, #0
        0x6008,  # loop: str r0, [r1]
        0x3001,  # adds r0, #1
        0xE7FC,  # b loop
        0xBF00,  # nop
    )
    + COUNTER.to_bytes(4, "little")
)
"""Counts in RAM for ever, from 0."""
COUNTING_STORE = CODE + 4
COUNTING_ADD = CODE + 6

DOUBLE_FAULT = program(halfwords(0xDE00))
"""An undefined instruction, with itself as the handler of hard faults: the core locks up."""

FAULT_AND_GO_ON = program(halfwords(0xDE00) + COUNTING[CODE:], hard_fault=CODE + 2 + 2)


def saying(text: bytes) -> bytes:
    """Copies an RTT control block whose up buffer holds `text` into RAM, then loops."""
    block = b"SEGGER RTT".ljust(16, b"\0")
    block += (1).to_bytes(4, "little") + (1).to_bytes(4, "little")
    up = [0, RTT_TEXT, 512, len(text), 0, 0]
    down = [0, RTT_TEXT + 512, 64, 0, 0, 0]
    block += b"".join(word.to_bytes(4, "little") for word in up + down)
    content = block.ljust(RTT_TEXT - RTT_BLOCK, b"\0") + text
    content += b"\0" * (-len(content) % 4)
    source = CODE + 0x20
    code = halfwords(
        0x4803,  # ldr r0, source
        0x4904,  # ldr r1, RAM
        0x4A04,  # ldr r2, end of source
        0xC808,  # loop: ldm r0!, {r3}
        0xC108,  # stm r1!, {r3}
        0x4290,  # cmp r0, r2
        0xD1FB,  # bne loop
        0xE7FE,  # b .
    )
    words = [source, RTT_BLOCK, source + len(content)]
    code += b"".join(word.to_bytes(4, "little") for word in words)
    return program(code.ljust(0x20, b"\0") + content)
