"""Commands that a board file has: filled in, run, and a failure told in one line."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from rig.errors import BenchError


def run_tool(
    device: str, field: str, template: Sequence[str], places: Mapping[str, str], limit_s: float
) -> None:
    """Run the template with `{place}` replaced in every word. Raises `BenchError`."""
    command = list(template)
    for place, value in places.items():
        command = [word.replace(f"{{{place}}}", value) for word in command]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except OSError as error:
        raise BenchError(
            f"device {device!r}: {field}: {command[0]}: {error.strerror}; "
            "install it or mend the board file"
        ) from None
    except subprocess.TimeoutExpired:
        raise BenchError(
            f"device {device!r}: {field} did not end within {limit_s:g} s: {' '.join(command)}"
        ) from None
    if done.returncode != 0:
        last = (done.stdout.strip().splitlines() or ["no output"])[-1]
        raise BenchError(f"device {device!r}: {field} exited {done.returncode}: {last}")
