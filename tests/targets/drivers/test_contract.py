"""What every driver does, whatever it drives: the contract of `targets.driver.Driver`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from rig.errors import BenchError
from targets.driver import Capability
from tests.targets.drivers.conftest import DriverBench


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def started(bench: DriverBench, number: int = 1) -> DriverBench:
    """Provisioned, switched on, its boot marker seen."""
    bench.driver.provision(bench.image(number), bench.connection)
    mark = bench.mark
    bench.driver.power_on()
    bench.boot(mark)
    return bench


def test_it_tells_what_it_can(bench: DriverBench) -> None:
    assert bench.driver.name == bench.board.name
    # A process is not on a debug wire.
    missing = {Capability.STATE_WITNESS} if bench.board.driver == "process" else set()
    assert bench.driver.capabilities == frozenset(Capability) - missing


def test_the_working_directory_stays(bench: DriverBench, pytestconfig: pytest.Config) -> None:
    """Paths that the user gave are relative to it, also after the device was flashed."""
    bench.driver.provision(bench.image(1), bench.connection)
    assert Path.cwd() == pytestconfig.invocation_params.dir


def test_the_factory_image_runs(bench: DriverBench) -> None:
    started(bench)
    assert bench.driver.is_running()
    assert bench.last_boot is not None
    assert bench.last_boot.version == "1.0.0"
    assert bench.last_boot.slot == "A"
    assert bench.last_boot.marker == "01" * 16
    assert bench.last_boot.state == "valid"


def test_what_was_flashed_is_read_back(bench: DriverBench) -> None:
    image = bench.image(1)
    bench.driver.provision(image, bench.connection)
    first, second = bench.driver.read_slots()
    assert (first.slot, first.length, first.sha256) == ("A", len(image), sha256(image))
    assert (second.slot, second.length) == ("B", 0)


def test_it_is_read_back_while_it_runs(bench: DriverBench) -> None:
    started(bench)
    assert bench.driver.read_slots()[0].sha256 == sha256(bench.image(1))
    assert bench.driver.is_running()


def test_the_active_slot_is_marked_in_the_trace(bench: DriverBench) -> None:
    started(bench)
    bench.driver.read_slots()
    reads = [event.data for event in bench.recorder.events if event.kind == "READ"]
    assert [(read["slot"], read["active"]) for read in reads] == [("A", True), ("B", False)]
    assert reads[0]["sha256"] == sha256(bench.image(1))


def test_another_factory_image_takes_its_place(bench: DriverBench) -> None:
    started(bench)
    bench.driver.power_off()
    started(bench, 2)
    assert bench.last_boot is not None
    assert bench.last_boot.marker == "02" * 16
    assert bench.last_boot.number == 1
    assert bench.driver.read_slots()[0].sha256 == sha256(bench.image(2))


def test_flashing_is_in_the_trace(bench: DriverBench) -> None:
    bench.driver.provision(bench.image(1), bench.connection)
    assert any(event.kind == "FLASH" and "sha256" in event.data for event in bench.recorder.events)


def test_flash_outlives_a_power_cut(bench: DriverBench) -> None:
    started(bench)
    bench.driver.power_cut()
    assert not bench.driver.is_running()
    mark = bench.mark
    bench.driver.power_on()
    assert bench.boot(mark).boot == 2
    assert bench.driver.read_slots()[0].sha256 == sha256(bench.image(1))


def test_a_reset_boots_again(bench: DriverBench) -> None:
    started(bench)
    mark = bench.mark
    bench.driver.reset()
    assert bench.boot(mark).boot == 2
    assert bench.driver.is_running()


def test_every_line_knows_its_boot(bench: DriverBench) -> None:
    started(bench)
    mark = bench.mark
    bench.driver.reset()
    bench.boot(mark)
    lines = [event for event in bench.recorder.events if event.channel == "console"]
    boots = [event.boot for event in lines if event.data["text"].startswith("boot: version")]
    assert boots == [1, 2]
    assert [event.boot for event in lines] == sorted(event.boot or 0 for event in lines)


def test_a_command_is_answered(bench: DriverBench) -> None:
    started(bench)
    answer = bench.driver.command("check")
    assert answer
    recorded = [event.data for event in bench.recorder.events if event.kind == "ANSWER"]
    assert recorded == [{"name": "check", "result": answer}]


def test_power_is_in_the_trace(bench: DriverBench) -> None:
    started(bench)
    bench.driver.power_cut()
    bench.driver.power_on()
    bench.driver.power_off()
    kinds = [event.kind for event in bench.recorder.events if event.channel == "power"]
    assert kinds == ["ON", "CUT", "ON", "OFF"]


def test_off_twice_is_off(bench: DriverBench) -> None:
    bench.driver.power_off()
    started(bench)
    bench.driver.power_off()
    bench.driver.power_off()
    assert not bench.driver.is_running()


@pytest.mark.parametrize("call", ["power_cut", "reset", "command"])
def test_what_needs_it_running_is_refused_while_it_is_off(bench: DriverBench, call: str) -> None:
    bench.driver.provision(bench.image(1), bench.connection)
    arguments = ["check"] if call == "command" else []
    with pytest.raises(BenchError, match=f"'{bench.board.name}' is off: .* needs it running"):
        getattr(bench.driver, call)(*arguments)


def test_what_needs_it_off_is_refused_while_it_runs(bench: DriverBench) -> None:
    started(bench)
    with pytest.raises(BenchError, match="is running: provision needs it off"):
        bench.driver.provision(bench.image(1), bench.connection)
    with pytest.raises(BenchError, match="is running: power_on needs it off"):
        bench.driver.power_on()


def test_power_before_provisioning_is_refused(bench: DriverBench) -> None:
    with pytest.raises(BenchError, match="is not provisioned: flash it before power_on"):
        bench.driver.power_on()
    assert not bench.driver.is_running()


def test_closed_it_can_be_opened_again(bench: DriverBench) -> None:
    started(bench)
    bench.driver.close()
    assert not bench.driver.is_running()
