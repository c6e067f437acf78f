"""`report.html`: the report for people, in one file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from rig.case import CaseOutcome
from rig.judge.catalogue import Level
from rig.judge.verdict import Outcome
from rig.report import states
from rig.report.case_page import case_page
from rig.report.caveat import Caveat
from rig.report.endurance import Endurance
from rig.report.verdict import RequirementResult, RunResult, RunVerdict

TEMPLATES = Path(__file__).parent / "page"
TEMPLATE = "report.html.jinja"
WORDS = (
    Outcome.SATISFIED.value,
    Outcome.VIOLATED.value,
    *(caveat.value for caveat in Caveat),
    Outcome.NOT_OBSERVED.value,
)
"""The words of a requirement, in the order of their counts."""
SENTENCES = {
    RunVerdict.CONFORMANT: "Every binding requirement was seen to be met, and none was broken.",
    RunVerdict.NOT_CONFORMANT: "The device broke a rule, or did not do what a scenario demands.",
    RunVerdict.INCOMPLETE: "Nothing was found against the device, but not all of it was shown.",
    RunVerdict.BENCH_ERROR: "The bench failed, so nothing can be said of the device.",
    RunVerdict.WAIVED: "Nothing is wrong but what somebody answers for. This is no certificate.",
}
FAMILIES = {
    "CTL": "Control messages",
    "JOB": "Job documents",
    "DAT": "Data by MQTT",
    "HTP": "Data by HTTP",
    "SIG": "Signature",
    "TST": "Self-test and rollback",
    "ABT": "Abort",
    "SUS": "Suspend and resume",
    "SHT": "Shutdown",
    "RES": "Robustness",
}


@dataclass(frozen=True)
class Family:
    """The requirements that share the middle of their ids."""

    key: str
    name: str
    entries: tuple[RequirementResult, ...]

    @property
    def satisfied(self) -> int:
        return sum(entry.certifies for entry in self.entries)


def report_html(
    result: RunResult,
    *,
    device: Mapping[str, Any],
    provenance: Mapping[str, Any],
    endurance: Endurance | None = None,
) -> str:
    """The page. Traces are read from the files that the cases name."""
    outcomes = [case.outcome for case in result.cases]
    return _template().render(
        result=result,
        sentence=SENTENCES[result.verdict],
        device=device,
        provenance=provenance,
        levels=[(level.value, result.words(level)) for level in Level],
        words=WORDS,
        families=_families(result),
        outcomes=[(kind.value, outcomes.count(kind)) for kind in CaseOutcome],
        pages=[case_page(number, case, result) for number, case in enumerate(result.cases)],
        states=states,
        endurance=endurance,
    )


def write_report_html(page: str, path: Path) -> None:
    """Write the page made by `report_html`; lone surrogates of a device are shown as escapes."""
    path.write_text(page, encoding="utf-8", errors="backslashreplace")


def _families(result: RunResult) -> list[Family]:
    """In the order of the catalogue."""
    entries = result.requirements.values()
    return [
        Family(key, FAMILIES.get(key, key), tuple(group))
        for key, group in groupby(entries, key=lambda entry: entry.requirement.id.split("-")[1])
    ]


def _visible(text: object) -> str:
    """Text with its control characters shown, as browsers would swallow or obey them."""
    return "".join(
        c if c.isprintable() or c in "\n\t " else c.encode("unicode_escape").decode()
        for c in str(text)
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        # All of a report may come from a hostile device: everything is escaped.
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE)


def _finalize(value: object) -> object:
    """Texts are made visible before they are escaped; markup of our own stays as it is."""
    return _visible(value) if type(value) is str else value
