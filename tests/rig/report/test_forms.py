"""The forms of the report: JSON, JUnit and HTML, with hostile text in all of them."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from rig.case import CaseOutcome, CaseResult
from rig.judge import judge
from rig.judge.catalogue import Profile, default_catalogue
from rig.report.conformance_json import conformance, write_conformance_json
from rig.report.html import report_html, write_report_html
from rig.report.junit import junit, write_junit
from rig.report.verdict import RunResult, decide
from rig.trace import read_trace

RECORDINGS = Path(__file__).parents[3] / "fixtures" / "traces"
HOSTILE = "</pre><script>alert(1)</script>&amp;\"'\x00\x1b[31m\ud800 ]]>"
DEVICE = {"name": "board", "firmware": HOSTILE}
PROVENANCE = {"host": HOSTILE, "suite": "0.1"}


def cases() -> list[CaseResult]:
    """One case of each outcome; the passed one has a real trace."""
    trace = RECORDINGS / "block-loss.jsonl"
    verdicts = judge(read_trace(trace))
    return [
        CaseResult("good", "1. It works.", ("OTA-CTL-001",), CaseOutcome.PASSED, "", 1.25, trace,
                   verdicts),
        CaseResult("bad", HOSTILE, ("OTA-SIG-004",), CaseOutcome.FAILED, HOSTILE, 2.0),
        CaseResult("bench", "", (), CaseOutcome.ERROR, "no port\nsecond line", 0.0),
        CaseResult("absent", "", (), CaseOutcome.NOT_RUN, "the driver cannot cut power", 0.0,
                   Path("/nonexistent/absent.jsonl")),
    ]  # fmt: skip


@pytest.fixture
def result() -> RunResult:
    return decide(default_catalogue(), Profile.FULL, cases())


def test_conformance_json(result: RunResult, tmp_path: Path) -> None:
    document = conformance(
        result, suite={"version": "0.1", "digest": "ab"}, device=DEVICE, provenance=PROVENANCE
    )
    write_conformance_json(document, tmp_path / "conformance.json")
    read = json.loads((tmp_path / "conformance.json").read_text())
    assert set(read) >= {
        "suite", "device", "profile", "verdict", "requirements", "cases", "provenance",
    }  # fmt: skip
    assert read["verdict"] == "not conformant"
    assert read["profile"] == "full"
    assert len(read["requirements"]) == 172
    assert read["requirements"]["OTA-CTL-001"]["level"] == "MUST"
    assert read["requirements"]["OTA-CTL-001"]["verdict"] == "satisfied"
    assert read["requirements"]["OTA-CTL-001"]["cases"] == ["good"]
    assert read["requirements"]["OTA-SIG-004"]["verdict"] == "not observed"
    assert read["requirements"]["OTA-SIG-004"]["why"].startswith("case bad failed: ")
    assert read["cases"]["good"]["trace"] == "traces/block-loss.jsonl"
    assert read["cases"]["bench"]["outcome"] == "error"
    assert read["device"] == DEVICE


def test_junit(result: RunResult, tmp_path: Path) -> None:
    write_junit(junit(result, {"board": HOSTILE}, ("broker died",)), tmp_path / "junit.xml")
    suite = Xml.parse(tmp_path / "junit.xml").getroot()[0]
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "5", "failures": "1", "errors": "2", "skipped": "1"}
    by_name = {entry.get("name"): entry for entry in suite.iter("testcase")}
    assert [element.tag for element in by_name["good"]] == ["properties"]
    requirement = by_name["good"].find("properties/property")
    assert requirement is not None
    assert requirement.attrib == {"name": "requirement", "value": "OTA-CTL-001"}
    failure = by_name["bad"].find("failure")
    assert failure is not None
    assert failure.text == "</pre><script>alert(1)</script>&amp;\"'\\x00\\x1b[31m\\xd800 ]]>"
    error = by_name["bench"].find("error")
    assert error is not None
    assert error.get("message") == "no port"
    assert error.text == "no port\nsecond line"
    assert by_name["absent"].find("skipped") is not None
    assert by_name["bench-1"].find("error") is not None


class Page(HTMLParser):
    """Collects tags and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page_of(result: RunResult, tmp_path: Path) -> Page:
    write_report_html(
        report_html(result, device=DEVICE, provenance=PROVENANCE), tmp_path / "report.html"
    )
    page = Page()
    page.feed((tmp_path / "report.html").read_text(encoding="utf-8"))
    return page


def test_html_shows_verdict_requirements_and_cases(result: RunResult, tmp_path: Path) -> None:
    page = page_of(result, tmp_path)
    text = "".join(page.text)
    assert "not conformant" in text
    for identifier in default_catalogue().requirements:
        assert identifier in text
    assert [attrs["id"] for tag, attrs in page.tags if tag == "details" and "id" in attrs] == [
        "case-good", "case-bad", "case-bench", "case-absent",
    ]  # fmt: skip
    assert "jobs/$next/get  QoS 1" in text
    assert "3 data blocks" in text
    assert "/nonexistent/absent.jsonl: cannot be read" in text


def test_html_escapes_what_comes_from_outside(result: RunResult, tmp_path: Path) -> None:
    page = page_of(result, tmp_path)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "alert(1)" in "".join(page.text)


def test_html_needs_no_network(result: RunResult, tmp_path: Path) -> None:
    page = page_of(result, tmp_path)
    for tag, attrs in page.tags:
        assert "src" not in attrs, tag
        assert (attrs.get("href") or "#").startswith("#"), attrs
