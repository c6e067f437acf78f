"""A fleet updates through one real `serve`: nobody is lost, nobody updates twice."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bare_fleet import ask_and_answer
from benchmarks.broker import Broker, broker
from benchmarks.fleet_update import flaws, update_fleet

THINGS = [f"fleet-{number}" for number in range(40)]
SIZE = 64 * 1024


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path) as running:
        yield running


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_every_device_is_updated_exactly_once(tmp_path: Path, behind: Broker, tls: bool) -> None:
    measured = update_fleet(tmp_path, behind, THINGS, SIZE, processes=2, tls=tls)
    assert (measured.lost, measured.twice) == ((), ())
    assert measured.succeeded == len(THINGS)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_the_bare_clients_get_every_block(tmp_path: Path, behind: Broker, tls: bool) -> None:
    ceiling = ask_and_answer(tmp_path, behind, THINGS, SIZE, processes=2, tls=tls)
    assert set(ceiling.cpu) == {"answerer", "mosquitto", "askers"}


# -- how devices are counted -----------------------------------------------------------------------

IMAGE = bytes(10_000)
GOOD: dict[str, Any] = {
    "thing": "one",
    "finished": [{"job_id": "job", "sha256": hashlib.sha256(IMAGE).hexdigest()}],
    "failed": [],
    "tally": {"files": 1, "blocks": 3, "verified": 1, "activated": 1, "committed": 1},
}
SPOILT: dict[str, tuple[Callable[[dict[str, Any]], Any], bool]] = {
    "never finished": (lambda device: device["finished"].clear(), True),
    "another image": (lambda device: device["finished"][0].update(sha256="00"), True),
    "another job": (lambda device: device["finished"][0].update(job_id="other"), True),
    "failed once": (lambda device: device["failed"].append("job"), True),
    "finished twice": (lambda device: device["finished"].extend(device["finished"]), False),
    "began twice": (lambda device: device["tally"].update(files=2), False),
    "a block again": (lambda device: device["tally"].update(blocks=4), False),
    "two restarts": (lambda device: device["tally"].update(activated=2), False),
}


def test_a_good_device_has_no_flaw() -> None:
    assert flaws([GOOD], "job", IMAGE) == ((), ())


@pytest.mark.parametrize("how", SPOILT)
def test_a_device_that_went_wrong_is_counted(how: str) -> None:
    spoil, is_lost = SPOILT[how]
    device = copy.deepcopy(GOOD)
    spoil(device)
    lost, twice = flaws([GOOD, device], "job", IMAGE)
    assert (lost, twice) == ((("one",), ()) if is_lost else ((), ("one",)))
