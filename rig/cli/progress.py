"""The progress of a run on the terminal: one line a case, then the verdict."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from rig.case import CaseOutcome, CaseResult
from rig.interruption import interruption
from rig.judge import Outcome
from rig.judge.catalogue import Level
from rig.judge.command import printable
from rig.pytest_plugin import RUN
from rig.report.caveat import Caveat
from rig.report.verdict import BENCH_REASON, RunVerdict
from rig.run import Run
from rig.side_by_side import CASE

SIGNS = {
    CaseOutcome.PASSED: "[green]✓[/]",
    CaseOutcome.FAILED: "[red]✗[/]",
    CaseOutcome.ERROR: "[magenta]![/]",
    CaseOutcome.NOT_RUN: "[yellow]-[/]",
}
COLOURS = {
    RunVerdict.CONFORMANT: "green",
    RunVerdict.NOT_CONFORMANT: "red",
    RunVerdict.INCOMPLETE: "yellow",
    RunVerdict.WAIVED: "yellow",
    RunVerdict.BENCH_ERROR: "magenta",
}
MAX_REASONS = 12


def safe(text: str) -> str:
    """Text of a device for the console: neither rich nor the terminal obeys any of it."""
    return escape(printable(text))


class Progress:
    """A pytest plugin that speaks through a rich console."""

    def __init__(self, console: Console, *, listing: bool) -> None:
        self.run: Run | None = None
        self.internal_error = ""
        self._console = console
        self._listing = listing
        self._bar: Bar | None = None

    # -- pytest's hooks ------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        self.run = config.stash.get(RUN, None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """A signal that came while nobody waited for the device ends the run here."""
        interruption.check()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self.run is None:
            return
        selected = [item.stash[CASE] for item in session.items if CASE in item.stash]
        self.run.cases = {case.name: case for case in selected}
        if self._listing:
            for case in selected:
                self._list(case)
            return
        board = self.run.board
        count = "1 scenario" if len(selected) == 1 else f"{len(selected)} scenarios"
        self._console.print(
            f"[bold]{escape(board.name)}[/]  {escape(board.description)}\n"
            f"{count}, report in {escape(str(self.run.out))}",
            soft_wrap=True,
        )
        self._cases = {
            item.nodeid: item.stash[CASE] for item in session.items if CASE in item.stash
        }

    def _begin_bar(self) -> Bar:
        bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        bar.start()
        self._task = bar.add_task("starting", total=len(self._cases))
        return bar

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.run is None or self.run.lane is not None:
            # Another process has the terminal.
            return
        if self._bar is None:
            self._bar = self._begin_bar()
        self._bar.update(self._task, description=escape(nodeid.rpartition("::")[2]))

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if self._bar is not None and nodeid in self._cases:
            self._show(self._cases[nodeid])
            self._bar.advance(self._task)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        self._end_bar()

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._end_bar()
        self.internal_error = f"the bench failed: {excinfo.typename}: {excinfo.value}"

    # -- words ---------------------------------------------------------------------------------

    def show_verdict(self) -> None:
        """The verdict, the numbers behind it, and the worst reasons."""
        assert self.run is not None
        result = self.run.result
        assert result is not None
        colour = COLOURS[result.verdict]
        reasons = result.reasons
        if result.verdict is RunVerdict.BENCH_ERROR:
            # That nothing was observed then goes without saying.
            reasons = tuple(reason for reason in reasons if reason.startswith(BENCH_REASON))
        self._console.print()
        for reason in reasons[:MAX_REASONS]:
            # Several rules may be broken at once: a line each.
            for number, line in enumerate(reason.splitlines()):
                self._console.print(f"  {'  ' * (number > 0)}{safe(line)}", soft_wrap=True)
        if len(reasons) > MAX_REASONS:
            self._console.print(f"  … and {len(reasons) - MAX_REASONS} more in the report")
        for line in self.run.endurance.lines() if self.run.endurance is not None else ():
            self._console.print(line, soft_wrap=True)
        words = result.words(Level.MUST)
        always = [outcome.value for outcome in Outcome]
        shown = always + [caveat.value for caveat in Caveat if words[caveat.value]]
        counts = ", ".join(f"{words[word]} {word}" for word in shown)
        self._console.print(
            f"[bold {colour}]{result.verdict.value}[/]  "
            f"{result.profile.value} profile, MUST: {counts}",
            soft_wrap=True,
        )
        self._console.print(f"report: {escape(str(self.run.out / 'report.html'))}", soft_wrap=True)

    def _list(self, case: CaseResult) -> None:
        first = case.story.partition("\n")[0]
        self._console.print(f"{case.name}\n    {escape(first)}")
        self._console.print(f"    {' '.join(case.requirements)}", soft_wrap=True)

    def _show(self, case: CaseResult) -> None:
        assert self._bar is not None
        self._bar.console.print(
            f"{SIGNS[case.outcome]} {case.name}  [dim]{case.seconds:.1f} s[/]", soft_wrap=True
        )
        # A failure of the bench is told once, with the verdict.
        if case.message and case.outcome is not CaseOutcome.ERROR:
            for line in case.message.splitlines():
                self._bar.console.print(f"    {safe(line)}", soft_wrap=True)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
