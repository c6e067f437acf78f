"""The kill matrix says who was caught by what, and who was not."""

from __future__ import annotations

from agent.faults import FAULTS
from rig.cli.mutants import KILL_MATRIX
from rig.judge.catalogue import default_catalogue
from rig.mutants.matrix import kill_matrix
from rig.mutants.mutant import Mutant
from rig.mutants.trial import MISSING, Trial

CAUGHT = Mutant("caught", "errs", ("OTA-CTL-007",), ("accept",))
LUCKY = Mutant("lucky", "errs too", ("OTA-CTL-008",), ("accept",))
EARLY = Mutant("early", "errs where nobody looks", ("OTA-CTL-009",), ("later",))
TRIALS = {
    "early": Trial("early", [], [], "", {"later": MISSING}),
    "caught": Trial("caught", ["OTA-CTL-007"], ["OTA-CTL-007", "OTA-CTL-013"], "accept"),
    "lucky": Trial("lucky", [], ["OTA-CTL-007"], "", {"accept": "passed"}),
}


def lines() -> list[str]:
    mutants = {"early": EARLY, "caught": CAUGHT, "lucky": LUCKY}
    return kill_matrix(mutants, TRIALS, default_catalogue()).splitlines()


def test_each_broken_agent_has_a_row() -> None:
    assert "| `caught` | errs | OTA-CTL-007 | `accept` |" in lines()
    assert "| `lucky` | errs too | **survived** |  |" in lines()
    untried = "not tried: its scenario is missing"
    assert f"| `early` | errs where nobody looks | {untried} |  |" in lines()
    assert "1 of 3 broken agents are caught." in lines()


def test_each_requirement_has_a_row() -> None:
    assert "| OTA-CTL-007 | MUST | `caught` |" in lines()
    assert "| OTA-CTL-008 | MUST | **none** |" in lines()
    assert "| OTA-DAT-028 | TOL | none: a behaviour that is tolerated |" in lines()


def test_a_trial_goes_through_json() -> None:
    for trial in TRIALS.values():
        assert Trial.from_json(trial.to_json()) == trial


def test_the_document_is_in_step() -> None:
    """It is written by `otarig mutants`; a broken agent that is new or gone makes it stale."""
    rows = KILL_MATRIX.read_text("utf-8").splitlines()
    named = [row.split("`")[1] for row in rows if row.startswith("| `")]
    assert named == list(FAULTS)


def test_none_survives() -> None:
    assert "**survived**" not in KILL_MATRIX.read_text("utf-8")
