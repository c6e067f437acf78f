"""The scenario of docs/write-a-scenario.md runs as it stands there, from any folder."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "write-a-scenario.md").read_text("utf-8")
OPTIONS = ("--board", "reference", "--out", "report", "-p", "no:randomly")
INCOMPLETE = 4


def example() -> str:
    found = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    return found[1]


def test_it_runs(tmp_path: Path) -> None:
    (tmp_path / "test_power.py").write_text(example(), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "test_power.py", *OPTIONS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == INCOMPLETE, done.stdout + done.stderr
    report = json.loads((tmp_path / "report" / "conformance.json").read_text("utf-8"))
    assert report["cases"]["power-unplugged-in-mid-download"]["outcome"] == "passed"


def test_each_part_that_it_names_is_there() -> None:
    from rig.scenario import Cloud, Device
    from rig.scenario.disturbance import Disturbance

    parts = {"cloud": Cloud, "device": Device, "disturb": Disturbance}
    rows = re.findall(r"^\| `scenario\.(\w+)` \|.*\| (.*) \|$", GUIDE, re.MULTILINE)
    assert {name for name, _ in rows} == set(parts)
    for name, examples in rows:
        for word in re.findall(r"`(\w+)`", examples):
            assert callable(getattr(parts[name], word, None)), f"{name}.{word}"
