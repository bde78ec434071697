"""Recorded rollouts played again: through real environments, and conversations that leave the record."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from polygym import FailureClass, Gym, JsonObject, RolloutContext, RolloutFailure, configure
from polygym.protocol.errors import ConfigError
from responses_api_models.replay_model.app import ReplayModel

ROOT = Path(__file__).parents[3]
CALL: JsonObject = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}", "id": "fc_1"}
SEEN: JsonObject = {"type": "function_call_output", "call_id": "c1", "output": "a red door"}
THOUGHT: JsonObject = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]}
SAID: JsonObject = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "red"}]}
USAGE: JsonObject = {"input_tokens": 30, "output_tokens": 5, "total_tokens": 35}
ASKED: JsonObject = {"role": "user", "content": "Which colour?"}


def row(task: int = 0, repeat: int = 0, **response: Any) -> JsonObject:
    """A recorded rollout: a call, its output, a thought and an answer."""
    recorded = {"output": [CALL, SEEN, THOUGHT, SAID], "usage": USAGE, "model": "tiny", "status": "completed"}
    return {
        "_ng_task_index": task,
        "_ng_rollout_index": repeat,
        "responses_create_params": {"input": [ASKED], "instructions": "Be brief."},
        "response": {**recorded, **response},
        "reward": 1.0,
    }


@asynccontextmanager
async def replaying(folder: Path, *rows: JsonObject, **fields: Any) -> AsyncIterator[ReplayModel]:
    path = folder / "record.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    config = ReplayModel.parse_config({"rollouts": str(path), **fields}, "test")
    server = ReplayModel("policy_model", config, None)  # type: ignore[arg-type]
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def ask(
    folder: Path,
    items: Any,
    *rows: JsonObject,
    rollout: str = "0-0",
    instructions: str | None = "Be brief.",
    **fields: Any,
) -> JsonObject:
    """The answer to a conversation of these items."""

    async def run() -> JsonObject:
        async with replaying(folder, *(rows or (row(),)), **fields) as server:
            params = {"input": items, "instructions": instructions}
            return await server.responses(params, RolloutContext(rollout))

    return asyncio.run(run())


def departure(folder: Path, items: Any, *rows: JsonObject, **options: Any) -> str:
    """What is said of a conversation that leaves the record."""
    with pytest.raises(RolloutFailure) as caught:
        ask(folder, items, *rows, **options)
    assert caught.value.failure_class is FailureClass.MODEL_REJECTED
    return caught.value.message


def test_each_call_gets_what_was_answered_at_that_point(tmp_path: Path) -> None:
    first = ask(tmp_path, [ASKED])
    last = ask(tmp_path, [ASKED, CALL, SEEN])

    assert (first["output"], first["usage"], first["model"]) == ([CALL], None, "tiny")
    assert (last["output"], last["usage"], last["status"]) == ([THOUGHT, SAID], USAGE, "completed")


@pytest.mark.parametrize("rollout", ["1-2", "1-2-a1"])
def test_a_rollout_is_found_by_task_and_repeat_whatever_its_attempt(tmp_path: Path, rollout: str) -> None:
    other = row(1, 2, output=[SAID])

    assert ask(tmp_path, [ASKED], row(), other, row(2, 1), rollout=rollout)["output"] == [SAID]


def test_several_files_are_one_record(tmp_path: Path) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps(row(7, output=[SAID])) + "\n")

    answer = ask(tmp_path, [ASKED], rollout="7-0", rollouts=[str(tmp_path / "record.jsonl"), str(more)])

    assert answer["output"] == [SAID]


@pytest.mark.parametrize(
    "items",
    [
        [{"type": "message", **ASKED}, {**CALL, "id": None, "status": "completed"}, SEEN],
        [
            {"role": "user", "content": [{"type": "input_text", "text": "Which colour?"}]},
            CALL,
            {**SEEN, "id": "o1", "output": [{"type": "input_text", "text": "a red door"}]},
        ],
    ],
)
def test_the_same_conversation_in_other_words_is_followed(tmp_path: Path, items: list[JsonObject]) -> None:
    assert ask(tmp_path, items)["output"] == [THOUGHT, SAID]


def test_a_harness_may_leave_earlier_reasoning_out(tmp_path: Path) -> None:
    record = row(output=[THOUGHT, CALL, SEEN, SAID])

    assert ask(tmp_path, [ASKED, THOUGHT, CALL, SEEN], record)["output"] == [SAID]
    assert ask(tmp_path, [ASKED, CALL, SEEN], record)["output"] == [SAID]


def test_a_plain_string_is_a_message_of_the_user(tmp_path: Path) -> None:
    assert ask(tmp_path, "Which colour?")["output"] == [CALL]


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (
            [{"role": "user", "content": "Which colour, then?"}],
            'item 0, \'content\' of a message of the user: was "Which colour?", is "Which colour, then?"',
        ),
        (
            [ASKED, CALL, {**SEEN, "output": "a blue door"}],
            'item 2, \'output\' of a function_call_output (c1): was "a red door", is "a blue door"',
        ),
        ([ASKED, {**CALL, "arguments": '{"at": 1}'}], "item 1, 'arguments' of a function_call (look)"),
        ([ASKED, SEEN], "item 1: was a function_call (look), is a function_call_output (c1)"),
        ([ASKED, CALL, SEEN, SAID, ASKED], "item 4: the record ends before it, the conversation has a message"),
        ([ASKED, CALL], "item 2: the model is asked, and the record has a function_call_output (c1) next"),
        ([ASKED, CALL, SEEN, THOUGHT, SAID], "item 5: the model is asked, and the record ends here"),
    ],
)
def test_a_conversation_that_leaves_the_record_is_told_where(
    tmp_path: Path, items: list[JsonObject], said: str
) -> None:
    assert f"rollout 0-0 leaves the record at {said}" in departure(tmp_path, items)


def test_a_long_text_is_quoted_from_where_it_differs(tmp_path: Path) -> None:
    said = departure(
        tmp_path, [ASKED, CALL, {**SEEN, "output": "x" * 500}], row(output=[CALL, {**SEEN, "output": "x" * 400 + "y"}])
    )

    assert "from character 380" in said
    assert len(said) < 500


def test_other_instructions_leave_the_record(tmp_path: Path) -> None:
    said = departure(tmp_path, [ASKED], instructions="Be long.")

    assert 'the instructions: was "Be brief.", is "Be long."' in said
    assert ask(tmp_path, [ASKED], instructions="Be long.", ignore=["instructions"])["output"] == [CALL]


def test_what_may_differ_is_not_compared(tmp_path: Path) -> None:
    items = [{"role": "user", "content": "Well?"}, CALL, {**SEEN, "output": "another"}]

    answer = ask(tmp_path, items, ignore=["tool_outputs", "user_messages"])

    assert answer["output"] == [THOUGHT, SAID]


@pytest.mark.parametrize("rollout", ["5-0", "0-1", "0-0.judge", "resp"])
def test_a_rollout_that_was_not_recorded_is_named(tmp_path: Path, rollout: str) -> None:
    said = departure(tmp_path, [ASKED], rollout=rollout)

    assert f"rollout {rollout} is not in the record, which has 1 rollouts" in said


def test_an_incomplete_answer_is_incomplete_again(tmp_path: Path) -> None:
    cut = row(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    nothing = row(
        output=[CALL, SEEN],
        status="incomplete",
        incomplete_details={"reason": "max_output_tokens"},
        metadata={"ng_termination_reason": "context_exceeded"},
    )

    assert ask(tmp_path, [ASKED], cut)["status"] == "completed"
    assert ask(tmp_path, [ASKED, CALL, SEEN], cut)["incomplete_details"] == {"reason": "max_output_tokens"}
    refused = ask(tmp_path, [ASKED, CALL, SEEN], nothing)
    assert (refused["status"], refused["output"]) == ("incomplete", [])
    assert refused["metadata"]["ng_termination_reason"] == "context_exceeded"


def test_an_end_that_was_the_harness_s_is_not_the_models(tmp_path: Path) -> None:
    stopped = row(output=[CALL, SEEN], status="incomplete", incomplete_details={"reason": "max_steps"})

    assert "the record ends here" in departure(tmp_path, [ASKED, CALL, SEEN], stopped)


@pytest.mark.parametrize("text", ["{}\n", "no json\n", '{"_ng_task_index": 0}\n'])
def test_a_file_that_is_no_record_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text(text)

    with pytest.raises(ConfigError, match=r"other.jsonl:1: not a rollout"):
        ask(tmp_path, [ASKED], rollouts=str(path))


def test_a_record_without_a_rollout_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text("")

    with pytest.raises(ConfigError, match=r"there is no rollout in .*empty.jsonl"):
        ask(tmp_path, [ASKED], rollouts=str(path))


def test_a_file_that_is_not_there_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone.jsonl"):
        ask(tmp_path, [ASKED], rollouts=str(tmp_path / "gone.jsonl"))


def test_recorded_rollouts_of_real_environments_come_out_again_the_same(tmp_path: Path) -> None:
    environments = ["example_single_tool_call", "example_multi_step"]
    tasks = [
        json.loads(line)
        for name in environments
        for line in (ROOT / "resources_servers" / name / "data" / "example.jsonl").read_text().splitlines()
    ]
    tasks = [
        {**task, "agent_ref": {"name": f"{name}_simple_agent"}}
        for name in environments
        for task in tasks
        if (task.get("agent_ref") or {}).get("name", f"{name}_simple_agent") == f"{name}_simple_agent"
    ][:8]
    record = tmp_path / "record.jsonl"

    async def play(model: str, overrides: list[str]) -> list[JsonObject]:
        config = configure(resources_servers=environments, model_type=model, overrides=overrides, search_dirs=[ROOT])
        async with Gym(config) as gym:
            rows = [each async for each in gym.run(tasks, num_repeats=2)]
        return sorted(rows, key=lambda each: (each["_ng_task_index"], each["_ng_rollout_index"]))

    recorded = asyncio.run(play("random_model", []))
    record.write_text("".join(json.dumps(each) + "\n" for each in recorded))
    replayed = asyncio.run(play("replay_model", [f"+replay_rollouts={record}"]))

    assert [each["rollout_state"] for each in replayed] == ["scored"] * len(recorded)
    for before, after in zip(recorded, replayed, strict=True):
        assert after["reward"] == before["reward"]
        assert after["response"]["output"] == before["response"]["output"]
        assert after["response"]["usage"] == before["response"]["usage"]
