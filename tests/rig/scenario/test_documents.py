"""Job messages that scenarios make themselves."""

from __future__ import annotations

import pytest

from agent.protocol.job_document import DocumentRefused, JobMessage, parse_job_message
from rig.scenario.documents import compact, job_message, padded

DOCUMENT = {
    "afr_ota": {
        "protocols": ["MQTT"],
        "streamname": "S",
        "files": [{"filesize": 10, "fileid": 0}],
    }
}


def test_a_message_is_a_job() -> None:
    message = parse_job_message(compact(job_message("J", DOCUMENT)))
    assert isinstance(message, JobMessage)
    assert (message.document.job_id, message.document.self_test) == ("J", False)


def test_details_are_what_makes_a_self_test() -> None:
    message = parse_job_message(compact(job_message("J", DOCUMENT, {"self_test": "ready"})))
    assert isinstance(message, JobMessage)
    assert message.document.self_test


@pytest.mark.parametrize("size", [200, 5000])
def test_padding_gives_just_the_size_and_changes_nothing_else(size: int) -> None:
    document = padded(DOCUMENT, size)
    assert len(compact(document)) == size
    assert not isinstance(parse_job_message(compact(job_message("J", document))), DocumentRefused)


def test_nothing_is_made_shorter_by_padding() -> None:
    with pytest.raises(ValueError, match="longer than 50"):
        padded(DOCUMENT, 50)
