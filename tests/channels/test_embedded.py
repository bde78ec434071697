import asyncio
import logging
from typing import Any

import pytest

from polygym import ResourcesServer, RolloutFailure, RolloutView, Session, tool
from polygym.channels.embedded import EmbeddedAgent, EmbeddedModel, EmbeddedResources, cookie_name
from polygym.fleet.wiring import Wiring
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import FailureClass, Stage
from polygym.protocol.json import JsonObject
from tests.servers.notebook import Notebook, Scribe, Writer, answer, made, row

REFS = {
    "resources_server": {"type": "resources_servers", "name": "notebook"},
    "model_server": {"type": "responses_api_models", "name": "policy"},
}


class Troubled(ResourcesServer):
    """Goes wrong where its configuration says; counts what it opened and closed."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.closings = 0
        self.reached = asyncio.Event()

    async def at(self, place: str) -> None:
        self.reached.set()
        trouble = (self.config.model_extra or {}).get(place)
        if trouble == "hang":
            await asyncio.Event().wait()
        elif trouble is not None:
            raise ValueError(trouble)

    async def seed_session(self, session: Session) -> None:
        await self.at("seed")

    @tool
    async def look(self) -> str:
        await self.at("tool")
        return "nothing"

    async def verify(self, rollout: RolloutView, session: Session) -> float:
        await self.at("verify")
        return 1.0

    async def close_session(self, session: Session) -> None:
        self.closings += 1
        await asyncio.sleep(0)
        await self.at("close")


async def roll(server: Troubled) -> JsonObject:
    """One rollout with a tool call."""
    async with EmbeddedResources(server).open(row("x"), RolloutContext("0-0")) as session:
        await session.call_tool("look", {})
        return await session.verify(answer())


def failure_of(server: Troubled) -> RolloutFailure:
    with pytest.raises(RolloutFailure) as caught:
        asyncio.run(roll(server))
    return caught.value


# Resources


def test_a_rollout_is_seeded_plays_and_is_verified_without_a_copy() -> None:
    async def main() -> None:
        server, context = made(Notebook), RolloutContext("4-2")
        sent, response = row("a b", tools=[], extra={"kept": [1]}), answer()
        async with EmbeddedResources(server).open(sent, context) as session:
            assert session.seed == {"first": "write a b"}
            for word in ("a", "b"):
                await session.call_tool("write", {"text": word})
            verified = await session.verify(response)

        assert verified == {**sent, "response": response, "reward": 1.0, "text": "a b"}
        assert verified["response"] is response and verified["extra"] is sent["extra"]
        assert server.closed == ["4-2"]
        assert {stage: len(times) for stage, times in context.durations_s.items()} == {
            "seed": 1,
            "tool": 2,
            "verify": 1,
        }

    asyncio.run(main())


def test_three_hundred_concurrent_rollouts_keep_their_state_apart() -> None:
    async def one(channel: EmbeddedResources, index: int) -> float:
        words = [f"{index}", f"{index * 7}", "end"]
        async with channel.open(row(" ".join(words)), RolloutContext(f"{index}-0")) as session:
            for word in words:
                await session.call_tool("write", {"text": word})
                await asyncio.sleep(0)
            return (await session.verify(answer()))["reward"]

    async def main() -> None:
        server = made(Notebook)
        channel = EmbeddedResources(server)
        rewards = await asyncio.gather(*(one(channel, index) for index in range(300)))
        assert rewards == [1.0] * 300
        assert sorted(server.closed) == sorted(f"{index}-0" for index in range(300))

    asyncio.run(main())


def test_an_error_in_verify_is_a_verifier_error_that_names_its_place() -> None:
    server = made(Troubled, "env", verify="no such answer")

    failure = failure_of(server)

    assert (failure.failure_class, failure.stage) == (FailureClass.VERIFIER_ERROR, Stage.VERIFY)
    assert failure.message.startswith("env: verify raised ValueError: no such answer (")
    assert "test_embedded.py:" in failure.message
    assert isinstance(failure.__cause__, ValueError)
    assert server.closings == 1


def test_a_reward_that_is_none_is_a_verifier_error() -> None:
    class Careless(Troubled):
        async def verify(self, rollout: RolloutView, session: Session) -> Any:
            return None

    assert "verify must return a number or a Verification, not NoneType" in failure_of(made(Careless)).message


def test_an_error_in_seeding_is_a_seed_error_and_the_session_is_closed() -> None:
    server = made(Troubled, "env", seed="no board")

    failure = failure_of(server)

    assert (failure.failure_class, failure.stage) == (FailureClass.SEED_ERROR, Stage.SEED)
    assert failure.message.startswith("env: seed_session raised ValueError: no board (")
    assert server.closings == 1


def test_a_row_that_does_not_fit_is_a_seed_error_with_the_field_and_no_place_in_our_code() -> None:
    async def main() -> None:
        async with EmbeddedResources(made(Notebook, "env")).open({"expected": 3}, RolloutContext("0-0")):
            raise AssertionError("it must not open")

    with pytest.raises(RolloutFailure) as caught:
        asyncio.run(main())

    assert caught.value.failure_class is FailureClass.SEED_ERROR
    assert caught.value.message == (
        "env: the row does not fit NotebookTask: expected: Input should be a valid string (got 3)"
    )


JUDGE_DOWN = RolloutFailure(FailureClass.MODEL_UNAVAILABLE, Stage.MODEL, "the judge is down", http_status=503)
WORKER_DIED = RolloutFailure(FailureClass.ENVIRONMENT_LOST, Stage.ROLLOUT, "the process died")


@pytest.mark.parametrize("raised", [JUDGE_DOWN, WORKER_DIED], ids=["judge", "process"])
def test_what_fails_behind_the_verifier_is_told_from_the_policys_model(raised: RolloutFailure) -> None:
    class Judged(Troubled):
        async def verify(self, rollout: RolloutView, session: Session) -> float:
            raise raised

    failure = failure_of(made(Judged))

    if raised is WORKER_DIED:
        assert failure is raised
        return
    assert (failure.failure_class, failure.stage) == (FailureClass.VERIFIER_ERROR, Stage.VERIFY)
    assert failure.message == "it, verify: a model other than the policy failed (model_unavailable): the judge is down"
    assert (failure.http_status, failure.__cause__) == (503, raised)


@pytest.mark.parametrize(
    ("failure_class", "seen"),
    [
        (FailureClass.MODEL_UNAVAILABLE, FailureClass.ENVIRONMENT_LOST),
        (FailureClass.MODEL_REJECTED, FailureClass.SEED_ERROR),
    ],
)
def test_a_model_that_fails_while_seeding_is_not_the_policys(failure_class: FailureClass, seen: FailureClass) -> None:
    class Asking(Troubled):
        async def seed_session(self, session: Session) -> None:
            raise RolloutFailure(failure_class, Stage.MODEL, "no first question")

    failure = failure_of(made(Asking))

    assert (failure.failure_class, failure.stage) == (seen, Stage.SEED)


@pytest.mark.parametrize("place", ["seed", "tool", "verify"])
def test_a_cancelled_rollout_closes_its_session_once(place: str) -> None:
    async def main() -> None:
        server = made(Troubled, **{place: "hang"})
        rollout = asyncio.create_task(roll(server))
        await server.reached.wait()
        await asyncio.sleep(0)
        rollout.cancel()
        with pytest.raises(asyncio.CancelledError):
            await rollout
        assert server.closings == 1

    asyncio.run(main())


def test_a_rollout_cancelled_while_it_closes_closes_to_the_end() -> None:
    async def main() -> None:
        server = made(Notebook)
        closing = asyncio.Event()
        may_close = asyncio.Event()

        async def close_session(session: Session) -> None:
            closing.set()
            await may_close.wait()
            server.closed.append(session.rollout_id)

        server.close_session = close_session
        session = EmbeddedResources(server).open(row("x"), RolloutContext("0-0"))
        await session.__aenter__()
        leaving = asyncio.create_task(session.__aexit__(None, None, None))
        await closing.wait()
        leaving.cancel()
        await asyncio.sleep(0)
        may_close.set()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert server.closed == ["0-0"]

    asyncio.run(main())


def test_what_closing_raises_is_logged_and_the_reward_kept(caplog: pytest.LogCaptureFixture) -> None:
    server = made(Troubled, "env", close="stuck")

    with caplog.at_level(logging.WARNING):
        verified = asyncio.run(roll(server))

    assert verified["reward"] == 1.0
    assert "env: close_session raised ValueError: stuck" in caplog.text


def test_what_closing_raises_during_a_cancellation_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        server = made(Troubled, "env", close="stuck")
        session = EmbeddedResources(server).open(row("x"), RolloutContext("0-0"))
        await session.__aenter__()
        leaving = asyncio.create_task(session.__aexit__(None, None, None))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert "env: close_session raised ValueError: stuck" in caplog.text


def test_closing_again_does_nothing() -> None:
    async def main() -> None:
        server = made(Troubled)
        async with EmbeddedResources(server).open(row("x"), RolloutContext("0-0")) as session:
            await session.close()
            await session.close()
        assert server.closings == 1

    asyncio.run(main())


def test_an_outside_caller_without_a_session_gets_one_and_carries_it_on() -> None:
    class Open(Troubled):
        @tool
        def who(self, session: Session) -> str:
            return session.rollout_id

    async def main() -> None:
        channel = EmbeddedResources(made(Open))
        caller = RolloutContext("first")
        async with channel.attach(caller) as session:
            assert (await session.call_tool("who", {})).output == "first"
        later = RolloutContext("second", dict(caller.credentials))
        async with channel.attach(later) as session:
            assert (await session.call_tool("who", {})).output == "first"
        assert channel.server.closings == 0
        await channel.close()
        assert channel.server.closings == 1

    asyncio.run(main())


def test_metrics_that_cannot_be_computed_are_a_failure() -> None:
    class Odd(Troubled):
        def compute_metrics(self, tasks: list[list[JsonObject]]) -> JsonObject:
            raise ZeroDivisionError("no tasks")

    async def main() -> None:
        channel = EmbeddedResources(made(Odd, "env"))
        with pytest.raises(RolloutFailure, match="env: aggregate_metrics raised ZeroDivisionError: no tasks"):
            await channel.aggregate_metrics([{"reward": 1.0, "_ng_task_index": 0}])

    asyncio.run(main())


def test_a_cookies_name_is_made_of_class_and_instance() -> None:
    assert cookie_name(made(Notebook, "my.notebook")) == "Notebook___my.notebook"
    assert cookie_name(made(Notebook, "mein Heft/ü=1")) == "Notebook___mein_Heft___1"


# Models and agents


def test_an_error_in_a_model_server_is_a_bad_response() -> None:
    class Broken(Writer):
        async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
            return params["absent"]

    async def main() -> None:
        context = RolloutContext("0-0")
        for call in (
            EmbeddedModel(made(Broken, "policy")).responses,
            EmbeddedModel(made(Broken, "policy")).chat_completions,
        ):
            with pytest.raises(RolloutFailure, match="policy: model server raised KeyError") as caught:
                await call({"messages": [{"role": "user", "content": "hi"}]}, context)
            assert (caught.value.failure_class, caught.value.stage) == (FailureClass.MODEL_BAD_RESPONSE, Stage.MODEL)
        assert len(context.durations_s["model"]) == 2

    asyncio.run(main())


def wired(agent_class: type[Scribe] = Scribe) -> tuple[EmbeddedAgent, Notebook]:
    wiring, notebook = Wiring(), made(Notebook, "notebook")
    wiring.connect_embedded(notebook)
    wiring.connect_embedded(made(Writer, "policy"))
    return EmbeddedAgent(made(agent_class, "agent", directory=wiring, **REFS)), notebook


def test_an_agent_runs_a_task_through_all_servers() -> None:
    async def main() -> None:
        agent, notebook = wired()
        context = RolloutContext("0-0")
        verified = await agent.run(row("a b c"), context)
        assert verified["reward"] == 1.0
        assert [item["type"] for item in verified["response"]["output"]] == [
            *("function_call", "function_call_output") * 3,
            "message",
        ]
        assert len(context.durations_s["model"]) == 4 and notebook.closed == ["0-0"]

    asyncio.run(main())


def test_an_error_in_an_agent_is_an_agent_error_and_the_session_is_closed() -> None:
    class Lost(Scribe):
        async def act(self, *given: Any) -> JsonObject:
            raise IndexError("no step")

    async def main() -> None:
        agent, notebook = wired(Lost)
        with pytest.raises(RolloutFailure, match="agent: agent raised IndexError: no step") as caught:
            await agent.guarded(agent.run(row("a"), RolloutContext("0-0")))
        assert (caught.value.failure_class, caught.value.stage) == (FailureClass.AGENT_ERROR, Stage.AGENT)
        assert notebook.closed == ["0-0"]

    asyncio.run(main())
