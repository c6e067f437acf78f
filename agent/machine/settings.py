"""What is fixed while the agent runs."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from agent.protocol.version import Version

MAX_THING_NAME = 128
"""Characters of a thing name (OTA spec §10)."""
FIRMWARE_FILE_TYPE = 0
"""File type of a firmware image (OTA spec §10)."""
SELF_TEST_FILE_ID = 0
"""Only this file's version is compared in self-test (OTA spec §8.2)."""


class DataProtocol(enum.StrEnum):
    """Ways to fetch a file; the value is the word in the job document."""

    MQTT = "MQTT"
    HTTP = "HTTP"


@dataclass(frozen=True)
class MachineSettings:
    """The configuration of OTA spec §10; times in seconds, sizes in bytes."""

    version: Version
    block_size: int = 4096
    window: int = 1
    request_timer_s: float = 10.0
    self_test_timer_s: float = 16.0
    momentum: int = 32
    status_frequency: int = 64
    max_file_size: int = 4 << 20
    max_document: int = 128 << 10
    data_protocols: tuple[DataProtocol, ...] = (DataProtocol.MQTT,)
    primary: DataProtocol = DataProtocol.MQTT
    allow_downgrade: bool = False
