"""A job service small enough to read: one MQTT 3.1.1 connection at a time, jobs, one stream.

It answers on the requesting connection without a subscription, as AWS does, and its script can lose
answers, hold the stream, or cut the connection.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cbor2

THING = "thing1"
PREFIX = f"$aws/things/{THING}/"
TERMINAL = ("SUCCEEDED", "FAILED", "REJECTED")


@dataclass
class Job:
    """One job execution; ``details`` are the status details the device reported last."""

    job_id: str
    document: dict[str, Any]
    data: bytes
    status: str = "QUEUED"
    details: dict[str, str] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)

    def execution(self) -> dict[str, Any]:
        """What the device is told."""
        told = {
            "jobId": self.job_id,
            "status": self.status,
            "executionNumber": 1,
            "jobDocument": self.document,
        }
        return told | ({"statusDetails": self.details} if self.details else {})


class ScriptedCloud:
    """Serves on a free port of the loopback interface until closed."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """With ``tls`` the connection is encrypted."""
        self._tls = tls
        self.jobs: list[Job] = []
        self.done: list[Job] = []
        self.published: list[tuple[str, bytes, int]] = []
        """Everything the device published: topic, payload, flags of the fixed header."""
        self.subscribed: list[str] = []
        self.connections = 0
        self.lose_answers = 0
        self.cut_after_blocks: int | None = None
        self.mute_stream = False
        self._changed = threading.Condition()
        self._send_lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._peer: socket.socket | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where the device connects."""
        port: int = self._server.getsockname()[1]
        return port

    def close(self) -> None:
        """Stop serving and wait for the thread."""
        self._closing = True
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()
        self._thread.join(5)

    def __enter__(self) -> ScriptedCloud:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- the script -----------------------------------------------------------------------------

    def offer(self, job_id: str, document: dict[str, Any], data: bytes = b"") -> Job:
        """Create a job and tell the device."""
        job = Job(job_id, document, data)
        self.jobs.append(job)
        if self.jobs[0] is job:
            self._notify_next()
        return job

    def cancel(self, job: Job) -> None:
        """Take a job back and tell the device."""
        self.jobs.remove(job)
        self._notify_next()

    def cut(self) -> None:
        """Drop the device's connection."""
        peer = self._peer
        if peer is not None:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def wait(self, met: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Wait until ``met``; fails with what the device did instead."""
        with self._changed:
            ok = self._changed.wait_for(met, timeout_s)
        assert ok, f"not in {timeout_s} s; device published {self.published[-12:]}"

    def wait_done(self, job: Job, timeout_s: float = 20.0) -> list[dict[str, Any]]:
        """Wait for a job's end; returns all its status reports."""
        self.wait(lambda: job in self.done, timeout_s)
        return job.history

    def sent(self, suffix: str) -> int:
        """How often the device published to a topic with that end."""
        return sum(topic.endswith(suffix) for topic, _, _ in self.published)

    # -- serving --------------------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._closing:
            try:
                peer, _ = self._server.accept()
            except OSError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                if self._tls is not None:
                    peer = self._tls.wrap_socket(peer, server_side=True)
                self._peer = peer
                with peer, peer.makefile("rb") as stream:
                    while self._packet(stream):
                        with self._changed:
                            self._changed.notify_all()
            except OSError:
                pass
            self._peer = None

    def _packet(self, stream: Any) -> bool:
        head = stream.read(1)
        if not head:
            return False
        length, shift, more = 0, 0, True
        while more:
            digit = stream.read(1)
            if not digit:
                return False
            byte = digit[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            more = bool(byte & 0x80)
        body = stream.read(length)
        if len(body) < length:
            return False
        kind, flags = head[0] >> 4, head[0] & 0xF
        if kind == 1:
            self.connections += 1
            self._send(b"\x20\x02\x00\x00")
        elif kind == 8:
            size = struct.unpack_from(">H", body, 2)[0]
            self.subscribed.append(body[4 : 4 + size].decode())
            self._send(b"\x90\x03" + body[:2] + b"\x01")
        elif kind == 10:
            self._send(b"\xb0\x02" + body[:2])
        elif kind == 12:
            self._send(b"\xd0\x00")
        elif kind == 3:
            self._publish(flags, body)
        return True

    def _publish(self, flags: int, body: bytes) -> None:
        size = struct.unpack_from(">H", body)[0]
        topic, rest = body[2 : 2 + size].decode(), body[2 + size :]
        packet_id = b""
        if flags & 0x06:
            packet_id, rest = rest[:2], rest[2:]
        # Recorded before it is acknowledged: who waits for the acknowledgement then reads this.
        self.published.append((topic, rest, flags))
        if packet_id:
            self._send(b"\x40\x02" + packet_id)
        if topic == PREFIX + "jobs/$next/get":
            self._answer(json.loads(rest))
        elif topic.endswith("/update"):
            with contextlib.suppress(ValueError):
                self._update(topic.split("/")[4], json.loads(rest))
        elif topic.endswith("/get/cbor") and not self.mute_stream:
            self._blocks(topic, cbor2.loads(rest))

    def _answer(self, request: dict[str, Any]) -> None:
        if self.lose_answers:
            self.lose_answers -= 1
            return
        answer = {"clientToken": request["clientToken"], "timestamp": 1}
        if self.jobs:
            answer["execution"] = self.jobs[0].execution()
        self.to_device("jobs/$next/get/accepted", json.dumps(answer).encode())

    def _update(self, job_id: str, report: dict[str, Any]) -> None:
        for job in self.jobs:
            if job.job_id == job_id:
                job.status, job.details = report["status"], report["statusDetails"]
                job.history.append(report)
                if job.status in TERMINAL:
                    self.jobs.remove(job)
                    self.done.append(job)
                    self._notify_next()
                return

    def _blocks(self, topic: str, request: dict[str, Any]) -> None:
        if not self.jobs:
            return
        data, size, bitmap = self.jobs[0].data, request["l"], request["b"]
        wanted = [i for i in range(8 * len(bitmap)) if bitmap[i >> 3] >> (i & 7) & 1]
        for index in wanted[: request["n"]]:
            if self.cut_after_blocks is not None:
                self.cut_after_blocks -= 1
                if self.cut_after_blocks < 0:
                    self.cut_after_blocks = None
                    self.cut()
                    return
            payload = data[index * size : (index + 1) * size]
            message = {"f": request["f"], "i": index, "l": len(payload), "p": payload}
            stream = topic.split("/")[4]
            self.to_device(f"streams/{stream}/data/cbor", cbor2.dumps(message))

    def _notify_next(self) -> None:
        note: dict[str, Any] = {"timestamp": 1}
        if self.jobs:
            note["execution"] = self.jobs[0].execution()
        self.to_device("jobs/notify-next", json.dumps(note).encode())

    def to_device(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0 to whoever is connected."""
        name = (PREFIX + topic).encode()
        body = struct.pack(">H", len(name)) + name + payload
        length, size = b"", len(body)
        while True:
            size, byte = size >> 7, size & 0x7F
            length += bytes([byte | 0x80 if size else byte])
            if not size:
                break
        self._send(b"\x30" + length + body)

    def _send(self, packet: bytes) -> None:
        peer = self._peer
        if peer is not None:
            try:
                with self._send_lock:
                    peer.sendall(packet)
            except OSError:
                return
