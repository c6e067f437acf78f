"""The report in a real browser: filters, links, errors, and widths that people have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.chromium import Page, chromium
from tests.rig.report.hostile import hostile_report
from tests.rig.report.made import edit_events, made_report, retain

SHOWN = "[...document.querySelectorAll('#matrix tbody tr')].filter(row => !row.hidden)"
WIDTHS = pytest.mark.parametrize("width", [1280, 400])
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page with a violation in it, and one of a hostile device."""
    root = tmp_path_factory.mktemp("reports")
    made_report(root / "bad", "success", "badsig")
    edit_events(root / "bad" / "traces" / "success.jsonl", retain)
    made_report(root / "bad", "success", "badsig")
    hostile_report(root / "hostile")
    return {name: root / name / "report.html" for name in ("bad", "hostile")}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as page:
        yield page


@pytest.fixture
def page(browser: Page, reports: dict[str, Path]) -> Page:
    """The page with the violation, freshly loaded."""
    browser.complaints.clear()
    browser.show(1280, 900)
    browser.open(reports["bad"])
    return browser


def choose(page: Page, name: str, value: str) -> None:
    """Give a filter a value, as a user would."""
    event = "input" if name == "text" else "change"
    page.run(
        f"field('{name}').value = '{value}';"
        f"field('{name}').dispatchEvent(new Event('{event}', {{bubbles: true}}))"
    )


@SCHEMES
@WIDTHS
@pytest.mark.parametrize("name", ["bad", "hostile"])
def test_nothing_sticks_out_and_nothing_is_complained_of(
    browser: Page, reports: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    browser.complaints.clear()
    browser.show(width, 900, scheme)
    browser.open(reports[name])
    browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
    assert browser.run("document.documentElement.scrollWidth") == width
    assert browser.run("typeof window.pwned") == "undefined"
    assert browser.complaints == []


def test_the_verdict_is_seen_without_scrolling(page: Page) -> None:
    assert page.run("document.querySelector('h1').textContent") == "Not conformant"
    assert page.run("document.querySelector('.hero').getBoundingClientRect().bottom") < 900


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({}, 172),
        ({"verdict": "violated"}, 1),
        ({"family": "SIG"}, 12),
        ({"text": "ota-ctl-00"}, 9),
        ({"text": "Retain flag"}, 1),
        ({"family": "CTL", "level": "MUST", "verdict": "violated"}, 1),
        ({"family": "SIG", "verdict": "violated"}, 0),
        ({"text": "no such words"}, 0),
    ],
)
def test_filters(page: Page, choices: dict[str, str], expected: int) -> None:
    for name, value in choices.items():
        choose(page, name, value)
    assert page.run(f"{SHOWN}.length") == expected
    said = f"{expected} of 172 shown" if expected < 172 else "172 shown"
    assert page.run("field('shown').textContent") == said
    page.run("field('clear').click()")
    assert page.run(f"{SHOWN}.length") == 172


def test_levels_are_filtered(page: Page) -> None:
    choose(page, "level", "MUST")
    assert page.run(f"new Set({SHOWN}.map(row => row.dataset.level)).size") == 1


def test_a_family_is_chosen_by_its_button_and_let_go(page: Page) -> None:
    button = "document.querySelector('button[data-family=TST]')"
    page.run(f"{button}.click()")
    assert page.run(f"{button}.getAttribute('aria-pressed')") == "true"
    assert page.run(f"{SHOWN}.every(row => row.dataset.family === 'TST')") is True
    page.run(f"{button}.click()")
    assert page.run(f"{SHOWN}.length") == 172


def test_the_failing_arrow_is_marked_and_reached_by_a_link(page: Page) -> None:
    marked = "document.querySelector('#case-success .marked')"
    assert "violates OTA-CTL-007" in page.run(f"{marked}.textContent")
    assert page.run(f"getComputedStyle({marked}.querySelector('svg')).strokeWidth") == "2.6px"
    name = page.run(f"{marked}.id")
    assert page.run(f"document.querySelectorAll('.evidence a[href=\"#{name}\"]').length") >= 1


def test_a_link_into_a_folded_scenario_unfolds_it(page: Page) -> None:
    folded = "document.getElementById('case-badsig').open"
    assert page.run(folded) is False
    page.run("location.hash = 'case-badsig'; dispatchEvent(new Event('hashchange'))")
    assert page.run(folded) is True


def test_a_link_to_a_filtered_requirement_shows_it(page: Page) -> None:
    choose(page, "family", "SIG")
    page.run("location.hash = 'OTA-CTL-001'; reveal()")
    assert page.run("document.getElementById('OTA-CTL-001').hidden") is False


def test_visited_states_are_coloured(page: Page) -> None:
    diagram = "document.querySelector('#case-success svg.states')"
    assert "WaitingForFileBlock" in page.run(f"{diagram}.getAttribute('aria-label')")
    colour = "getComputedStyle({}).getPropertyValue('--n{}')"
    assert page.run(colour.format(diagram, 6)) != ""
    assert page.run(colour.format(diagram, 8)) == ""


def test_everything_is_unfolded_by_one_button(page: Page) -> None:
    page.run("field('unfold').click()")
    assert page.run("document.querySelectorAll('details.case:not([open])').length") == 0


def test_controls_and_headings_speak(page: Page) -> None:
    """Every control has a name, headings go down by one, and ids are unique."""
    names = (
        "[...document.querySelectorAll('input, select, button')]"
        ".every(one => one.labels?.length || one.textContent.trim())"
    )
    assert page.run(names) is True
    levels = page.run("[...document.querySelectorAll('h1, h2, h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    ids = page.run("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    assert page.run("document.documentElement.lang") == "en"
