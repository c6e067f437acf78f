"""The library's names of its codes: its ``strerror`` functions (OTA spec §1.1, §3)."""

from __future__ import annotations

from enum import IntEnum

from agent.protocol.codes import (
    HttpStatus,
    JobParseErr,
    MqttStatus,
    OsStatus,
    OtaErr,
    PalMainStatus,
)

INVALID_CODE = "InvalidErrorCode"
"""The text of every number that has none."""


def _names(prefix: str, codes: type[IntEnum]) -> dict[int, str]:
    """The library's enumerators: ``NO_ACTIVE_JOB`` is ``<prefix>NoActiveJob``."""
    return {
        code.value: prefix + "".join(word.capitalize() for word in code.name.split("_"))
        for code in codes
    }


_OTA_ERR = _names("OtaErr", OtaErr)
for _nameless in (OtaErr.FILE_SIZE_OVERFLOW, OtaErr.EMPTY_JOB_DOCUMENT):
    # The library forgot these two; who compares texts with it must see the same.
    del _OTA_ERR[_nameless]
_JOB_PARSE = _names("OtaJobParseErr", JobParseErr)
_PAL = _names("OtaPal", PalMainStatus)
_OS = _names("OtaOs", OsStatus)
_MQTT = _names("OtaMqtt", MqttStatus)
_HTTP = _names("OtaHttp", HttpStatus)


def ota_err_text(code: int) -> str:
    """The name of an ``OtaErr``, e.g. ``OtaErrNoActiveJob``."""
    return _OTA_ERR.get(code, INVALID_CODE)


def job_parse_text(code: int) -> str:
    """The name of a ``JobParseErr``, e.g. ``OtaJobParseErrZeroFileSize``."""
    return _JOB_PARSE.get(code, INVALID_CODE)


def pal_status_text(main: int) -> str:
    """The name of a platform's *main* status (the upper byte, shifted down)."""
    return _PAL.get(main, INVALID_CODE)


def os_status_text(code: int) -> str:
    """The name of an ``OsStatus``, e.g. ``OtaOsTimerStartFailed``."""
    return _OS.get(code, INVALID_CODE)


def mqtt_status_text(code: int) -> str:
    """The name of an ``MqttStatus``, e.g. ``OtaMqttPublishFailed``."""
    return _MQTT.get(code, INVALID_CODE)


def http_status_text(code: int) -> str:
    """The name of an ``HttpStatus``, e.g. ``OtaHttpInitFailed``."""
    return _HTTP.get(code, INVALID_CODE)
