"""`gym eval run`: what it collects, writes and says."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commands import (
    COMPONENTS,
    ECHO,
    Ended,
    gym,
    model_endpoint,
    names_in,
    rows,
    write_rows,
)

LETTERS = ("--resources-server", "letters", *ECHO)
BOTH = ("--resources-server", "numbers", *LETTERS)
ECHO_FIELD = "++policy_model.responses_api_models.echo"
FILES = {"out.jsonl", "out_aggregate_metrics.json", "out_failures.jsonl", "out_materialized_inputs.jsonl"}


def task(text: str, agent: str | None = None, **fields: str) -> dict[str, object]:
    """A row."""
    ref = {"agent_ref": {"name": agent}} if agent else {}
    return {"responses_create_params": {"input": text}, **fields, **ref}


def test_the_example_datasets_of_several_environments_are_collected_in_one_command(tmp_path: Path) -> None:
    done = gym("eval", "run", *BOTH, "-o", "out.jsonl", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    found = rows(tmp_path / "out.jsonl")
    rewards = sorted(
        (row["agent_ref"]["name"], row["response"]["output"][0]["content"][0]["text"], row["reward"]) for row in found
    )
    assert rewards == [
        ("letters_agent", "A", 1.0),
        ("letters_agent", "b", 0.0),
        ("numbers_agent", "1", 1.0),
        ("numbers_agent", "2", 1.0),
        ("numbers_agent", "3", 0.0),
    ]
    assert {row["agent_ref"]["type"] for row in found} == {"responses_api_agents"}
    assert len({(row["_ng_task_index"], row["_ng_rollout_index"]) for row in found}) == 5
    assert [row["expected"] for row in found if row["agent_ref"]["name"] == "numbers_agent"].count("4") == 1
    assert set(names_in(tmp_path)) >= FILES
    entries = json.loads((tmp_path / "out_aggregate_metrics.json").read_text())
    assert [entry["agent_ref"]["name"] for entry in entries] == ["numbers_agent", "letters_agent"]


def test_the_end_shows_a_line_for_each_environment_and_the_paths(tmp_path: Path) -> None:
    done = gym("eval", "run", *BOTH, "-o", "deep/out.jsonl", cwd=tmp_path)

    table = {line.split()[0]: line.split()[1:5] for line in done.stdout.splitlines()}
    assert table["numbers_agent"] == ["3", "3", "0", "0.667"]
    assert table["letters_agent"] == ["2", "2", "0", "0.500"]
    assert table["all"] == ["5", "5", "0", "0.600"]
    assert table["rollouts:"] == ["deep/out.jsonl"]
    assert table["inputs:"] == ["deep/out_materialized_inputs.jsonl"]
    assert table["metrics:"] == ["deep/out_aggregate_metrics.json"]


def test_rows_of_one_file_go_to_the_agents_they_name_and_to_agent_when_they_name_none(tmp_path: Path) -> None:
    typed = {"agent_ref": {"type": "responses_api_agents", "name": "letters_agent"}}
    given = write_rows(tmp_path / "in.jsonl", task("C") | typed, task("D", "letters_agent"), task("5", expected="5"))

    done = gym("eval", "run", *BOTH, "-i", given.name, "-a", "numbers_agent", "-o", "out.jsonl", cwd=tmp_path)

    assert done.returncode == 0
    routed = {row["responses_create_params"]["input"]: row["agent_ref"]["name"] for row in rows(tmp_path / "out.jsonl")}
    assert routed == {"C": "letters_agent", "D": "letters_agent", "5": "numbers_agent"}


def test_limit_repeats_and_sampling_options_shape_what_is_run(tmp_path: Path) -> None:
    sampling = ("--temperature", "0.5", "--top-p", "0.9", "--max-output-tokens", "7")
    shape = ("--limit", "1", "--num-repeats", "letters_agent=2,numbers_agent=3")

    done = gym("eval", "run", *BOTH, *sampling, *shape, "-o", "out.jsonl", cwd=tmp_path)

    assert done.returncode == 0
    planned = rows(tmp_path / "out_materialized_inputs.jsonl")
    repeats = [(row["agent_ref"]["name"], row["_ng_rollout_index"]) for row in planned]
    assert sorted(repeats) == [("letters_agent", n) for n in range(2)] + [("numbers_agent", n) for n in range(3)]
    laid_over = {"temperature": 0.5, "top_p": 0.9, "max_output_tokens": 7}
    assert all(row["responses_create_params"].items() >= laid_over.items() for row in planned)
    assert len(rows(tmp_path / "out.jsonl")) == 5


def test_the_older_keys_work_as_overrides_and_options_win_over_them(tmp_path: Path) -> None:
    keys = ("+limit=2", "+num_repeats={letters_agent: 2}", "+responses_create_params={temperature: 0.25}")

    done = gym("eval", "run", *LETTERS, *keys, "--limit", "1", "+output_jsonl_fpath=out.jsonl", cwd=tmp_path)

    assert done.returncode == 0
    planned = rows(tmp_path / "out_materialized_inputs.jsonl")
    assert [(row["_ng_task_index"], row["_ng_rollout_index"]) for row in planned] == [(0, 0), (0, 1)]
    assert {row["responses_create_params"]["temperature"] for row in planned} == {0.25}


def test_a_failed_rollout_gives_exit_code_3_and_is_run_again_on_resume(tmp_path: Path) -> None:
    failing = (*BOTH, f"{ECHO_FIELD}.fails_at=b", f"{ECHO_FIELD}.gate={tmp_path / 'gate'}")
    failed = gym("eval", "run", *failing, "-o", "out.jsonl", cwd=tmp_path)
    before = (tmp_path / "out.jsonl").read_bytes()
    (tmp_path / "gate").touch()
    resumed = gym("eval", "run", *failing, "-o", "out.jsonl", "--resume", cwd=tmp_path)

    assert failed.returncode == 3
    assert "4 of 5 rollouts have a reward" in failed.stderr
    assert "letters_agent: 1 context_exceeded" in failed.stdout
    assert "failures: out_failures.jsonl" in failed.stdout
    assert resumed.returncode == 0
    assert "4 of 5 rollouts are from an earlier run" in resumed.stdout
    assert (tmp_path / "out.jsonl").read_bytes().startswith(before)
    assert sorted(row["responses_create_params"]["input"] for row in rows(tmp_path / "out.jsonl")) == [*"123Ab"]


def test_resuming_without_an_environment_of_the_run_is_refused(tmp_path: Path) -> None:
    gym("eval", "run", *BOTH, f"{ECHO_FIELD}.fails_at=b", "-o", "out.jsonl", cwd=tmp_path)
    before = (tmp_path / "out.jsonl").read_bytes()

    done = gym("eval", "run", "--resources-server", "numbers", *ECHO, "-o", "out.jsonl", "--resume", cwd=tmp_path)

    assert done.returncode == 2
    assert "letters_agent" in done.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == before


def test_a_run_that_has_changed_resumes_only_by_force(tmp_path: Path) -> None:
    gym("eval", "run", *BOTH, f"{ECHO_FIELD}.fails_at=b", "-o", "out.jsonl", cwd=tmp_path)

    refused = gym("eval", "run", *BOTH, "-o", "out.jsonl", "--resume", cwd=tmp_path)
    forced = gym("eval", "run", "--resume=force", *BOTH, "-o", "out.jsonl", cwd=tmp_path)

    assert refused.returncode == 2
    assert "fails_at" in refused.stderr and "--resume=force" in refused.stderr
    assert forced.returncode == 0
    assert len(rows(tmp_path / "out.jsonl")) == 5


def test_an_output_that_exists_is_refused_replaced_only_when_told_to(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("precious\n")

    refused = gym("eval", "run", *LETTERS, "-o", "out.jsonl", cwd=tmp_path)
    both = gym("eval", "run", *LETTERS, "-o", "out.jsonl", "--resume", "--overwrite", cwd=tmp_path)
    assert names_in(tmp_path) == ["out.jsonl"]
    assert output.read_text() == "precious\n"
    replaced = gym("eval", "run", *LETTERS, "-o", "out.jsonl", "--overwrite", cwd=tmp_path)

    assert refused.returncode == both.returncode == 2
    assert "--resume" in refused.stderr and "--overwrite" in refused.stderr
    assert replaced.returncode == 0
    assert len(rows(output)) == 2


def test_a_real_endpoint_gets_the_model_name_and_the_key(tmp_path: Path) -> None:
    where = ("--search-dir", str(COMPONENTS), "--resources-server", "letters")

    with model_endpoint() as (url, requests):
        model = ("--model-type", "openai_model", "-m", "some-model", "--model-url", url, "--model-api-key", "k1")
        done = gym("eval", "run", *where, *model, "-o", "out.jsonl", cwd=tmp_path)

    assert done.returncode == 0
    assert [row["reward"] for row in rows(tmp_path / "out.jsonl")] == [1.0, 1.0]
    assert {request["path"] for request in requests} == {"/v1/responses"}
    assert {request["key"] for request in requests} == {"Bearer k1"}
    assert {request["body"]["model"] for request in requests} == {"some-model"}


@pytest.mark.parametrize(("status", "hint"), [(401, "key"), (404, "URL"), (None, "reached")])
def test_an_endpoint_that_refuses_ends_the_run_at_once_and_leaves_the_earlier_output(
    tmp_path: Path, status: int | None, hint: str
) -> None:
    (tmp_path / "out.jsonl").write_text("precious\n")
    where = (
        "--search-dir",
        str(COMPONENTS),
        "--resources-server",
        "letters",
        "--model-type",
        "openai_model",
        "-m",
        "m",
    )

    with model_endpoint(status or 200) as (url, _):
        chosen = url if status else "http://127.0.0.1:9/v1"
        done = gym("eval", "run", *where, "--model-url", chosen, "-o", "out.jsonl", "--overwrite", cwd=tmp_path)

    assert done.returncode == 2
    assert chosen in done.stderr and hint in done.stderr
    assert "Traceback" not in done.stderr
    assert names_in(tmp_path) == ["out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text() == "precious\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "in.jsonl:2: not JSON"),
        ("[1]", "in.jsonl:2: a row must be a JSON object"),
        ('{"expected": "1"}', "in.jsonl:2: a task needs 'responses_create_params'"),
        (
            '{"responses_create_params": {"input": "1"}, "agent_ref": {"name": "lettersagent"}}',
            "Meant 'letters_agent' or",
        ),
        ('{"responses_create_params": {"input": "1"}}', "in.jsonl:2: the row names no agent"),
    ],
)
def test_a_row_that_cannot_be_run_is_named_before_anything_is_written(
    tmp_path: Path, gym_here: Callable[..., Ended], line: str, message: str
) -> None:
    good = json.dumps(task("A", "letters_agent"))
    (tmp_path / "in.jsonl").write_text(f"{good}\n{line}\n")

    done = gym_here("eval", "run", *BOTH, "-i", "in.jsonl", "-o", "out.jsonl")

    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and message in done.stderr
    assert "Traceback" not in done.stderr
    assert names_in(tmp_path) == ["in.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no agent is configured"),
        (("--resources-server", "leters", *ECHO), "Meant 'letters'?"),
        (("--search-dir", str(COMPONENTS), "--resources-server", "letters"), "no model given"),
        (("--config", "broken.yaml", *ECHO), "broken.yaml:3:1: malformed YAML"),
        (("--config", "absent.yaml"), "absent.yaml"),
        (("--config", "open.yaml", *BOTH), "'some_name' is not set"),
        ((*LETTERS, "++letters_agent.responses_api_agents.one_call.resources_server.name=lettrs"), "Meant 'letters'?"),
        ((*LETTERS, "++letters.resources_servers.numbers.entrypoint=app.py"), "2 implementations"),
        ((*LETTERS, "letters.x=1"), "there is no 'letters.x'"),
        ((*LETTERS, "letters"), "'letters' is no override"),
        ((*LETTERS, "--split", "train"), "Declared: example; choose with --split"),
        (("--resources-server", "numbers", *ECHO, "--split", "train"), "Hugging Face dataset somebody/numbers"),
        ((*LETTERS, "-i", "absent.jsonl"), "absent.jsonl: cannot be read"),
        ((*LETTERS, "-a", "letter_agent"), "Meant 'letters_agent'?"),
        ((*LETTERS, "--num-repeats", "many"), "AGENT=NUMBER"),
        ((*LETTERS, "--num-repeats", "leters_agent=2"), "Meant 'letters_agent'?"),
        ((*LETTERS, "--limit", "0"), "limit"),
        ((*LETTERS, "+num_repeats=[1]"), "num_repeats"),
        ((*LETTERS, "+prompt_config=p.yaml"), "prompt_config: there is no prompt 'p.yaml'"),
        ((*LETTERS, "--no-serve", "++head_server.port=9"), "no fleet answers at 127.0.0.1:9"),
        ((*LETTERS, "--overwrites"), "--overwrite"),
    ],
)
def test_a_run_that_cannot_be_is_refused_in_a_sentence(
    tmp_path: Path, gym_here: Callable[..., Ended], arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "broken.yaml").write_text("a: 1\nb: [\n")
    (tmp_path / "open.yaml").write_text("letters:\n  resources_servers:\n    letters:\n      note: ${some_name}\n")

    done = gym_here("eval", "run", *arguments, "-o", "out.jsonl")

    assert done.returncode == 2
    assert message in done.stderr
    assert "error: " in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""
    assert names_in(tmp_path) == ["broken.yaml", "open.yaml"]


@pytest.mark.parametrize(("output", "message"), [("file/out.jsonl", "cannot be written"), (".", "is a directory")])
def test_an_output_that_cannot_be_written_is_refused(tmp_path: Path, output: str, message: str) -> None:
    (tmp_path / "file").touch()

    done = gym("eval", "run", *LETTERS, "-o", output, cwd=tmp_path)

    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert names_in(tmp_path) == ["file"]


def test_no_output_is_refused(tmp_path: Path) -> None:
    done = gym("eval", "run", *LETTERS, cwd=tmp_path)

    assert done.returncode == 2
    assert "--output" in done.stderr
    assert names_in(tmp_path) == []


def test_verbose_shows_the_traceback_of_a_mistake(tmp_path: Path) -> None:
    done = gym("eval", "run", *LETTERS, "-i", "absent.jsonl", "-o", "out.jsonl", "-v", cwd=tmp_path)

    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: absent.jsonl")


def test_a_key_that_looks_like_one_of_ours_is_pointed_out(tmp_path: Path) -> None:
    done = gym("eval", "run", *LETTERS, "+num_repeat=2", "-o", "out.jsonl", cwd=tmp_path)

    assert done.returncode == 0
    assert "Meant 'num_repeats'?" in done.stderr


def test_an_agent_without_a_dataset_of_the_split_is_left_out_with_a_warning(tmp_path: Path) -> None:
    done = gym("eval", "run", *BOTH, "-o", "out.jsonl", "++letters.resources_servers.letters.datasets=[]", cwd=tmp_path)

    assert done.returncode == 0
    assert "letters_agent has no example dataset and is left out" in done.stderr
    assert len(rows(tmp_path / "out.jsonl")) == 3


def test_metrics_that_cannot_be_computed_cost_no_rollout(tmp_path: Path) -> None:
    field = "++letters.resources_servers.letters.are_metrics_broken=true"

    done = gym("eval", "run", *LETTERS, field, "-o", "out.jsonl", cwd=tmp_path)

    assert done.returncode == 1
    assert "out_aggregate_metrics.json was not written: " in done.stderr and "no metrics today" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(rows(tmp_path / "out.jsonl")) == 2
    assert "letters_agent" in done.stdout


def test_the_random_baseline_is_called_what_it_is(tmp_path: Path) -> None:
    where = ("--search-dir", str(COMPONENTS), "--resources-server", "letters", "--model-type", "random_model")

    done = gym("eval", "run", *where, "-o", "out.jsonl", cwd=tmp_path)

    assert done.returncode == 0
    assert "random_model is the random baseline, not a language model" in done.stderr
