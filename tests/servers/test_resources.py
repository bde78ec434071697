import asyncio
import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Generic, TypeVar

import pytest

from polygym import ResourcesServer, RolloutFailure, RolloutView, Session, TaskFields, Verification, tool
from polygym.protocol.errors import ConfigError, InputError
from polygym.protocol.failures import FailureClass, Stage
from polygym.protocol.json import JsonObject
from polygym.servers.resources import check_reward
from tests.servers.notebook import Notebook, answer, made, row


class MathTask(TaskFields):
    answer: int


@dataclass
class Scratch:
    notes: list[str] = field(default_factory=list)


class Scored(ResourcesServer):
    """Gives whatever the test wants."""

    outcome: Any = 1.0

    def verify(self, rollout: RolloutView, session: Session) -> Any:
        return self.outcome


def verified(outcome: Any, sent: JsonObject | None = None, server_class: type[Scored] = Scored) -> JsonObject:
    server = made(server_class)
    server.outcome = outcome
    sent = sent if sent is not None else row("x")
    session = server.new_session(server.task_of(sent), "0-0")
    return asyncio.run(server.verify_response(sent, answer(), session))


# Task and state


def test_without_types_a_task_is_the_row_and_there_is_no_state() -> None:
    server = made(Scored)

    session = server.new_session(server.task_of(row("x", colour="red")), "3-1")

    assert session.rollout_id == "3-1"
    assert session.task.responses_create_params == {"input": "x"}
    assert session.task.colour == "red"
    assert session.state is None


def test_the_types_in_brackets_are_the_task_and_the_state() -> None:
    class Typed(ResourcesServer[MathTask, Scratch]):
        def verify(self, rollout: RolloutView, session: Session[MathTask, Scratch]) -> float:
            return 0.0

    server = made(Typed)
    first, second = (server.new_session(server.task_of({"answer": "4"}), name) for name in ("0-0", "0-1"))

    assert first.task.answer == 4
    assert first.state == Scratch() and first.state is not second.state


def test_a_task_alone_has_no_state() -> None:
    class Typed(ResourcesServer[MathTask]):
        def verify(self, rollout: RolloutView, session: Session[MathTask]) -> float:
            return 0.0

    assert (Typed.task_class, Typed.state_class) == (MathTask, None)


def test_a_state_may_be_a_generic_collection() -> None:
    class Typed(ResourcesServer[MathTask, dict[str, int]]):
        def verify(self, rollout: RolloutView, session: Session[MathTask, dict[str, int]]) -> float:
            return 0.0

    assert made(Typed).new_session(MathTask(answer=1), "0-0").state == {}


def test_any_task_is_the_row_and_a_state_of_none_any_or_a_union_is_left_to_the_author() -> None:
    class AnyTask(ResourcesServer[Any, Scratch]): ...

    class NoState(ResourcesServer[MathTask, None]): ...

    class AnyState(ResourcesServer[MathTask, Any]): ...

    class Optional(ResourcesServer[MathTask, Scratch | None]): ...

    assert (AnyTask.task_class, AnyTask.state_class) == (TaskFields, Scratch)
    assert [one.state_class for one in (NoState, AnyState, Optional)] == [None, None, None]


def test_types_are_inherited() -> None:
    class Typed(ResourcesServer[MathTask, Scratch]): ...

    class Derived(Typed):
        state_class = list

    class MoreDerived(Derived): ...

    assert (MoreDerived.task_class, MoreDerived.state_class) == (MathTask, list)


def test_types_that_a_generic_base_leaves_open_are_filled_in_their_place() -> None:
    own_state = TypeVar("own_state")

    class MathBase(ResourcesServer[MathTask, own_state], Generic[own_state]): ...

    class Solver(MathBase[Scratch]): ...

    assert (Solver.task_class, Solver.state_class) == (MathTask, Scratch)


def test_a_task_that_is_no_task_fields_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="the first type, dict, must be a TaskFields"):

        class Wrong(ResourcesServer[dict]): ...


def test_a_row_that_does_not_fit_is_refused_with_its_fields() -> None:
    class Typed(ResourcesServer[MathTask]):
        def verify(self, rollout: RolloutView, session: Session[MathTask]) -> float:
            return 0.0

    with pytest.raises(
        InputError, match=r"the row does not fit MathTask: answer: Input should be a valid integer.*four"
    ):
        made(Typed).task_of({"answer": "four"})


