import sys
from pathlib import Path

import pytest

from polygym.fleet.loader import load_class, register_roots
from polygym.protocol.errors import ConfigError
from tests.fleet.components import write

APP = """
    from rules import RULES

    from polygym import ResourcesServer


    class Game(ResourcesServer):
        rules = RULES

        def verify(self, rollout, session):
            return 1.0
"""


def write_game(root: Path, name: str, rules: str) -> None:
    write(root, f"resources_servers/{name}/app.py", APP)
    write(root, f"resources_servers/{name}/rules.py", f'RULES = "{rules}"')


def rules_of(name: str) -> str:
    rules: str = load_class("resources_servers", name, "app.py", "game.yaml:3").rules  # type: ignore[attr-defined]
    return rules


def test_two_servers_each_import_the_module_beside_them_by_the_same_bare_name(tmp_path: Path) -> None:
    write_game(tmp_path, "chess_game", "chess")
    write_game(tmp_path, "go_game", "go")
    register_roots([tmp_path])
    assert (rules_of("chess_game"), rules_of("go_game")) == ("chess", "go")
    assert "rules" not in sys.modules and not any("_game" in entry for entry in sys.path)


def test_a_module_of_somebody_else_that_is_called_the_same_stays_what_it_is(tmp_path: Path) -> None:
    write_game(tmp_path, "chess_game", "chess")
    write(tmp_path, "resources_servers/chess_game/colorsys.py", "")
    write(tmp_path, "resources_servers/chess_game/app.py", "from colorsys import NOT_THERE")
    register_roots([tmp_path])
    import colorsys

    with pytest.raises(ConfigError, match="NOT_THERE"):
        load_class("resources_servers", "chess_game", "app.py", "game.yaml:3")
    assert sys.modules["colorsys"] is colorsys
