"""A report on a device that writes markup, quotes and control characters wherever it can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rig.case import CaseOutcome, CaseResult
from rig.judge import Outcome, Verdict, judge
from rig.judge.catalogue import Profile, default_catalogue
from rig.report.directory import write_report
from rig.report.verdict import decide
from rig.run import suite_digest
from rig.signing import SigningKey
from rig.trace import Header, Recorder, read_trace

NASTY = (
    "</pre></svg></style></script><script>window.pwned=1</script><img src=x onerror=pwned=1>"
    '" onmouseover="pwned=1" \' {{ 7*7 }} {% raw %} &lt;]]><![CDATA[ <!-- javascript:pwned=1 '
    "\x00\x07\x1b[31m\x1b]0;owned\x07\u202e\u2028\ud800\ufffe"
)


def _hostile_trace(file: Path) -> None:
    """A trace in which every text that a device, or a network, can choose is nasty."""
    recorder = Recorder(Header("hostile", NASTY, NASTY))
    for text in (NASTY, f"ota: state {NASTY} -> Ready", "ota: state Init -> Ready"):
        recorder.record("console", "LINE", boot=1, text=text)
    nasty: dict[str, Any] = {"topic": NASTY, "payload": NASTY.encode("utf-8", "replace").hex()}
    recorder.record("mqtt", "CONNECT", dir="from_device", conn=1, client_id=NASTY, keepalive=NASTY)
    recorder.record("mqtt", "PUBLISH", dir="from_device", conn=1, qos=NASTY, retain=True, **nasty)
    for topic in (f"$aws/things/{NASTY}/jobs/{NASTY}/update", f"$aws/things/t/streams/{NASTY}"):
        recorder.record(
            "mqtt", "PUBLISH", dir="from_device", conn=1, qos=1, **{**nasty, "topic": topic}
        )
    recorder.record("mqtt", "SUBSCRIBE", dir="from_device", conn=1, filters=[[NASTY, 1]])
    recorder.record("mqtt", NASTY, dir="from_device", conn=1, text=NASTY)
    recorder.record("mqtt", "TCP_CLOSE", dir="from_device", conn=1, reason=NASTY)
    recorder.record(
        "http", "REQUEST", dir="from_device", conn=2, method=NASTY, target=NASTY,
        headers={"Range": NASTY},
    )  # fmt: skip
    recorder.record("rig", "BOOT", boot=2, version=NASTY, slot=NASTY, state=NASTY, marker=NASTY)
    recorder.record("console", "LINE", boot=2, text=NASTY)
    recorder.record("probe", "READ", slot=NASTY, sha256=NASTY)
    recorder.save(file)


def hostile_report(out: Path) -> None:
    """Write the report of a run in which one hostile case failed and one could not run."""
    (out / "traces").mkdir(parents=True)
    trace = out / "traces" / "hostile.jsonl"
    _hostile_trace(trace)
    verdicts = judge(read_trace(trace))
    verdicts["OTA-CTL-007"] = Verdict("OTA-CTL-007", Outcome.VIOLATED, (4, 5), NASTY)
    cases = [
        CaseResult(
            "hostile", NASTY, ("OTA-CTL-007",), CaseOutcome.FAILED, NASTY, 1.0, trace, verdicts
        ),
        CaseResult("absent", f"1. {NASTY}", ("OTA-SIG-004",), message=NASTY),
    ]
    result = decide(default_catalogue(), Profile.CORE, cases, bench_errors=[NASTY])
    write_report(
        out,
        result,
        suite={"version": "0.1", "digest": suite_digest()},
        device={"board": NASTY, NASTY: NASTY, "declares": {NASTY: NASTY}},
        provenance={"started": "now", NASTY: NASTY},
        key=SigningKey.generate(),
    )
