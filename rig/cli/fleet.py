"""`otarig fleet`: the jobs of a running `serve` on the terminal, live."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from rig.cli.fleet_screen import fleet_screen, job_screen
from rig.cli.main import EXIT_OK, parser
from rig.cli.terminal import TerminalConsole
from rig.errors import OtarigError
from rig.fleet_client import FleetClient
from rig.jobs.fleet_view import FleetView, JobDetail
from rig.judge.command import printable
from rig.serve_state import DEFAULT_DATA

EVERY_S = 1.0
"""Between two looks."""


def run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    client = FleetClient(options.data, options.region)
    view = _look(client, options.job)
    if options.json:
        shape: TypeAdapter[FleetView | JobDetail] = TypeAdapter(type(view))
        print(shape.dump_json(view, indent=1).decode())
        return EXIT_OK
    console = TerminalConsole(highlight=False, markup=False)
    if options.once or not sys.stdout.isatty():
        console.print(_screen(view))
        return EXIT_OK
    return _watch(client, options.job, view, console)


def _look(client: FleetClient, job_id: str | None) -> FleetView | JobDetail:
    return client.fleet() if job_id is None else client.job(job_id)


def _screen(view: FleetView | JobDetail) -> RenderableType:
    return fleet_screen(view) if isinstance(view, FleetView) else job_screen(view)


def _watch(
    client: FleetClient,
    job_id: str | None,
    view: FleetView | JobDetail,
    console: TerminalConsole,
) -> int:
    """Until Ctrl-C; while serve is away what was seen last stays, and it is said so."""
    with Live(_screen(view), console=console, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(EVERY_S)
                try:
                    view = _look(client, job_id)
                    shown = _screen(view)
                except OtarigError as error:
                    shown = Group(_screen(view), Text(), Text(printable(str(error)), "bold red"))
                live.update(shown, refresh=True)
        except KeyboardInterrupt:
            return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    words = parser("fleet", __doc__ or "")
    words.add_argument("job", nargs="?", metavar="JOB", help="one job with what goes wrong in it")
    how = words.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="show it as it stands, and end")
    how.add_argument("--json", action="store_true", help="print it as one JSON object, and end")
    words.add_argument(
        "--region", metavar="R", help="the region to look at; default: the first one of serve"
    )
    words.add_argument(
        "--data",
        type=Path,
        default=DEFAULT_DATA,
        metavar="DIR",
        help=f"the data directory of serve; default: {DEFAULT_DATA}",
    )
    words.epilog = "Ctrl-C ends it. `serve` shows the URL of a page with the same, too."
    return words
