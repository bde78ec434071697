"""Environments with reset and step: a lift that answers texts, and a vault that is worked by tools."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp.test_utils import RawTestServer

from polygym import (
    Action,
    FailureClass,
    GymnasiumServer,
    RolloutContext,
    RolloutFailure,
    Session,
    Step,
    TaskFields,
    ToolError,
    function_call,
    new_response,
    output_message,
    tool,
)
from polygym.channels.embedded import EmbeddedResources
from polygym.channels.http import HttpResources, HttpServer
from polygym.fleet.serving import edge_of_channel
from polygym.protocol.calls import ToolResult
from polygym.protocol.json import JsonObject
from tests.channels.callers import Caller, served
from tests.servers.notebook import made


class LiftTask(TaskFields):
    floor: int
    """Where to go."""
    broken: bool = False


@dataclass
class LiftState:
    floor: int = 0


class Lift(GymnasiumServer[LiftTask, LiftState]):
    """Up costs one, arriving gives ten."""

    def reset(self, session: Session[LiftTask, LiftState]) -> tuple[str, JsonObject]:
        return f"Go to floor {session.task.floor}.", {"floors": 9}

    async def step(self, action: Action, session: Session[LiftTask, LiftState]) -> Step:
        await asyncio.sleep(0)
        if session.task.broken:
            raise ZeroDivisionError("the motor")
        choice = action.choose(["up", "leave"])
        if choice is None:
            raise ToolError("Say up or leave.")
        if choice == "leave":
            has_arrived = session.state.floor == session.task.floor
            parts = {"arrival": 10.0 * has_arrived}
            return Step(None, 10.0 * has_arrived, terminated=True, info={"reward_components": parts})
        session.state.floor += 1
        return Step(f"Floor {session.state.floor}.", -1.0)


class Vault(GymnasiumServer[TaskFields, list[int]]):
    """Opened by turning the dial to 3, then to 1."""

    @tool
    def turn(self, number: int, session: Session[TaskFields, list[int]]) -> Step | str:
        """Turn the dial.

        Args:
            number: Where to.
        """
        if not 0 <= number <= 9:
            raise ToolError("there are 0 to 9")
        session.state.append(number)
        is_open = session.state[-2:] == [3, 1]
        return Step("It opens.", 1.0, terminated=True) if is_open else "Click."

    @tool
    async def listen(self) -> str:
        """Put an ear on it."""
        return "tick"


def row(floor: int = 2, **fields: Any) -> JsonObject:
    return {"responses_create_params": {"input": "Use the lift."}, "floor": floor, **fields}


def says(text: str) -> JsonObject:
    return new_response({}, [output_message(text, message_id="m1")], model="m")


def calls(*made: tuple[str, Any]) -> JsonObject:
    output = [
        function_call(name, json.dumps(arguments), call_id=f"c{index}", item_id=f"f{index}")
        for index, (name, arguments) in enumerate(made)
    ]
    return new_response({}, output, model="m")


def play(
    server: GymnasiumServer[Any, Any], task: JsonObject, *turns: JsonObject
) -> tuple[JsonObject, list[JsonObject], JsonObject]:
    """Seed, let the turns be stepped, verify: what seeding answered, what each step answered, the verified row."""

    async def main() -> tuple[JsonObject, list[JsonObject], JsonObject]:
        async with EmbeddedResources(server).open(task, RolloutContext("0-0")) as session:
            answers = []
            for turn in turns:
                result = await session.call_tool("step", {"response": turn})
                assert not result.is_error, result.output
                answers.append(json.loads(result.output))
            return session.seed, answers, await session.verify(says("bye"))

    return asyncio.run(main())


def lift(**fields: Any) -> Lift:
    return made(Lift, "lift", **fields)


def test_an_episode_goes_from_reset_over_steps_to_its_return() -> None:
    seed, answers, verified = play(lift(), row(), says("up"), says("UP!"), says("<action>leave</action>"))

    assert seed["observation"] == "Go to floor 2."
    assert seed["info"]["floors"] == 9
    assert answers[0] == {
        "observation": "Floor 1.",
        "reward": -1.0,
        "terminated": False,
        "truncated": False,
        "info": {},
    }
    assert (answers[2]["observation"], answers[2]["reward"], answers[2]["terminated"]) == (None, 10.0, True)
    assert verified["reward"] == verified["episode_return"] == 8.0
    assert (verified["steps"], verified["terminated"], verified["truncated"]) == (3, True, False)
    assert verified["reward_components"] == {"arrival": 10.0}
    assert verified["floor"] == 2


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"episode_return": "last"}, 10.0),
        ({"episode_return": "discounted", "discount": 0.5}, -1.0 - 0.5 + 2.5),
        ({"episode_return": "sum"}, 8.0),
    ],
)
def test_the_return_is_computed_as_configured(fields: JsonObject, expected: float) -> None:
    assert play(lift(**fields), row(), says("up"), says("up"), says("leave"))[2]["reward"] == expected


def test_an_action_without_sense_is_explained_and_is_no_step() -> None:
    _, answers, verified = play(lift(), row(), says("sideways"), says("up"))

    assert (answers[0]["observation"], answers[0]["reward"]) == ("Say up or leave.", 0.0)
    assert (verified["steps"], verified["invalid_actions"], verified["reward"]) == (1, 1, -1.0)


def test_an_episode_that_is_given_up_counts_as_truncated_and_may_have_a_reward_of_its_own() -> None:
    assert play(lift(), row(), says("up"))[2]["truncated"] is True
    assert play(lift(unfinished_reward=-20.0), row(), says("up"))[2]["reward"] == -20.0
    assert play(lift(unfinished_reward=-20.0), row())[2]["reward"] == -20.0
    assert play(lift(unfinished_reward=-20.0), row(0), says("leave"))[2]["reward"] == 10.0


def test_a_limit_of_steps_truncates_the_episode() -> None:
    _, answers, verified = play(lift(max_episode_steps=2), row(9), says("up"), says("up"), says("up"))

    assert [answer["truncated"] for answer in answers] == [False, True, True]
    assert answers[1]["observation"] == "Floor 2."
    assert (verified["steps"], verified["reward"], verified["terminated"]) == (2, -2.0, False)


def test_nothing_counts_once_the_episode_is_over() -> None:
    _, answers, verified = play(lift(), row(0), says("leave"), says("leave"), says("up"))

    assert answers[1]["observation"] == "The episode is over."
    assert (verified["reward"], verified["steps"]) == (10.0, 1)


def test_an_error_of_the_environment_is_a_failure_not_an_observation() -> None:
    with pytest.raises(RolloutFailure, match="lift: step raised ZeroDivisionError: the motor") as caught:
        play(lift(), row(broken=True), says("up"))

    assert caught.value.failure_class is FailureClass.TOOL_ERROR


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("up", "must return"),
        (Step(None, 0.0), "no observation"),
        (Step("a", float("nan")), "finite"),
        (Step("a", "much"), "number"),  # type: ignore[arg-type]
        (Step("a", info={"x": {1}}), "serializable"),
        (Step("a", info=[]), "dict"),  # type: ignore[arg-type]
        (Step(object(), 0.0), "serialize"),
    ],
)
def test_what_is_no_step_is_a_failure(given: Any, problem: str) -> None:
    class Odd(GymnasiumServer):
        def step(self, action: Action, session: Session[Any, Any]) -> Any:
            return given

    with pytest.raises(RolloutFailure, match=problem):
        play(made(Odd), row(), says("up"))


def test_a_reset_that_is_no_pair_fails_the_seeding() -> None:
    class Odd(Lift):
        def reset(self, session: Session[LiftTask, LiftState]) -> Any:
            return "hello"

    with pytest.raises(RolloutFailure, match="observation, info") as caught:
        play(made(Odd), row())

    assert caught.value.failure_class is FailureClass.SEED_ERROR


def test_tools_are_actions_and_each_call_has_its_output() -> None:
    _, answers, verified = play(
        made(Vault), row(), calls(("turn", {"number": 3}), ("listen", {})), calls(("turn", {"number": 3}))
    )

    outputs = [{"call_id": "c0", "output": "Click."}, {"call_id": "c1", "output": "tick"}]
    assert answers[0]["info"] == {"tool_outputs": outputs}
    assert answers[0]["observation"] is None
    assert (verified["steps"], verified["reward"]) == (3, 0.0)


def test_calls_after_the_end_in_the_same_turn_are_refused() -> None:
    turn = calls(("turn", {"number": 3}), ("turn", {"number": 1}), ("turn", {"number": 9}))

    _, (answer,), verified = play(made(Vault), row(), turn)

    said = [each["output"] for each in answer["info"]["tool_outputs"]]
    assert said == ["Click.", "It opens.", '{"error":"The episode is over."}']
    assert (answer["terminated"], answer["reward"], verified["steps"]) == (True, 1.0, 2)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("turn", {"number": 12}, "there are 0 to 9"),
        ("turn", {"number": "left"}, "Invalid arguments for turn"),
        ("turn", {}, "Invalid arguments for turn"),
        ("turn", [3], "Invalid tool call arguments"),
        ("twist", {"number": 3}, "There is no tool 'twist'"),
        ("step", {"response": {}}, "There is no tool 'step'"),
        ("reset", {}, "There is no tool 'reset'"),
    ],
)
def test_wrong_calls_come_back_to_the_model_and_are_no_step(name: str, arguments: Any, said: str) -> None:
    _, (answer,), verified = play(made(Vault), row(), calls((name, arguments)))

    (output,) = answer["info"]["tool_outputs"]
    assert said in json.loads(output["output"])["error"]
    assert (verified["steps"], verified["invalid_actions"]) == (0, 1)


def test_a_text_is_no_action_where_there_are_only_tools() -> None:
    _, (answer,), verified = play(made(Vault), row(), says("open sesame"))

    assert answer["observation"] == "Act by calling one of the tools: turn, listen."
    assert verified["steps"] == 0


def test_calls_of_tools_from_the_row_go_to_step() -> None:
    _, (answer,), _ = play(lift(), row(), calls(("up", {})))

    assert answer["info"]["tool_outputs"] == [{"call_id": "c0", "output": "Floor 1."}]


def test_an_environment_may_offer_tools_by_task_and_take_their_calls_in_step() -> None:
    class Buttons(GymnasiumServer):
        def offered_tools(self, session: Session[Any, Any]) -> list[JsonObject]:
            return [{"name": "press", "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}}}]

        def step(self, action: Action, session: Session[Any, Any]) -> Step:
            return Step(f"{action.name} {action.arguments}", 1.0)

    seed, (answer,), _ = play(
        made(Buttons), row(), calls(("press", {"n": 2}), ("press", {"n": "two"}), ("push", {"n": 2}))
    )

    said = [each["output"] for each in answer["info"]["tool_outputs"]]
    assert [each["name"] for each in seed["tools"]] == ["press"]
    assert said[0] == "press {'n': 2}"
    assert "Invalid arguments for press" in said[1] and "There is no tool 'push'" in said[2]
    assert answer["reward"] == 1.0


def test_tools_can_be_called_one_by_one_by_an_agent_that_only_knows_tools() -> None:
    async def main() -> tuple[list[ToolResult], JsonObject]:
        async with EmbeddedResources(made(Vault)).open(row(), RolloutContext("0-0")) as session:
            results = [await session.call_tool("turn", {"number": number}) for number in (3, 1, 3)]
            return results, await session.verify(says(""))

    results, verified = asyncio.run(main())

    assert [result.output for result in results] == ["Click.", "It opens.", '{"error":"The episode is over."}']
    assert [result.is_error for result in results] == [False, False, True]
    assert verified["reward"] == 1.0


def test_a_turn_that_is_no_response_is_refused() -> None:
    async def main() -> ToolResult:
        async with EmbeddedResources(lift()).open(row(), RolloutContext("0-0")) as session:
            return await session.call_tool("step", {"response": {"output": "up"}})

    assert asyncio.run(main()).is_error


def test_episodes_at_the_same_time_do_not_see_each_other() -> None:
    async def main() -> list[float]:
        channel = EmbeddedResources(lift())

        async def one(floor: int) -> float:
            async with channel.open(row(floor), RolloutContext(f"{floor}-0")) as session:
                for _ in range(floor):
                    await session.call_tool("step", {"response": says("up")})
                await session.call_tool("step", {"response": says("leave")})
                return float((await session.verify(says("")))["reward"])

        return list(await asyncio.gather(*(one(floor) for floor in range(20))))

    assert asyncio.run(main()) == [10.0 - floor for floor in range(20)]


def test_an_environment_must_know_some_action() -> None:
    class Idle(GymnasiumServer):
        pass

    with pytest.raises(TypeError, match="neither a `step` nor a `@tool`"):
        made(Idle)


def test_a_tool_cannot_have_a_name_of_the_protocol() -> None:
    class Confused(Lift):
        @tool(name="reset")
        def restart(self) -> str:
            """Begin again."""
            return ""

    with pytest.raises(TypeError, match="reset"):
        made(Confused)


def test_agents_of_other_implementations_use_the_routes_reset_step_and_close() -> None:
    async def main() -> None:
        server = lift()
        async with served(EmbeddedResources(server)) as caller:
            client: Caller = caller()
            status, reset = await client.post("/reset", row())
            assert (status, reset["observation"]) == (200, "Go to floor 2.")
            assert reset["info"]["supports_explicit_close"] is True
            status, step = await client.post("/step", {**row(), "response": says("up")})
            assert (status, step["observation"], step["terminated"]) == (200, "Floor 1.", False)
            assert (await client.post("/close", {}))[0] == 200
            status, _ = await client.post("/reset", row(5))
            status, step = await client.post("/step", {**row(5), "response": calls(("up", {}))})
            assert step["info"]["tool_outputs"] == [{"call_id": "c0", "output": "Floor 1."}]
            status, verified = await client.post("/verify", {**row(5), "response": says("")})
            assert (status, verified["reward"]) == (200, -1.0)

    asyncio.run(main())


def test_over_http_a_failing_step_is_reported_as_a_failure() -> None:
    async def main() -> None:
        async with served(EmbeddedResources(lift())) as caller:
            client: Caller = caller()
            await client.post("/seed_session", row(broken=True))
            status, answer = await client.post("/step", {"response": says("up")})
            assert (status, answer["_ng_failure_class"]) == (500, "tool_error")

    asyncio.run(main())


def test_over_http_a_model_that_calls_reset_or_close_makes_an_action_and_starts_nothing_anew() -> None:
    async def main() -> tuple[list[ToolResult], JsonObject]:
        async with RawTestServer(edge_of_channel(EmbeddedResources(lift())).answer) as server:
            connection = HttpServer("lift", str(server.make_url("")))
            try:
                async with HttpResources(connection).open(row(), RolloutContext("0-0")) as session:
                    await session.call_tool("up", {})
                    results = [await session.call_tool(name, row()) for name in ("reset", "close")]
                    return results, await session.verify(says(""))
            finally:
                await connection.close()

    results, verified = asyncio.run(main())

    assert all(result.is_error and "Say up or leave." in result.output for result in results)
    assert (verified["steps"], verified["reward"], verified["invalid_actions"]) == (1, -1.0, 2)
