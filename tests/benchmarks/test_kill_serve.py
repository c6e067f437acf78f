"""`serve` is killed while a fleet updates: what a device had confirmed is what the service says."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import broker
from benchmarks.kill_serve import judge, kill_during_update
from tests.postgresql import Cluster

THINGS = [f"fleet-{number}" for number in range(40)]
KILLS = 5
SIZE = 64 * 1024


@pytest.mark.parametrize("processes", [1, 2], ids=["sqlite", "postgresql"])
def test_no_kill_costs_a_device_its_update(
    tmp_path: Path, processes: int, request: pytest.FixtureRequest
) -> None:
    store = None
    if processes > 1:
        cluster: Cluster = request.getfixturevalue("cluster")
        store = cluster.new_database()
    with broker(tmp_path) as behind:
        outcome = kill_during_update(
            tmp_path, behind, store, THINGS, SIZE, KILLS, processes, seed=processes
        )
    assert (outcome.lost, outcome.twice, outcome.differing) == ((), (), ())
    assert outcome.succeeded == len(THINGS)
    assert outcome.faults == 0


# -- how devices are counted -----------------------------------------------------------------------

GOOD: dict[str, Any] = {
    "thing": "one",
    "finished": [{"job_id": "job", "version": "1.0.1"}],
    "failed": [],
    "tally": {"committed": 1},
}
# What was done to the device, and whether it then is lost, twice, differing.
SPOILT: dict[str, tuple[Callable[[dict[str, Any]], object], tuple[bool, bool, bool]]] = {
    "never finished": (lambda device: device["finished"].clear(), (True, False, True)),
    "another job": (lambda device: device["finished"][0].update(job_id="x"), (True, False, False)),
    "another image": (
        lambda device: device["finished"][0].update(version="2.0.0"),
        (True, False, False),
    ),
    "finished twice": (
        lambda device: device["finished"].extend(device["finished"]),
        (False, True, False),
    ),
    "committed twice": (lambda device: device["tally"].update(committed=2), (False, True, False)),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_device_that_went_wrong_is_counted(how: str) -> None:
    spoil, expected = SPOILT[how]
    device = copy.deepcopy(GOOD)
    spoil(device)
    found = judge(
        [GOOD | {"thing": "other"}, device],
        {"one": ["SUCCEEDED"], "other": ["SUCCEEDED"]},
        "job",
        "1.0.1",
    )
    assert tuple(bool(things) for things in found) == expected
    assert all(things in ((), ("one",)) for things in found)


@pytest.mark.parametrize("statuses", [["IN_PROGRESS"], [], ["SUCCEEDED", "QUEUED"]])
def test_a_service_that_says_something_else_is_counted(statuses: list[str]) -> None:
    assert judge([GOOD], {"one": statuses}, "job", "1.0.1") == ((), (), ("one",))
