"""The older commands: they say what they are called now, and work."""

import json
import tomllib
from pathlib import Path

import pytest

from polygym.cli.legacy import COMMANDS, NOT_AVAILABLE
from tests.cli.commands import COMPONENTS, ECHO, SOURCE, free_port, gym_running, interrupt, legacy, read_until, rows

CONFIG_PATHS = (
    "+config_paths=[resources_servers/letters/configs/letters.yaml,"
    "resources_servers/numbers/configs/numbers.yaml,responses_api_models/echo/configs/echo.yaml]"
)
OUTPUT = "+output_jsonl_fpath=out.jsonl"


def test_rollouts_are_collected_with_every_older_key(tmp_path: Path) -> None:
    keys = ("+limit=1", "+num_repeats=2", "+num_samples_in_parallel=1", "+resume_from_cache=true")
    params = "+responses_create_params={temperature: 0.5, metadata: {note: 'a,b'}}"

    done = legacy("ng_e2e_collect_rollouts", CONFIG_PATHS, OUTPUT, *keys, params, cwd=tmp_path)

    assert done.returncode == 0
    assert done.stderr.splitlines() == ["ng_e2e_collect_rollouts is now: gym eval run"]
    planned = rows(tmp_path / "out_materialized_inputs.jsonl")
    assert len(planned) == len(rows(tmp_path / "out.jsonl")) == 4
    assert planned[0]["responses_create_params"] | {"input": ""} == {
        "input": "",
        "temperature": 0.5,
        "metadata": {"note": "a,b"},
    }


def test_a_newer_option_works_as_a_key_and_as_itself(tmp_path: Path) -> None:
    keys = ("++temperature=0.75", "++overwrite=true", "--limit", "1")

    done = legacy("nemo_gym_e2e_collect_rollouts", CONFIG_PATHS, OUTPUT, *keys, cwd=tmp_path)

    assert done.returncode == 0
    planned = rows(tmp_path / "out_materialized_inputs.jsonl")
    assert [row["responses_create_params"]["temperature"] for row in planned] == [0.75, 0.75]


def test_a_running_fleet_is_used(tmp_path: Path) -> None:
    head = f"++head_server.port={free_port()}"
    example = COMPONENTS / "resources_servers" / "letters" / "data" / "example.jsonl"
    start = ("env", "start", "--resources-server", "letters", *ECHO, head)
    keys = (f"+input_jsonl_fpath={example}", OUTPUT, "+agent_name=letters_agent", head)
    with gym_running(*start, cwd=tmp_path) as process:
        read_until(process, "Ctrl-C")
        done = legacy("ng_collect_rollouts", *keys, cwd=tmp_path)
        status = legacy("ng_status", head, cwd=tmp_path)
        interrupt(process)

    assert done.returncode == 0
    assert done.stderr.splitlines() == ["ng_collect_rollouts is now: gym eval run --no-serve"]
    assert len(rows(tmp_path / "out.jsonl")) == 2
    assert "letters_agent" in status.stdout


def test_an_output_that_exists_is_replaced_unless_the_run_resumes(tmp_path: Path) -> None:
    first = legacy("ng_e2e_collect_rollouts", CONFIG_PATHS, OUTPUT, "+num_repeats=2", cwd=tmp_path)
    again = ("+num_repeats=2", "+resume_from_cache=true")
    resumed = legacy("ng_e2e_collect_rollouts", CONFIG_PATHS, OUTPUT, *again, cwd=tmp_path)
    after_resume = len(rows(tmp_path / "out.jsonl"))
    replaced = legacy("ng_e2e_collect_rollouts", CONFIG_PATHS, OUTPUT, "+limit=1", cwd=tmp_path)

    assert first.returncode == resumed.returncode == replaced.returncode == 0
    assert "10 of 10 rollouts are from an earlier run" in resumed.stdout
    assert after_resume == 10
    assert len(rows(tmp_path / "out.jsonl")) == 2


def test_the_configuration_is_dumped_and_validated(tmp_path: Path) -> None:
    dumped = legacy("ng_dump_config", CONFIG_PATHS, "+note=hello", "--json", cwd=tmp_path)
    validated = legacy("ng_validate", CONFIG_PATHS, cwd=tmp_path)

    assert json.loads(dumped.stdout)["note"] == "hello"
    assert validated.returncode == 0


@pytest.mark.parametrize(
    ("name", "now", "shown"),
    [
        ("ng_version", "gym --version", "polygym "),
        ("nemo_gym_help", "gym --help", "Usage: gym"),
        ("ng_list_benchmarks", "gym list benchmarks", ""),
    ],
)
def test_a_renamed_command_does_what_the_new_one_does(tmp_path: Path, name: str, now: str, shown: str) -> None:
    done = legacy(name, cwd=tmp_path)

    assert done.returncode == 0
    assert done.stderr.startswith(f"{name} is now: {now}\n")
    assert shown in done.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ng_upload_dataset_to_hf", "ng_upload_dataset_to_hf is not available in this version"),
        ("nemo_gym_reward_profile", "nemo_gym_reward_profile is not available in this version"),
        ("ng_colect_rollouts", "Meant 'ng_collect_rollouts'"),
    ],
)
def test_a_command_that_there_is_not_says_so_in_a_line(tmp_path: Path, name: str, message: str) -> None:
    done = legacy(name, "+anything=1", cwd=tmp_path)

    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_every_installed_name_is_known() -> None:
    project = tomllib.loads((SOURCE.parent / "pyproject.toml").read_text())
    scripts = project["project"]["scripts"]
    names = {name.removeprefix("nemo_gym_").removeprefix("ng_") for name in scripts if name not in ("gym", "ng")}

    assert names <= {*COMMANDS, *NOT_AVAILABLE}
    assert {f"ng_{name}" for name in COMMANDS} <= scripts.keys()
