"""The firmware on an emulated chip: boot loader, console, commands, and updates over the wire."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from agent.protocol.image import Behaviour
from agent.protocol.version import Version
from rig.clock import SystemClock
from rig.jobs.ota_update import OtaFile, OtaUpdateSpec
from rig.loop_thread import LoopThread
from rig.server import Server, ServerSettings
from rig.signing import SigningKey
from rig.trace import Header, Recorder, RecorderSwitch
from targets.board import Declares
from targets.firmware.build import Firmware
from targets.firmware.image import make_image
from tests.targets.firmware.emulator import Emulator
from tests.targets.firmware.modem import Modem
from tests.targets.firmware.provisioning import device_page, key_bytes

THING = "chip-1"
DEVICE_PAGE, RECORDS, SLOT_A, SLOT_B = 0x3C00, 0x4000, 0x5000, 0x22800
RECORD_MAGIC = 0x52424F54
ARMED = 1
PATIENCE_S = 30.0
DECLARES = Declares(
    block_size=1024,
    window=8,
    request_timer_s=1,
    self_test_timer_s=2,
    trial_time_s=3,
    momentum=4,
    data_protocols=("MQTT", "HTTP"),
)
pytestmark = pytest.mark.timeout(120)


def boot_line(version: str, slot: str, state: str, marker: int) -> str:
    return f"boot: version={version} slot={slot} marker={_marker(marker).hex()} state={state}"


def _marker(number: int) -> bytes:
    return bytes([number]) * 16


def image(
    firmware: Firmware, version: str, number: int, behaviour: Behaviour = Behaviour.PASS
) -> bytes:
    base = firmware.image_bin.read_bytes()
    return make_image(base, Version.parse(version).packed, None, behaviour, _marker(number))


def armed(active: int, new: bytes) -> bytes:
    """A boot record that has the other slot's image tried at the next boot."""
    body = struct.pack("<IIBBHII", RECORD_MAGIC, 1, active, ARMED, 0, len(new), zlib.crc32(new))
    return body + struct.pack("<I", zlib.crc32(body))


@pytest.fixture
def chip(tmp_path: Path, firmware: Firmware) -> Iterator[Emulator]:
    """A chip without a wire; the boot loader and 1.0.0 are in its flash."""
    with Emulator(tmp_path) as emulator:
        emulator.program(0, firmware.boot_bin.read_bytes())
        emulator.program(SLOT_A, image(firmware, "1.0.0", 1))
        yield emulator


def is_boot(line: str) -> bool:
    return line.startswith("boot: version=")


class TestBootLoader:
    def test_factory(self, chip: Emulator) -> None:
        chip.power_on()
        chip.wait_for(is_boot, PATIENCE_S)
        assert chip.lines[0] == boot_line("1.0.0", "A", "valid", 1)

    def test_no_image(self, chip: Emulator) -> None:
        chip.program(SLOT_A, b"\xff" * 64)
        chip.power_on()
        chip.wait_for(lambda line: line == "ota: no image in either slot", PATIENCE_S)

    def test_trial_and_power_loss(self, chip: Emulator, firmware: Firmware) -> None:
        """The armed image gets one boot; cut short, the old one is back."""
        new = image(firmware, "1.0.1", 2)
        chip.program(SLOT_B, new)
        chip.program(RECORDS, armed(0, new))
        chip.power_on()
        chip.wait_for(is_boot, PATIENCE_S)
        chip.power_off()
        chip.power_on()
        chip.wait_for(lambda line: line == boot_line("1.0.0", "A", "valid", 1), PATIENCE_S)
        boots = [line for line in chip.lines if line.startswith("boot:")]
        assert boots == [
            boot_line("1.0.1", "B", "pending_commit", 2),
            "boot: rollback from=1.0.1 to=1.0.0",
            boot_line("1.0.0", "A", "valid", 1),
        ]

    def test_image_changed_after_it_was_armed(self, chip: Emulator, firmware: Firmware) -> None:
        new = image(firmware, "1.0.1", 2)
        chip.program(SLOT_B, new[:-1] + bytes([new[-1] ^ 1]))
        chip.program(RECORDS, armed(0, new))
        chip.power_on()
        chip.wait_for(is_boot, PATIENCE_S)
        assert boot_line("1.0.0", "A", "valid", 1) in chip.lines

    @pytest.mark.parametrize("behaviour", [Behaviour.CRASH, Behaviour.NO_CONNECT])
    def test_trial_that_comes_to_nothing(
        self, chip: Emulator, firmware: Firmware, behaviour: Behaviour
    ) -> None:
        new = image(firmware, "1.0.1", 2, behaviour)
        chip.program(DEVICE_PAGE, device_page(THING, [], DECLARES))
        chip.program(SLOT_B, new)
        chip.program(RECORDS, armed(0, new))
        chip.power_on()
        chip.wait_for(lambda line: line == boot_line("1.0.0", "A", "valid", 1), PATIENCE_S)
        assert "boot: rollback from=1.0.1 to=1.0.0" in chip.lines

    def test_commands(self, chip: Emulator) -> None:
        """Also a device that is not provisioned answers, and resets when told to."""
        chip.power_on()
        at = chip.wait_for(lambda line: "provision" in line, PATIENCE_S)
        chip.command("dance")
        at = chip.wait_for(lambda line: line.startswith("command: dance unknown"), PATIENCE_S, at)
        chip.command("reset")
        at = chip.wait_for(lambda line: line == "command: reset OtaErrNone", PATIENCE_S, at)
        chip.wait_for(is_boot, PATIENCE_S, at)


