"""The reference agent is conformant, whatever is behind the gateway and on the wire."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from rig.gateway.endpoint import BrokerEndpoint
from tests.rig.certify.command import certify


@pytest.mark.parametrize(
    ("transport", "broker"),
    [("tls", "amqtt"), ("tls", "mosquitto"), ("plain", "amqtt"), ("plain", "mosquitto")],
)
def test_reference_agent(
    transport: str, broker: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    arguments = ["--board", "reference", "--transport", transport]
    if broker == "mosquitto":
        endpoint: BrokerEndpoint = request.getfixturevalue("mosquitto")
        arguments += ["--broker", f"mqtt://{endpoint}"]
    done = certify(tmp_path / "report", *arguments)
    assert done.code == 0, done.said
    assert done.document["verdict"] == "conformant"
    assert set(done.outcomes().values()) == {"passed"}
    assert len(done.outcomes()) >= 25
    assert done.broken() == set()
    check_files(done.out, set(done.outcomes()))


def check_files(out: Path, cases: set[str]) -> None:
    """Every form of the report speaks of the same cases; every case has its trace."""
    assert {path.stem for path in (out / "traces").iterdir()} == cases
    suite = Xml.parse(out / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert {case.get("name") for case in suite.iter("testcase")} == cases
    assert suite.get("failures") == suite.get("errors") == "0"
    page = (out / "report.html").read_text("utf-8")
    assert "conformant" in page
    assert all(case in page for case in cases)
    assert "boot: version=1.0.0" in (out / "console.log").read_text("utf-8")
