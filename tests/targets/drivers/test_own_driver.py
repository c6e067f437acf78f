"""The driver of docs/write-a-driver.md runs as it stands there, and is as short as it says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from rig.errors import UsageError
from targets.board import parse_board
from tests.targets.drivers.conftest import MakeBench

DOCUMENT = Path(__file__).parents[3] / "docs" / "write-a-driver.md"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_it_has_sixty_lines_of_code() -> None:
    code = [line for line in block("python").splitlines() if line.strip()]
    assert len(code) <= 60


def test_it_runs(make_bench: MakeBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_driver.py").write_text(block("python"))
    monkeypatch.syspath_prepend(str(tmp_path))
    bench = make_bench(parse_board(tomllib.loads(block("toml")), "my-board.toml"))
    bench.driver.provision(bench.image(1), bench.connection)
    bench.driver.power_on()
    assert bench.boot().data["marker"] == "01" * 16
    mark = bench.mark
    bench.driver.reset()
    assert bench.boot(mark).boot == 2
    assert bench.driver.is_running()
    bench.driver.power_off()
    assert not bench.driver.is_running()


def test_a_driver_that_is_not_there_is_the_user_s_mistake(make_bench: MakeBench) -> None:
    table = {"name": "x", "driver": "no_such_module:Driver", "thing": "t"}
    with pytest.raises(UsageError, match=r"board 'x': driver .* cannot be imported: .*PYTHONPATH"):
        make_bench(parse_board(table, "x.toml"))
