"""What was answered is stored: the service is killed at random moments and asked again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rig.jobs.engine import ExecutionStatus
from tests.rig.jobs.world import make_world

ROUNDS = 8
ROOT = Path(__file__).parents[3]


def victim(directory: str) -> None:
    """Report progress for ever; each number is printed when its update has been answered."""
    world = make_world(Path(directory), url=f"sqlite:///{directory}/jobs.db")
    while True:
        pending = world.service.pending("thing1")
        if not pending:
            number = len(world.service.registry.things())
            world.service.registry.create_thing(f"count-{number}")
            world.service.create_job(f"job{number}", ["thing1"], {})
            continue
        execution = pending[0]
        count = int(execution.status_details.get("receive", "0")) + 1
        status = "SUCCEEDED" if count % 40 == 0 else "IN_PROGRESS"
        update = {"status": status, "statusDetails": {"receive": str(count)}}
        world.accepted(f"{execution.job_id}/update", update)
        line = json.dumps([execution.job_id, status, count, execution.version + 1])
        os.write(1, f"{line}\n".encode())


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_no_answered_update_is_lost(tmp_path: Path, seed: int) -> None:
    lines_wanted = random.Random(seed).randrange(1, 120)
    process = subprocess.Popen(
        [sys.executable, "-c", f"{PRELUDE}victim({str(tmp_path)!r})"],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(lines_wanted)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    answered = [json.loads(line) for line in lines if line.endswith(b"\n")]
    assert len(answered) >= lines_wanted
    world = make_world(tmp_path, url=f"sqlite:///{tmp_path}/jobs.db")
    last = {job_id: (status, count, version) for job_id, status, count, version in answered}
    for job_id, (status, count, version) in last.items():
        execution = world.service.describe_execution("thing1", job_id)
        assert execution is not None
        stored = int(execution.status_details["receive"])
        # One more may have been committed without its answer having been seen.
        assert stored - count in {0, 1}
        assert execution.version - version == stored - count
        if stored == count:
            assert execution.status is ExecutionStatus(status)
    world.store.close()


PRELUDE = "from tests.rig.jobs.test_kill import victim; "
