"""``python -m agent --config FILE``: power on a device.

Exit status: 0 after SIGTERM, 2 for a configuration or a device that cannot be started.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from agent.app import Alteration, run_image
from agent.config import AgentConfig, ConfigError, load_config
from agent.connection import make_client
from agent.platform.boot_loader import BootError, BootLoader
from agent.platform.boot_plan import Planner, plan_boot
from agent.platform.filesystem import OsFilesystem

EXIT_UNUSABLE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the boot loader until it is told to stop; returns the exit status."""
    parser = argparse.ArgumentParser(prog="agent", description="The reference OTA device.")
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="JSON file")
    options = parser.parse_args(arguments)
    try:
        config = load_config(options.config)
        alter, plan = _with_faults(config.faults) if config.faults else (None, plan_boot)
        _check_tls(config)
        BootLoader(
            config.root,
            OsFilesystem(),
            config.declares.trial_time_s,
            partial(run_image, config, alter),
            plan,
        ).run()
    except (ConfigError, BootError) as error:
        return _complain(str(error))
    return 0


def _with_faults(names: Sequence[str]) -> tuple[Alteration, Planner]:
    """The agent broken on purpose, and its boot loader. Raises :class:`ConfigError`."""
    # For a broken agent alone: all others start sooner without.
    from agent.faults import UnknownFaultError, alteration, boot_plan, check_faults

    try:
        check_faults(names)
    except UnknownFaultError as error:
        raise ConfigError(str(error)) from None
    return alteration(names), boot_plan(names)


def _check_tls(config: AgentConfig) -> None:
    try:
        make_client(config.mqtt, config.thing)
    except OSError as error:
        raise ConfigError(f"mqtt: TLS files cannot be used: {error}") from error


def _complain(message: str) -> int:
    print(f"agent: {message}", file=sys.stderr)
    return EXIT_UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
