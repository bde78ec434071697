import sys
from pathlib import Path
from typing import Any

import pytest

from polygym.fleet.loader import load_class, make_server, register_roots
from polygym.protocol.calls import ServerType
from polygym.protocol.errors import ConfigError
from polygym.servers.base import Server
from tests.fleet.components import write
from tests.servers.notebook import Nobody

GAME = """
    from polygym import ResourcesServer


    class Game(ResourcesServer):
        rules = "{rules}"

        def verify(self, rollout, session):
            return 1.0
"""


def load(entrypoint: str = "app.py", server_type: ServerType = "resources_servers", name: str = "game") -> Any:
    return load_class(server_type, name, entrypoint, "game.yaml:3")


def refusal(entrypoint: str = "app.py", server_type: ServerType = "resources_servers") -> str:
    with pytest.raises(ConfigError) as caught:
        load(entrypoint, server_type)
    return str(caught.value)


def write_game(root: Path, rules: str = "chess", file: str = "resources_servers/game/app.py") -> Path:
    return write(root, file, GAME.format(rules=rules))


# Which class


def test_the_one_class_of_the_right_kind_is_found(tmp_path: Path) -> None:
    write(
        tmp_path,
        "responses_api_models/game/app.py",
        """
        from polygym import AgentServer, ModelServer, ModelServerConfig, ResourcesServer


        class GameConfig(ModelServerConfig):
            pass


        class Base(ModelServer):
            pass


        class Game(Base):
            async def responses(self, params, context):
                return {}


        class Other(ResourcesServer):
            pass
        """,
    )
    register_roots([tmp_path])

    found = load(server_type="responses_api_models")

    assert found.__name__ == "Game" and issubclass(found, Server)


def test_a_class_can_be_named_also_one_from_another_module(tmp_path: Path) -> None:
    write_game(tmp_path, "go", "resources_servers/game/rules.py")
    write(
        tmp_path,
        "resources_servers/game/app.py",
        """
        from resources_servers.game.rules import Game


        class One(Game):
            pass


        class Two(Game):
            pass
        """,
    )
    register_roots([tmp_path])

    assert load("app.py:Two").__name__ == "Two"
    assert load("app.py:Game").rules == "go"
    assert load("rules.py").rules == "go"


def test_an_entrypoint_may_lie_deeper_and_import_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path, "resources_servers/game/server/rules.py", "RULES = 'go'")
    write(
        tmp_path,
        "resources_servers/game/server/main.py",
        GAME.format(rules="?") + "\n\nfrom .rules import RULES\n\nGame.rules = RULES\n".replace("\n", "\n    "),
    )
    register_roots([tmp_path])

    assert load("server/main.py").rules == "go"


def test_several_classes_are_refused_with_their_names(tmp_path: Path) -> None:
    write(
        tmp_path,
        "resources_servers/game/app.py",
        """
        from polygym import ResourcesServer


        class Chess(ResourcesServer):
            pass


        class Go(ResourcesServer):
            pass
        """,
    )
    register_roots([tmp_path])

    assert refusal() == (
        "game.yaml:3: resources_servers/game/app.py must define one ResourcesServer subclass, found Chess, Go; "
        "write 'entrypoint: app.py:ClassName'."
    )


def test_a_module_without_a_server_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_game(tmp_path)
    write(tmp_path, "responses_api_agents/game/app.py", "class Game:\n    pass\n")
    register_roots([tmp_path])

    assert refusal(server_type="responses_api_agents") == (
        "game.yaml:3: responses_api_agents/game/app.py must define one AgentServer subclass, found none; "
        "define a subclass of polygym.AgentServer."
    )
    assert (
        refusal("app.py:Gmae") == "game.yaml:3: resources_servers/game/app.py has no ResourcesServer subclass 'Gmae'."
    )


# Modules that cannot be imported


@pytest.mark.parametrize(
    ("source", "line", "problem"),
    [
        ("import json\n\nimport no_such_package\n", 3, "ModuleNotFoundError: No module named 'no_such_package'"),
        ("from json import no_such_name\n", 1, "ImportError: cannot import name 'no_such_name'"),
        ("class Game:\n    def broken(self:\n        pass\n", 2, "SyntaxError: "),
        ("import json\n\njson.loads('{')\n", 3, "JSONDecodeError: "),
        ("import sys\nsys.exit('no display')\n", 2, "SystemExit: no display"),
        ("from resources_servers.game.parts import x\n", 2, "ZeroDivisionError: division by zero"),
    ],
)
def test_what_an_import_raises_is_named_with_file_and_line(
    tmp_path: Path, source: str, line: int, problem: str
) -> None:
    write(tmp_path, "resources_servers/game/parts.py", "x = 0\n1 / x\n")
    app = write(tmp_path, "resources_servers/game/app.py", source)
    register_roots([tmp_path])

    text = refusal()

    assert text.startswith(f"game.yaml:3: resources_servers/game/app.py cannot be imported: {problem}")
    file = app if "parts" not in source else app.with_name("parts.py")
    assert text.endswith(f"({file}:{line})")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    write_game(tmp_path)
    register_roots([tmp_path])

    assert "No module named 'resources_servers.game.main'" in refusal("main.py")