def test_a_server_without_verify_cannot_be_made() -> None:
    class Unfinished(ResourcesServer): ...

    with pytest.raises(TypeError, match="verify"):
        made(Unfinished)


# Seeding


def seeded(answered: Any, is_async: bool = False) -> JsonObject:
    class Seeding(Scored):
        def seed_session(self, session: Session) -> Any:
            async def later() -> Any:
                return answered

            return later() if is_async else answered

    server = made(Seeding)
    return asyncio.run(server.seed(server.new_session(TaskFields(), "0-0")))


@pytest.mark.parametrize("is_async", [False, True])
def test_seeding_answers_what_seed_session_returns(is_async: bool) -> None:
    assert seeded({"board": [1, 2]}, is_async) == {"board": [1, 2]}
    assert seeded(None, is_async) == {}


def test_seeding_with_something_else_than_a_dict_is_an_error() -> None:
    with pytest.raises(TypeError, match="seed_session must return a dict or nothing, not str"):
        seeded("a board")


# Tools


def call(name: str, arguments: JsonObject) -> tuple[str, bool]:
    server = made(Notebook)
    session = server.new_session(server.task_of(row("x")), "0-0")
    return asyncio.run(server.call_tool(name, arguments, session))[:2]


def test_a_tools_value_comes_back_as_text() -> None:
    assert call("write", {"text": "a"}) == ('{"lines":1}', False)


def test_a_tool_error_is_shown_to_the_model_as_it_is() -> None:
    assert call("erase", {"line": 3}) == ('{"error":"there are 0 lines only"}', True)


def test_what_a_tool_raises_is_shown_to_the_model_with_its_type() -> None:
    assert call("tear", {}) == ("""{"error":"tear failed: KeyError: 'torn'"}""", True)


def test_wrong_arguments_are_shown_to_the_model() -> None:
    text, is_error = call("write", {"txt": "a"})

    assert is_error
    assert "Invalid arguments for write: text: Field required; txt: Extra inputs are not permitted (got 'a')" in text


def test_an_unknown_tool_is_answered_with_the_nearest_name() -> None:
    assert call("wirte", {}) == ("""{"error":"There is no tool 'wirte'. Meant 'write'?"}""", True)


def test_an_unknown_tool_of_a_server_without_tools_is_answered() -> None:
    server = made(Scored)

    result = asyncio.run(server.call_tool("look", {}, server.new_session(TaskFields(), "0-0")))

    assert result.output == """{"error":"There is no tool 'look'. There are none."}"""


def test_another_servers_failure_inside_a_tool_is_not_shown_to_the_model() -> None:
    class Judged(Scored):
        @tool
        def judge(self) -> str:
            raise RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, "wrong key")

    server = made(Judged)
    with pytest.raises(RolloutFailure, match="wrong key") as caught:
        asyncio.run(server.call_tool("judge", {}, server.new_session(TaskFields(), "0-0")))
    assert (caught.value.failure_class, caught.value.stage) == (FailureClass.TOOL_ERROR, Stage.TOOL)


def test_tool_definitions_list_every_tool() -> None:
    assert [entry["name"] for entry in made(Notebook).tool_definitions()] == ["write", "read", "erase", "tear"]


@pytest.mark.parametrize("name", ["stop", "name", "tools", "seed"])
def test_a_tool_cannot_take_the_place_of_a_method_of_the_server(name: str) -> None:
    server_class = type("Broken", (Scored,), {name: tool(lambda self: "")})

    with pytest.raises(TypeError, match=rf"'{name}' is the server's own .* @tool\(name="):
        made(server_class)


# Verification


@pytest.mark.parametrize(
    ("given", "reward"), [(0.25, 0.25), (1, 1.0), (True, 1.0), (False, 0.0), (-3, -3.0), (Fraction(1, 4), 0.25)]
)
def test_a_number_is_the_reward(given: Any, reward: float) -> None:
    given_back = verified(given)["reward"]

    assert given_back == reward and type(given_back) is float


@pytest.mark.parametrize("given", [math.nan, math.inf, -math.inf, Verification(math.nan)])
def test_a_reward_that_is_not_finite_is_an_error(given: Any) -> None:
    with pytest.raises(ValueError, match="a reward must be finite"):
        verified(given)


