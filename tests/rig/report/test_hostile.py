"""Texts of a hostile device break out of no form of the report, nor of a terminal."""

from __future__ import annotations

import io
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from rich.console import Console

from rig.cli.main import main
from rig.cli.progress import safe
from tests.rig.report.hostile import NASTY, hostile_report
from tests.rig.report.made import made_report

ELEMENTS = frozenset(
    """
    html head meta title style body a svg symbol line path rect text use circle header div p h1 h2
    h3 dl dt dd main section ul ol li details summary table caption thead tbody tr th td button
    span small i b em time pre code label input select option output script
    """.split()  # noqa: SIM905 - a table of words
)
ATTRIBUTES = frozenset(
    """
    charset name content http-equiv lang id class href hidden style viewbox x y x1 x2 y1 y2 d cx
    cy r rx width height overflow role title type value placeholder autocomplete tabindex open
    scope
    """.split()  # noqa: SIM905 - a table of words
)


class Elements(HTMLParser):
    """Counts elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name == "href"}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("hostile") / "report"
    hostile_report(directory)
    return directory


def test_the_page_has_our_elements_only(report: Path) -> None:
    text = (report / "report.html").read_text(encoding="utf-8")
    page = Elements()
    page.feed(text)
    assert set(page.names) - {"title"} <= ELEMENTS
    assert page.names["script"] == 1
    assert page.names["style"] == 1
    unknown = {name for name in page.attributes if not name.startswith(("data-", "aria-"))}
    assert unknown <= ATTRIBUTES
    assert all(link.startswith("#") for link in page.links)
    assert "49" not in text.partition("javascript:")[0].partition("7*7")[2][:3]
    for character in "\x00\x07\x1b\u202e\u2028":
        assert character not in text


def test_junit_is_well_formed_and_holds_the_text(report: Path) -> None:
    (suite,) = Xml.parse(report / "junit.xml").getroot()
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.text is not None
    assert "<script>window.pwned=1</script>" in failure.text
    assert [case.get("name") for case in suite.iter("testcase")] == ["hostile", "absent", "bench-1"]


def test_the_console_log_obeys_nothing(report: Path) -> None:
    text = (report / "console.log").read_text(encoding="utf-8")
    assert "\\x1b[31m" in text
    assert not set(text) & set("\x00\x07\x1b\u202e\u2028")


def test_verify_and_diff_print_no_control_characters(
    report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made_report(tmp_path / "made", "success")
    assert main(["diff", str(tmp_path / "made"), str(report)]) == 1
    # What was added by hand does not follow from the trace, which is told with the hostile words.
    assert main(["verify", str(report)]) == 1
    said = capsys.readouterr()
    assert "<script>" in said.out
    assert not set(said.out + said.err) & set("\x00\x07\x1b\u202e\u2028")


def test_the_progress_prints_no_control_characters() -> None:
    written = io.StringIO()
    console = Console(file=written, width=400)
    console.print(safe(NASTY))
    assert "\\x1b[31m" in written.getvalue()
    assert not set(written.getvalue()) & set("\x00\x07\x1b\u202e\u2028")
