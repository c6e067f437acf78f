"""T22: the same calls to moto's server and to ours; where the answers part is listed in the docs.

The list is wrong when a difference is missing from it, and when one in it is none any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from tests.rig.aws.conftest import Service
from tests.rig.aws.same_calls import Script

DOCUMENT = Path(__file__).parents[3] / "docs" / "moto.md"


@pytest.fixture
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def client_of_moto(url: str, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"max_attempts": 0}),
    )


def listed() -> dict[str, tuple[str, str]]:
    """Call → what moto answers, what we do, as the document has it."""
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|\n").split("|")]
        for line in DOCUMENT.read_text("utf-8").splitlines()
        if line.startswith("| `")
    ]
    return {call: (moto, ours) for call, moto, ours, _why in rows}


def test_the_differences_from_moto_are_those_listed(service: Service, moto_url: str) -> None:
    ours = Script(service.client).run()
    moto = Script(lambda name: client_of_moto(moto_url, name)).run()
    assert list(ours) == list(moto)
    parted = {call: (moto[call], ours[call]) for call in ours if moto[call] != ours[call]}
    assert parted == listed()
    # Not two servers that refuse everything: of what both grant, they agree on much.
    granted = [call for call in ours if call not in parted and not ours[call][-3:].isdecimal()]
    assert len(granted) >= 15, granted
