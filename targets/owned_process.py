"""Child processes that die with this one, however it ends: also by SIGKILL."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_starter: ThreadPoolExecutor


def _begin_starter() -> None:
    global _starter
    _starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-starter")


_begin_starter()
# A forked process has the object, but not its thread.
os.register_at_fork(after_in_child=_begin_starter)


def start_owned(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """`subprocess.Popen`, and the kernel kills the child when this process is gone.

    Raises `OSError` as Popen does. Where the system has no `setpriv`, the child may stay behind.
    """
    tool = shutil.which("setpriv")
    words = list(command)
    if tool is not None:
        if shutil.which(words[0]) is None:
            # The tool would say it, on the child's output; Popen raises the right error.
            return _popen(words, options)
        words = [tool, "--pdeathsig", "KILL", "--", *words]
    # By a thread that lasts: the kernel counts the end of the thread that started the child.
    return _starter.submit(_popen, words, options).result()


def _popen(words: list[str], options: dict[str, Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, **options)
