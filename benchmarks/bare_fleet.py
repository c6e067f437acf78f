"""The ceiling for a fleet: the same bytes between bare paho clients over mosquitto.

`python -m benchmarks.bare_fleet answer|ask FILE`: one process answers all requests, the others hold
the clients that ask. Their loop is the fleet's own. Nobody looks into a block, nothing is stored.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from agent.config import MqttEndpoint
from agent.connection import Connection, make_client
from agent.fleet.fleet import Fleet
from benchmarks.bare_pair import WINDOW, exchange
from benchmarks.broker import Broker
from benchmarks.processes import cpu_s, speakers, write_configs

PATIENCE_S = 300.0


@dataclass(frozen=True)
class Ceiling:
    """Seconds from the first request to the last block, and processor time by who used it."""

    seconds: float
    cpu: Mapping[str, float]


def ask_and_answer(
    directory: Path, broker: Broker, things: Sequence[str], size: int, processes: int, tls: bool
) -> Ceiling:
    """Have a client for each thing fetch that many bytes.

    With `tls` those who ask speak TLS. The one who answers does not, as `serve` does not to its
    broker either.
    """
    common: dict[str, Any] = {"port": broker.port, "size": size, "patience_s": PATIENCE_S}
    answering = write_configs(directory, "answer", common, (), 1)
    if tls:
        common |= {"port": broker.tls_port, "ca": str(broker.ca)}
    asking = write_configs(directory, "ask", common, things, processes)
    with (
        speakers(["benchmarks.bare_fleet", "answer"], answering) as answerers,
        speakers(["benchmarks.bare_fleet", "ask"], asking) as askers,
    ):
        for speaker in answerers + askers:
            speaker.hear_idle()
        users = {
            "answerer": [answerers[0].pid],
            "mosquitto": [broker.pid],
            "askers": [asker.pid for asker in askers],
        }
        before = {name: cpu_s(pids) for name, pids in users.items()}
        started = time.monotonic()
        for asker in askers:
            asker.begin()
        said = [asker.hear() for asker in askers]
        cpu = {name: cpu_s(pids) - before[name] for name, pids in users.items()}
    if any(each["event"] != "done" for each in said):
        raise RuntimeError("the bare clients did not get all blocks")
    return Ceiling(max(end for each in said for end in each["ends"]) - started, cpu)


class BareAsker:
    """A client that asks for window after window, as the agent does."""

    def __init__(self, name: str, endpoint: MqttEndpoint, requests: list[bytes], blocks: int):
        self._ask, self._data = f"bare/{name}/get", f"bare/{name}/data"
        self._requests, self._blocks = requests, blocks
        self._arrived = 0
        self.ready_to_ask = False
        self.done_at: float | None = None
        client = make_client(endpoint, name)
        client.on_message = self._on_data
        client.on_subscribe = self._on_subscribed
        self.connection = Connection(client, endpoint, self._up, self._down)

    @property
    def sock(self) -> Any:
        return self.connection.socket

    @property
    def events(self) -> int:
        return self.connection.events

    @property
    def online(self) -> bool:
        return self.connection.client.is_connected()

    def begin(self) -> None:
        self._arrived, self.done_at = 0, None
        self.connection.client.publish(self._ask, self._requests[0], 0)

    def attend(self) -> None:
        self.connection.attend()

    def ready(self, *, readable: bool, writable: bool) -> None:
        if writable:
            self.connection.write()
        if readable:
            self.connection.read()

    def power_off(self) -> None:
        self.connection.cut()

    def _up(self) -> None:
        self.connection.client.subscribe(self._data, 0)

    def _down(self, why: str) -> None:
        if "lost" in why:
            raise RuntimeError(f"a bare client lost its connection: {why}")

    def _on_subscribed(self, *_: Any) -> None:
        self.ready_to_ask = True

    def _on_data(self, client: paho.Client, _userdata: Any, _message: paho.MQTTMessage) -> None:
        self._arrived += 1
        if self._arrived == self._blocks:
            self.done_at = time.monotonic()
        elif self._arrived % WINDOW == 0:
            client.publish(self._ask, self._requests[self._arrived // WINDOW], 0)


def ask(config: dict[str, Any]) -> None:
    """Connect all, say so, begin when told to, and say when the last block came."""
    messages, requests = exchange(bytes(config["size"]))
    ca = config.get("ca")
    endpoint = MqttEndpoint("127.0.0.1", config["port"], None if ca is None else Path(ca))
    askers = [BareAsker(name, endpoint, requests, len(messages)) for name in config["things"]]
    fleet = Fleet(askers)
    patience_s = config["patience_s"]
    assert fleet.run(lambda: all(asker.ready_to_ask for asker in askers), patience_s)
    print(json.dumps({"event": "idle"}), flush=True)
    sys.stdin.readline()
    for asker in askers:
        asker.begin()
    complete = fleet.run(lambda: all(asker.done_at for asker in askers), patience_s)
    ends = [asker.done_at for asker in askers if asker.done_at]
    print(json.dumps({"event": "done" if complete else "late", "ends": ends}), flush=True)
    sys.stdin.read()
    fleet.close()


def answer(config: dict[str, Any]) -> None:
    """Answer requests until standard input ends."""
    messages, requests = exchange(bytes(config["size"]))
    windows = {
        request: messages[number * WINDOW : (number + 1) * WINDOW]
        for number, request in enumerate(requests)
    }
    client = paho.Client(CallbackAPIVersion.VERSION2, "bare-answerer")

    def no_delay(_client: paho.Client, _userdata: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def on_request(client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        topic = f"{message.topic[:-3]}data"
        for block in windows[bytes(message.payload)]:
            client.publish(topic, block, 0)

    client.on_socket_open = no_delay
    client.on_connect = lambda c, *_: c.subscribe("bare/+/get", 0)
    client.on_subscribe = lambda *_: print(json.dumps({"event": "idle"}), flush=True)
    client.on_message = on_request
    client.connect("127.0.0.1", config["port"])
    client.loop_start()
    sys.stdin.read()
    client.loop_stop()


if __name__ == "__main__":
    {"ask": ask, "answer": answer}[sys.argv[1]](json.loads(Path(sys.argv[2]).read_bytes()))