@pytest.mark.parametrize("given", [None, "1.0", [1.0], {"reward": 1.0}, Verification("1")])
def test_what_is_no_number_is_no_reward(given: Any) -> None:
    with pytest.raises(TypeError, match="verify must return a number or a Verification, not "):
        verified(given)


def test_a_verification_adds_its_fields_to_the_row() -> None:
    outcome = Verification(0.5, components={"form": 1, "content": 0.0}, fields={"found": [1]}, explanation="half")

    given_back = verified(outcome, {"expected": "x", "_ng_task_index": 4})

    assert given_back.pop("response")["output"] == []
    assert given_back == {
        "expected": "x",
        "_ng_task_index": 4,
        "reward": 0.5,
        "reward_components": {"form": 1.0, "content": 0.0},
        "found": [1],
        "explanation": "half",
    }


@pytest.mark.parametrize(
    "outcome",
    [
        Verification(1.0, fields={"found": {1, 2}}),
        Verification(1.0, fields={"found": object()}),
        Verification(1.0, components={"form": "good"}),
    ],
)
def test_fields_that_cannot_be_written_are_an_error_of_the_verifier(outcome: Verification) -> None:
    with pytest.raises(TypeError):
        verified(outcome)


def test_a_component_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(ValueError, match="finite"):
        verified(Verification(1.0, components={"form": math.nan}))


@pytest.mark.parametrize(
    ("weights", "reward"), [({}, 1.5), ({"form": 0.2, "content": 0.8}, 0.6), ({"form": 0}, 0.5), ({"form": -1}, -0.5)]
)
def test_a_reward_that_is_left_out_is_the_weighted_sum_of_the_components(
    weights: dict[str, float], reward: float
) -> None:
    given_back = verified(Verification(components={"form": 1, "content": 0.5}, weights=weights))

    assert given_back["reward"] == pytest.approx(reward)
    assert given_back["reward_components"] == {"form": 1.0, "content": 0.5}


def test_a_weight_of_no_component_is_an_error() -> None:
    with pytest.raises(ValueError, match="weights of a Verification name no component: fomr"):
        verified(Verification(components={"form": 1.0}, weights={"fomr": 2.0}))


def test_a_verification_without_reward_and_components_is_an_error() -> None:
    with pytest.raises(TypeError, match="needs a reward, or components"):
        verified(Verification(explanation="nothing"))


@pytest.mark.parametrize("name", ["reward", "response", "responses_create_params", "reward_components", "explanation"])
def test_a_field_cannot_take_the_place_of_what_the_row_has(name: str) -> None:
    with pytest.raises(ValueError, match=f"cannot be called {name}"):
        verified(Verification(1.0, fields={name: 0}))


def test_verify_may_be_async_and_sees_what_was_asked_and_answered() -> None:
    class Later(Scored):
        async def verify(self, rollout: RolloutView, session: Session) -> float:
            await asyncio.sleep(0)
            return float(rollout.params == {"input": "x"} and rollout.output == [])

    assert verified(None, server_class=Later)["reward"] == 1.0


def test_a_reward_of_another_server_is_checked_the_same_way() -> None:
    assert check_reward(3) == 3.0
    with pytest.raises(TypeError):
        check_reward(None)


# Metrics and configuration


def test_an_environment_adds_metrics_and_chooses_the_key_ones() -> None:
    class Counting(Scored):
        def compute_metrics(self, tasks: list[list[JsonObject]]) -> JsonObject:
            return {"tasks": len(tasks)}

        def get_key_metrics(self, agent_metrics: JsonObject) -> JsonObject:
            return {"tasks": agent_metrics["tasks"]}

    rows = [
        {"reward": reward, "_ng_task_index": task, "_ng_rollout_index": 0} for task, reward in enumerate((0.0, 1.0))
    ]
    found = made(Counting).aggregate_metrics(rows)

    assert found["agent_metrics"]["mean/reward"] == 0.5
    assert found["agent_metrics"]["tasks"] == 2
    assert found["key_metrics"] == {"tasks": 2}
    assert len(found["group_level_metrics"]) == 2


def test_the_time_to_live_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="session_ttl_s"):
        made(Scored, session_ttl_s=0)
