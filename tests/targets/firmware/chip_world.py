"""What the tests on the emulated chip share: images, and a server with a chip on its wire."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from agent.protocol.image import Behaviour
from agent.protocol.version import Version
from rig.clock import SystemClock
from rig.jobs.engine import Target
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


def is_boot(line: str) -> bool:
    return line.startswith("boot: version=")


class World:
    """A server, a modem at its plain port, and a chip on the wire."""

    def __init__(self, folder: Path, firmware: Firmware, thing: str = THING) -> None:
        self.firmware = firmware
        self.thing = thing
        self.key = SigningKey.generate()
        self.recorder = Recorder(Header("chip", "chip", thing, DECLARES.model_dump(mode="json")))
        switch = RecorderSwitch()
        switch.use(self.recorder)
        self._loop = LoopThread("server")
        self.server = Server(
            ServerSettings(folder / "server", tls_port=None), SystemClock(), switch
        )
        self._loop.call(self.server.start())
        self.server.jobs.registry.create_thing(thing)
        port = self.server.gateway.plain_port
        assert port is not None
        self.modem = Modem(folder, ("127.0.0.1", port))
        self.chip = Emulator(folder, self.modem.listening)
        self.chip.program(0, firmware.boot_bin.read_bytes())
        public = load_pem_public_key(self.key.public_pem)
        assert isinstance(public, ec.EllipticCurvePublicKey)
        self.chip.program(DEVICE_PAGE, device_page(thing, [key_bytes(public)], DECLARES))
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
        jobs.create_ota_update(
            OtaUpdateSpec(job, (Target.thing(self.thing),), (file,), (protocol,))
        )

    def reason(self, update: str) -> str:
        """Wait for the end of an update's job; its status and reason."""
        return self.reason_of(f"AFR_OTA-{update}")

    def reason_of(self, job: str) -> str:
        """Wait for the job's end; its status and reason."""
        topic = f"/jobs/{job}/update"

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
