"""The 32-bit status of a platform call (OTA spec §3)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.protocol.codes import PalMainStatus

_SUB_BITS = 24
_SUB_MASK = (1 << _SUB_BITS) - 1


@dataclass(frozen=True)
class PalStatus:
    """``main`` says what went wrong, ``sub`` (24 bits) is the platform's own detail.

    Raises ``ValueError`` for a ``sub`` of more than 24 bits.
    """

    main: PalMainStatus
    sub: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.sub <= _SUB_MASK:
            raise ValueError(f"platform sub status {self.sub:#x} does not fit into 24 bits")

    @property
    def value(self) -> int:
        """``main << 24 | sub``; 0 is success."""
        return self.main << _SUB_BITS | self.sub

    @classmethod
    def of(cls, value: int) -> PalStatus:
        """The status with this value. Raises ``ValueError`` for an unknown main status."""
        return cls(PalMainStatus(value >> _SUB_BITS), value & _SUB_MASK)
