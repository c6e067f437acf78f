"""The kill matrix says who was caught by what, and who was not."""

from __future__ import annotations

from rig.judge.catalogue import default_catalogue
from rig.mutants.matrix import kill_matrix
from rig.mutants.mutant import Mutant
from rig.mutants.trial import Trial

CAUGHT = Mutant("caught", "errs", ("OTA-CTL-007",), ("accept",))
LUCKY = Mutant("lucky", "errs too", ("OTA-CTL-008",), ("accept",))
TRIALS = {
    "caught": Trial("caught", ["OTA-CTL-007"], ["OTA-CTL-007", "OTA-CTL-013"], "accept"),
    "lucky": Trial("lucky", [], ["OTA-CTL-007"], "", {"accept": "passed"}),
}


def lines() -> list[str]:
    both = {"caught": CAUGHT, "lucky": LUCKY}
    return kill_matrix(both, TRIALS, default_catalogue()).splitlines()


def test_each_broken_agent_has_a_row() -> None:
    assert "| `caught` | errs | OTA-CTL-007 | `accept` |" in lines()
    assert "| `lucky` | errs too | **survived** |  |" in lines()
    assert "1 of 2 broken agents are caught." in lines()


def test_each_requirement_has_a_row() -> None:
    assert "| OTA-CTL-007 | MUST | `caught` |" in lines()
    assert "| OTA-CTL-008 | MUST | **none** |" in lines()
    assert "| OTA-DAT-028 | TOL | none: a behaviour that is tolerated |" in lines()


def test_a_trial_goes_through_json() -> None:
    for trial in TRIALS.values():
        assert Trial.from_json(trial.to_json()) == trial
