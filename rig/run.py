"""One run of the suite: its cases, its verdict and the report it leaves behind."""

from __future__ import annotations

import hashlib
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rig.bench import Bench, BenchOptions
from rig.case import CaseResult
from rig.errors import BenchError, UsageError
from rig.judge import Outcome, Verdict
from rig.judge.catalogue import DEFAULT_FILE, Profile, default_catalogue
from rig.report.directory import write_report
from rig.report.endurance import Endurance, endurance
from rig.report.verdict import RunResult, binding_levels, decide
from rig.report.waivers import load_waivers
from rig.signing import SigningKey
from targets.board import Board

PARTS = ("amqtt", "cbor2", "cryptography", "paho-mqtt", "pytest")


@dataclass(frozen=True)
class RunOptions:
    """How a run is judged and signed, as the user gave it.

    `waivers` and `sign_key` are files; without a key the run makes one of its own and forgets it.
    """

    profile: str = "core"
    strict: bool = False
    waivers: Path | None = None
    sign_key: Path | None = None


class Run:
    """Collects the cases of a run; `finish` decides and writes the report."""

    def __init__(
        self, board: Board, bench: BenchOptions, options: RunOptions, out: Path | None
    ) -> None:
        """Raises `UsageError` for a waiver or a key that does not hold."""
        self.board = board
        self.cases: dict[str, CaseResult] = {}
        self.result: RunResult | None = None
        self.document: dict[str, Any] = {}
        self.endurance: Endurance | None = None
        """What updates in a row have shown, if some were asked for."""
        self.refusal = ""
        """What the user gave that no bench can be made of; there is no verdict then."""
        self.left_out: list[CaseResult] = []
        """Scenarios that exist and were not selected."""
        self.lane: int | None = None
        """Which of several devices side by side this process has; None where there is one."""
        self.bench_errors: list[str] = []
        self._options = bench
        self.profile = Profile(options.profile)
        self._strict = options.strict
        self._catalogue = default_catalogue()
        self._started = datetime.now(UTC)
        today = self._started.astimezone().date()
        self._waivers = (
            load_waivers(options.waivers, self._catalogue, today) if options.waivers else ()
        )
        self._sign_key = (
            SigningKey.load(options.sign_key) if options.sign_key else SigningKey.generate()
        )
        self._clock_start = time.monotonic()
        self.out = out or Path("out") / f"{board.name}-{self._started:%Y%m%d-%H%M%S}"

    @contextmanager
    def open_bench(self) -> Iterator[Bench]:
        """The bench for all cases; its failures become the run's."""
        bench = Bench(self.board, self._options)
        try:
            if self.lane is None:
                self.make_directory()
            bench.open()
            try:
                yield bench
            finally:
                bench.close()
        except UsageError as error:
            self.refusal = str(error)
            raise
        except BenchError as error:
            self.bench_failed(str(error))
            raise

    def make_directory(self) -> None:
        """Only now, so that a run that never begins leaves nothing; raises `UsageError`."""
        traces = self.out / "traces"
        try:
            traces.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=traces).close()
            # An earlier report here is replaced; its traces would belong to no case of this one.
            own = {case.trace for case in self.cases.values()}
            for trace in traces.glob("*.jsonl"):
                if trace not in own:
                    trace.unlink()
        except OSError as error:
            raise UsageError(
                f"cannot make the report directory {self.out}: {error.strerror}; "
                "name another with --out"
            ) from None

    def bench_failed(self, why: str) -> str:
        """Remember a failure of the bench; the same one of two devices once. Returns `why`."""
        if why not in self.bench_errors:
            self.bench_errors.append(why)
        return why

    def trace_file(self, case_name: str) -> Path:
        return self.out / "traces" / f"{case_name}.jsonl"

    def broken_rules(self, verdicts: Mapping[str, Verdict]) -> list[str]:
        """One line for each binding requirement that a case's trace violates, unless waived."""
        binding = binding_levels(strict=self._strict)
        waived = {waiver.requirement for waiver in self._waivers}
        return [
            f"{verdict.requirement} violated: {verdict.why} "
            f"[line {', '.join(map(str, verdict.events)) or '-'}]"
            for verdict in verdicts.values()
            if verdict.outcome is Outcome.VIOLATED
            and self._catalogue[verdict.requirement].level in binding
            and verdict.requirement not in waived
        ]

    def finish(self, *, interrupted: bool) -> int:
        """Decide, write all forms of the report, and return the exit code.

        Raises `UsageError` or `BenchError` when it cannot be written.
        """
        cases = tuple(self.cases.values())
        for case in cases:
            if case.trace is not None and not case.trace.exists():
                case.trace = None
        self.result = decide(
            self._catalogue,
            self.profile,
            cases,
            bench_errors=self.bench_errors,
            interrupted=interrupted,
            strict=self._strict,
            left_out=self.left_out,
            waivers=self._waivers,
        )
        device = {
            "board": self.board.name,
            "description": self.board.description,
            "thing": self.board.thing,
            "declares": self.board.declares.model_dump(mode="json"),
        }
        self.make_directory()
        try:
            self.endurance = endurance(cases)
            self.document = write_report(
                self.out,
                self.result,
                suite={"version": version("otarig"), "digest": suite_digest()},
                device=device,
                provenance=self._provenance(),
                key=self._sign_key,
                endurance=self.endurance,
            )
        except OSError as error:
            raise BenchError(
                f"cannot write the report in {self.out}: {error.filename}: {error.strerror}"
            ) from None
        return self.result.verdict.exit_code

    def _provenance(self) -> dict[str, Any]:
        return {
            "started": f"{self._started:%Y-%m-%dT%H:%M:%SZ}",
            "seconds": round(time.monotonic() - self._clock_start, 1),
            "host": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "broker": "another" if self._options.broker else "embedded",
            "transport": self._options.transport or self.board.transport,
            **{part: version(part) for part in PARTS},
        }


def suite_digest() -> str:
    """SHA-256 over the catalogue and the scenarios, so that two reports can be compared."""
    digest = hashlib.sha256()
    for path in sorted(DEFAULT_FILE.parent.glob("*")):
        if path.suffix in (".py", ".toml"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"sha256:{digest.hexdigest()}"
