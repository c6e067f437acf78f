"""Vendor tools by template: tried with tools that keep a chip's flash in a file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rig.errors import BenchError
from targets.board import Board, parse_board
from targets.driver import Capability
from tests.targets.drivers.conftest import DriverBench, MakeBench, changed

FLASH_SIZE = 64 * 1024
TOOL = """
import sys
from pathlib import Path
flash, log, what, *arguments = sys.argv[1:]
chip = Path(flash)
content = bytearray(chip.read_bytes())
with open(log, "a") as lines:
    print(what, *arguments, file=lines)
if what == "flash":
    image, address = Path(arguments[0]).read_bytes(), int(arguments[1], 0)
    content[address : address + len(image)] = image
elif what == "erase":
    address, size = int(arguments[0], 0), int(arguments[1])
    content[address : address + size] = b"\\xff" * size
elif what == "read":
    address, size = int(arguments[0], 0), int(arguments[1])
    Path(arguments[2]).write_bytes(content[address : address + size])
chip.write_bytes(content)
"""


class Tools:
    """A chip in a file, tools for it, and what they were told."""

    def __init__(self, folder: Path) -> None:
        self.chip = folder / "chip.bin"
        self.chip.write_bytes(bytes(FLASH_SIZE))
        self.log = folder / "log"
        self.log.touch()
        script = folder / "tool.py"
        script.write_text(TOOL)
        self._start = [sys.executable, str(script), str(self.chip), str(self.log)]

    def board(self) -> Board:
        command = {
            "flash": [*self._start, "flash", "{image}", "{address}"],
            "erase": [*self._start, "erase", "{address}", "{size}"],
            "read": [*self._start, "read", "{address}", "{size}", "{output}"],
            "reset": [*self._start, "reset", "{serial}"],
            "serial": "0667",
        }
        slots = [
            {"name": "A", "address": "0x4000", "size": 0x4000},
            {"name": "B", "address": 0x8000, "size": 0x4000},
        ]
        table = {
            "name": "tools",
            "driver": "command",
            "thing": "t",
            "command": command,
            "flash": {"slots": slots, "sector_size": 1024},
        }
        return parse_board(table, "test")

    def told(self) -> list[str]:
        """The actions so far, without the names of temporary files."""
        return [line.split()[0] for line in self.log.read_text().splitlines()]


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path)


def provision(bench: DriverBench) -> bytes:
    image = bench.image(1)
    bench.driver.provision(image, bench.connection)
    return image


def test_it_can_what_the_templates_say(tools: Tools, make_bench: MakeBench) -> None:
    bench = make_bench(tools.board())
    assert bench.driver.capabilities == {
        Capability.FLASH,
        Capability.RESET,
        Capability.READ_SLOTS,
    }


def test_the_image_gets_into_the_chip(tools: Tools, make_bench: MakeBench) -> None:
    image = provision(make_bench(tools.board()))
    content = tools.chip.read_bytes()
    assert content[0x4000 : 0x4000 + len(image)] == image
    assert set(content[0x4000 + len(image) : 0xC000]) == {0xFF}
    assert set(content[:0x4000] + content[0xC000:]) == {0}


def test_what_is_there_already_is_not_flashed_again(tools: Tools, make_bench: MakeBench) -> None:
    bench = make_bench(tools.board())
    provision(bench)
    before = len(tools.told())
    provision(bench)
    assert set(tools.told()[before:]) == {"read"}


def test_the_slots_are_read_back(tools: Tools, make_bench: MakeBench) -> None:
    bench = make_bench(tools.board())
    image = provision(bench)
    assert [(slot.slot, slot.length) for slot in bench.driver.read_slots()] == [
        ("A", len(image)),
        ("B", 0),
    ]


def test_switching_on_resets_it_with_the_probe_s_id(tools: Tools, make_bench: MakeBench) -> None:
    bench = make_bench(tools.board())
    provision(bench)
    bench.driver.power_on()
    assert bench.driver.is_running()
    assert tools.log.read_text().splitlines()[-1] == "reset 0667"


def test_without_a_console_there_are_no_commands(tools: Tools, make_bench: MakeBench) -> None:
    bench = make_bench(tools.board())
    provision(bench)
    bench.driver.power_on()
    with pytest.raises(BenchError, match=r"has no console: write console\.kind"):
        bench.driver.command("check")


def test_without_reading_back_the_tool_must_check(tools: Tools, make_bench: MakeBench) -> None:
    bench = make_bench(changed(tools.board(), "command", read=()))
    provision(bench)
    assert "read" not in tools.told()
    assert Capability.READ_SLOTS not in bench.driver.capabilities
    with pytest.raises(BenchError, match=r"cannot be read back: write command\.read"):
        bench.driver.read_slots()


@pytest.mark.parametrize(
    ("field", "template", "message"),
    [
        ("flash", ("/no/such/tool",), r"command\.flash: /no/such/tool: No such file.*mend"),
        ("flash", (sys.executable, "-c", "print('no probe'); exit(7)"), "exited 7: no probe"),
        ("flash", (sys.executable, "-c", "pass"), "flash differs from what was written"),
        ("read", (sys.executable, "-c", "pass"), r"command\.read gave 0 bytes of 16384"),
    ],
    ids=["missing", "fails", "does-nothing", "reads-nothing"],
)
def test_a_tool_that_fails_is_told_in_one_line(
    tools: Tools, make_bench: MakeBench, field: str, template: tuple[str, ...], message: str
) -> None:
    bench = make_bench(changed(tools.board(), "command", **{field: template}))
    with pytest.raises(BenchError, match=message) as caught:
        provision(bench)
    assert "\n" not in str(caught.value)


def test_a_tool_that_hangs_is_ended(tools: Tools, make_bench: MakeBench) -> None:
    hangs = (sys.executable, "-c", "import time; time.sleep(60)")
    bench = make_bench(changed(tools.board(), "command", reset=hangs, time_s=1.0))
    provision(bench)
    with pytest.raises(BenchError, match=r"command\.reset did not end within 1 s"):
        bench.driver.power_on()


def test_power_by_command(tools: Tools, make_bench: MakeBench, tmp_path: Path) -> None:
    switch = tmp_path / "switch"
    board = tools.board()
    code = f"open({str(switch)!r}, 'a').write('{{}} ')"
    power = board.power.model_copy(
        update={
            "kind": "command",
            "on": (sys.executable, "-c", code.format("on")),
            "off": (sys.executable, "-c", code.format("off")),
        }
    )
    bench = make_bench(board.model_copy(update={"power": power}))
    assert Capability.POWER in bench.driver.capabilities
    provision(bench)
    bench.driver.power_on()
    bench.driver.power_cut()
    bench.driver.power_on()
    bench.driver.close()
    assert switch.read_text().split() == ["on", "off", "on", "off"]
