"""The whole device with its file over HTTP, and with TLS on both connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.device.process import DeviceProcess, image, ota_document
from tests.agent.device.scripted_cloud import THING, Job, ScriptedCloud
from tests.agent.device.throwaway_pki import Authority
from tests.agent.shells.range_server import Server, reply

NEW = image("1.0.1")


def serve_image(handler: Any, first: int, last: int) -> None:
    span = f"bytes {first}-{last}/{len(NEW)}"
    reply(handler, 206, NEW[first : last + 1], Content_Range=span)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    running.behave = serve_image
    yield running
    running.close()


@pytest.fixture
def cloud() -> Iterator[ScriptedCloud]:
    with ScriptedCloud() as running:
        yield running


def http_document(url: str) -> dict[str, Any]:
    document = ota_document(NEW, update_data_url=url, auth_scheme="aws.s3.presigned")
    document["afr_ota"]["protocols"] = ["HTTP"]
    del document["afr_ota"]["streamname"]
    return document


def reason(job: Job) -> str:
    return f"{job.status} {job.details['reason']}"


def test_update_over_http(tmp_path: Path, cloud: ScriptedCloud, server: Server) -> None:
    with DeviceProcess(tmp_path, cloud.port) as device:
        job = cloud.offer("J1", http_document(server.url), NEW)
        cloud.wait_done(job)
        assert job.status == "SUCCEEDED"
        assert device.slot_b.read_bytes() == NEW
    ranges = [wanted for _, wanted, _ in server.asked]
    last = len(NEW) - 1
    assert ranges == [f"bytes={k}-{min(k + 1023, last)}" for k in range(0, len(NEW), 1024)]
    assert len({port for _, _, port in server.asked}) == 1
    assert not any("streams" in name for name in cloud.subscribed)


def test_expired_url_is_refreshed_and_the_download_continues(
    tmp_path: Path, cloud: ScriptedCloud, server: Server
) -> None:
    def expire_in_the_middle(handler: Any, first: int, last: int) -> None:
        if first == 20 * 1024 and "fresh" not in handler.path:
            file = cloud.jobs[0].document["afr_ota"]["files"][0]
            file["update_data_url"] += "&fresh=1"
            reply(handler, 403, b"<Error>expired</Error>")
        else:
            serve_image(handler, first, last)

    server.behave = expire_in_the_middle
    with DeviceProcess(tmp_path, cloud.port):
        job = cloud.offer("J1", http_document(server.url), NEW)
        cloud.wait_done(job)
        assert job.status == "SUCCEEDED"
    fresh = [wanted for target, wanted, _ in server.asked if "fresh" in target]
    assert fresh[0] == f"bytes={20 * 1024}-{21 * 1024 - 1}"
    assert len(server.asked) == 41


@pytest.mark.parametrize("status", [403, 500, 200])
def test_permanent_http_failure_ends_the_job(
    tmp_path: Path, cloud: ScriptedCloud, server: Server, status: int
) -> None:
    server.behave = lambda handler, first, last: reply(handler, status, NEW)
    declares = {"request_timer_s": 0.1, "momentum": 3}
    with DeviceProcess(tmp_path, cloud.port, declares=declares):
        job = cloud.offer("J1", http_document(server.url), NEW)
        cloud.wait_done(job)
        assert reason(job) == "FAILED aborted: 0x00000000"
        good = cloud.offer("J2", ota_document(NEW), NEW)
        cloud.wait_done(good)
        assert good.status == "SUCCEEDED"


def test_connection_lost_during_an_http_download(
    tmp_path: Path, cloud: ScriptedCloud, server: Server
) -> None:
    cut = threading.Event()

    def cut_in_the_middle(handler: Any, first: int, last: int) -> None:
        if first == 10 * 1024 and not cut.is_set():
            cut.set()
            cloud.cut()
        serve_image(handler, first, last)

    server.behave = cut_in_the_middle
    with DeviceProcess(tmp_path, cloud.port) as device:
        job = cloud.offer("J1", http_document(server.url), NEW)
        cloud.wait_done(job)
        assert job.status == "SUCCEEDED"
        assert device.slot_b.read_bytes() == NEW


def test_update_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    client = authority.issue(THING)
    with ScriptedCloud(authority.server_context(client_certificates=True)) as cloud:
        mqtt = {
            "host": "127.0.0.1",
            "port": cloud.port,
            "ca": str(authority.file),
            "cert": str(client.certificate),
            "key": str(client.key),
        }
        with DeviceProcess(tmp_path, cloud.port, mqtt=mqtt) as device:
            cloud.wait_done(cloud.offer("J1", ota_document(NEW), NEW))
            assert device.slot_b.read_bytes() == NEW
            assert cloud.done[0].status == "SUCCEEDED"


def test_https_download_trusts_the_configured_authority_only(
    tmp_path: Path, cloud: ScriptedCloud
) -> None:
    authority = Authority(tmp_path)
    server = Server(authority.server_context(client_certificates=False))
    server.behave = serve_image
    declares = {"request_timer_s": 0.1, "momentum": 2}
    try:
        with DeviceProcess(tmp_path, cloud.port, declares=declares) as device:
            job = cloud.offer("J1", http_document(server.url), NEW)
            cloud.wait_done(job)
            assert reason(job) == "FAILED aborted: 0x00000000"
            assert device.boots() == ["boot: version=1.0.0 slot=A state=valid"]
        assert server.asked == []
        with DeviceProcess(tmp_path, cloud.port, http_ca=str(authority.file)):
            good = cloud.offer("J2", http_document(server.url), NEW)
            cloud.wait_done(good)
            assert good.status == "SUCCEEDED"
    finally:
        server.close()
