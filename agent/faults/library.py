"""The AWS library's own ways, release by release (OTA spec §12.2, §12.5).

They are what devices in the field run. What a release does otherwise than this agent and is
tolerated is in its row too: the suite must complain of the defects it was given, and of nothing
else.
"""

from __future__ import annotations

import json
import re

from agent.faults.http import counts_answers
from agent.faults.jobs import deaf_after_refusal, inherit
from agent.faults.news import leaks_news
from agent.faults.seams import (
    JOB_REQUEST,
    Apply,
    Fault,
    Parts,
    Send,
    fault,
    is_status,
    on_publish,
    settings,
    status_says,
    together,
    without_status,
)
from agent.protocol.job_document import SIGNATURE_KEY

BY_MQTT = "accept-newer-version-by-mqtt"
EMPTY, UNSUPPORTED = "job-document-empty-file", "job-document-unsupported-protocol"
OVERSIZE = "job-document-oversize-file"
INHERITS = "job-document-inherits-nothing-file-type"
UINT32 = 0xFFFFFFFF


def _token(digits: slice, *, first_is_empty: bool) -> Apply:
    """The counter of the client token: which of its digits are sent."""

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        if topic.endswith(JOB_REQUEST):
            number, _, thing = json.loads(payload)["clientToken"].partition(":")
            shown = "" if first_is_empty and number == "0" else number[digits]
            payload = json.dumps({"clientToken": f"{shown}:{thing}"}).encode()
        return send(topic, payload, qos)

    return on_publish(publish)


def _zero_is_empty(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    """A version component that is 0 is printed as nothing."""

    def version(match: re.Match[bytes]) -> bytes:
        return b"v" + re.sub(rb"\b0\b", b"", match[1])

    if is_status(topic):
        payload = re.sub(rb"v(\d+\.\d+\.\d+)", version, payload)
    return send(topic, payload, qos)


def _forgets_updater(parts: Parts) -> None:
    """The version that updated is not in the final status."""
    status_says(rb',"updatedBy":"  v[^"]*"', b"", b'"SUCCEEDED"')(parts)


LAST_DIGIT_LOST = _token(slice(0, -1), first_is_empty=False)
FIRST_EMPTY = _token(slice(None), first_is_empty=True)
NO_FIRST_PROGRESS = without_status(b'"receive":"1/')
OLD_REASONS = together(
    status_says(b"0x000000e0: 0x00000000", b"0xe0000000: 0xfffffff9"),
    status_says(b"0x000000e3: 0x00([0-9a-f]{6})", rb"0xe3\1: 0xfffffffe"),
)
ANY_SIZE = settings(max_file_size=UINT32)
"""A file that is too large is left to the platform to refuse."""
DEFECTS = together(
    without_status(b"0x0000000c: 0x00000003"),
    deaf_after_refusal,
    inherit("fileType"),
    inherit(SIGNATURE_KEY),
    leaks_news,
    counts_answers,
)
"""What all releases have in common: silent on empty files, stuck after unsupported protocols,
optional fields of the job before, a buffer lost for each piece of news, answers counted."""

FAULTS: dict[str, Fault] = {
    "library-3.0.0": fault(
        "is the AWS library 3.0.0",
        "DAT-035 TST-005 JOB-017 JOB-024",
        f"{BY_MQTT} {EMPTY}",
        together(DEFECTS, NO_FIRST_PROGRESS, OLD_REASONS, ANY_SIZE, FIRST_EMPTY),
        on_publish(_zero_is_empty),
        _forgets_updater,
        status_says(rb'"receive":"(\d+)/\d+"', rb'"receive":"\1/\1"'),
        status_frequency=8,
    ),
    "library-3.1.0": fault(
        "is the AWS library 3.1.0",
        "DAT-034 JOB-017 JOB-024",
        f"{BY_MQTT} {EMPTY}",
        together(DEFECTS, NO_FIRST_PROGRESS, OLD_REASONS, ANY_SIZE, FIRST_EMPTY),
        on_publish(_zero_is_empty),
    ),
    "library-3.2.0": fault(
        "is the AWS library 3.2.0",
        "DAT-034 JOB-017 JOB-024",
        f"{BY_MQTT} {UNSUPPORTED}",
        together(DEFECTS, NO_FIRST_PROGRESS, OLD_REASONS, ANY_SIZE, FIRST_EMPTY),
        on_publish(_zero_is_empty),
    ),
    "library-3.3.0": fault(
        "is the AWS library 3.3.0",
        "DAT-034 JOB-017 JOB-024",
        f"{BY_MQTT} {EMPTY}",
        together(DEFECTS, NO_FIRST_PROGRESS, ANY_SIZE, FIRST_EMPTY),
        on_publish(_zero_is_empty),
    ),
    "library-3.4.0": fault(
        "is the AWS library 3.4.0",
        "JOB-017 JOB-024 JOB-030",
        f"{BY_MQTT} {EMPTY} {INHERITS}",
        together(DEFECTS, ANY_SIZE, FIRST_EMPTY),
        on_publish(_zero_is_empty),
    ),
    "library-head": fault(
        "is the AWS library as it was left",
        "JOB-017 JOB-019 JOB-024 JOB-030",
        f"{BY_MQTT} {EMPTY} {OVERSIZE}",
        together(DEFECTS, LAST_DIGIT_LOST),
        without_status(b"0x0000000c: 0x00000005"),
    ),
}
