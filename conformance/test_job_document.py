"""Job documents that are not as they should be, each followed by one that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rig.scenario import Scenario

Document = dict[str, Any]
NON_CONFORMING = "0x0000000c: 0x00000004"


def _file(document: Document) -> Document:
    entry: Document = document["afr_ota"]["files"][0]
    return entry


def without_filesize(document: Document) -> None:
    del _file(document)["filesize"]


def without_fileid(document: Document) -> None:
    del _file(document)["fileid"]


def without_protocols(document: Document) -> None:
    del document["afr_ota"]["protocols"]


def without_files(document: Document) -> None:
    document["afr_ota"]["files"] = []


def without_afr_ota(document: Document) -> None:
    document["something_else"] = document.pop("afr_ota")


def filesize_not_a_number(document: Document) -> None:
    _file(document)["filesize"] = "many"


def signature_not_base64(document: Document) -> None:
    _file(document)["sig-sha256-ecdsa"] = "*not base64*"


SPOILT: list[tuple[Callable[[Document], None], str, str]] = [
    (without_afr_ota, "OTA-JOB-008", ""),
    (without_filesize, "OTA-JOB-009", NON_CONFORMING),
    (without_fileid, "OTA-JOB-010", NON_CONFORMING),
    (without_protocols, "OTA-JOB-011", NON_CONFORMING),
    (without_files, "OTA-JOB-012", NON_CONFORMING),
    (filesize_not_a_number, "OTA-JOB-013", NON_CONFORMING),
    (signature_not_base64, "OTA-JOB-014", NON_CONFORMING),
]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(
            spoil,
            reason,
            id=spoil.__name__.replace("_", "-"),
            marks=pytest.mark.requirement(requirement, "OTA-JOB-015", "OTA-CTL-019"),
        )
        for spoil, requirement, reason in SPOILT
    ],
)
@pytest.mark.usefixtures("good_case")
def test_malformed_then_good(
    scenario: Scenario, spoil: Callable[[Document], None], reason: str
) -> None:
    """A document that lacks what it needs is failed without a download; the next job runs."""
    cloud, device = scenario.cloud, scenario.device
    document = cloud.afr_ota_document("1.0.1")
    spoil(document)
    mark = device.mark()
    job = cloud.offer_document(document)
    device.reports(job, "FAILED", reason)
    device.asked_for_no_blocks(since=mark)
    device.runs(device.factory)
    scenario.proves_alive()
