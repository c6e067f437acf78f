"""The memory of the nRF51822, as QEMU's machine `microbit` has it."""

from __future__ import annotations

FLASH_SIZE = 256 * 1024
FLASH_START = 0x0000_0000
RAM_START = 0x2000_0000
RAM_SIZE = 16 * 1024
ERASED = 0xFF

VECTOR_RESET = 0x04
VECTOR_HARD_FAULT = 0x0C

PRIVATE_BUS = range(0xE000_0000, 0xE010_0000)
"""Where an ARMv6-M core has its own registers."""


def in_flash(address: int) -> bool:
    return FLASH_START <= address < FLASH_START + FLASH_SIZE


def in_ram(address: int) -> bool:
    return RAM_START <= address < RAM_START + RAM_SIZE
