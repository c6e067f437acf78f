"""Any microcontroller that pyOCD knows, by any probe that it knows; the virtual board is one."""

from __future__ import annotations

from targets.chip_driver import ChipDriver, ChipSession
from targets.probe_session import ProbeSession


class PyocdDriver(ChipDriver):
    """One device behind a debug probe."""

    def _open_session(self) -> ChipSession:
        return ProbeSession(self.name, self._board.pyocd, self._root)
