"""T17: what the service offers is what a device can read, by either protocol and both."""

from __future__ import annotations

import pytest

from agent.protocol.job_document import JobMessage, parse_job_message
from rig.jobs.engine import Target
from rig.jobs.ota_update import OtaFile, OtaUpdateSpec
from tests.rig.jobs.world import BUCKET, THING, World

IMAGE = bytes(130_000)
SIGNATURE = b"\x30\x45\x02" + bytes(68)
# What the C library copies the text of `protocols` into, and its default for the URL (§0).
PROTOCOLS_BUFFER, URL_BUFFER, STREAM_NAME_BUFFER = 20, 1500, 44


@pytest.mark.parametrize("protocols", [("MQTT",), ("HTTP",), ("MQTT", "HTTP")])
def test_a_device_reads_what_it_is_offered(world: World, protocols: tuple[str, ...]) -> None:
    world.service.put_object(BUCKET, "fw.bin", IMAGE)
    file = OtaFile(
        "firmware.bin", BUCKET, "fw.bin", file_type=3, signature=SIGNATURE, cert_file="signer.pem"
    )
    target = Target.thing(THING)
    offered = world.service.create_ota_update(OtaUpdateSpec("u1", (target,), (file,), protocols))
    (reply,) = world.ask("jobs/$next/get").replies
    read = parse_job_message(reply.payload)
    assert isinstance(read, JobMessage), read
    document = read.document
    assert document.job_id == offered.job_id == "AFR_OTA-u1"
    assert (document.file_path, document.file_size) == ("firmware.bin", len(IMAGE))
    assert (document.file_id, document.file_type) == (0, 3)
    assert (document.cert_file, document.signature) == ("signer.pem", SIGNATURE)
    assert not document.self_test
    assert len(document.protocols) < PROTOCOLS_BUFFER
    assert all(f'"{protocol}"' in document.protocols for protocol in protocols)
    if "MQTT" in protocols:
        assert document.stream_name == offered.stream_id
        assert len(document.stream_name or "") <= STREAM_NAME_BUFFER
    else:
        assert document.stream_name is None
    if "HTTP" in protocols:
        assert document.auth_scheme == "aws.s3.presigned"
        assert (document.update_data_url or "").startswith("http")
        assert len(document.update_data_url or "") < URL_BUFFER
    else:
        assert document.update_data_url is None