class World:
    """A server, a modem at its plain port, and a chip on the wire."""

    def __init__(self, folder: Path, firmware: Firmware) -> None:
        self.firmware = firmware
        self.key = SigningKey.generate()
        self.recorder = Recorder(Header("chip", "chip", THING, DECLARES.model_dump(mode="json")))
        switch = RecorderSwitch()
        switch.use(self.recorder)
        self._loop = LoopThread("server")
        self.server = Server(
            ServerSettings(folder / "server", tls_port=None), SystemClock(), switch
        )
        self._loop.call(self.server.start())
        self.server.jobs.create_thing(THING)
        port = self.server.gateway.plain_port
        assert port is not None
        self.modem = Modem(folder, ("127.0.0.1", port))
        self.chip = Emulator(folder, self.modem.listening)
        self.chip.program(0, firmware.boot_bin.read_bytes())
        public = load_pem_public_key(self.key.public_pem)
        assert isinstance(public, ec.EllipticCurvePublicKey)
        self.chip.program(DEVICE_PAGE, device_page(THING, [key_bytes(public)], DECLARES))
        self.chip.program(SLOT_A, image(firmware, "1.0.0", 1))

    def close(self) -> None:
        self.chip.power_off()
        self.modem.__exit__(None, None, None)
        self._loop.call(self.server.stop())
        self._loop.close()

    def offer(self, job: str, content: bytes, protocol: str = "MQTT", file_type: int = 0) -> None:
        jobs = self.server.jobs
        jobs.put_object("images", job, content)
        file = OtaFile("f.bin", "images", job, file_type, self.key.sign(content), cert_file="c")
        jobs.create_ota_update(OtaUpdateSpec(job, (THING,), (file,), (protocol,)))

    def reason(self, job: str) -> str:
        """Wait for the job's end; its status and reason."""
        topic = f"/jobs/AFR_OTA-{job}/update"

        def terminal(event: object) -> bool:
            data = getattr(event, "data", {})
            text = bytes.fromhex(data.get("payload", ""))
            return str(data.get("topic", "")).endswith(topic) and b"IN_PROGRESS" not in text

        event = self.recorder.wait(terminal, PATIENCE_S)
        found = re.search(
            rb'"status":"(\w+)".*"reason":"([^"]*)"', bytes.fromhex(event.data["payload"])
        )
        assert found
        return f"{found[1].decode()} {found[2].decode()}"


@pytest.fixture
def world(tmp_path: Path, firmware: Firmware) -> Iterator[World]:
    world = World(tmp_path, firmware)
    try:
        yield world
    finally:
        world.close()


class TestUpdates:
    @pytest.mark.parametrize("protocol", ["MQTT", "HTTP"])
    def test_there_and_back_again(self, world: World, protocol: str) -> None:
        """Two updates: into slot B, and from there into slot A."""
        world.chip.power_on()
        for number, slot in ((1, "B"), (2, "A")):
            version = f"1.0.{number}"
            new = image(world.firmware, version, 10 + number)
            world.offer(f"job-{number}", new, protocol)
            assert world.reason(f"job-{number}") == f"SUCCEEDED accepted  v{version}"
            wanted = boot_line(version, slot, "pending_commit", 10 + number)
            world.chip.wait_for(wanted.__eq__, PATIENCE_S)
            world.chip.read_console()
        world.chip.power_off()
        assert world.chip.flash[SLOT_A:].startswith(image(world.firmware, "1.0.2", 12))
        assert world.modem.bad_frames == 0

    @pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 8192, 8193])
    def test_files_of_all_sizes(self, world: World, size: int) -> None:
        """What is no firmware is stored as it is, without self-test or reset."""
        content = bytes(number % 251 for number in range(size))
        world.chip.power_on()
        world.offer("file", content, file_type=7)
        assert world.reason("file") == "SUCCEEDED accepted  v0.0.7"
        world.chip.power_off()
        assert world.chip.flash[SLOT_B : SLOT_B + size] == content
        assert sum(map(is_boot, world.chip.lines)) == 1

    def test_modem_comes_late(self, world: World) -> None:
        """A wire that says nonsense costs a new connection and nothing else."""
        world.chip.power_on()
        at = world.chip.wait_for(lambda line: line == "ota: connected", PATIENCE_S)
        world.modem.write(b"\xc0\x00\x12nonsense\xc0")
        at = world.chip.wait_for(lambda line: line == "ota: connection lost", PATIENCE_S, at)
        world.chip.wait_for(lambda line: line == "ota: connected", PATIENCE_S, at)
        world.offer("job", image(world.firmware, "1.0.1", 2))
        assert world.reason("job").startswith("SUCCEEDED")
