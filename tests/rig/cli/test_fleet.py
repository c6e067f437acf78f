"""`otarig fleet` against a real `serve`: once, as JSON, live on a terminal, and without one."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from rig.serve_state import STATE_FILE, ServeState, find_serve
from tests.rig.cli.command import Desk, serving

USAGE = 2
DATA = Path(".otarig") / "serve"


def client_of(state: ServeState, service: str = "iot") -> Any:
    return boto3.client(
        service,
        endpoint_url=state.endpoint,
        region_name=state.region,
        aws_access_key_id=state.access_key_id,
        aws_secret_access_key=state.secret_access_key,
    )


def make_job(state: ServeState) -> None:
    iot = client_of(state)
    arn = iot.create_thing(thingName="lamp")["thingArn"]
    iot.create_job(jobId="job1", targets=[arn], document="{}", description="all of them")


def report(state: ServeState, status: str, reason: str) -> None:
    client_of(state, "iot-jobs-data").update_job_execution(
        thingName="lamp", jobId="job1", status=status, statusDetails={"reason": reason}
    )


class Screen:
    """What a verb writes to a terminal of its own."""

    def __init__(self, desk: Desk, *arguments: str) -> None:
        self.said = b""
        self._terminal, end = pty.openpty()
        self.process = subprocess.Popen(
            desk.command(*arguments),
            cwd=desk.directory,
            env={**desk.environment, "TERM": "xterm", "COLUMNS": "80", "LINES": "40"},
            stdin=end,
            stdout=end,
            stderr=end,
            start_new_session=True,
        )
        os.close(end)

    def wait_for(self, text: str) -> None:
        """Read until this has been written since the last time."""
        seen = b""
        while text.encode() not in seen:
            try:
                read = os.read(self._terminal, 65_536)
            except OSError:
                read = b""
            assert read, f"ended without saying {text!r}:\n{self.said.decode()}"
            seen += read
            self.said += read

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)


@contextmanager
def screen(desk: Desk, *arguments: str) -> Iterator[Screen]:
    opened = Screen(desk, *arguments)
    try:
        yield opened
    finally:
        opened.close()


def test_once_and_as_json(desk: Desk) -> None:
    with serving(desk) as serve:
        state = find_serve(desk.directory / DATA)
        assert "There is no job yet." in desk.run("fleet", "--once").out
        make_job(state)
        # Without a terminal it does not go on for ever.
        done = desk.run("fleet")
        assert done.code == 0
        assert "job1  in progress" in done.out
        assert "1 queued" in done.out
        assert max(map(len, done.out.splitlines())) <= 40
        report(state, "FAILED", "[red]no[/red]")
        assert "[red]no[/red]" in desk.run("fleet", "job1", "--once").out
        fleet = json.loads(desk.run("fleet", "--json").out)
        assert fleet["jobs"][0]["counts"]["FAILED"] == 1
        detail = json.loads(desk.run("fleet", "job1", "--json").out)
        assert detail["failures"] == [{"status": "FAILED", "reason": "[red]no[/red]", "things": 1}]
        nothing = desk.run("fleet", "nothing")
        assert nothing.code == USAGE
        assert nothing.complaint == "otarig fleet: serve refused: there is no job nothing"
        assert serve.end() == 0


def test_live_until_ctrl_c(desk: Desk) -> None:
    with serving(desk) as serve:
        state = find_serve(desk.directory / DATA)
        make_job(state)
        with screen(desk, "fleet", "job1") as watch:
            watch.wait_for("1 queued")
            report(state, "IN_PROGRESS", "7/32")
            watch.wait_for("1 in progress")
            report(state, "SUCCEEDED", "accepted v2")
            watch.wait_for("1 succeeded")
            # It is told that serve is away, and another run of it is found.
            assert serve.end() == 0
            watch.wait_for("no serve runs with the data directory")
            with serving(desk) as again:
                watch.wait_for("accepted v2")
                assert watch.end() == 0
                assert again.end() == 0
        assert b"Traceback" not in watch.said


@pytest.mark.parametrize("left", [None, "{}"])
def test_without_a_serve(desk: Desk, left: str | None) -> None:
    if left is not None:
        (desk.directory / DATA).mkdir(parents=True)
        (desk.directory / DATA / STATE_FILE).write_text(left)
    done = desk.run("fleet")
    assert done.code == USAGE
    assert "otarig serve" in done.complaint
