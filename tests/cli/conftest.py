"""Running commands in this process, for the many that are refused before anything starts."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polygym.cli.program import run_program
from tests.cli.commands import Ended


@pytest.fixture
def gym_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Ended]]:
    """Run `gym` here, with `tmp_path` as the working directory."""
    monkeypatch.chdir(tmp_path)
    level = logging.getLogger("polygym").level

    def run(*arguments: str) -> Ended:
        code = run_program(arguments)
        return Ended(code, *capsys.readouterr())

    yield run
    logging.getLogger("polygym").setLevel(level)
