"""`otarig VERB …`: finds the verb's module, runs it, and turns errors into one line each."""

from __future__ import annotations

import argparse
import errno
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from rig.cli.terminal import be_lenient, go_silent
from rig.errors import BenchError, UsageError

VERBS = {
    "certify": "run the suite on one board and write the report",
    "serve": "run the self-hosted gateway, broker and job server",
    "agent": "run the reference agent as a device",
    "update": "make an update for a thing and watch it",
    "fleet": "watch the jobs of a running serve",
    "mutants": "try the suite on broken agents",
    "judge": "give verdicts from stored traces alone",
    "verify": "check a signed report offline",
    "diff": "tell what changed between two runs",
    "compare": "tell where a board does what the reference agent does not",
    "boards": "list the boards that come with the rig",
    "doctor": "check what a run on a board will need",
    "flash": "put the factory image into a device and start it",
    "reset": "reset a device and show that it boots",
    "console": "show a device's console and give it commands",
    "footprint": "tell what each source file of a firmware takes",
    "powercut": "cut the power at every flash operation of an update",
    "test": "run the project's own tests",
}
EXIT_OK, EXIT_NOT_CONFORMANT, EXIT_USAGE, EXIT_BENCH, EXIT_INCOMPLETE = range(5)


def overview() -> str:
    width = max(len(verb) for verb in VERBS)
    verbs = "\n".join(f"  {verb:<{width}}  {text}" for verb, text in VERBS.items())
    return (
        "usage: otarig VERB [options]\n\nTests and certifies ports of the AWS IoT OTA agent.\n\n"
        f"{verbs}\n\n`otarig VERB --help` tells the options of a verb.\n"
        "Exit codes: 0 conformant or done, 1 not conformant, 2 usage, 3 the bench failed, "
        "4 incomplete."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    be_lenient()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        return EXIT_OK if words else EXIT_USAGE
    verb, rest = words[0], words[1:]
    if verb not in VERBS:
        print(f"otarig: no verb {verb!r}; verbs are: {', '.join(VERBS)}", file=sys.stderr)
        return EXIT_USAGE
    try:
        module = importlib.import_module(f"rig.cli.{verb}")
        code: int = module.run(rest)
        sys.stdout.flush()
        return code
    except UsageError as error:
        print(f"otarig {verb}: {error}", file=sys.stderr)
        return EXIT_USAGE
    except BenchError as error:
        print(f"otarig {verb}: the bench failed: {error}", file=sys.stderr)
        return EXIT_BENCH
    except BrokenPipeError:
        go_silent()
        return EXIT_BENCH
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        go_silent()
        print(f"otarig {verb}: cannot write: {error.strerror}", file=sys.stderr)
        return EXIT_BENCH
    except KeyboardInterrupt:
        print(f"otarig {verb}: interrupted", file=sys.stderr)
        return EXIT_BENCH


class VerbParser(argparse.ArgumentParser):
    """A parser that tells a mistake in one line, as everything else is told."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; `{self.prog} --help` tells its options")


def parser(verb: str, description: str) -> argparse.ArgumentParser:
    """The parser of a verb; it raises `UsageError`."""
    return VerbParser(prog=f"otarig {verb}", description=description)


if __name__ == "__main__":
    sys.exit(main())
