"""Trying mutants in several processes at once, each with a server of its own."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

from rig.errors import BenchError
from rig.mutants.trial import Trial

WORKER = (sys.executable, "-m", "rig.mutants.worker")


def try_all(names: Sequence[str], jobs: int) -> Iterator[Trial]:
    """The trials of these mutants as they end. Raises `BenchError` when a worker fails."""
    waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    ended: queue.SimpleQueue[Trial | BenchError] = queue.SimpleQueue()
    workers = [
        threading.Thread(target=_serve, args=(waiting, ended), name=f"mutants-{number}")
        for number in range(min(jobs, len(names)))
    ]
    for name in names:
        waiting.put(name)
    for worker in workers:
        waiting.put(None)
        worker.start()
    try:
        for _ in names:
            trial = ended.get()
            if isinstance(trial, BenchError):
                raise trial
            yield trial
    finally:
        while not waiting.empty():
            waiting.get()
        for _ in workers:
            waiting.put(None)
        for worker in workers:
            worker.join()


def _serve(
    waiting: queue.SimpleQueue[str | None], ended: queue.SimpleQueue[Trial | BenchError]
) -> None:
    """One worker process and what it is given to do."""
    with subprocess.Popen(
        WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        complaints: list[str] = []
        reader = threading.Thread(target=lambda: complaints.extend(process.stderr or ()))
        reader.start()
        while (name := waiting.get()) is not None:
            answer = _ask(process, name)
            if answer is None:
                process.kill()
                reader.join()
                why = " ".join("".join(complaints[-3:]).split()) or "it ended"
                ended.put(BenchError(f"the worker that tried {name!r} failed: {why}"))
                return
            ended.put(answer)
        process.stdin.close()
        process.wait()
        reader.join()


def _ask(process: subprocess.Popen[str], name: str) -> Trial | None:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        print(name, file=process.stdin, flush=True)
    except OSError:
        return None
    line = process.stdout.readline()
    return Trial.from_json(json.loads(line)) if line else None
