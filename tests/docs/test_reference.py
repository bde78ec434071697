"""The reference pages name everything that there is, and nothing that there is not."""

import re
from collections.abc import Iterator

import click
import pytest

from polygym.cli.asked import OLD_KEYS
from polygym.cli.exits import ExitCode
from polygym.cli.legacy import COMMANDS
from polygym.cli.listing import KINDS
from polygym.cli.program import program
from polygym.config.dimensions import DIMENSIONS
from polygym.config.load import load_config
from polygym.config.unresolved import MODEL_OPTIONS
from polygym.fleet.fleet import Fleet
from polygym.fleet.head import head_endpoints
from polygym.fleet.loader import load_class, register_roots
from polygym.fleet.serving import edge_of_channel
from polygym.protocol.calls import SERVER_TYPES
from polygym.protocol.failures import RETRIED, FailureClass, Stage
from polygym.rollouts.outputs import OutputPaths
from polygym.servers.base import Server
from polygym.servers.manifest import Manifest
from polygym.servers.resources import ResourcesServerConfig
from tests.cli.commands import free_port
from tests.docs.pages import ROOT

CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
FAILURES = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")
GETTING_STARTED = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    """The text below a heading, up to the next one of its level or above."""
    level, rest = re.findall(rf"^(#+) {re.escape(title)}\n((?:.|\n)*)", page, re.MULTILINE)[0]
    return re.split(rf"^#{{2,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def table(text: str) -> Iterator[list[str]]:
    """The cells of all table rows in a text, headers and rules left out."""
    lines = text.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("|") and not set(line) <= set("|- ") and not (below and set(below) <= set("|- ")):
            yield [cell.strip() for cell in line[1:-1].split("|")]


def quoted(text: str) -> list[str]:
    """What stands in backquotes."""
    return re.findall(r"`([^`]+)`", text)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its name."""
    waiting: list[tuple[str, click.Command]] = [("gym", program)]
    while waiting:
        name, command = waiting.pop(0)
        if isinstance(command, click.Group):
            waiting += [(f"{name} {each}", below) for each, below in command.commands.items()]
        else:
            yield name, command


def options(command: click.Command) -> set[str]:
    """The long options of a command that its help shows, but those that all commands have."""
    return {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for name in parameter.opts
        if name.startswith("--") and name != "--verbose"
    }


SHARED = "Options that choose the configuration"
EXPECTED = {
    **{name: name for name, _ in commands() if not name.startswith("gym list")},
    **{f"gym list {kind}": "gym list" for kind in KINDS},
    "gym list resources-servers": "gym list environments",
    "gym list environments": "gym list environments",
}
"""The section that has a command's options."""


@pytest.mark.parametrize(("name", "command"), [pytest.param(*each, id=each[0]) for each in commands()])
def test_a_command_has_the_options_that_its_section_has(name: str, command: click.Command) -> None:
    own = section(CLI, EXPECTED[name])
    described = {option for cells in table(own) for option in re.findall(r"`(--[a-z-]+)", cells[0])}
    if "#options-that-choose-the-configuration" in own or name == "gym eval run":
        described |= {
            option for cells in table(section(CLI, SHARED)) for option in re.findall(r"`(--[a-z-]+)", cells[0])
        }
    described |= {"--json"} if "`--json`" in own else set()

    assert described == options(command)


def test_every_exit_code_is_there() -> None:
    assert [int(cells[0]) for cells in table(section(CLI, "Exit codes"))] == [int(code) for code in ExitCode]


def test_every_older_name_and_key_is_there() -> None:
    names, keys = section(CLI, "Older names").split("### Older keys")

    assert {cells[0].strip("`"): cells[1].strip("`") for cells in table(names)} == {
        f"ng_{name}": " ".join(["gym", *command]) for name, command in COMMANDS.items()
    }
    assert {cells[0].strip("`") for cells in table(keys)} == set(OLD_KEYS)


def test_every_file_is_there() -> None:
    paths = OutputPaths(ROOT / "STEM.jsonl")
    described = {cells[0].strip("`") for cells in table(section(CLI, "gym eval run")) if "STEM" in cells[0]}

    assert described == {f"DIR/{path.name}" for path in (*paths.all(), paths.lock)}


def test_every_failure_class_and_stage_is_there() -> None:
    classes = {cells[0].strip("`"): cells[2] for cells in table(section(FAILURES, "Failure classes"))}
    fields = {cells[0]: cells[1] for cells in table(section(GETTING_STARTED, "What goes wrong"))}

    assert set(classes) == set(FailureClass)
    assert {name for name, again in classes.items() if again.startswith("yes")} == RETRIED
    assert set(quoted(fields["`_ng_failure_stage`"])) == set(Stage)


BUILT_IN = {
    "simple_agent": "responses_api_agents",
    "openai_model": "responses_api_models",
    "vllm_model": "responses_api_models",
    "anthropic_model": "responses_api_models",
    "azure_openai_model": "responses_api_models",
    "inference_provider": "responses_api_models",
    "litellm_model": "responses_api_models",
    "replay_model": "responses_api_models",
    "random_model": "responses_api_models",
}


@pytest.mark.parametrize("implementation", BUILT_IN)
def test_a_server_has_the_fields_that_its_section_has(implementation: str) -> None:
    register_roots([ROOT])
    server_type = next(each for each in SERVER_TYPES if each == BUILT_IN[implementation])
    fields = load_class(server_type, implementation, "app.py", "here").config_class().model_fields
    described = {cells[0].strip("`"): cells[1].strip("`") for cells in table(section(CONFIGURATION, implementation))}

    assert set(described) == set(fields) - Server.wiring_fields
    for name, field in fields.items():
        if isinstance(field.default, int | float) and name in described and "POLICY" not in described[name]:
            assert described[name] == str(field.default).lower()


def test_resources_servers_have_the_fields_that_their_section_has() -> None:
    described = {cells[0].strip("`") for cells in table(section(CONFIGURATION, "resources servers"))}

    assert described == set(ResourcesServerConfig.model_fields) - {"entrypoint"}


def test_a_manifest_has_the_fields_and_values_that_its_section_has() -> None:
    described = {cells[0].strip("`"): set(quoted(cells[1])) for cells in table(section(CONFIGURATION, "The manifest"))}

    assert set(described) == set(Manifest.model_fields)
    assert all(described[dimension] == set(values) for dimension, values in DIMENSIONS.items() if values)


def test_every_field_that_all_servers_have_is_there() -> None:
    rows = table(section(CONFIGURATION, "Fields of every server").split("### ")[0])

    assert {name for cells in rows for name in quoted(cells[0])} == Server.wiring_fields


def test_the_models_settings_are_there() -> None:
    described = {name for cells in table(section(CONFIGURATION, "Settings")) for name in quoted(cells[0])}

    assert described >= set(MODEL_OPTIONS)


def test_every_endpoint_is_there() -> None:
    """Of a fleet that serves one server of each kind."""
    port = free_port()
    config = load_config(
        config_paths=[
            "resources_servers/example_single_tool_call/configs/example_single_tool_call.yaml",
            "responses_api_models/random_model/configs/random_model.yaml",
        ],
        settings={"head_server": {"port": port}},
        cwd=ROOT,
        env_yaml=None,
        environ={},
    )

    fleet = Fleet(config)
    fleet.construct()
    edges = [head_endpoints(fleet), *(edge_of_channel(fleet.wiring.embedded(name)) for name in fleet.members)]
    served = {
        (method, path)
        for edge in edges
        for path, handlers in edge.handlers.items()
        for method in handlers
        if method != "HEAD"
    }
    rows = [cells for cells in table(section(CLI, "What the servers answer")) if len(cells) == 4]
    described = {
        (name.split()[0], path) for cells in rows for name in quoted(cells[1])[:1] for path in [name.split()[1]]
    } | {("GET", path) for cells in rows for path in quoted(cells[1])[1:]}

    assert described - {("POST", "/{tool}")} == served
