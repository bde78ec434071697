"""Environments of the real library, of whichever generation is installed, played with a scripted policy."""

import asyncio
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from polygym import (
    FailureClass,
    JsonObject,
    ModelServer,
    RolloutContext,
    RolloutFailure,
    Stage,
    function_call,
    new_response,
    new_usage,
    output_message,
)
from polygym.channels.embedded import EmbeddedAgent, EmbeddedModel
from responses_api_agents.verifiers_agent.app import VerifiersAgent, VerifiersAgentConfig
from responses_api_agents.verifiers_agent.played import Problem
from responses_api_agents.verifiers_agent.rows import write_rows

FOLDER = Path(__file__).parent
MODEL = {"model_server": {"type": "responses_api_models", "name": "policy_model"}}
IS_INSTALLED = importlib.util.find_spec("verifiers") is not None
IS_CLASSIC = IS_INSTALLED and importlib.util.find_spec("verifiers.envs") is not None
ABSENT = "verifiers is not installed: pip install verifiers"
classic = pytest.mark.skipif(not IS_CLASSIC, reason="verifiers 0.1 or 0.2 is not installed" if IS_INSTALLED else ABSENT)
tasksets = pytest.mark.skipif(
    not IS_INSTALLED or IS_CLASSIC, reason="verifiers 0.3 or later is not installed" if IS_INSTALLED else ABSENT
)
PLAIN = {"agent": {"harness": {"id": "null"}, "runtime": {"type": "subprocess"}}}


class ScriptedModel(ModelServer):
    """Gives prepared outputs in turn, the last one for ever."""

    def __init__(self, *turns: Any) -> None:
        super().__init__("policy_model", ModelServer.parse_config({}, "test"), None)  # type: ignore[arg-type]
        self.turns = turns
        self.requests: list[JsonObject] = []

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        self.requests.append(params)
        turn = self.turns[min(len(self.requests), len(self.turns)) - 1]
        if isinstance(turn, RolloutFailure):
            raise turn
        return new_response(params, turn, model="scripted", usage=new_usage(10, 1))


class World:
    """A directory with one model."""

    policy: ScriptedModel

    def model(self, ref: Any) -> EmbeddedModel:
        return EmbeddedModel(self.policy)

    def resources(self, ref: Any) -> Any:
        raise NotImplementedError

    def agent(self, ref: Any) -> Any:
        raise NotImplementedError


def says(text: str) -> list[JsonObject]:
    return [output_message(text, message_id="m1")]


def play(
    env_id: str | None, *turns: Any, repeats: int = 1, arguments: JsonObject | None = None, **row: Any
) -> list[JsonObject]:
    """Rollouts of one task, at the same time."""
    world = World()
    world.policy = ScriptedModel(*turns)
    fields = {**MODEL, "vf_env_id": env_id, "vf_env_args": arguments or {}}
    task = {"responses_create_params": {"input": "?", "temperature": 0.3}, **row}

    async def main() -> list[JsonObject]:
        agent = VerifiersAgent("agent", VerifiersAgent.parse_config(fields, "test"), world)
        await agent.start()
        try:
            channel = EmbeddedAgent(agent)
            return list(await asyncio.gather(*(channel.run(task, RolloutContext(f"0-{n}")) for n in range(repeats))))
        finally:
            await agent.stop()

    return asyncio.run(main())


@pytest.fixture
def environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the environments beside this file importable, here and in programs that the library starts."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("PYTHONPATH", str(FOLDER))
    programs = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")


def library(test: Any) -> Any:
    """Marks of a test that plays with the library, whose own warnings are not ours to mend."""
    for mark in (pytest.mark.extra, pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")):
        test = mark(test)
    return pytest.mark.usefixtures("environments")(test)


@classic
@library
def test_a_classic_environment_is_played_and_scored() -> None:
    (played,) = play("vf-classic", says("It is 3"), task_idx=1)

    assert (played["reward"], played["metrics"]["right"], played["is_truncated"]) == (1.0, 1.0, False)
    assert played["response"]["output"] == says("It is 3")
    assert [item["content"] for item in played["responses_create_params"]["input"]] == ["Add.", "What is 1 + 2?"]
    assert played["responses_create_params"]["temperature"] == 0.3
    assert play("vf-classic", says("It is 4"), task_idx=1)[0]["reward"] == 0.0


@classic
@library
def test_the_tools_of_a_classic_environment_are_called_by_the_library() -> None:
    call = function_call("add", '{"a": 1, "b": 2}', call_id="c1", item_id="f1")

    (played,) = play("vf-classic", [call], says("3"), arguments={"kind": "tools"}, task_idx=1)

    output = {"type": "function_call_output", "call_id": "c1", "output": "3"}
    assert played["response"]["output"] == [call, output, *says("3")]
    assert played["responses_create_params"]["tools"][0]["name"] == "add"
    assert played["reward"] == 1.0


@classic
@library
def test_a_row_may_hold_its_entry() -> None:
    row = {"answer": "12", "info": {}, "example_id": 9, "responses_create_params": {"input": "What is 7 + 5?"}}

    assert play("vf-classic", says("12"), **row)[0]["reward"] == 1.0


@classic
@library
def test_the_tasks_of_a_classic_environment_are_written_as_rows(tmp_path: Path) -> None:
    settings = VerifiersAgent.parse_config(MODEL, "test")
    assert isinstance(settings, VerifiersAgentConfig)

    assert write_rows("vf-classic", tmp_path / "rows.jsonl", settings, count=3) == 3

    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["answer"] for row in rows] == ["2", "3", "4"]
    assert rows[1]["responses_create_params"]["input"][-1] == {"role": "user", "content": "What is 1 + 2?"}
    assert play(None, says("4"), **rows[2])[0]["reward"] == 1.0


