"""`junit.xml`: the cases for continuous integration, with requirement ids as properties.

Failures of the device are failures, failures of the bench are errors; skipped is only what the
device lacks the capability for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as Xml

from rig.case import CaseOutcome, CaseResult
from rig.judge.verdict import Outcome
from rig.report.verdict import RunResult

# What XML 1.0 cannot hold at all, escaped or not.
_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENTS = {
    CaseOutcome.FAILED: "failure",
    CaseOutcome.ERROR: "error",
    CaseOutcome.NOT_RUN: "skipped",
}


def junit(
    result: RunResult, properties: Mapping[str, str], bench_errors: tuple[str, ...] = ()
) -> bytes:
    """The JUnit document. `properties` are those of the suite: board, versions, provenance."""
    root = Xml.Element("testsuites")
    suite = Xml.SubElement(root, "testsuite", name="otarig")
    own = {"verdict": result.verdict.value, "profile": result.profile.value}
    _properties(suite, [*own.items(), *sorted(properties.items())])
    for case in result.cases:
        _case(suite, case)
    for number, message in enumerate(bench_errors, start=1):
        entry = Xml.SubElement(suite, "testcase", classname="bench", name=f"bench-{number}")
        _outcome(entry, CaseOutcome.ERROR, message)
    outcomes = [case.outcome for case in result.cases]
    counts = {
        "tests": len(outcomes) + len(bench_errors),
        "failures": outcomes.count(CaseOutcome.FAILED),
        "errors": outcomes.count(CaseOutcome.ERROR) + len(bench_errors),
        "skipped": outcomes.count(CaseOutcome.NOT_RUN),
    }
    for name, count in counts.items():
        suite.set(name, str(count))
    suite.set("time", f"{sum(case.seconds for case in result.cases):.3f}")
    document: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def write_junit(document: bytes, path: Path) -> None:
    """Write the document made by `junit`."""
    path.write_bytes(document)


def _case(suite: Xml.Element, case: CaseResult) -> None:
    entry = Xml.SubElement(
        suite,
        "testcase",
        classname="conformance",
        name=speakable(case.name),
        time=f"{case.seconds:.3f}",
    )
    violated = [v.requirement for v in case.verdicts.values() if v.outcome is Outcome.VIOLATED]
    _properties(
        entry,
        [("requirement", identifier) for identifier in case.requirements]
        + [("violated", identifier) for identifier in violated],
    )
    if case.outcome in _ELEMENTS:
        _outcome(entry, case.outcome, case.message)


def _outcome(entry: Xml.Element, outcome: CaseOutcome, message: str) -> None:
    text = speakable(message)
    first = text.splitlines()[0] if text.strip() else outcome.value
    element = Xml.SubElement(entry, _ELEMENTS[outcome], message=first)
    element.text = text


def _properties(parent: Xml.Element, pairs: list[tuple[str, str]]) -> None:
    if not pairs:
        return
    properties = Xml.SubElement(parent, "properties")
    for name, value in pairs:
        Xml.SubElement(properties, "property", name=speakable(name), value=speakable(value))


def speakable(text: str) -> str:
    """The text with what XML cannot hold shown as escapes."""
    return _UNSPEAKABLE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
