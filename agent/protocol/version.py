"""Firmware versions (OTA spec §3): major, minor and build, packed into 32 bits."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TEXT = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,5})")
_MAX_BYTE = 0xFF
_MAX_BUILD = 0xFFFF
_MAX_PACKED = 0xFFFF_FFFF


@dataclass(frozen=True, order=True)
class Version:
    """A version; major and minor have 8 bits, build has 16. Ordered like :attr:`packed`.

    Raises ``ValueError`` for a component that does not fit.
    """

    major: int
    minor: int
    build: int

    def __post_init__(self) -> None:
        if not (0 <= self.major <= _MAX_BYTE and 0 <= self.minor <= _MAX_BYTE):
            raise ValueError(f"version {self}: major and minor are 0 to {_MAX_BYTE}")
        if not 0 <= self.build <= _MAX_BUILD:
            raise ValueError(f"version {self}: the build is 0 to {_MAX_BUILD}")

    @property
    def packed(self) -> int:
        """``major << 24 | minor << 16 | build``; 1.0.1 is 0x01000001."""
        return self.major << 24 | self.minor << 16 | self.build

    @classmethod
    def unpack(cls, packed: int) -> Version:
        """The version with this packed value. Raises ``ValueError`` beyond 32 bits."""
        if not 0 <= packed <= _MAX_PACKED:
            raise ValueError(f"packed version {packed:#x} does not fit into 32 bits")
        return cls(packed >> 24, packed >> 16 & _MAX_BYTE, packed & _MAX_BUILD)

    @classmethod
    def parse(cls, text: str) -> Version:
        """The version written ``major.minor.build`` in decimal. Raises ``ValueError``."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError(f"version {text!r} is not written major.minor.build, like 1.0.1")
        major, minor, build = map(int, found.groups())
        return cls(major, minor, build)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.build}"
