"""From options to the request: lanes, retries and what is checked."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from polygym.cli.asked import asked_for
from polygym.cli.requested import request_of
from polygym.config.model import RunConfig
from polygym.fleet.fleet import Fleet
from polygym.protocol.errors import ConfigError
from polygym.rollouts.collect import CollectRequest
from polygym.rollouts.environments import Environments
from polygym.rollouts.gym import configure
from polygym.rollouts.plan import Shard
from tests.cli.commands import COMPONENTS, ECHO, environment, gym, rows

AGENTS = ("letters_agent", "numbers_agent")
AGENT_FIELD = "++letters_agent.responses_api_agents.one_call"
LETTERS = ("--resources-server", "letters", *ECHO)
BOTH = ("--resources-server", "numbers", *LETTERS)
ECHO_FIELD = "++policy_model.responses_api_models.echo"


def configured(*overrides: str, **options: Any) -> RunConfig:
    chosen = {"model_type": "echo", **options}
    return configure(resources_servers=["letters", "numbers"], overrides=overrides, search_dirs=[COMPONENTS], **chosen)


def requested(config: RunConfig, **options: Any) -> CollectRequest:
    """What the options ask for of a fleet that has been made."""
    fleet = Fleet(config)
    fleet.construct()
    asked = asked_for(options, {}, set())
    return request_of(config, asked, AGENTS, Environments(config, fleet.embedded), Path("out.jsonl"))


def test_lanes_come_from_the_configuration_and_options_win() -> None:
    fields = (
        f"{AGENT_FIELD}.concurrency=5",
        f"{AGENT_FIELD}.timeout_s=9",
        f"{AGENT_FIELD}.stage_timeouts_s={{tool: 2}}",
    )

    lanes = requested(configured(*fields), concurrency="64,letters_agent=7", max_attempts="2", weight="numbers_agent=3")

    letters, numbers = lanes.lanes["letters_agent"], lanes.lanes["numbers_agent"]
    assert lanes.concurrency == 64
    assert (letters.concurrency, letters.timeout_s, letters.stage_timeouts_s) == (7, 9.0, {"tool": 2.0})
    assert (letters.max_attempts, letters.weight, letters.model) == (2, 1.0, "policy_model")
    assert (numbers.concurrency, numbers.timeout_s, numbers.max_attempts, numbers.weight) == (None, None, 2, 3.0)


def test_of_a_fleet_in_another_process_only_the_options_count() -> None:
    config = configured(f"{AGENT_FIELD}.concurrency=5")
    asked = asked_for({"no_serve": True, "timeout_s": "letters_agent=3", "input": "in.jsonl"}, {}, set())

    request = request_of(config, asked, AGENTS, None, Path("out.jsonl"))

    assert request.lanes["letters_agent"].concurrency is None
    assert request.lanes["letters_agent"].timeout_s == 3.0
    assert (request.setup, request.check_row) == ({}, None)


def test_auto_leaves_the_concurrency_to_the_run() -> None:
    assert requested(configured(), concurrency="auto").concurrency is None


def test_order_and_shard_shape_the_plan() -> None:
    plan = requested(configured(), order="stream", shard="1/3", num_repeats="2,letters_agent=5").plan

    assert (plan.order, plan.shard) == ("stream", Shard(1, 3))
    assert plan.num_repeats == {"letters_agent": 5, "numbers_agent": 2}


def test_an_endpoint_that_cannot_be_probed_must_be_there_at_the_first_calls_unless_it_is_waited_for() -> None:
    assert not requested(configured()).retries.is_model_awaited
    waiting = requested(configured(), wait_for_model=5.0).retries
    assert (waiting.is_model_awaited, waiting.wait_for_model_s) == (True, 5.0)


def test_an_endpoint_that_was_probed_may_be_away_for_a_moment() -> None:
    settings = {"policy_model_name": "m", "policy_base_url": "http://127.0.0.1:9/v1"}
    assert requested(configured(model_type="openai_model", settings=settings)).retries.is_model_awaited


@pytest.mark.parametrize("option", ["num_repeats", "concurrency", "weight", "timeout_s", "max_attempts"])
def test_an_agent_that_there_is_not_is_refused_by_every_option_that_names_agents(option: str) -> None:
    name = "--" + option.replace("_", "-")
    with pytest.raises(ConfigError, match=f"{name}: there is no agent 'leters_agent'. Meant 'letters_agent'"):
        requested(configured(), **{option: "leters_agent=2"})


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("concurrency=0", "concurrency"),
        ("timeout_s=-1", "timeout_s"),
        ("max_attempts=0", "max_attempts"),
        ("weight=0", "weight"),
        ("stage_timeouts_s={cook: 3}", "stage_timeouts_s"),
        ("stage_timeouts_s={tool: 0}", "stage_timeouts_s.tool"),
    ],
)
def test_a_wrong_lane_setting_is_named_with_its_agent(field: str, problem: str, tmp_path: Path) -> None:
    done = gym("eval", "run", *LETTERS, f"{AGENT_FIELD}.{field}", "-o", "out.jsonl", cwd=tmp_path)

    assert done.returncode == 2
    assert "letters.yaml" in done.stderr and problem in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_rollouts_time_limit_and_attempts_are_the_agents_own(tmp_path: Path) -> None:
    stuck = (f"{ECHO_FIELD}.gate={tmp_path / 'gate'}", f"{ECHO_FIELD}.waits_at=b")
    limits = ("--timeout-s", "letters_agent=0.05", "--max-attempts", "letters_agent=2")

    done = gym("eval", "run", *BOTH, *stuck, *limits, "-o", "out.jsonl", cwd=tmp_path)

    assert done.returncode == 3
    failed = rows(tmp_path / "out_failures.jsonl")
    assert [(row["_ng_failure_class"], row["rollout_state"]) for row in failed] == [
        ("timeout", None),
        ("timeout", "unresolved"),
    ]
    assert "Missing: 1 timeout" in done.stderr


def test_stage_limits_of_the_configuration_hold(tmp_path: Path) -> None:
    stuck = (f"{ECHO_FIELD}.gate={tmp_path / 'gate'}", f"{ECHO_FIELD}.waits_at=b")
    limits = (f"{AGENT_FIELD}.stage_timeouts_s={{model: 0.05}}", f"{AGENT_FIELD}.max_attempts=1")

    done = gym("eval", "run", *BOTH, *stuck, *limits, "-o", "out.jsonl", cwd=tmp_path)

    assert done.returncode == 3
    assert [row["_ng_failure_stage"] for row in rows(tmp_path / "out_failures.jsonl")] == ["model"]


def test_a_shard_is_run_and_the_shards_together_are_the_whole(tmp_path: Path) -> None:
    codes = [
        gym("eval", "run", *BOTH, "--shard", f"{i}/7", "-o", f"{i}.jsonl", cwd=tmp_path).returncode for i in range(7)
    ]

    assert codes == [0] * 7
    found = [row["_ng_task_index"] for i in range(7) for row in rows(tmp_path / f"{i}.jsonl")]
    assert sorted(found) == list(range(5))
    assert rows(tmp_path / "6.jsonl") == []


def test_workers_share_a_run(tmp_path: Path) -> None:
    done = gym("eval", "run", *BOTH, "--workers", "2", "--num-repeats", "4", "-o", "out.jsonl", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    found = [(row["_ng_task_index"], row["_ng_rollout_index"]) for row in rows(tmp_path / "out.jsonl")]
    assert sorted(found) == [(task, repeat) for task in range(5) for repeat in range(4)]


def test_an_automatic_concurrency_says_where_it_settled(tmp_path: Path) -> None:
    done = gym("eval", "run", *BOTH, "--concurrency", "auto", "-o", "out.jsonl", cwd=tmp_path)

    assert done.returncode == 0
    assert "concurrency settled at 8" in done.stdout


def test_a_concurrency_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    arguments = ["eval", "run", *BOTH, "-o", "out.jsonl", "--concurrency", "300"]
    limited = f"ulimit -n 256; exec {shlex.join([sys.executable, '-m', 'polygym.cli', *arguments])}"

    done = subprocess.run(["bash", "-c", limited], cwd=tmp_path, env=environment(), capture_output=True, text=True)

    assert done.returncode == 0
    assert "--concurrency 300 needs as many open files, and the system allows this process 256" in done.stderr
