"""The ceiling: the same bytes asked for and answered by two bare paho clients over mosquitto."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from agent.protocol.bitmap import BlockBitmap
from agent.protocol.stream import (
    DataBlock,
    StreamRequest,
    decode_request,
    encode_data,
    encode_request,
)

REQUESTS, DATA = "bare/get", "bare/data"
PATIENCE_S = 30.0
BLOCK_SIZE, WINDOW = 4096, 8


class BarePair:
    """One client asks for windows of blocks, the other answers; neither looks into a block.

    Both set TCP_NODELAY: without it each window waits for a delayed acknowledgement and the pair
    takes thirty times as long, which would be no ceiling.
    """

    def __init__(self, asker: paho.Client, answerer: paho.Client, content: bytes) -> None:
        self._asker = asker
        self._messages, self._requests = exchange(content)
        self._arrived = 0
        self._done = threading.Event()
        asker.on_message = self._on_data
        answerer.on_message = self._on_request
        self._answerer = answerer

    def run(self) -> float:
        """Seconds from the first request to the last block."""
        self._arrived = 0
        self._done.clear()
        started = time.perf_counter()
        self._asker.publish(REQUESTS, self._requests[0], 0)
        if not self._done.wait(PATIENCE_S):
            raise TimeoutError(f"only {self._arrived} of {len(self._messages)} blocks came")
        return time.perf_counter() - started

    def _on_request(self, client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        window = self._requests.index(bytes(message.payload))
        for block in self._messages[window * WINDOW : (window + 1) * WINDOW]:
            client.publish(DATA, block, 0)

    def _on_data(self, client: paho.Client, _userdata: Any, _message: paho.MQTTMessage) -> None:
        self._arrived += 1
        if self._arrived == len(self._messages):
            self._done.set()
        elif self._arrived % WINDOW == 0:
            client.publish(REQUESTS, self._requests[self._arrived // WINDOW], 0)


def exchange(content: bytes) -> tuple[list[bytes], list[bytes]]:
    """The data messages and the requests of a download, byte for byte as the agent's."""
    blocks = -(-len(content) // BLOCK_SIZE)
    messages = []
    for index in range(blocks):
        payload = content[index * BLOCK_SIZE : (index + 1) * BLOCK_SIZE]
        messages.append(encode_data(DataBlock(0, index, len(payload), payload, "rdy"), "cbor"))
    bitmap = BlockBitmap(blocks)
    requests = []
    for first in range(0, blocks, WINDOW):
        request = StreamRequest("rdy", 0, BLOCK_SIZE, 0, bitmap.to_bytes(), WINDOW, None)
        requests.append(encode_request(request, "cbor"))
        assert decode_request(requests[-1], "cbor").count == WINDOW
        for index in range(first, min(first + WINDOW, blocks)):
            bitmap.clear(index)
    return messages, requests


def _send_at_once(_client: paho.Client, _userdata: Any, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@contextmanager
def bare_pair(port: int, content: bytes) -> Iterator[BarePair]:
    """Both clients connected and subscribed."""
    numbers = itertools.count()
    ready = threading.Semaphore(0)
    clients = []
    for topic in (DATA, REQUESTS):
        client = paho.Client(CallbackAPIVersion.VERSION2, f"bare-{next(numbers)}")
        client.on_socket_open = _send_at_once
        client.on_connect = lambda c, _u, _f, _r, _p, topic=topic: c.subscribe(topic, 0)
        client.on_subscribe = lambda *_: ready.release()
        client.connect("127.0.0.1", port)
        client.loop_start()
        clients.append(client)
    for _ in clients:
        if not ready.acquire(timeout=PATIENCE_S):
            raise TimeoutError("mosquitto does not answer the bare clients")
    try:
        yield BarePair(clients[0], clients[1], content)
    finally:
        for client in clients:
            client.disconnect()
            client.loop_stop()
