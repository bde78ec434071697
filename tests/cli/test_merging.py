"""`gym eval aggregate`: shards become one run again, what is there twice or missing is said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import ECHO, Ended, gym, legacy, names_in, rows, write_rows

BOTH = ("--resources-server", "numbers", "--resources-server", "letters", *ECHO)
ECHO_FIELD = "++policy_model.responses_api_models.echo"
Gym = Callable[..., Ended]


def keys(path: Path) -> list[tuple[int, int]]:
    return sorted((row["_ng_task_index"], row["_ng_rollout_index"]) for row in rows(path))


def metrics(path: Path) -> dict[str, Any]:
    """Per agent what its rollouts add up to; latencies are known only to the run that measured them."""
    entries = {entry.pop("agent_ref")["name"]: entry for entry in json.loads(path.read_text())}
    for entry in entries.values():
        del entry["summary"]["latency_s"]
    return entries


@pytest.fixture
def shards(gym_here: Gym) -> Gym:
    """Run all shards of a run."""

    def run(count: int, *arguments: str) -> Ended:
        done = [
            gym_here("eval", "run", *BOTH, *arguments, "--shard", f"{i}/{count}", "-o", f"{i}.jsonl")
            for i in range(count)
        ]
        return max(done)

    return run


def test_shards_add_up_to_the_run_that_was_not_split(tmp_path: Path, gym_here: Gym, shards: Gym) -> None:
    shards(3, "--num-repeats", "2")
    gym_here("eval", "run", *BOTH, "--num-repeats", "2", "-o", "whole.jsonl")

    done = gym_here("eval", "aggregate", "-i", "[0-2]*.jsonl", "-o", "all.jsonl")

    assert (done.returncode, done.stderr) == (0, "")
    assert keys(tmp_path / "all.jsonl") == keys(tmp_path / "whole.jsonl")
    assert keys(tmp_path / "all_materialized_inputs.jsonl") == keys(tmp_path / "whole_materialized_inputs.jsonl")
    assert metrics(tmp_path / "all_aggregate_metrics.json") == metrics(tmp_path / "whole_aggregate_metrics.json")
    assert (tmp_path / "all_run.json").read_bytes() == (tmp_path / "whole_run.json").read_bytes()
    table = [line.split() for line in done.stdout.splitlines()]
    assert ["1.jsonl", "1/3", "4", "4", "0"] in table
    assert ["all", "10", "10", "0", "0.600"] in [line[:5] for line in table]


def test_what_is_missing_is_named_with_its_class_and_can_be_run_on_the_merged_file(
    tmp_path: Path, gym_here: Gym, shards: Gym
) -> None:
    failing = (f"{ECHO_FIELD}.fails_at=b", f"{ECHO_FIELD}.gate={tmp_path / 'gate'}")
    assert shards(2, *failing).returncode == 3

    done = gym_here("eval", "aggregate", "-i", "0.jsonl", "-i", "1.jsonl", "-o", "all.jsonl")
    (tmp_path / "gate").touch()
    resumed = gym_here("eval", "run", *BOTH, *failing, "-o", "all.jsonl", "--resume")

    assert done.returncode == 3
    assert "1 planned rollouts are missing: 1 context_exceeded." in done.stderr
    assert "task 4, repeat 0, letters_agent: context_exceeded" in done.stderr
    assert len(rows(tmp_path / "all_failures.jsonl")) == 1
    assert resumed.returncode == 0
    assert keys(tmp_path / "all.jsonl") == [(task, 0) for task in range(5)]


def test_a_missing_shard_is_named_and_the_merged_file_does_not_pass_for_the_whole(
    tmp_path: Path, gym_here: Gym, shards: Gym
) -> None:
    shards(4)
    done = gym_here("eval", "aggregate", "-i", "0.jsonl", "-i", "2.jsonl", "-o", "some.jsonl")
    resumed = gym_here("eval", "run", *BOTH, "-o", "some.jsonl", "--resume")
    completed = gym_here("eval", "aggregate", "-i", "some.jsonl,1.jsonl", "-i", "3.jsonl", "-o", "all.jsonl")

    assert done.returncode == 3
    assert "Missing shards: 1/4, 3/4." in done.stderr
    assert resumed.returncode == 2 and "shard" in resumed.stderr
    assert (completed.returncode, completed.stderr) == (0, "")
    assert keys(tmp_path / "all.jsonl") == [(task, 0) for task in range(5)]


def test_a_record_that_is_there_twice_counts_once(tmp_path: Path, gym_here: Gym, shards: Gym) -> None:
    shards(2)
    (tmp_path / "copy.jsonl").write_bytes((tmp_path / "0.jsonl").read_bytes())

    done = gym_here("eval", "aggregate", "-i", "*.jsonl", "-i", "0.jsonl", "-o", "all.jsonl")

    assert done.returncode == 0
    assert "3 records were there more than once and are kept once." in done.stdout
    assert keys(tmp_path / "all.jsonl") == [(task, 0) for task in range(5)]


@pytest.mark.parametrize(("keep", "reward"), [("first", 1.0), ("last", 0.25)])
def test_differing_records_are_refused_unless_told_which_to_keep(
    tmp_path: Path, gym_here: Gym, shards: Gym, keep: str, reward: float
) -> None:
    shards(1)
    first = rows(tmp_path / "0.jsonl")[0]
    write_rows(tmp_path / "again.jsonl", first | {"reward": 0.25})
    before = names_in(tmp_path)
    arguments = ("eval", "aggregate", "-i", "0.jsonl", "-i", "again.jsonl", "-o", "all.jsonl")

    refused = gym_here(*arguments)
    assert names_in(tmp_path) == before
    kept = gym_here(*arguments, "--keep", keep)

    assert refused.returncode == 2
    assert "0.jsonl:1 and again.jsonl:1" in refused.stderr and "--keep first or --keep last" in refused.stderr
    assert kept.returncode == 0
    assert "1 records differ from the one that is kept" in kept.stdout
    merged = {row["_ng_task_index"]: row["reward"] for row in rows(tmp_path / "all.jsonl")}
    assert (merged[first["_ng_task_index"]], len(merged)) == (reward, 5)


def test_json_says_the_same(tmp_path: Path, gym_here: Gym, shards: Gym) -> None:
    shards(2, f"{ECHO_FIELD}.fails_at=b")

    done = gym_here("eval", "aggregate", "-i", "0.jsonl", "-o", "all.jsonl", "--json")

    said = json.loads(done.stdout)
    assert done.returncode == 3
    assert said["inputs"] == [{"path": "0.jsonl", "shard": "0/2", "rollouts": 2, "planned": 3, "missing": 1}]
    assert said["missing"] == {
        "rollouts": 1,
        "by_class": {"context_exceeded": 1},
        "shards": ["1/2"],
        "first": [{"task": 4, "repeat": 0, "agent": "letters_agent", "failure_class": "context_exceeded"}],
    }
    assert (said["complete"], said["rollouts"], said["duplicates"]) == (False, 2, {"identical": 0, "differing": 0})
    assert said["agents"]["numbers_agent"]["scored"] == 2
    assert said["agents"]["letters_agent"]["failures_by_class"] == {"context_exceeded": 1}


def test_shards_of_different_runs_are_merged_with_a_warning(tmp_path: Path, gym_here: Gym) -> None:
    for shard, temperature in (("0/2", "0.5"), ("1/2", "0.7")):
        name = shard[0] + ".jsonl"
        gym_here("eval", "run", *BOTH, "--shard", shard, "--temperature", temperature, "-o", name)

    done = gym("eval", "aggregate", "-i", "?.jsonl", "-o", "all.jsonl", cwd=tmp_path)

    assert done.returncode == 0
    assert "1.jsonl and 0.jsonl differ in params.temperature: was 0.5, is 0.7" in done.stderr
    assert not (tmp_path / "all_run.json").exists()


def test_files_without_a_plan_are_merged_and_it_is_said_that_gaps_are_not_known(tmp_path: Path, gym_here: Gym) -> None:
    record = {"_ng_task_index": 0, "_ng_rollout_index": 0, "agent_ref": {"name": "a"}, "reward": 1.0, "response": {}}
    write_rows(tmp_path / "a.jsonl", record)

    done = gym_here("eval", "aggregate", "-i", "a.jsonl", "-o", "all.jsonl")

    assert done.returncode == 0
    assert "What was planned is not known" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "all.jsonl"), "no input is given"),
        (("-i", "good.jsonl"), "no output is given"),
        (("-i", "absent.jsonl", "-o", "all.jsonl"), "absent.jsonl: is not there"),
        (("-i", "x*.jsonl", "-o", "all.jsonl"), "no rollouts file matches 'x*.jsonl'"),
        (("-i", "broken.jsonl", "-o", "all.jsonl"), "broken.jsonl:2: not JSON"),
        (("-i", "array.jsonl", "-o", "all.jsonl"), "array.jsonl:1: must be a JSON object"),
        (("-i", "failed.jsonl", "-o", "all.jsonl"), "failed.jsonl:1: is no record of a rollout"),
        (("-i", "good.jsonl", "-o", "good.jsonl"), "cannot be input and output"),
        (("-i", "good.jsonl", "-o", "array.jsonl"), "array.jsonl: exists already. Replace it with --overwrite"),
        (("-i", "good.jsonl", "-o", "broken.jsonl/all.jsonl"), "cannot be written"),
        (("-i", "good.jsonl", "-o", "all.jsonl", "good.jsonl"), "'good.jsonl' is neither an option nor +key=value"),
        (("-i", "good.jsonl", "-i", "other.jsonl", "-o", "all.jsonl"), "not shards of one run"),
        (("-i", "damaged.jsonl", "-o", "all.jsonl"), "damaged_run.json: is damaged"),
        (("-i", "good.jsonl", "-o", "all.jsonl", "--keep", "best"), "--keep"),
    ],
)
def test_what_cannot_be_merged_is_refused_and_nothing_is_written(
    tmp_path: Path, gym_here: Gym, arguments: tuple[str, ...], message: str
) -> None:
    record = {"_ng_task_index": 0, "_ng_rollout_index": 0, "agent_ref": {"name": "a"}, "reward": 1.0, "response": {}}
    for name in ("good", "other", "damaged"):
        write_rows(tmp_path / f"{name}.jsonl", record)
    write_rows(tmp_path / "array.jsonl", [1])
    write_rows(tmp_path / "failed.jsonl", record | {"reward": None})
    (tmp_path / "broken.jsonl").write_text(json.dumps(record) + "\n{\n")
    (tmp_path / "good_run.json").write_text('{"shard": "0/2"}')
    (tmp_path / "other_run.json").write_text('{"shard": "1/3"}')
    (tmp_path / "damaged_run.json").write_text("{")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    done = gym_here("eval", "aggregate", *arguments)

    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_older_command_takes_its_older_keys(tmp_path: Path) -> None:
    for shard in ("0/2", "1/2"):
        gym("eval", "run", *BOTH, "--shard", shard, "-o", f"rs{shard[0]}.jsonl", cwd=tmp_path)
    given = ("+config_paths=[any.yaml]", "+input_glob='rs*.jsonl'", "+output_jsonl_fpath=all.jsonl")

    done = [legacy("ng_aggregate_rollouts", *given, cwd=tmp_path) for _ in range(2)]

    assert [each.returncode for each in done] == [0, 0]
    assert "ng_aggregate_rollouts is now: gym eval aggregate" in done[0].stderr
    assert "'config_paths' has no effect here" in done[0].stderr
    assert len(rows(tmp_path / "all.jsonl")) == 5
