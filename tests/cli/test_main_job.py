"""The main job, as the documents show it: two built-in environments, one dataset, both generations of commands."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from polygym.config.roots import install_root
from tests.cli.commands import (
    free_port,
    gym,
    gym_running,
    interrupt,
    legacy,
    model_endpoint,
    read_until,
    rows,
    write_rows,
)

ENVIRONMENTS = ("example_single_tool_call", "example_multi_step")
SELECTED = tuple(part for name in ENVIRONMENTS for part in ("--resources-server", name))
CONFIG_PATHS = ",".join(
    [
        "responses_api_models/openai_model/configs/openai_model.yaml",
        *(f"resources_servers/{name}/configs/{name}.yaml" for name in ENVIRONMENTS),
    ]
)
INPUT, OUTPUT = "results/test_multiverifier_input.jsonl", "results/test_multiverifier_outputs.jsonl"


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Path]:
    """A folder with the mixed dataset, and an env.yaml that leads to a stand-in endpoint and to a head of our own."""
    (tmp_path / "results").mkdir()
    mixed = [
        row | {"agent_ref": {"name": f"{name}_simple_agent"}}
        for name in ENVIRONMENTS
        for row in rows(install_root() / "resources_servers" / name / "data" / "example.jsonl")
    ]
    write_rows(tmp_path / INPUT, *mixed)
    with model_endpoint() as (url, _):
        settings = {
            "policy_base_url": url,
            "policy_api_key": "none",
            "policy_model_name": "stand-in",
            "head_server": {"port": free_port()},
        }
        (tmp_path / "env.yaml").write_text(json.dumps(settings))
        yield tmp_path


def collected(folder: Path) -> dict[str, int]:
    """How many scored rows each agent has in the output."""
    found = rows(folder / OUTPUT)
    assert all(isinstance(row["reward"], float) and row["response"]["output"] for row in found)
    names = [row["agent_ref"]["name"] for row in found]
    return {name: names.count(name) for name in sorted(set(names))}


TEN_ROWS = {"example_multi_step_simple_agent": 5, "example_single_tool_call_simple_agent": 5}


def test_a_started_fleet_gives_ten_rows(workplace: Path) -> None:
    with gym_running("env", "start", "--model-type", "openai_model", *SELECTED, cwd=workplace) as process:
        read_until(process, "Ctrl-C stops everything")
        done = gym("eval", "run", "--no-serve", "--input", INPUT, "--output", OUTPUT, cwd=workplace)
        code, _, _ = interrupt(process)

    assert (done.returncode, done.stderr, code) == (0, "", 0)
    assert collected(workplace) == TEN_ROWS


def test_the_older_commands_give_the_same_ten_rows(workplace: Path) -> None:
    with gym_running(f"+config_paths=[{CONFIG_PATHS}]", cwd=workplace, older="ng_run") as process:
        read_until(process, "Ctrl-C stops everything")
        keys = (f"+input_jsonl_fpath={INPUT}", f"+output_jsonl_fpath={OUTPUT}")
        done = legacy("ng_collect_rollouts", *keys, cwd=workplace)
        code, _, said = interrupt(process)

    assert said.startswith("ng_run is now: gym env start\n")
    assert (done.returncode, code) == (0, 0)
    assert collected(workplace) == TEN_ROWS


def test_one_command_needs_nothing_else(tmp_path: Path) -> None:
    done = gym("eval", "run", *SELECTED, "--model-type", "random_model", "--output", OUTPUT, cwd=tmp_path)

    assert done.returncode == 0
    assert "random baseline" in done.stderr
    assert collected(tmp_path) == TEN_ROWS
