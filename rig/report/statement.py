"""`statement.dsse.json`: the signed in-toto test-result statement of a run.

Subjects are the firmware images that the traces name and every file of the report. Whoever has
the public key can tell later that none of them was changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rig.case import CaseOutcome, CaseResult
from rig.judge import Outcome
from rig.report.dsse import seal
from rig.report.verdict import RunResult, RunVerdict
from rig.signing import SigningKey
from rig.trace import Trace, read_trace

FILE_NAME = "statement.dsse.json"
KEY_NAME = "statement.pub.pem"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
FIRMWARE = "firmware/"
"""How the names of subjects begin that are images; all others are files of the report."""
REPORT_FILES = ("report.html", "junit.xml", "conformance.json", "console.log")

# A policy that only looks for FAILED must not let through what certifies nothing.
RESULTS = {RunVerdict.CONFORMANT: "PASSED", RunVerdict.WAIVED: "WARNED"}
FAILED = "FAILED"


def statement(result: RunResult, document: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """The statement on the report in `directory`, of which `document` is conformance.json.

    Raises `OSError` for a file of the report that cannot be read, `TraceError` for a trace.
    """
    files = [directory / name for name in REPORT_FILES]
    files += [case.trace for case in result.cases if case.trace is not None]
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            *({"name": name, "digest": {"sha256": sha256}} for name, sha256 in firmware(result)),
            *(
                {
                    "name": file.relative_to(directory).as_posix(),
                    "digest": {"sha256": sha256_of(file)},
                }
                for file in files
            ),
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": RESULTS.get(result.verdict, FAILED),
            "configuration": [
                {
                    "name": "otarig",
                    "digest": {"sha256": document["suite"]["digest"].removeprefix("sha256:")},
                    "annotations": {
                        "version": document["suite"]["version"],
                        "profile": result.profile.value,
                        "verdict": result.verdict.value,
                        "strict": result.strict,
                        "board": document["device"].get("board"),
                        "started": document["provenance"].get("started"),
                    },
                }
            ],
            "passedTests": _names(result, CaseOutcome.PASSED, warned=False),
            "warnedTests": _names(result, CaseOutcome.PASSED, warned=True),
            "failedTests": _names(result, CaseOutcome.FAILED) + _names(result, CaseOutcome.ERROR),
        },
    }


def write_statement(content: Mapping[str, Any], key: SigningKey, directory: Path) -> None:
    """Sign the statement and write it, and beside it the public key that proves it."""
    payload = json.dumps(content, separators=(",", ":")).encode()
    envelope = json.dumps(seal(PAYLOAD_TYPE, payload, key), indent=1)
    (directory / FILE_NAME).write_text(envelope + "\n", encoding="utf-8")
    (directory / KEY_NAME).write_bytes(key.public_pem)


def firmware(result: RunResult) -> list[tuple[str, str]]:
    """Name and SHA-256 of every image that the cases' traces name: flashed and offered."""
    return [
        (f"{FIRMWARE}{case.name}/{name}", sha256)
        for case in result.cases
        if case.trace is not None
        for name, sha256 in dict(_images(read_trace(case.trace))).items()
    ]


def _images(trace: Trace) -> Iterable[tuple[str, str]]:
    for event in trace.events:
        if event.channel == "probe" and event.kind == "FLASH":
            sha256 = event.data.get("sha256")
            place = event.data.get("slot") or event.data.get("file")
            if place is None:
                continue
            name = f"flashed-{place}-{str(sha256)[:12]}"
        elif event.kind == "JOB_CREATED" and isinstance(event.data.get("image"), dict):
            name, sha256 = str(event.data.get("job_id")), event.data["image"].get("sha256")
        else:
            continue
        if isinstance(sha256, str):
            yield name, sha256


def sha256_of(file: Path) -> str:
    """The digest of a file in hex; raises `OSError`."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _names(result: RunResult, outcome: CaseOutcome, *, warned: bool | None = None) -> list[str]:
    return [
        case.name
        for case in result.cases
        if case.outcome is outcome and (warned is None or warned is _breaks_a_rule(case, result))
    ]


def _breaks_a_rule(case: CaseResult, result: RunResult) -> bool:
    """Whether a binding rule is broken in a case that passed all the same: by a waiver."""
    return any(
        verdict.outcome is Outcome.VIOLATED
        and result.requirements[verdict.requirement].requirement.level in result.binding
        for verdict in case.verdicts.values()
    )