# Roots


@pytest.mark.parametrize("package_file", [None, "first", "second", "both"])
def test_the_first_root_wins_whichever_has_a_package_file(tmp_path: Path, package_file: str | None) -> None:
    for name in ("first", "second"):
        write_game(tmp_path / name, name)
        if package_file in (name, "both"):
            write(tmp_path / name, "resources_servers/game/__init__.py", "")

    register_roots([tmp_path / "first", tmp_path / "second"])
    assert load().rules == "first"

    register_roots([tmp_path / "second", tmp_path / "first"])
    assert load().rules == "second"


def test_an_implementation_stays_imported_while_its_place_is_the_same(tmp_path: Path) -> None:
    write_game(tmp_path / "builtin")
    register_roots([tmp_path / "builtin"])
    before = load()

    register_roots([tmp_path / "empty", tmp_path / "builtin"])

    assert load() is before


def test_a_root_that_has_only_configs_leaves_the_code_to_the_next(tmp_path: Path) -> None:
    write(tmp_path / "mine", "resources_servers/game/configs/game.yaml", "")
    write_game(tmp_path / "builtin", "chess")
    register_roots([tmp_path / "mine", tmp_path / "builtin"])

    assert load().rules == "chess"


def test_a_server_can_import_from_another_servers_folder_in_another_root(tmp_path: Path) -> None:
    write_game(tmp_path / "builtin", "go", "resources_servers/base_game/app.py")
    write(
        tmp_path / "mine",
        "resources_servers/game/app.py",
        "from resources_servers.base_game.app import Game as Base\n\n\nclass Game(Base):\n    pass\n",
    )
    register_roots([tmp_path / "mine", tmp_path / "builtin"])

    assert load().rules == "go"


def test_nothing_else_in_a_root_becomes_importable(tmp_path: Path) -> None:
    write(tmp_path, "secret_module.py", "")
    write(tmp_path, "resources_servers/game/__init__.py", "")
    write(tmp_path, "resources_servers/game/app.py", "import secret_module\n")
    register_roots([tmp_path])

    assert "No module named 'secret_module'" in refusal()
    assert str(tmp_path) not in sys.path


# Making a server


def make(root: Path, source: str, **fields: Any) -> Server:
    write(root, "resources_servers/game/app.py", source)
    register_roots([root])
    return make_server(
        name="my_game",
        server_type="resources_servers",
        implementation="game",
        entrypoint="app.py",
        fields=fields,
        origin="game.yaml:3",
        directory=Nobody(),
    )


def test_a_server_is_made_with_its_name_and_configuration(tmp_path: Path) -> None:
    server = make(tmp_path, GAME.format(rules="go"), domain="games")

    assert (server.name, server.config.model_dump()["domain"]) == ("my_game", "games")


def test_fields_that_nobody_reads_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make(tmp_path, GAME.format(rules="go"), domian="games")

    assert "game.yaml:3: field 'domian' is not one of Game's and has no effect. Meant 'domain'?" in caplog.text


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("config: int", "my_game cannot be made: TypeError: Game.config must be annotated"),
        ("pass", "my_game cannot be made: TypeError: Can't instantiate abstract class Game"),
        (
            "verify = None\n\n    @tool(name='verify')\n    def look(self): pass",
            "my_game cannot be made: TypeError: tool name 'verify': that is an endpoint",
        ),
        (
            "verify = None\n\n    @tool\n    def look(self, city: 'Citty'): pass",
            "my_game cannot be made: TypeError: tool look: name 'Citty' is not defined",
        ),
    ],
)
def test_a_class_that_cannot_be_made_is_refused_before_anything_runs(tmp_path: Path, body: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=r"game\.yaml:3: ") as caught:
        make(tmp_path, f"from polygym import ResourcesServer, tool\n\n\nclass Game(ResourcesServer):\n    {body}\n")
    assert problem in str(caught.value)


def test_a_wrong_field_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^game\.yaml:3: session_ttl_s: Input should be a valid number"):
        make(tmp_path, GAME.format(rules="go"), session_ttl_s="long")
