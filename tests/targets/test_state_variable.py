"""Finding the agent's state in the debug information of images as ports build them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.protocol.states import State
from rig.errors import BenchError, UsageError
from targets.firmware_image import elf_file
from targets.state_variable import find_state_variable

LIBRARY = """
typedef enum OtaState {
    OtaAgentStateNoTransition = -1, OtaAgentStateInit = 0, OtaAgentStateReady,
    OtaAgentStateRequestingJob, OtaAgentStateWaitingForJob, OtaAgentStateCreatingFile,
    OtaAgentStateRequestingFileBlock, OtaAgentStateWaitingForFileBlock, OtaAgentStateClosingFile,
    OtaAgentStateSuspended, OtaAgentStateShuttingDown, OtaAgentStateStopped, OtaAgentStateAll
} OtaState_t;
typedef struct { char thing[16]; volatile OtaState_t state; int count; } OtaAgentContext_t;
static OtaAgentContext_t otaAgent = { "thing", OtaAgentStateStopped, 0 };
enum colour { RED, GREEN } colour = GREEN;
static int number = 4;
int _start(void) { return otaAgent.state + ++otaAgent.count + colour + ++number; }
"""
"""How the AWS library declares its agent: its names and its layout, nothing else of it."""

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    folder = tmp_path_factory.mktemp("elf")

    def built(*options: str) -> Path:
        source, elf = folder / "port.c", folder / f"port{''.join(options)}.elf"
        source.write_text(LIBRARY, "utf-8")
        chip = ("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m0")
        words = (*chip, "-nostdlib", "-fno-sanitize=undefined", *options)
        command = [sys.executable, "-m", "ziglang", "cc", *words, "-o", str(elf), str(source)]
        subprocess.run(command, check=True, capture_output=True)
        return elf

    return built


@pytest.mark.parametrize("dwarf", ["-gdwarf-4", "-gdwarf-5"])
@pytest.mark.parametrize("size", [(4, "-fno-short-enums"), (1, "-fshort-enums")])
def test_the_librarys_agent(dwarf: str, size: tuple[int, str], build: Build) -> None:
    found = find_state_variable(build(dwarf, size[1]), "otaAgent.state")
    assert found.size == size[0]
    assert found.address % found.size == 0
    assert found.states[0] is State.INIT
    assert found.states[6] is State.WAITING_FOR_FILE_BLOCK
    assert found.states[10] is State.STOPPED
    # What the library never enters or means as a wildcard is no state of it.
    assert set(found.states) == set(range(11))


def test_the_reference_firmware() -> None:
    found = find_state_variable(elf_file("firmware"), "agent.state")
    assert found.states == {state.value: state for state in State if state is not State.ALL}
    assert 0x2000_0000 <= found.address < 0x2000_4000


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("otaagent.state", "no variable 'otaagent' with a fixed address"),
        ("otaAgent.mood", "there is no member 'mood'"),
        ("otaAgent", "is a structure: name its member"),
        ("otaAgent.count", "is no enumeration"),
        ("number.state", "there is no member 'state'"),
        ("colour", "does not have the agent's states but RED, GREEN"),
    ],
)
def test_a_name_that_means_no_state_is_told(name: str, said: str, build: Build) -> None:
    with pytest.raises(UsageError, match=said):
        find_state_variable(build("-gdwarf-4", "-fno-short-enums"), name)


def test_a_stripped_image_is_told(build: Build) -> None:
    with pytest.raises(BenchError, match=r"has no debug information.*build it with -g"):
        find_state_variable(build("-g0", "-s"), "otaAgent.state")


def test_what_is_no_image_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="cannot be read: No such file"):
        find_state_variable(tmp_path / "none.elf", "otaAgent.state")
    (tmp_path / "text.elf").write_text("once upon a time", "utf-8")
    with pytest.raises(BenchError, match="is no sound ELF file"):
        find_state_variable(tmp_path / "text.elf", "otaAgent.state")


def test_a_cut_off_image_is_told(build: Build, tmp_path: Path) -> None:
    whole = build("-gdwarf-4", "-fno-short-enums").read_bytes()
    for length in range(52, len(whole), max(1, len(whole) // 40)):
        (tmp_path / "cut.elf").write_bytes(whole[:length])
        with pytest.raises((BenchError, UsageError)):
            find_state_variable(tmp_path / "cut.elf", "otaAgent.state")
