"""Lines out of a pipe: each once and in order, whoever reads."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from targets.pipe_lines import PipeLines


class Pipe:
    def __init__(self) -> None:
        self.out, self.into = os.pipe()
        self.taken: list[str] = []
        self.lines = PipeLines(self.out, self.taken.append)

    def write(self, data: bytes) -> None:
        os.write(self.into, data)

    def end(self) -> None:
        os.close(self.into)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.out)


def test_what_is_there_is_read_without_a_thread(pipe: Pipe) -> None:
    pipe.lines.read()
    pipe.write(b"boot: 1\r\nota: rea")
    pipe.lines.read()
    assert pipe.taken == ["boot: 1"]
    pipe.write(b"dy\n\n\xff\n")
    pipe.lines.read()
    assert pipe.taken == ["boot: 1", "ota: ready", "", "\ufffd"]
    pipe.end()


def test_the_last_line_needs_no_end(pipe: Pipe) -> None:
    pipe.write(b"one\ntwo")
    pipe.end()
    pipe.lines.read_to_end()
    pipe.lines.read()
    assert pipe.taken == ["one", "two"]


def test_two_readers_take_each_line_once_and_in_order(pipe: Pipe) -> None:
    thread = threading.Thread(target=pipe.lines.read_to_end)
    thread.start()
    for number in range(2000):
        pipe.write(b"%d\n" % number)
        pipe.lines.read()
        # Whatever was written before the call is there after it.
        assert len(pipe.taken) == number + 1
    pipe.end()
    thread.join()
    assert pipe.taken == [str(number) for number in range(2000)]
