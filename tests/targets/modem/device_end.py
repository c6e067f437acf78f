"""The device's end of the wire, for tests: frames in and out over a TCP port."""

from __future__ import annotations

import socket

from targets.modem.frames import Frame, FrameDecoder, FrameType

PATIENCE_S = 20.0


class DeviceEnd:
    """A listening port that the modem connects to."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._decoder = FrameDecoder()
        self._frames: list[Frame] = []
        self._wire: socket.socket | None = None

    @property
    def url(self) -> str:
        return f"socket://127.0.0.1:{self._listening.getsockname()[1]}"

    def accept(self) -> None:
        """Take the modem's connection and its hello."""
        self._listening.settimeout(PATIENCE_S)
        self._wire, _ = self._listening.accept()
        self._wire.settimeout(PATIENCE_S)
        assert self.next() == Frame(0, FrameType.HOST_HELLO)

    def send(self, channel: int, kind: FrameType, payload: bytes = b"") -> None:
        self.send_raw(Frame(channel, kind, payload).encode())

    def send_raw(self, data: bytes) -> None:
        assert self._wire is not None
        self._wire.sendall(data)

    def next(self) -> Frame:
        """The next frame from the modem."""
        while not self._frames:
            assert self._wire is not None
            data = self._wire.recv(65536)
            assert data, "the modem has closed the wire"
            self._frames += self._decoder.feed(data)
        return self._frames.pop(0)

    def has_more(self, within_s: float) -> bool:
        """Whether another frame comes within that time."""
        assert self._wire is not None
        self._wire.settimeout(within_s)
        try:
            self._frames += self._decoder.feed(self._wire.recv(65536))
        except TimeoutError:
            pass
        finally:
            self._wire.settimeout(PATIENCE_S)
        return bool(self._frames)

    def close(self) -> None:
        self._listening.close()
        if self._wire is not None:
            self._wire.close()
