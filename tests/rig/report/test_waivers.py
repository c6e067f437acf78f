"""Files of waivers: what is wrong with one is told in one line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from rig.cli.main import main
from rig.judge.catalogue import default_catalogue
from rig.report.waivers import Waiver, WaiverError, load_waivers, parse_stored_waivers

TODAY = date(2030, 6, 15)
GOOD = """
[[waiver]]
requirement = "OTA-CTL-007"
reason = "known defect\\nof 3.4"
owner = "Firmware team"
expires = 2030-06-15
"""


def load(text: str, directory: Path) -> tuple[Waiver, ...]:
    file = directory / "waivers.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return load_waivers(file, default_catalogue(), TODAY)


def test_a_waiver_holds_to_the_end_of_its_last_day(tmp_path: Path) -> None:
    (waiver,) = load(GOOD, tmp_path)
    assert waiver == Waiver("OTA-CTL-007", "known defect of 3.4", "Firmware team", TODAY)
    assert parse_stored_waivers([waiver.as_json()], "report", default_catalogue()) == (waiver,)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "has no [[waiver]]"),
        ("waiver = 3", "has no [[waiver]]"),
        ("waiver = [3]", "is not a table"),
        ("x = [", "is not valid TOML"),
        ("\udcff", "is not UTF-8"),
        (GOOD + "[more]", "'more' is not known here"),
        (GOOD.replace("owner", "boss"), "'owner' is missing"),
        (GOOD + "extra = 1", "'extra' is not a field"),
        (GOOD.replace("OTA-CTL-007", "OTA-CTL-999"), "there is no requirement 'OTA-CTL-999'"),
        (GOOD.replace('"Firmware team"', '" "'), "owner must be a text"),
        (GOOD.replace("2030-06-15", '"2030-06-15"'), "expires must be a date"),
        (GOOD.replace("2030-06-15", "2030-06-15T10:00:00Z"), "expires must be a date"),
        (GOOD.replace("2030-06-15", "2030-06-14"), "expired on 2030-06-14"),
        (GOOD + GOOD, "waived above already"),
    ],
)
def test_a_bad_waiver_is_refused_in_one_line(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(WaiverError) as caught:
        load(text, tmp_path)
    assert complaint in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_certify_refuses_it_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(GOOD.replace("2030-06-15", "2020-01-01"))
    out = tmp_path / "out"
    assert main(["certify", "--waivers", str(file), "--out", str(out)]) == 2
    said = capsys.readouterr()
    assert "expired on 2020-01-01" in said.err
    assert len(said.err.splitlines()) == 1
    assert not out.exists()
