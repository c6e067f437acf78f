"""Headless Chromium, told what to do over a pipe (Chrome DevTools protocol)."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from rig.cli.system_package import ensure_command

# What a page may not do: raise, log an error, or be refused something by its own policy.
_COMPLAINTS = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
PATIENCE_MS = 30_000
_WAIT = """new Promise((resolve) => {
  const look = () => { if (CONDITION) { watcher.disconnect(); resolve(true); } };
  const watcher = new MutationObserver(look);
  const all = {subtree: true, childList: true, attributes: true, characterData: true};
  watcher.observe(document, all);
  setTimeout(() => { watcher.disconnect(); resolve(false); }, PATIENCE);
  look();
})"""


class Page:
    """One tab. `complaints` are what it wrote to its console, errors and all."""

    def __init__(self, to_browser: BinaryIO, from_browser: BinaryIO) -> None:
        self.complaints: list[str] = []
        self._to, self._from = to_browser, from_browser
        self._number = 0
        self._events: list[dict[str, Any]] = []
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Have the browser do something, and return what it answers."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def show(self, width: int, height: int, scheme: str = "light") -> None:
        """Make the window so many CSS pixels wide and high, in `light` or `dark`."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def open(self, file: Path) -> None:
        """Load a file and wait until its scripts have run."""
        self.visit(file.resolve().as_uri())

    def visit(self, url: str) -> None:
        """Load a page, in a tab that has none of it yet, and wait until its scripts have run."""
        self._load("about:blank")
        self._load(url)

    def _load(self, url: str) -> None:
        self._events.clear()
        self.call("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._read()

    def run(self, script: str) -> Any:
        """The value of a script."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until this is true of the page, looking each time that something changes in it."""
        script = _WAIT.replace("CONDITION", condition).replace("PATIENCE", str(PATIENCE_MS))
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert answer["result"].get("value") is True, f"never came: {condition}"

    def picture(self, file: Path) -> None:
        """Write what the window shows as PNG."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        file.write_bytes(base64.b64decode(data))

    def _read(self) -> dict[str, Any]:
        """The next message; one that is no answer is kept as an event."""
        message: dict[str, Any] = json.loads(self._bytes())
        if "method" in message:
            self._events.append(message)
            if message["method"] in _COMPLAINTS:
                self.complaints.append(json.dumps(message["params"])[:500])
        return message

    def _bytes(self) -> bytes:
        read = bytearray()
        while (byte := self._from.read(1)) != b"\0":
            assert byte, "the browser ended"
            read += byte
        return bytes(read)


@contextmanager
def chromium(profile: Path, *flags: str) -> Iterator[Page]:
    """A page in a browser of its own, whose files are in the directory `profile`."""
    program = ensure_command("chromium", package="chromium", purpose="to look at pages")
    to_browser_read, to_browser_write = _pipe()
    from_browser_read, from_browser_write = _pipe()
    # The browser takes commands on descriptor 3 and answers on 4, so a shell puts them there. It
    # is without a sandbox since containers forbid one; it opens nothing but our own pages.
    command = (
        f'exec "$0" "$@" 3<&{to_browser_read} 4>&{from_browser_write} '
        f"{to_browser_read}<&- {from_browser_write}>&-"
    )
    words = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--hide-scrollbars",
        "--remote-debugging-pipe",
        f"--user-data-dir={profile}",
        *flags,
        "about:blank",
    ]
    browser = subprocess.Popen(
        ["/bin/bash", "-c", command, program, *words],
        pass_fds=(to_browser_read, from_browser_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser_read)
    os.close(from_browser_write)
    to_browser, from_browser = (
        os.fdopen(to_browser_write, "wb"),
        os.fdopen(from_browser_read, "rb"),
    )
    try:
        page = Page(to_browser, from_browser)
        yield page
    finally:
        # Told to close by the end of its pipe, it takes its own processes with it.
        to_browser.close()
        try:
            browser.wait(timeout=20)
        finally:
            browser.kill()
            browser.wait()
            from_browser.close()


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are none of the descriptors 3 and 4, which the browser is to have."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
