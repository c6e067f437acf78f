"""An emulator's answers: good ones are understood, others end the matter with one kind of error."""

from __future__ import annotations

import socket
import threading

import pytest

from targets.virtual.gdb_packets import (
    MAX_ANSWER,
    AnswerReader,
    Stop,
    StubGone,
    framed,
    memory_of,
    stop_of,
    word_of,
)
from targets.virtual.gdb_stub import GdbStub


def test_answers_come_out_one_by_one_however_they_are_cut() -> None:
    wire = b"+" + framed("OK") + b"++" + framed("") + framed("T05thread:01;watch:20000010;")
    reader, answers = AnswerReader(), []
    for byte in wire:
        reader.feed(bytes([byte]))
        while (answer := reader.take()) is not None:
            answers.append(answer)
    assert answers == ["OK", "", "T05thread:01;watch:20000010;"]
    assert not reader.anything


def test_an_acknowledgement_alone_is_nothing() -> None:
    reader = AnswerReader()
    reader.feed(b"+++")
    assert not reader.anything
    assert reader.take() is None


def test_what_answers_mean() -> None:
    assert memory_of("00ff") == b"\0\xff"
    assert word_of("78563412") == 0x12345678
    assert stop_of("T05watch:20000010;") == Stop(5, 0x20000010)
    assert stop_of("S02").asked_for


@pytest.mark.parametrize("answer", ["0", "zz", "00 ", "+0", "٣٤"])
def test_what_is_no_memory(answer: str) -> None:
    with pytest.raises(StubGone, match="no memory"):
        memory_of(answer)


@pytest.mark.parametrize("answer", ["S", "T", "Sxx", "T05watch:;", "T05awatch:-1;", "T05watch:g"])
def test_what_is_no_stop(answer: str) -> None:
    with pytest.raises(StubGone):
        stop_of(answer)


@pytest.mark.parametrize("noise", [b"x", b"$x"])
def test_an_answer_without_end_is_not_waited_for(noise: bytes) -> None:
    reader = AnswerReader()
    reader.feed(noise * MAX_ANSWER if noise == b"x" else noise + b"x" * (MAX_ANSWER - 2))
    with pytest.raises(StubGone, match="without an answer"):
        reader.feed(b"x")


def test_an_emulator_that_floods_is_given_up() -> None:
    ours, theirs = socket.socketpair()

    def flood() -> None:
        with theirs:
            try:
                while True:
                    theirs.sendall(b"$" * 4096)
            except OSError:
                return

    flooding = threading.Thread(target=flood)
    flooding.start()
    with pytest.raises(StubGone, match="without an answer"):
        GdbStub(ours)
    ours.close()
    flooding.join()
