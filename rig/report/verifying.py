"""Checking a report offline: the signature, every file, and that the verdict follows.

Nothing of the run is needed but its directory, and nothing in there is trusted: a device, or
whoever carried the report, may have written any of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.errors import UsageError
from rig.judge.catalogue import default_catalogue
from rig.report import statement as statements
from rig.report.conformance_json import TRACES, conformance, decide_again, read_conformance
from rig.report.dsse import EnvelopeError, VerificationKey, unseal
from rig.report.statement import FIRMWARE, REPORT_FILES, firmware, sha256_of
from rig.report.verdict import RunResult

MAX_STATEMENT_BYTES = 16 * 1024 * 1024
_TRACE_NAME = re.compile(rf"{TRACES}/[^/\\\0]+\.jsonl")
# What is compared of a requirement; the words of `why` may be put better by a newer suite.
_DECIDED = ("level", "verdict", "caveat", "cases", "in_profile")


class VerificationError(Exception):
    """The report does not prove what it says; the message is one line that says why."""


@dataclass(frozen=True)
class Verified:
    """What a check found good: numbers of files and images, and the verdict it confirms."""

    result: RunResult
    suite_digest: str
    files: int
    images: int


def verify_report(directory: Path, key: VerificationKey) -> Verified:
    """Check the report in a directory. Raises `VerificationError`."""
    content = _statement(directory, key)
    subjects = _subjects(content)
    files = {name: sha for name, sha in subjects.items() if not name.startswith(FIRMWARE)}
    _check_files(directory, files)
    try:
        document = read_conformance(directory)
        result = decide_again(document, directory)
        images = dict(firmware(result))
    except UsageError as error:
        raise VerificationError(str(error)) from None
    traces = {f"{TRACES}/{case.trace.name}" for case in result.cases if case.trace is not None}
    if unproved := traces - set(files):
        raise VerificationError(f"{min(unproved)} is not part of the signed statement")
    _check_verdict(document, result)
    if images != {name: sha for name, sha in subjects.items() if name.startswith(FIRMWARE)}:
        raise VerificationError("the statement names other firmware images than the traces do")
    _check_predicate(content, document, result, directory)
    return Verified(result, str(document["suite"].get("digest")), len(files), len(images))


def _statement(directory: Path, key: VerificationKey) -> dict[str, Any]:
    file = directory / statements.FILE_NAME
    try:
        with file.open("rb") as opened:
            text = opened.read(MAX_STATEMENT_BYTES + 1)
    except OSError as error:
        raise VerificationError(
            f"the signed statement {statements.FILE_NAME} cannot be read: {error.strerror}"
        ) from None
    if len(text) > MAX_STATEMENT_BYTES:
        raise VerificationError(f"{statements.FILE_NAME} is longer than {MAX_STATEMENT_BYTES}")
    envelope = _json_object(text, statements.FILE_NAME)
    try:
        payload = unseal(envelope, statements.PAYLOAD_TYPE, key)
    except EnvelopeError as error:
        raise VerificationError(f"{statements.FILE_NAME}: {error}") from None
    content = _json_object(payload, "the signed statement")
    kind = (content.get("_type"), content.get("predicateType"))
    if kind != (statements.STATEMENT_TYPE, statements.PREDICATE_TYPE):
        raise VerificationError("the signed statement is not an in-toto test result")
    return content


def _json_object(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise VerificationError(f"{what} is not a JSON object")
    return value


def _subjects(content: Mapping[str, Any]) -> dict[str, str]:
    """Name → SHA-256 of all subjects."""
    try:
        pairs = [(entry["name"], entry["digest"]["sha256"]) for entry in content["subject"]]
    except (KeyError, TypeError):
        raise VerificationError("the signed statement has a subject without a digest") from None
    if not all(isinstance(text, str) for pair in pairs for text in pair):
        raise VerificationError("the signed statement has a subject without a digest")
    if len(dict(pairs)) != len(pairs):
        raise VerificationError("the signed statement names a subject twice")
    return dict(pairs)


def _check_files(directory: Path, files: Mapping[str, str]) -> None:
    """Every file is there and as it was signed, and no trace is there besides."""
    for name in REPORT_FILES:
        if name not in files:
            raise VerificationError(f"{name} is not part of the signed statement")
    for name, sha256 in files.items():
        if name not in REPORT_FILES and not _TRACE_NAME.fullmatch(name):
            raise VerificationError(f"the signed statement names {name!r}, no file of a report")
        try:
            found = sha256_of(directory / name)
        except OSError as error:
            raise VerificationError(f"{name} cannot be read: {error.strerror}") from None
        if found != sha256:
            raise VerificationError(
                f"{name} was changed: its SHA-256 is {found[:16]}…, signed was {sha256[:16]}…"
            )
    for file in sorted((directory / TRACES).glob("*")):
        if f"{TRACES}/{file.name}" not in files:
            raise VerificationError(f"{TRACES}/{file.name} is not part of the signed statement")


def _check_verdict(document: Mapping[str, Any], result: RunResult) -> None:
    again = conformance(result, suite={}, device={}, provenance={})
    if document["verdict"] != result.verdict.value:
        reason = f" ({result.reasons[0]})" if result.reasons else ""
        raise VerificationError(
            f"the verdict {document['verdict']!r} does not follow from the traces: "
            f"they give {result.verdict.value!r}{reason}"
        )
    stored = document["requirements"]
    for identifier in default_catalogue().requirements:
        entry, derived = stored.get(identifier, {}), again["requirements"][identifier]
        for name in _DECIDED:
            if entry.get(name) != derived[name]:
                raise VerificationError(
                    f"{identifier} does not follow from the traces: the report says {name} "
                    f"{entry.get(name)!r}, they give {derived[name]!r}"
                )
    if unknown := set(stored) - set(again["requirements"]):
        raise VerificationError(f"the report names {min(unknown)!r}, which is no requirement")


def _check_predicate(
    content: Mapping[str, Any], document: Mapping[str, Any], result: RunResult, directory: Path
) -> None:
    """The statement says of the run what its report says."""
    try:
        expected = statements.statement(result, document, directory)["predicate"]
    except (OSError, KeyError, AttributeError) as error:
        raise VerificationError(f"the report is not as a run writes it: {error!r}") from None
    if content.get("predicate") != expected:
        raise VerificationError("the signed statement says of the run what its report does not")
