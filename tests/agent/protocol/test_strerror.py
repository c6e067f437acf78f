"""Numbers and names of all codes, against OTA spec §3."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import pytest

from agent.protocol.codes import (
    JOB_REASON_WORDS,
    JOB_STATUS_WORDS,
    Base64Status,
    DocParseErr,
    HttpStatus,
    ImageState,
    IngestResult,
    JobEvent,
    JobParseErr,
    JobReason,
    JobStatus,
    MqttStatus,
    OsStatus,
    OtaErr,
    PalImageState,
    PalMainStatus,
)
from agent.protocol.pal_status import PalStatus
from agent.protocol.strerror import (
    http_status_text,
    job_parse_text,
    mqtt_status_text,
    os_status_text,
    ota_err_text,
    pal_status_text,
)

OTA_ERR = """
0 OtaErrNone, 1 OtaErrUninitialized, 2 OtaErrPanic, 3 OtaErrInvalidArg, 4 OtaErrAgentStopped,
5 OtaErrSignalEventFailed, 6 OtaErrRequestJobFailed, 7 OtaErrInitFileTransferFailed,
8 OtaErrRequestFileBlockFailed, 9 OtaErrCleanupControlFailed, 10 OtaErrCleanupDataFailed,
11 OtaErrUpdateJobStatusFailed, 12 OtaErrJobParserError, 13 OtaErrInvalidDataProtocol,
14 OtaErrMomentumAbort, 15 OtaErrDowngradeNotAllowed, 16 OtaErrSameFirmwareVersion,
17 OtaErrImageStateMismatch, 18 OtaErrNoActiveJob, 19 OtaErrUserAbort,
20 OtaErrFailedToEncodeCbor, 21 OtaErrFailedToDecodeCbor, 22 OtaErrActivateFailed,
23 InvalidErrorCode, 24 InvalidErrorCode
"""
JOB_PARSE = """
-1 OtaJobParseErrUnknown, 0 OtaJobParseErrNone, 1 OtaJobParseErrNullJob,
2 OtaJobParseErrUpdateCurrentJob, 3 OtaJobParseErrZeroFileSize,
4 OtaJobParseErrNonConformingJobDoc, 5 OtaJobParseErrBadModelInitParams,
6 OtaJobParseErrNoContextAvailable, 7 OtaJobParseErrNoActiveJobs
"""
PAL = """
0x00 OtaPalSuccess, 0xe0 OtaPalUninitialized, 0xe1 OtaPalOutOfMemory, 0xe2 OtaPalNullFileContext,
0xe3 OtaPalSignatureCheckFailed, 0xe4 OtaPalRxFileCreateFailed, 0xe5 OtaPalRxFileTooLarge,
0xe6 OtaPalBootInfoCreateFailed, 0xe7 OtaPalBadSignerCert, 0xe8 OtaPalBadImageState,
0xe9 OtaPalAbortFailed, 0xea OtaPalRejectFailed, 0xeb OtaPalCommitFailed,
0xec OtaPalActivateFailed, 0xed OtaPalFileAbort, 0xee OtaPalFileClose
"""
OS = """
0 OtaOsSuccess, 0x80 OtaOsEventQueueCreateFailed, 0x81 OtaOsEventQueueSendFailed,
0x82 OtaOsEventQueueReceiveFailed, 0x83 OtaOsEventQueueDeleteFailed, 0x84 OtaOsTimerCreateFailed,
0x85 OtaOsTimerStartFailed, 0x86 OtaOsTimerRestartFailed, 0x87 OtaOsTimerStopFailed,
0x88 OtaOsTimerDeleteFailed
"""
MQTT = """
0 OtaMqttSuccess, 0xa0 OtaMqttPublishFailed, 0xa1 OtaMqttSubscribeFailed,
0xa2 OtaMqttUnsubscribeFailed
"""
HTTP = (
    "0 OtaHttpSuccess, 0xc0 OtaHttpInitFailed, 0xc1 OtaHttpDeinitFailed, 0xc2 OtaHttpRequestFailed"
)

TEXTS: list[tuple[str, type[IntEnum], Callable[[int], str]]] = [
    (OTA_ERR, OtaErr, ota_err_text),
    (JOB_PARSE, JobParseErr, job_parse_text),
    (PAL, PalMainStatus, pal_status_text),
    (OS, OsStatus, os_status_text),
    (MQTT, MqttStatus, mqtt_status_text),
    (HTTP, HttpStatus, http_status_text),
]


@pytest.mark.parametrize(("table", "codes", "text_of"), TEXTS, ids=[t[1].__name__ for t in TEXTS])
def test_names_of_codes(table: str, codes: type[IntEnum], text_of: Callable[[int], str]) -> None:
    entries = dict(entry.split() for entry in table.replace("\n", " ").split(","))
    expected = {int(number, 0): name for number, name in entries.items()}
    assert {code.value: text_of(code) for code in codes} == expected


@pytest.mark.parametrize(("codes", "text_of"), [t[1:] for t in TEXTS], ids=lambda value: "")
def test_any_other_number_has_no_name(codes: type[IntEnum], text_of: Callable[[int], str]) -> None:
    unknown = set(range(-300, 300)) - {code.value for code in codes}
    assert {text_of(number) for number in unknown} == {"InvalidErrorCode"}


NUMBERS: dict[type[IntEnum], list[int]] = {
    ImageState: [0, 1, 2, 3, 4],
    PalImageState: [0, 1, 2, 3],
    JobStatus: [0, 1, 2, 3, 4],
    JobReason: [0, 1, 2, 3, 4, 5],
    JobEvent: [0, 1, 2, 3, 4, 5, 6, 7, 8],
    IngestResult: [0, 1, -1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -127],
    DocParseErr: [-1, *range(17)],
    Base64Status: [*range(8)],
}


@pytest.mark.parametrize("codes", NUMBERS, ids=lambda codes: str(codes.__name__))
def test_numbers_of_codes(codes: type[IntEnum]) -> None:
    assert [code.value for code in codes] == NUMBERS[codes]


def test_words_on_the_wire() -> None:
    words = [JOB_STATUS_WORDS[status] for status in JobStatus]
    assert words == ["IN_PROGRESS", "FAILED", "SUCCEEDED", "REJECTED", "FAILED"]
    reasons = [JOB_REASON_WORDS[reason] for reason in JobReason]
    assert reasons == ["", "ready", "active", "accepted", "rejected", "aborted"]


def test_platform_status_is_main_and_sub() -> None:
    status = PalStatus(PalMainStatus.RX_FILE_CREATE_FAILED, 5)
    assert status.value == 0xE4000005
    assert PalStatus.of(0xE4000005) == status
    assert PalStatus.of(0) == PalStatus(PalMainStatus.SUCCESS)


@pytest.mark.parametrize("value", [0x01000000, 0xEF000000, 1 << 32, -1])
def test_platform_status_of_an_unknown_kind(value: int) -> None:
    with pytest.raises(ValueError, match="not a valid PalMainStatus"):
        PalStatus.of(value)


@pytest.mark.parametrize("sub", [-1, 1 << 24])
def test_platform_sub_status_has_24_bits(sub: int) -> None:
    with pytest.raises(ValueError, match="24 bits"):
        PalStatus(PalMainStatus.FILE_CLOSE, sub)
