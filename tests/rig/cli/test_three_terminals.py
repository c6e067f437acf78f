"""`serve`, `agent` and `update` together: each in its own terminal, as the README has it."""

from __future__ import annotations

import signal
from pathlib import Path

from rig.serve_client import ServeClient
from rig.serve_state import STATE_FILE
from rig.signing import SigningKey
from tests.rig.cli.command import Desk, Done, serving, terminal

DATA = Path(".otarig") / "serve"
SMALL = ("--size", "20000")


def update(desk: Desk, *arguments: str) -> Done:
    return desk.run("update", "--thing", "demo", *SMALL, *arguments)


def job_of(done: Done) -> str:
    """The job that an update became, from its first line."""
    return done.out.splitlines()[0].rpartition("job ")[2]


def test_updates_by_both_protocols_and_a_rejection(desk: Desk) -> None:
    with serving(desk) as serve, terminal(desk, "agent", "--thing", "demo") as agent:
        agent.wait_for("boot: version=1.0.0 slot=A")
        agent.wait_for("ota: connected")

        by_mqtt = update(desk)
        assert by_mqtt.code == 0, by_mqtt.out + by_mqtt.err
        assert "version 1.0.1 (20000 bytes) by MQTT for demo" in by_mqtt.out
        assert "SUCCEEDED reason: accepted v1.0.1" in by_mqtt.out.splitlines()[-1]

        by_http = update(desk, "--protocol", "http")
        assert by_http.code == 0, by_http.out + by_http.err
        assert "version 1.0.2 (20000 bytes) by HTTP for demo" in by_http.out
        assert "SUCCEEDED reason: accepted v1.0.2" in by_http.out.splitlines()[-1]

        rejected = update(desk, "--behaviour", "reject", "--protocol", "MQTT", "HTTP")
        assert rejected.code == 1
        assert "by MQTT or HTTP" in rejected.out
        assert "FAILED reason: rejected" in rejected.out.splitlines()[-1]
        agent.wait_for("boot: rollback from=1.0.3 to=1.0.2")

        old = update(desk, "--version", "1.0.2")
        assert old.code == 1
        assert "FAILED" in old.out.splitlines()[-1]
        # Each change of the execution is printed once.
        assert len(set(by_mqtt.out.splitlines())) == len(by_mqtt.out.splitlines())

        agent.type("suspend")
        agent.wait_for("command: suspend")
        assert agent.end() == 0
        assert serve.end(signal.SIGTERM) == 0
    assert "Traceback" not in agent.text + serve.text
    assert not (desk.directory / DATA / STATE_FILE).exists()
    assert desk.is_clean()


def test_serve_that_was_killed_keeps_things_and_jobs(desk: Desk) -> None:
    data = desk.directory / DATA
    with serving(desk) as serve:
        with terminal(desk, "agent", "--thing", "demo") as agent:
            agent.wait_for("ota: connected")
            done = update(desk)
            assert done.code == 0, done.out + done.err
            assert agent.end() == 0
        waiting = update(desk, "--no-watch")
        assert waiting.code == 0
        serve.end(signal.SIGKILL)
    # What it left still names an address, but nobody is there.
    nobody = update(desk)
    assert nobody.code == 2
    assert "no serve answers at http://127.0.0.1:" in nobody.complaint

    with serving(desk) as serve:
        client = ServeClient(data)
        assert client.thing_arn("demo").endswith(":thing/demo")
        assert client.execution("demo", job_of(done)).status == "SUCCEEDED"
        assert client.execution("demo", job_of(waiting)).status == "QUEUED"
        # The device keeps its identity and its image, and finds the new ports by itself.
        with terminal(desk, "agent", "--thing", "demo") as agent:
            agent.wait_for("boot: version=1.0.1 slot=B")
            agent.wait_for("boot: version=1.0.2 slot=A")
            agent.wait_for("NO_ACTIVE_JOB")
            assert client.execution("demo", job_of(waiting)).status == "SUCCEEDED"
            assert agent.end(signal.SIGTERM) == 0
        assert "enrolled" not in agent.text
        assert serve.end() == 0
    assert desk.is_clean()


def test_agent_outlives_serve(desk: Desk) -> None:
    """A device that is left alone goes on trying, and ends when it is told to."""
    with serving(desk) as serve, terminal(desk, "agent", "--thing", "demo") as agent:
        agent.wait_for("ota: connected")
        serve.end(signal.SIGKILL)
        agent.wait_for("ota: cannot connect")
        assert agent.end() == 0
    assert "Traceback" not in agent.text


def test_watching_that_ends_early(desk: Desk) -> None:
    words = ("update", "--thing", "demo", *SMALL)
    with serving(desk) as serve:
        ServeClient(desk.directory / DATA).enrol("demo")
        with terminal(desk, *words) as watching:
            watching.wait_for("QUEUED")
            assert watching.end() == 4
        assert "goes on" in watching.text
        with terminal(desk, *words) as deserted:
            deserted.wait_for("QUEUED")
            serve.end(signal.SIGKILL)
            line = deserted.wait_for("cannot be watched")
            assert deserted.process.wait() == 3
    assert line.startswith("otarig update: the bench failed: job AFR_OTA-1-0-2-")
    assert "Traceback" not in watching.text + deserted.text


def test_image_signed_with_a_foreign_key(desk: Desk) -> None:
    SigningKey.generate().save(desk.directory / "foreign.key")
    with serving(desk), terminal(desk, "agent", "--thing", "demo") as agent:
        agent.wait_for("ota: connected")
        refused = update(desk, "--key", "foreign.key")
        assert refused.code == 1
        assert "FAILED" in refused.out.splitlines()[-1]
        assert agent.end() == 0
