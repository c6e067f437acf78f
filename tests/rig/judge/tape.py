"""Traces written by hand: short words for what a device and the rig do, one event each.

The words tell a device that behaves; a test leaves words out, changes them or adds some to make
it misbehave. Versions are texts, images are known by their version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import cbor2

from rig.judge import Outcome, Verdict, judge
from rig.trace import Event, Header, Trace

THING = "lamp"
TOPICS = f"$aws/things/{THING}"
BLOCK = 4096
SIZE = 3 * BLOCK - 96
OLD, NEW = "1.0.0", "1.0.1"
DECLARES: dict[str, Any] = {
    "block_size": BLOCK,
    "window": 2,
    "request_timer_s": 2.0,
    "self_test_timer_s": 4.0,
    "trial_time_s": 6.0,
    "momentum": 4,
    "status_frequency": 64,
    "data_protocols": ["MQTT", "HTTP"],
    "primary_data_protocol": "MQTT",
}


def packed(version: str) -> str:
    major, minor, build = (int(part) for part in version.split("."))
    return f"0x{major << 24 | minor << 16 | build:08x}"


def sha(version: str) -> str:
    """The SHA-256 of the image that stands for this version."""
    return hashlib.sha256(version.encode()).hexdigest()


class Tape:
    """A trace in the making. `t` goes on a little with each event."""

    def __init__(self, **declares: Any) -> None:
        self.declares = DECLARES | declares
        self.events: list[Event] = []
        self.t = 0.0
        self.conn = 0
        self.pid = 0
        self.boots = 0

    def add(self, channel: str, kind: str, dir: str | None = None, **data: Any) -> int:
        """Append an event and return its line."""
        self.t += 0.01
        conn = data.pop("conn", self.conn if channel == "mqtt" else None)
        line = len(self.events) + 2
        self.events.append(Event(self.t, channel, kind, dir, conn, None, data, line))
        return line

    def wait(self, seconds: float) -> None:
        self.t += seconds

    def trace(self) -> Trace:
        return Trace(Header("tape", "tape", THING, self.declares), tuple(self.events))

    def verdicts(self) -> dict[str, Verdict]:
        return judge(self.trace())

    # -- the rig -------------------------------------------------------------------------------

    def flash(self, version: str = OLD) -> None:
        self.add("probe", "FLASH", slot="A", length=SIZE, sha256=sha(version))

    def read(self, active: str, inactive: str | None = None) -> None:
        """Read both slots back; the versions say what is in them."""
        self.add("probe", "READ", slot="A", active=True, length=SIZE, sha256=sha(active))
        length = 0 if inactive is None else SIZE
        shown = hashlib.sha256(b"").hexdigest() if inactive is None else sha(inactive)
        self.add("probe", "READ", slot="B", active=False, length=length, sha256=shown)

    def created(
        self,
        job: str = "J",
        *,
        signed: str = "good",
        version: str = NEW,
        behaviour: str = "pass",
    ) -> None:
        image = {
            "sha256": sha(version),
            "version": version,
            "size": SIZE,
            "behaviour": behaviour,
        }
        self.add("rig", "JOB_CREATED", job_id=job, thing=THING, signed=signed, image=image)

    def command(self, name: str, *arguments: str) -> None:
        self.add("rig", "COMMAND", name=name, arguments=list(arguments))
        self.add("rig", "ANSWER", name=name, result="done")

    def fault(self, **data: Any) -> None:
        self.add("rig", "FAULT", **data)

    def power(self, kind: str) -> None:
        self.add("power", kind)

    # -- starting and connecting ---------------------------------------------------------------

    def boot(self, version: str = OLD, state: str = "valid", slot: str = "A") -> None:
        self.boots += 1
        self.add("rig", "BOOT", version=version, slot=slot, state=state, evidence="marker")

    def connect(self) -> None:
        self.conn += 1
        self.add("mqtt", "TCP_OPEN", "from_device")
        self.add("mqtt", "CONNECT", "from_device", client_id=THING)
        self.add("mqtt", "CONNACK", "to_device", rc=0, session_present=0)

    def close(self) -> None:
        self.add("mqtt", "TCP_CLOSE", "from_device")

    def subscribe(self, topic: str, qos: int) -> None:
        self.pid += 1
        self.add("mqtt", "SUBSCRIBE", "from_device", pid=self.pid, filters=[[topic, qos]])

    def unsubscribe(self, topic: str) -> None:
        self.pid += 1
        self.add("mqtt", "UNSUBSCRIBE", "from_device", pid=self.pid, filters=[topic])

    def ask(self) -> None:
        """Subscribe to notify-next and ask for a job."""
        self.subscribe(f"{TOPICS}/jobs/notify-next", 1)
        self.publish("jobs/$next/get", json.dumps({"clientToken": f"0:{THING[:53]}"}).encode(), 1)

    def start(self, version: str = OLD, state: str = "valid") -> None:
        """Boot, connect, ask."""
        self.boot(version, state)
        self.connect()
        self.ask()

    def ping(self) -> None:
        self.add("mqtt", "PINGREQ", "from_device")

    # -- publishes of the device ---------------------------------------------------------------

    def publish(self, topic: str, payload: bytes, qos: int, **changes: Any) -> int:
        data: dict[str, Any] = {"topic": f"{TOPICS}/{topic}", "qos": qos, "retain": False}
        if qos:
            self.pid += 1
            data["pid"] = self.pid
        data["payload"] = payload.hex()
        line = self.add("mqtt", "PUBLISH", "from_device", **(data | changes))
        if qos:
            self.add("mqtt", "PUBACK", "to_device", pid=self.pid)
        return line

    def status(self, status: str, job: str = "J", qos: int = 1, **details: str) -> int:
        text = json.dumps({"status": status, "statusDetails": details})
        return self.publish(f"jobs/{job}/update", text.encode(), qos)

    def progress(self, stored: int, blocks: int = 3, job: str = "J") -> int:
        return self.status("IN_PROGRESS", job, 0, receive=f"{stored}/{blocks}")

    def ready(self, version: str = OLD, job: str = "J") -> int:
        return self.status("IN_PROGRESS", job, self_test="ready", updatedBy=packed(version))

    def active(self, version: str = NEW, job: str = "J") -> int:
        return self.status("IN_PROGRESS", job, self_test="active", updatedBy=packed(version))

    def succeeded(self, new: str = NEW, old: str = OLD, job: str = "J") -> int:
        return self.status("SUCCEEDED", job, reason=f"accepted  v{new}", updatedBy=f"  v{old}")

    def failed(self, reason: str, job: str = "J") -> int:
        return self.status("FAILED", job, reason=reason)

    def request(
        self, wanted: Iterable[int], blocks: int = 3, n: int = 2, stream: str = "S", file: int = 0
    ) -> int:
        bits = sum(1 << index for index in wanted)
        message = {
            "c": "rdy", "f": file, "l": BLOCK, "o": 0,
            "b": bits.to_bytes(-(-blocks // 8), "little"), "n": n,
        }  # fmt: skip
        return self.publish(f"streams/{stream}/get/cbor", cbor2.dumps(message), 0)

    # -- what reaches the device ---------------------------------------------------------------

    def send(self, topic: str, payload: bytes, qos: int = 1) -> int:
        return self.add(
            "mqtt", "PUBLISH", "to_device", topic=f"{TOPICS}/{topic}", qos=qos,
            payload=payload.hex(),
        )  # fmt: skip

    def news(self, document: dict[str, Any] | bytes) -> int:
        """A document on notify-next."""
        payload = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.send("jobs/notify-next", payload)

    def answer(self, document: dict[str, Any] | None = None) -> int:
        """A document in answer to a job request; without one, that there is no job."""
        payload = json.dumps(document or {"clientToken": "0:lamp", "timestamp": 1}).encode()
        return self.send("jobs/$next/get/accepted", payload)

    def data(self, index: int, size: int | None = None, stream: str = "S", **changes: Any) -> int:
        """A data block as it should be, or changed; `p` is its payload."""
        length = (BLOCK if index < 2 else SIZE - 2 * BLOCK) if size is None else size
        message = {"f": 0, "i": index, "l": length, "p": bytes(length)} | changes
        return self.send(f"streams/{stream}/data/cbor", cbor2.dumps(message), 0)

    # -- HTTP ----------------------------------------------------------------------------------

    def get(self, first: int, last: int, target: str = "/f?sig=1", conn: int = 1) -> int:
        headers = {"Range": f"bytes={first}-{last}"}
        return self.add(
            "http", "REQUEST", "from_device", conn=conn, method="GET", target=target,
            headers=headers,
        )  # fmt: skip

    def body(self, length: int, status: int = 206, conn: int = 1) -> int:
        return self.add(
            "http", "RESPONSE", "to_device", conn=conn, status=status, headers={}, length=length,
            sha256="00",
        )  # fmt: skip

    # -- whole stretches -----------------------------------------------------------------------

    def subscribe_stream(self, stream: str = "S") -> None:
        self.subscribe(f"{TOPICS}/streams/{stream}/data/cbor", 0)

    def download(self, job: str = "J", stream: str = "S") -> None:
        """All three blocks of the usual file, two in a window."""
        self.subscribe_stream(stream)
        self.request([0, 1, 2], stream=stream)
        self.data(0, stream=stream)
        self.data(1, stream=stream)
        self.progress(1, job=job)
        self.request([2], stream=stream)
        self.data(2, stream=stream)

    def reset_into(self, version: str, document: dict[str, Any], state: str) -> None:
        """Reset, boot this version, ask, and get this document."""
        self.close()
        self.start(version, state)
        self.answer(document)

    def update(self, job: str = "J", old: str = OLD, new: str = NEW, stream: str = "S") -> None:
        """A good update from the document on; the device is idle before and after."""
        self.created(job, version=new)
        self.news(offer(job, stream=stream))
        self.download(job, stream)
        self.ready(old, job)
        self.reset_into(new, offer(job, stream=stream, ready=old), "pending_commit")
        self.active(new, job)
        self.succeeded(new, old, job)


def offer(
    job: str = "J",
    *,
    ready: str | None = None,
    active: str | None = None,
    stream: str = "S",
    protocols: Iterable[str] = ("MQTT",),
    without: Iterable[str] = (),
    **file: Any,
) -> dict[str, Any]:
    """A job document; `ready` and `active` are versions in its status details."""
    entry: dict[str, Any] = {
        "filepath": "f", "filesize": SIZE, "fileid": 0, "certfile": "c",
        "sig-sha256-ecdsa": "AAAA",
    }  # fmt: skip
    ota = {"protocols": list(protocols), "streamname": stream, "files": [entry | file]}
    for name in without:
        ota.pop(name, None)
        ota["files"][0].pop(name, None)  # type: ignore[attr-defined]
    execution: dict[str, Any] = {"jobId": job, "jobDocument": {"afr_ota": ota}}
    for stage, version in (("ready", ready), ("active", active)):
        if version is not None:
            execution["statusDetails"] = {"self_test": stage, "updatedBy": packed(version)}
    return {"timestamp": 1, "execution": execution}


def outcomes(tape: Tape, outcome: Outcome) -> dict[str, str]:
    """The requirements with this outcome and why, without the prefix of their ids."""
    return {
        identifier.removeprefix("OTA-"): verdict.why
        for identifier, verdict in tape.verdicts().items()
        if verdict.outcome is outcome
    }


def check(tape: Tape, *, satisfied: str = "", violated: str = "") -> None:
    """Demand that these are satisfied and just these violated; ids without "OTA-"."""
    assert outcomes(tape, Outcome.VIOLATED).keys() == set(violated.split()), outcomes(
        tape, Outcome.VIOLATED
    )
    missing = set(satisfied.split()) - outcomes(tape, Outcome.SATISFIED).keys()
    verdicts = tape.verdicts()
    assert not missing, [verdicts[f"OTA-{name}"] for name in sorted(missing)]
