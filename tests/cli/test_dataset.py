"""`gym dataset generate`, run as a user runs it."""

from pathlib import Path

from tests.cli.commands import gym, rows
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
