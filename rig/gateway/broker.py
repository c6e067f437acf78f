"""The broker behind the gateway when nobody names another: amqtt in the gateway's own loop."""

from __future__ import annotations

import logging
import secrets

from amqtt.errors import AMQTTError

from rig.errors import BenchError
from rig.gateway.amqtt_mended import MendedBroker
from rig.gateway.codec import LEVEL_3_1_1
from rig.gateway.endpoint import BrokerEndpoint

__all__ = ["BrokerEndpoint", "EmbeddedBroker"]

_HOST = "127.0.0.1"


class EmbeddedBroker:
    """amqtt on a loopback port that the system picks.

    Every user of the machine can reach that port, so only who knows the run's random password,
    which never leaves this process, is let in.
    """

    def __init__(self) -> None:
        self._broker: MendedBroker | None = None

    async def start(self) -> BrokerEndpoint:
        """Begin to serve; returns where, and with which password. Raises `BenchError`."""
        # amqtt reports each lost connection as a warning; here connections are lost on purpose.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        username, password = "gateway", secrets.token_urlsafe(32)
        broker = MendedBroker(_HOST, username, password)
        try:
            await broker.start()
        except AMQTTError as error:
            raise BenchError(f"the embedded broker cannot start: {error}") from None
        self._broker = broker
        return BrokerEndpoint(_HOST, broker.port, username, password, frozenset({LEVEL_3_1_1}))

    async def stop(self) -> None:
        broker, self._broker = self._broker, None
        if broker is not None:
            await broker.shutdown()
