import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from polygym import Gym, PlainGym, StreamSettings, configure, read_group
from polygym.config.model import RunConfig
from polygym.protocol.errors import ConfigError, InputError
from polygym.rollouts.engine import LaneSettings
from polygym.rollouts.stream import RolloutStream
from tests.rollouts.small_runs import QUICK, FakeAgent, unavailable

ROOT = Path(__file__).parents[2]


def both() -> RunConfig:
    names = ["example_single_tool_call", "example_multi_step"]
    return configure(resources_servers=names, model_type="random_model", search_dirs=[ROOT])


def weather(city: str) -> dict[str, Any]:
    return {"responses_create_params": {"input": f"How is the weather in {city}?"}, "city": city}


AGENT = "example_single_tool_call_simple_agent"


def test_rollouts_come_as_they_end() -> None:
    async def go() -> list[dict[str, Any]]:
        async with Gym(both()) as gym:
            return [one async for one in gym.run([weather("Oslo"), weather("Rome")], num_repeats=3, agent=AGENT)]

    records = asyncio.run(go())
    assert sorted((one["_ng_task_index"], one["_ng_rollout_index"]) for one in records) == [
        (task, repeat) for task in range(2) for repeat in range(3)
    ]
    assert {one["rollout_state"] for one in records} == {"scored"}
    assert all("response" in one and one["city"] in ("Oslo", "Rome") for one in records)


def test_groups_come_complete_and_their_statistics_leave_failures_out() -> None:
    def fail(task: int, repeat: int, attempt: int) -> Any:
        return unavailable() if (task, repeat) == (1, 2) else None

    async def go() -> list[list[dict[str, Any]]]:
        tasks = [{"responses_create_params": {"input": "x"}, "answer": answer} for answer in (0.0, 1.0)]
        stream = RolloutStream({"a": FakeAgent(fail=fail)}, StreamSettings(concurrency=4, retries=QUICK))
        return [group async for group in stream.groups(tasks, 4, None)]

    groups = sorted(asyncio.run(go()), key=lambda group: int(group[0]["_ng_task_index"]))
    assert [[one["_ng_rollout_index"] for one in group] for group in groups] == [[0, 1, 2, 3]] * 2
    assert [one["rollout_state"] for one in groups[1]] == ["scored", "scored", "unresolved", "scored"]
    statistics = read_group(groups[1])
    assert (statistics.mean, statistics.missing) == (1.0, 1)
    assert "reward" not in groups[1][2]


def test_no_more_tasks_are_taken_than_the_consumer_keeps_up_with() -> None:
    taken = 0

    async def endless() -> AsyncIterator[dict[str, Any]]:
        nonlocal taken
        while True:
            taken += 1
            yield {"responses_create_params": {"input": "x"}, "answer": 1}

    async def go() -> None:
        stream = RolloutStream({"a": FakeAgent()}, StreamSettings(concurrency=2, ahead=5))
        records = stream.rollouts(endless(), 1, None)
        for _ in range(3):
            await anext(records)
            await asyncio.sleep(0.02)
        await records.aclose()

    asyncio.run(go())
    assert 3 <= taken <= 9


def test_leaving_the_loop_cancels_what_is_in_flight() -> None:
    agent = FakeAgent(delay_s=0.01)

    async def go() -> int:
        stream = RolloutStream({"a": agent}, StreamSettings(concurrency=3))
        tasks = [{"responses_create_params": {"input": "x"}, "answer": 1}] * 50
        records = stream.rollouts(tasks, 1, None)
        await anext(records)
        await records.aclose()
        begun = len(agent.attempts)
        await asyncio.sleep(0.05)
        return len(agent.attempts) - begun

    assert asyncio.run(go()) == 0


def test_a_task_that_cannot_be_run_is_named() -> None:
    async def go(task: dict[str, Any]) -> None:
        stream = RolloutStream({"a": FakeAgent(), "b": FakeAgent()}, StreamSettings())
        async for _ in stream.rollouts([task], 1, None):
            pass

    with pytest.raises(InputError, match="task 0: names no agent"):
        asyncio.run(go({"responses_create_params": {"input": "x"}}))
    with pytest.raises(InputError, match="task 0: no agent 'c'"):
        asyncio.run(go({"responses_create_params": {"input": "x"}, "agent_ref": {"name": "c"}}))


def test_plain_code_gets_the_same_rollouts() -> None:
    with PlainGym(both()) as gym:
        records = list(gym.run([weather("Oslo")], num_repeats=2, agent=AGENT))
        groups = list(gym.run_groups([weather("Oslo"), weather("Rome")], num_repeats=2, agent=AGENT))
        first = next(iter(gym.run((weather("Oslo") for _ in range(1000)), agent=AGENT)))
    assert [len(group) for group in groups] == [2, 2]
    assert sorted(one["_ng_rollout_index"] for one in records) == [0, 1]
    assert first["rollout_state"] == "scored"


def test_plain_code_works_where_an_event_loop_runs_already() -> None:
    async def notebook() -> int:
        def cell() -> Iterator[dict[str, Any]]:
            with PlainGym(both()) as gym:
                yield from gym.run([weather("Oslo")], agent=AGENT)

        return len(list(cell()))

    assert asyncio.run(notebook()) == 1


def test_a_gym_that_cannot_be_opened_says_why() -> None:
    with pytest.raises(ConfigError, match="Meant 'example_multi_step'"):
        configure(resources_servers=["example_multistep"], search_dirs=[ROOT])


def test_the_lane_of_an_agent_is_its_configurations_unless_the_settings_have_one(tmp_path: Path) -> None:
    fields = (
        f"++policy_model.responses_api_models.echo={{entrypoint: app.py, gate: {tmp_path / 'gate'}, waits_at: '*'}}",
        "++letters_agent.responses_api_agents.one_call.timeout_s=0.01",
        "++letters_agent.responses_api_agents.one_call.max_attempts=2",
    )
    components = ROOT / "tests" / "cli" / "components"
    config = configure(resources_servers=["letters"], model_type="echo", search_dirs=[components], overrides=fields)

    async def attempts(**lanes: LaneSettings) -> list[int]:
        async with Gym(config, StreamSettings(retries=QUICK, lanes=lanes)) as gym:
            task = {"responses_create_params": {"input": "x"}}
            return [one["_ng_attempt_index"] + 1 async for one in gym.run([task])]

    assert asyncio.run(attempts()) == [2]
    assert asyncio.run(attempts(letters_agent=LaneSettings(timeout_s=0.01, max_attempts=1))) == [1]
