"""Job documents that are not as they should be, each followed by one that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rig.scenario import Scenario, Signing
from rig.scenario.documents import Document, compact, job_message

ANOTHER_TYPE = 5
NON_CONFORMING = "0x0000000c: 0x00000004"


def file_of(document: Document) -> Document:
    entry: Document = document["afr_ota"]["files"][0]
    return entry


def without_filesize(document: Document) -> None:
    del file_of(document)["filesize"]


def without_fileid(document: Document) -> None:
    del file_of(document)["fileid"]


def without_protocols(document: Document) -> None:
    del document["afr_ota"]["protocols"]


def without_files(document: Document) -> None:
    document["afr_ota"]["files"] = []


def without_afr_ota(document: Document) -> None:
    document["something_else"] = document.pop("afr_ota")


def filesize_not_a_number(document: Document) -> None:
    file_of(document)["filesize"] = "many"


def signature_not_base64(document: Document) -> None:
    file_of(document)["sig-sha256-ecdsa"] = "*not base64*"


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


# -- documents that offer no job -----------------------------------------------------------------

NAMED = job_message("named", {"afr_ota": {"protocols": ["MQTT"], "files": [{}]}})
DEEP: Any = "deep"
for _ in range(100):
    DEEP = [DEEP]

PASSED_OVER: list[tuple[str, bytes, str]] = [
    ("not-json", b"this is not JSON", "OTA-JOB-005"),
    ("no-text", bytes(range(256)), "OTA-JOB-005"),
    ("no-bytes", b"", "OTA-JOB-005"),
    ("cut-off", compact(NAMED)[:-40], "OTA-JOB-006"),
    ("no-execution", b'{"timestamp":1}', "OTA-JOB-003"),
    ("empty-object", b"{}", "OTA-JOB-003"),
    ("empty-execution", b'{"timestamp":1,"execution":{}}', "OTA-JOB-004"),
    ("deep", compact({"timestamp": 1, "execution": {}, "deep": DEEP}), "OTA-JOB-004"),
    ("no-job-id", compact({"execution": {"jobDocument": NAMED}}), "OTA-JOB-007"),
]


@pytest.mark.full_profile
@pytest.mark.parametrize(
    "message",
    [
        pytest.param(message, id=name, marks=pytest.mark.requirement(requirement))
        for name, message, requirement in PASSED_OVER
    ],
)
@pytest.mark.usefixtures("good_case")
def test_passed_over(scenario: Scenario, message: bytes) -> None:
    """What offers no job is passed over without a word; the next job runs, without a restart.

    1. The idle device is sent a message on notify-next that is no job document, or one of no job.
    2. It publishes nothing because of it.
    3. A good update is accepted.
    """
    cloud, device = scenario.cloud, scenario.device
    mark = device.mark()
    cloud.tell(message)
    device.gets_news(since=mark)
    device.is_left_alone()
    device.asked_for_no_blocks(since=mark)
    scenario.proves_alive()
    device.booted_times(device.factory, 1)


# -- sizes and names beyond what a device can take -----------------------------------------------


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-016", "OTA-JOB-017")
@pytest.mark.usefixtures("good_case")
def test_empty_file(scenario: Scenario) -> None:
    """A file of 0 bytes starts nothing and should be reported; the next job runs."""
    refuses_size(scenario, 0)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-018", "OTA-JOB-019")
@pytest.mark.usefixtures("good_case")
def test_oversize_file(scenario: Scenario) -> None:
    """A file that no microcontroller holds starts nothing and should be reported.

    The second size makes the number of blocks overflow 32 bits.
    """
    for size in (0x80000000, 0xFFFFFFFF):
        refuses_size(scenario, size)
    scenario.proves_alive(after_restart=True)


def refuses_size(scenario: Scenario, size: int) -> None:
    """A job of a file of this size: nothing is asked for, nothing written."""
    cloud, device = scenario.cloud, scenario.device
    device.runs(device.factory)
    document = cloud.afr_ota_document("1.0.1")
    file_of(document)["filesize"] = size
    mark = device.mark()
    job = cloud.offer_document(document)
    report = device.may_end(job)
    device.asked_for_no_blocks(since=mark)
    device.runs(device.factory)
    if report is None:
        # A device that keeps silent leaves it to the cloud to end the job.
        cloud.cancel(job)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-021")
@pytest.mark.usefixtures("good_case")
def test_long_job_id(scenario: Scenario) -> None:
    """A job id longer than a device holds is not shortened: no download, no status."""
    cloud, device = scenario.cloud, scenario.device
    mark = device.mark()
    cloud.tell(job_message("id-" * 30, cloud.afr_ota_document("1.0.1")))
    device.gets_news(since=mark)
    device.is_left_alone()
    device.asked_for_no_blocks(since=mark)
    scenario.proves_alive()


# -- documents that are right, though not as usual -----------------------------------------------


def with_unknown_members(document: Document) -> None:
    document["campaign"] = {"name": "autumn", "steps": [1, 2, 3]}
    document["afr_ota"]["retries"] = 3
    file_of(document)["comment"] = 'of "no" use'


def with_numbers_as_text(document: Document) -> None:
    for key in ("filesize", "fileid", "fileType"):
        file_of(document)[key] = str(file_of(document).get(key, 0))


def with_url_not_listed(document: Document) -> None:
    document["afr_ota"]["protocols"] = ["MQTT"]


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-027")
@pytest.mark.usefixtures("good_case")
def test_unknown_members(scenario: Scenario) -> None:
    """Members that the device does not know, anywhere in the document, are ignored."""
    cloud, device = scenario.cloud, scenario.device
    image = cloud.images.make("1.0.1")
    document = cloud.document_of(image)
    with_unknown_members(document)
    job = cloud.offer_document(document, image)
    device.reports(job, "SUCCEEDED", "accepted")
    device.runs(image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-028")
@pytest.mark.usefixtures("good_case")
def test_numbers_as_text(scenario: Scenario) -> None:
    """Numbers that are given as strings should be taken; whoever refuses them takes the next."""
    cloud, device = scenario.cloud, scenario.device
    image = cloud.images.make("1.0.1")
    document = cloud.document_of(image)
    with_numbers_as_text(document)
    job = cloud.offer_document(document, image)
    if device.ends(job).status == "SUCCEEDED":
        device.runs(image)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-029")
@pytest.mark.usefixtures("good_case")
def test_several_files(scenario: Scenario) -> None:
    """Of several files only the first is transferred."""
    cloud, device = scenario.cloud, scenario.device
    image, other = cloud.images.make("1.0.1"), cloud.images.make("1.0.2")
    job = cloud.offer_document(cloud.document_of(image, other), image)
    device.reports(job, "SUCCEEDED", "accepted")
    device.runs(image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-025")
@pytest.mark.needs_protocol("HTTP")
@pytest.mark.needs_protocol("MQTT")
@pytest.mark.usefixtures("good_case")
def test_url_not_listed(scenario: Scenario) -> None:
    """A URL in the document is no invitation: only MQTT is listed, so only MQTT is used."""
    cloud, device = scenario.cloud, scenario.device
    image = cloud.images.make("1.0.1")
    document = cloud.document_of(image, protocols=("MQTT", "HTTP"))
    with_url_not_listed(document)
    job = cloud.offer_document(document, image)
    device.reports(job, "SUCCEEDED", "accepted")
    device.used_only("MQTT")
    device.runs(image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-022", "OTA-JOB-023", "OTA-JOB-024")
@pytest.mark.usefixtures("good_case")
def test_unsupported_protocol(scenario: Scenario) -> None:
    """A job that lists only protocols the device lacks is failed; the next one should be taken.

    A device that is deaf after it, as the AWS library is, is granted a restart.
    """
    cloud, device = scenario.cloud, scenario.device
    document = cloud.afr_ota_document("1.0.1")
    document["afr_ota"]["protocols"] = ["COAP"]
    mark = device.mark()
    job = cloud.offer_document(document)
    device.reports(job, "FAILED")
    device.asked_for_no_blocks(since=mark)
    device.runs(device.factory)
    scenario.proves_alive(after_restart=True)


# -- one job after the other ---------------------------------------------------------------------


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-030")
@pytest.mark.usefixtures("good_case")
def test_inherits_nothing_file_type(scenario: Scenario) -> None:
    """A job without fileType is firmware, whatever the fileType of the job before was."""
    cloud, device = scenario.cloud, scenario.device
    data = cloud.offer("1.0.1", file_type=ANOTHER_TYPE)
    device.reports(data, "SUCCEEDED", "accepted")
    update = cloud.offer("1.0.2", file_type=None)
    device.reports(update, "SUCCEEDED", "accepted")
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-030", "OTA-SIG-007")
@pytest.mark.usefixtures("good_case")
def test_inherits_nothing_signature(scenario: Scenario) -> None:
    """A good signature does not count for the next job: the same image unsigned is refused."""
    cloud, device = scenario.cloud, scenario.device
    image = cloud.images.make("1.0.1")
    data = cloud.offer(image, file_type=ANOTHER_TYPE)
    device.reports(data, "SUCCEEDED", "accepted")
    update = cloud.offer(image, signing=Signing.NONE)
    device.reports(update, "FAILED")
    device.keeps(device.factory)
    device.never_booted(image)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-038")
@pytest.mark.needs_platform_faults
@pytest.mark.usefixtures("good_case")
def test_file_refused(scenario: Scenario) -> None:
    """When the platform cannot create the file, the job is failed with the platform's reason."""
    cloud, device = scenario.cloud, scenario.device
    device.fails_next("create_file")
    update = cloud.offer("1.0.1")
    device.reports(update, "FAILED")
    device.keeps(device.factory)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-037")
@pytest.mark.needs_custom_job
@pytest.mark.usefixtures("good_case")
def test_custom_job(scenario: Scenario) -> None:
    """A job that the application claims for itself gets just the status that it chooses."""
    cloud, device = scenario.cloud, scenario.device
    custom = device.board.custom_job
    mark = device.mark()
    job = cloud.offer_document(custom.document)
    scenario.expect(job, custom.status, custom.reason)
    device.ends(job)
    device.asked_for_no_blocks(since=mark)
    scenario.proves_alive()
