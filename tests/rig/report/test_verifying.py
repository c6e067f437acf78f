"""`verify` finds out every change of a report; `diff` tells what is not the same."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rig.cli.main import main
from rig.report.dsse import VerificationKey, seal
from rig.report.statement import FILE_NAME, KEY_NAME, PAYLOAD_TYPE, REPORT_FILES, sha256_of
from rig.signing import SigningKey
from tests.rig.report.made import edit_events, made_report, retain


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def report(tmp_path: Path, key: SigningKey) -> Path:
    made_report(tmp_path / "report", key=key)
    return tmp_path / "report"


def verify(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    """The exit code, and what was said: the one line of a complaint, or all of the praise."""
    code = main(["verify", *map(str, arguments)])
    said = capsys.readouterr()
    if code:
        assert said.out == ""
        assert len(said.err.splitlines()) == 1, said.err
    return code, said.err or said.out


def test_a_report_as_written_is_verified(
    report: Path, key: SigningKey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = verify(capsys, report)
    assert code == 0
    assert "verdict, again from the traces: incomplete" in said
    assert "not who signed" in said
    public = tmp_path / "public.pem"
    public.write_bytes(key.public_pem)
    code, said = verify(capsys, report, "--key", public)
    assert code == 0
    assert VerificationKey.load(key.public_pem).id in said
    assert "not who signed" not in said


def test_the_statement_names_firmware_and_files(report: Path) -> None:
    envelope = json.loads((report / FILE_NAME).read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    names = [subject["name"] for subject in statement["subject"]]
    assert {*REPORT_FILES, "traces/success.jsonl", "traces/badsig.jsonl"} <= set(names)
    assert statement["predicate"]["result"] == "FAILED"
    assert statement["predicate"]["passedTests"] == ["success", "badsig"]
    (configuration,) = statement["predicate"]["configuration"]
    assert configuration["annotations"]["verdict"] == "incomplete"


def test_the_images_of_a_trace_are_subjects(tmp_path: Path) -> None:
    flashed, offered = "a" * 64, "b" * 64
    lines = [
        {"schema": "otarig-trace/1", "scenario": "s",
         "device": {"kind": "k", "thing": "t", "declares": {}}},
        {"t": 0, "channel": "probe", "kind": "FLASH", "slot": "A", "sha256": flashed},
        {"t": 0, "channel": "rig", "kind": "JOB_CREATED", "job_id": "j",
         "image": {"sha256": offered}},
    ]  # fmt: skip
    traces = tmp_path / "traces"
    traces.mkdir()
    (traces / "flashed.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    made_report(tmp_path, "flashed")
    payload = base64.b64decode(json.loads((tmp_path / FILE_NAME).read_text())["payload"])
    subjects = {s["name"]: s["digest"]["sha256"] for s in json.loads(payload)["subject"]}
    assert subjects["firmware/flashed/flashed-A-aaaaaaaaaaaa"] == flashed
    assert subjects["firmware/flashed/j"] == offered


def _change_verdict(report: Path) -> None:
    file = report / "conformance.json"
    file.write_text(file.read_text().replace('"incomplete"', '"conformant"'))


def _change_trace(report: Path) -> None:
    edit_events(report / "traces" / "success.jsonl", retain)


def _cut_trace(report: Path) -> None:
    trace = report / "traces" / "badsig.jsonl"
    trace.write_bytes(trace.read_bytes()[:-40])


def _add_trace(report: Path) -> None:
    (report / "traces" / "more.jsonl").write_text("{}")


def _change_page(report: Path) -> None:
    with (report / "report.html").open("a") as page:
        page.write("<!-- -->")


def _change_payload(report: Path) -> None:
    file = report / FILE_NAME
    envelope = json.loads(file.read_text())
    payload = base64.b64decode(envelope["payload"]).replace(b"FAILED", b"PASSED")
    envelope["payload"] = base64.b64encode(payload).decode()
    file.write_text(json.dumps(envelope))


def _other_key(report: Path) -> None:
    (report / KEY_NAME).write_bytes(SigningKey.generate().public_pem)


@pytest.mark.parametrize(
    ("tamper", "complaint"),
    [
        pytest.param(_change_verdict, "conformance.json was changed", id="verdict"),
        pytest.param(_change_trace, "traces/success.jsonl was changed", id="trace"),
        pytest.param(_cut_trace, "traces/badsig.jsonl was changed", id="trace cut short"),
        pytest.param(_add_trace, "traces/more.jsonl is not part of", id="trace added"),
        pytest.param(_change_page, "report.html was changed", id="page"),
        pytest.param(_change_payload, "no signature of it is by the key", id="payload"),
        pytest.param(_other_key, "no signature of it is by the key", id="key"),
        pytest.param(
            lambda report: (report / "traces" / "success.jsonl").unlink(),
            "traces/success.jsonl cannot be read",
            id="trace removed",
        ),
        pytest.param(lambda report: (report / FILE_NAME).unlink(), "cannot be read", id="unsigned"),
        pytest.param(
            lambda report: (report / FILE_NAME).write_text("[" * 100_000),
            "is not a JSON object",
            id="hostile statement",
        ),
        pytest.param(
            lambda report: (report / KEY_NAME).write_text("x"), "not a public key", id="no key"
        ),
    ],
)
def test_a_tampered_report_fails_in_one_line(
    report: Path,
    tamper: Callable[[Path], object],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tamper(report)
    code, said = verify(capsys, report)
    assert code == 1
    assert complaint in said


def sign_again(report: Path, key: SigningKey, edit: Callable[[dict[str, object]], None]) -> None:
    """Sign a changed report as its signer could: the digests are right, what they prove is not."""
    payload = json.loads(base64.b64decode(json.loads((report / FILE_NAME).read_text())["payload"]))
    for subject in payload["subject"]:
        if not subject["name"].startswith("firmware/"):
            subject["digest"]["sha256"] = sha256_of(report / subject["name"])
    edit(payload)
    envelope = seal(PAYLOAD_TYPE, json.dumps(payload).encode(), key)
    (report / FILE_NAME).write_text(json.dumps(envelope))


def test_a_signed_verdict_must_follow_from_the_traces(
    report: Path, key: SigningKey, capsys: pytest.CaptureFixture[str]
) -> None:
    _change_verdict(report)
    sign_again(report, key, lambda payload: None)
    code, said = verify(capsys, report)
    assert code == 1
    assert "the verdict 'conformant' does not follow from the traces: they give" in said


def test_signed_traces_must_give_the_verdict(
    report: Path, key: SigningKey, capsys: pytest.CaptureFixture[str]
) -> None:
    _change_trace(report)
    sign_again(report, key, lambda payload: None)
    code, said = verify(capsys, report)
    assert code == 1
    assert "they give 'not conformant' (OTA-CTL-007 violated" in said


def test_a_requirement_must_follow_from_the_traces(
    report: Path, key: SigningKey, capsys: pytest.CaptureFixture[str]
) -> None:
    file = report / "conformance.json"
    document = json.loads(file.read_text())
    document["requirements"]["OTA-RES-001"]["verdict"] = "satisfied"
    file.write_text(json.dumps(document))
    sign_again(report, key, lambda payload: None)
    code, said = verify(capsys, report)
    assert code == 1
    assert "OTA-RES-001 does not follow from the traces" in said


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        pytest.param("../../etc/passwd", "no file of a report", id="outside"),
        pytest.param("firmware/success/x", "other firmware images", id="image"),
        pytest.param("report.html", "names a subject twice", id="twice"),
    ],
)
def test_a_statement_of_more_than_the_report_fails(
    report: Path, key: SigningKey, name: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def add(payload: dict[str, object]) -> None:
        subjects = payload["subject"]
        assert isinstance(subjects, list)
        subjects.append({"name": name, "digest": {"sha256": "0" * 64}})

    sign_again(report, key, add)
    code, said = verify(capsys, report)
    assert code == 1
    assert complaint in said


def test_a_statement_must_say_what_its_report_says(
    report: Path, key: SigningKey, capsys: pytest.CaptureFixture[str]
) -> None:
    def praise(payload: dict[str, object]) -> None:
        predicate = payload["predicate"]
        assert isinstance(predicate, dict)
        predicate["result"] = "PASSED"

    sign_again(report, key, praise)
    code, said = verify(capsys, report)
    assert code == 1
    assert "says of the run what its report does not" in said


def test_what_the_user_gets_wrong_is_a_usage_error(
    report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(capsys, tmp_path / "none")[0] == 2
    assert verify(capsys, report, "--key", tmp_path / "none.pem")[0] == 2
    (tmp_path / "bad.pem").write_text("bad")
    code, said = verify(capsys, report, "--key", tmp_path / "bad.pem")
    assert code == 2
    assert "is not a public key in PEM" in said


# -- diff ----------------------------------------------------------------------------------------


def diff(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = main(["diff", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.err or said.out


def test_two_equal_runs_are_the_same(
    report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made_report(tmp_path / "again")
    assert diff(capsys, report, tmp_path / "again")[0] == 0
    code, said = diff(capsys, report, tmp_path / "again", "--json")
    assert code == 0
    assert json.loads(said) == {"same": True, "changes": []}


def test_a_diff_tells_what_changed(
    report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    made_report(other, "success", device={"board": "made", "declares": {"block_size": 4096}})
    edit_events(other / "traces" / "success.jsonl", retain)
    made_report(other, "success", device={"board": "made", "declares": {"block_size": 4096}})
    code, said = diff(capsys, report, other)
    assert code == 1
    for line in (
        "  verdict: incomplete → not conformant",
        "  OTA-CTL-007: satisfied → violated",
        "  badsig: passed → absent",
        "  declares.block_size: 1024 → 4096",
        "  thing: made-1 → absent",
    ):
        assert line in said.splitlines()
    code, said = diff(capsys, report, other, "--json")
    assert code == 1
    assert {"part": "case", "name": "badsig", "before": "passed", "after": "absent", "why": ""} in (
        json.loads(said)["changes"]
    )


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "[" * 100_000, '{"verdict": 1}'], ids=lambda text: text[:8]
)
def test_a_diff_of_no_report_is_a_usage_error(
    report: Path, tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "conformance.json").write_text(content)
    code, said = diff(capsys, report, tmp_path)
    assert code == 2
    assert len(said.splitlines()) == 1
