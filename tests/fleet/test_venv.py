import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from polygym.config.model import ServerInstance
from polygym.fleet.fleet import Fleet
from polygym.fleet.venv import interpreter_for
from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import ConfigError
from tests.fleet.components import instance, run_config, write


def game(root: Path, requirements: str) -> ServerInstance:
    write(root, "resources_servers/game/requirements.txt", requirements)
    return instance(root, "game", "resources_servers")


@pytest.mark.parametrize("requirements", ["", "# nothing\npolygym\n", "aiohttp\npydantic>=2\n"])
def test_an_interpreter_that_has_everything_is_used_as_it_is(tmp_path: Path, requirements: str) -> None:
    settings = {"uv_venv_dir": str(tmp_path / "venvs")}

    assert interpreter_for(game(tmp_path, requirements), settings) == Path(sys.executable)
    assert not (tmp_path / "venvs").exists()


def test_requirements_that_cannot_be_had_are_named_with_their_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        interpreter_for(game(tmp_path, "./no-such-folder\n"), {"uv_venv_dir": str(tmp_path / "venvs")})

    text = str(caught.value)
    assert text.startswith("game.yaml:1: the virtual environment of game cannot be made")
    assert str(tmp_path / "resources_servers" / "game") in text and "no-such-folder" in text


def test_without_uv_it_is_said_what_is_missing_and_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    with pytest.raises(ConfigError, match=r"\(no-such-package-anywhere\)\..* pip install 'polygym\[venv\]'"):
        interpreter_for(game(tmp_path, "no-such-package-anywhere\n"), {"uv_venv_dir": str(tmp_path / "venvs")})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_server_with_other_requirements_lives_in_an_environment_of_its_own(tmp_path: Path) -> None:
    write(
        tmp_path,
        "resources_servers/game/app.py",
        """
        import sys

        import roman

        from polygym import ResourcesServer, tool


        class Game(ResourcesServer):
            @tool
            def to_roman(self, number: int) -> str:
                return roman.toRoman(number)

            @tool
            def python(self) -> str:
                return sys.executable

            def verify(self, rollout, session):
                return 1.0
        """,
    )
    config = run_config(tmp_path, instances=[game(tmp_path, "roman==5.1\n")], uv_venv_dir=str(tmp_path / "venvs"))

    async def play() -> Any:
        async with Fleet(config) as fleet:
            member = fleet.members["game"]
            assert member.placement == "process" and member.pid != os.getpid()
            async with fleet.wiring.resources_servers["game"].open({}, RolloutContext("0-0")) as session:
                python = (await session.call_tool("python", {})).output
                assert python.startswith(str(tmp_path / "venvs" / "game-"))
                return (await session.call_tool("to_roman", {"number": 14})).output

    assert asyncio.run(play()) == "XIV"
    (made,) = (path for path in (tmp_path / "venvs").iterdir() if path.is_dir())
    made_at = made.stat().st_ctime_ns
    assert asyncio.run(play()) == "XIV"
    assert made.stat().st_ctime_ns == made_at
