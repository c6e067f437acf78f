"""`certify` with waivers, a signing key and several attempts, and its report checked afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.cli.main import main
from rig.signing import SigningKey
from tests.rig.certify.command import broken_board, certify

WAIVER = """
[[waiver]]
requirement = "OTA-CTL-007"
reason = "known defect"
owner = "Firmware team"
expires = 2999-12-31
"""
ONE = "accept-newer-version-by-mqtt"


def test_a_waived_rule_fails_no_scenario_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waivers, key, public = (tmp_path / name for name in ("waivers.toml", "key.pem", "pub.pem"))
    waivers.write_text(WAIVER, "utf-8")
    signer = SigningKey.generate()
    signer.save(key)
    public.write_bytes(signer.public_pem)
    done = certify(
        tmp_path / "report",
        "--board", str(broken_board(tmp_path, "retain")), "-k", "newer_version_by_mqtt",
        "--waivers", str(waivers), "--sign-key", str(key),
    )  # fmt: skip
    assert done.outcomes() == {ONE: "passed"}
    entry = done.document["requirements"]["OTA-CTL-007"]
    assert (entry["verdict"], entry["caveat"]) == ("violated", "waived")
    assert done.document["verdict"] == "incomplete"
    assert done.code == 4
    assert "1 waived" in done.said
    assert main(["verify", str(done.out), "--key", str(public)]) == 0
    assert "is as it was signed" in capsys.readouterr().out


def test_each_attempt_is_a_case_of_its_own(tmp_path: Path) -> None:
    done = certify(
        tmp_path / "report", "--board", "reference", "-k", "newer_version_by_mqtt", "--repeat", "2"
    )
    assert done.outcomes() == {f"{ONE}-attempt-1": "passed", f"{ONE}-attempt-2": "passed"}
    cases = done.document["cases"]
    assert cases[f"{ONE}-attempt-1"]["repeats"] is None
    assert cases[f"{ONE}-attempt-2"]["repeats"] == f"{ONE}-attempt-1"


def test_an_earlier_report_is_replaced(tmp_path: Path) -> None:
    stale = tmp_path / "report" / "traces" / "stale.jsonl"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    done = certify(
        tmp_path / "report", "--board", "reference", "-k", "newer_version_by_mqtt", "--strict"
    )
    assert not stale.exists()
    assert done.document["run"]["strict"] is True
    left_out = done.document["run"]["left_out"]
    assert "OTA-SIG-004" in left_out["signature-refused-bad-signature"]
    assert main(["verify", str(done.out)]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--repeat", "0"],
        ["--soak", "7"],
        ["--sign-key", "none.pem"],
        ["--waivers", "none.toml"],
    ],
)
def test_what_the_user_gets_wrong_is_told_in_one_line(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["certify", "--out", str(tmp_path / "out"), *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()
