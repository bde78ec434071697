"""`gym dataset` and `gym eval prepare`, run as a user runs them."""

from pathlib import Path

from tests.cli.commands import ECHO, gym, legacy, rows
from tests.kit.environments import copy_counter


def test_generated_rows_are_written(tmp_path: Path) -> None:
    ended = gym("dataset", "generate", "example_multi_step", "--n", "3", "--output", "new/rows.jsonl", cwd=tmp_path)

    assert (ended.returncode, ended.stdout) == (0, "new/rows.jsonl: 3 rows\n")
    written = rows(tmp_path / "new" / "rows.jsonl")
    assert [row["id"] for row in written] == [0, 1, 2]
    assert written[0]["responses_create_params"]["tools"][0]["name"] == "get_synonym_value"


def test_nothing_is_written_when_there_are_not_enough_rows(tmp_path: Path) -> None:
    folder = copy_counter(tmp_path)
    row = '{"responses_create_params": {"input": "?"}, "start": rng.randrange(3), "amounts": []}'
    (folder / "generate.py").write_text(f"def make_row(index, rng, difficulty):\n    return {row}\n")
    ended = gym("dataset", "generate", str(folder), "--n", "5", "--output", "new/rows.jsonl", cwd=tmp_path)

    assert ended.returncode == 2
    assert "after 3 rows of seed 0 and difficulty 0.5 there are no more distinct ones. Ask for fewer." in ended.stderr
    assert not (tmp_path / "new" / "rows.jsonl").exists()


def test_an_output_that_exists_stays(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("mine\n")
    ended = gym("dataset", "generate", "example_multi_step", "--n", "1", "--output", "rows.jsonl", cwd=tmp_path)

    assert ended.returncode == 2
    assert "exists already. Replace it with --overwrite" in ended.stderr
    assert (tmp_path / "rows.jsonl").read_text() == "mine\n"


def test_an_unknown_environment_gets_the_nearest_names(tmp_path: Path) -> None:
    ended = gym("dataset", "generate", "example_multistep", "--n", "1", "--output", "rows.jsonl", cwd=tmp_path)

    assert ended.returncode == 2
    assert "Meant 'example_multi_step'" in ended.stderr


def test_datasets_are_collated_under_the_older_name_with_its_keys(tmp_path: Path) -> None:
    keys = ("+output_dirpath=data", "+mode=example_validation")
    paths = (
        "+config_paths=[resources_servers/letters/configs/letters.yaml,resources_servers/numbers/configs/numbers.yaml]"
    )

    ended = legacy("ng_prepare_data", paths, *keys, cwd=tmp_path)

    assert (ended.returncode, ended.stdout.splitlines()[-1][:18]) == (0, "data/example.jsonl")
    written = rows(tmp_path / "data" / "example.jsonl")
    assert {row["agent_ref"]["name"] for row in written} == {"letters_agent", "numbers_agent"}
    assert {row["task_source"] for row in written} == {"letters", "numbers_agent"}


def test_collating_needs_a_mode(tmp_path: Path) -> None:
    ended = gym("dataset", "collate", *ECHO, "--resources-server", "letters", "--output", "data", cwd=tmp_path)

    assert ended.returncode == 2
    assert "Give one with --mode" in ended.stderr


BENCHMARK = """
config_paths: [resources_servers/letters/configs/letters.yaml]
capitals:
  _inherit_from: letters_agent
  responses_api_agents:
    one_call:
      datasets:
        - name: capitals
          type: benchmark
          jsonl_fpath: benchmarks/capitals/data/capitals.jsonl
          prompt_config: benchmarks/capitals/ask.yaml
          prepare_script: benchmarks/capitals/prepare.py
"""
PREPARE = """
import json
from pathlib import Path


def prepare(word="abc"):
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    (folder / "capitals.jsonl").write_text(json.dumps({"word": word, "expected": word.upper()}) + "\\n")
"""


def test_a_benchmark_is_prepared_and_asked_in_its_prompt_or_another(tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks" / "capitals"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(BENCHMARK)
    (folder / "prepare.py").write_text(PREPARE)
    (folder / "ask.yaml").write_text("user: '{word}'\n")
    (folder / "other.yaml").write_text("user: 'Capitals of {word}'\n")
    chosen = (*ECHO, "--benchmark", "capitals")

    made = gym("eval", "prepare", *chosen, "+prepare_script_args={word: xyz}", cwd=tmp_path)
    again = gym("eval", "prepare", *chosen, cwd=tmp_path)
    prompt = ("--prompt-config", "benchmarks/capitals/other.yaml")
    run = ("eval", "run", *chosen, "--split", "benchmark", "--output")
    ran = gym(*run, "a.jsonl", cwd=tmp_path), gym(*run, "b.jsonl", *prompt, cwd=tmp_path)

    assert (made.returncode, made.stdout.split(":")[1]) == (0, f" made by {folder / 'prepare.py'}\n")
    assert again.stdout == f"{folder / 'data' / 'capitals.jsonl'}: is there already\n"
    assert [each.returncode for each in ran] == [0, 0]
    asked = [rows(tmp_path / f"{name}_materialized_inputs.jsonl")[0]["responses_create_params"] for name in "ab"]
    assert [params["input"][0]["content"] for params in asked] == ["xyz", "Capitals of xyz"]


def test_rows_are_rendered(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("user: '{q}?'\n")
    (tmp_path / "in.jsonl").write_text('{"q": "why"}\n')

    ended = legacy(
        *("ng_materialize_prompts", "+input_jsonl_fpath=in.jsonl", "+prompt_config=p.yaml"),
        "+output_jsonl_fpath=out.jsonl",
        cwd=tmp_path,
    )

    assert (ended.returncode, ended.stdout) == (0, "out.jsonl: 1 rows\n")
    assert rows(tmp_path / "out.jsonl")[0]["responses_create_params"]["input"][0]["content"] == "why?"