@tasksets
@library
def test_a_taskset_is_played_and_scored() -> None:
    first, second = play("vf-taskset", says("It is 3"), repeats=2, task_idx=1)

    assert (first["reward"], first["metrics"]) == (1.0, {"right": 1.0, "turns": 1.0})
    assert second["response"]["output"] == says("It is 3")
    assert [item["content"] for item in first["responses_create_params"]["input"]] == ["Add.", "What is 1 + 2?"]
    assert first["episode_id"] != second["episode_id"]


@tasksets
@library
def test_an_environment_of_several_turns_is_one_conversation() -> None:
    (played,) = play("vf-talk", says("4"), says("No, 3"), arguments=PLAIN, task_idx=1)

    asked = {"type": "message", "role": "user", "content": "Are you sure?"}
    assert played["response"]["output"] == [*says("4"), asked, *says("No, 3")]
    assert (played["reward"], played["metrics"]["turns"]) == (1.0, 2.0)


@tasksets
@library
def test_rollouts_that_begin_together_wait_until_the_environment_has_started() -> None:
    played = play("vf-talk", says("3"), arguments=PLAIN, repeats=3, task_idx=1)

    assert [each["reward"] for each in played] == [1.0] * 3


@tasksets
@library
def test_a_scorer_that_raises_is_a_failure_of_the_verifier() -> None:
    with pytest.raises(RolloutFailure, match="the scorer has crashed") as caught:
        play("vf-taskset", says("crash"), task_idx=1)

    assert (caught.value.failure_class, caught.value.stage) == (FailureClass.VERIFIER_ERROR, Stage.VERIFY)


@tasksets
@library
def test_the_tasks_of_a_taskset_are_written_as_rows(tmp_path: Path) -> None:
    settings = VerifiersAgent.parse_config(MODEL, "test")
    assert isinstance(settings, VerifiersAgentConfig)

    assert write_rows("vf-taskset", tmp_path / "rows.jsonl", settings, count=2) == 2

    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert rows[1]["task_idx"] == 1
    assert rows[1]["responses_create_params"]["input"][-1] == {"role": "user", "content": "What is 1 + 2?"}


@pytest.mark.skipif(not IS_INSTALLED, reason=ABSENT)
@library
def test_a_failing_model_server_fails_the_rollout_by_its_own_name() -> None:
    down = RolloutFailure(FailureClass.MODEL_RATE_LIMITED, Stage.MODEL, "slow down", retry_after_s=3.0)

    with pytest.raises(RolloutFailure, match="slow down") as caught:
        play("vf-classic" if IS_CLASSIC else "vf-taskset", down, task_idx=1)

    assert (caught.value.failure_class, caught.value.retry_after_s) == (FailureClass.MODEL_RATE_LIMITED, 3.0)


@pytest.mark.skipif(not IS_INSTALLED, reason=ABSENT)
@library
@pytest.mark.parametrize("row", [{"task_idx": 99}, {"task_idx": "one"}, {}])
def test_a_row_without_a_task_fails_at_the_seed(row: JsonObject) -> None:
    with pytest.raises(RolloutFailure, match="task_idx") as caught:
        play("vf-classic" if IS_CLASSIC else "vf-taskset", says("3"), **row)

    assert caught.value.failure_class is FailureClass.SEED_ERROR


def test_an_environment_that_cannot_be_loaded_fails_at_the_seed() -> None:
    for env_id, problem in (("no-such-environment", "cannot be loaded"), (None, "vf_env_id")):
        with pytest.raises(RolloutFailure, match=problem) as caught:
            play(env_id, says("3"), task_idx=1)

        assert caught.value.failure_class is FailureClass.SEED_ERROR


@pytest.mark.parametrize(
    ("kind", "failure_class", "stage"),
    [
        ("SandboxError", FailureClass.ENVIRONMENT_LOST, Stage.TOOL),
        ("TaskError", FailureClass.VERIFIER_ERROR, Stage.VERIFY),
        ("TimeoutError", FailureClass.TIMEOUT, Stage.ROLLOUT),
        ("SomethingNew", FailureClass.AGENT_ERROR, Stage.AGENT),
    ],
)
def test_errors_of_the_library_have_a_class_here(kind: str, failure_class: FailureClass, stage: Stage) -> None:
    failure = Problem(kind, "broken").failure()

    assert (failure.failure_class, failure.stage) == (failure_class, stage)
    assert failure.message == f"verifiers: {kind}: broken"


def test_the_shipped_configuration_has_every_field_at_its_default() -> None:
    path = FOLDER.parent / "configs" / "verifiers_agent.yaml"
    fields = yaml.safe_load(path.read_text())["verifiers_agent"]["responses_api_agents"]["verifiers_agent"]
    assert fields.pop("vf_env_id") == "???"

    config = VerifiersAgent.parse_config(fields, "test")

    assert VerifiersAgent.unknown_fields(config) == []
    assert config == VerifiersAgent.parse_config(MODEL, "test")


def test_metrics_of_the_library_are_aggregated() -> None:
    agent = VerifiersAgent("agent", VerifiersAgent.parse_config(MODEL, "test"), World())
    rows = [
        {"_ng_task_index": 0, "_ng_rollout_index": n, "reward": float(n), "metrics": {"turns": 2.0 + n}} for n in (0, 1)
    ]

    metrics = asyncio.run(agent.aggregate_metrics(rows))

    assert metrics["agent_metrics"]["max/metrics/turns"] == 3.0
    assert metrics["key_metrics"] == {"mean/reward": 0.5, "mean/metrics/turns": 2.5}
