"""An HTTP server for ranged downloads whose answers a test can replace."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DATA = bytes(range(256)) * 10


class Server:
    """Answers by ``behave(handler, first, last)``; keeps what was asked."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[str, str, int]] = []
        """Target, Range header and client port of each request."""
        self.behave: Callable[[Any, int, int], None] = partial_content
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                wanted = self.headers["Range"]
                outer.asked.append((self.path, wanted, self.client_address[1]))
                first, last = wanted.removeprefix("bytes=").split("-")
                outer.behave(self, int(first), int(last))

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.scheme = "http" if tls is None else "https"
        if tls is not None:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """A URL whose target must arrive unaltered."""
        return f"{self.scheme}://127.0.0.1:{self.http.server_address[1]}/bucket/file%20x?Sig=%2fAb%3D&x=~"

    def close(self) -> None:
        """Stop serving."""
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(5)


def reply(handler: Any, status: int, body: bytes, **headers: str) -> None:
    """Any answer; the length is the body's unless given."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    if "Content_Length" not in headers:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def partial_content(handler: Any, first: int, last: int) -> None:
    """The good answer."""
    span = f"bytes {first}-{last}/{len(DATA)}"
    reply(handler, 206, DATA[first : last + 1], Content_Range=span)
