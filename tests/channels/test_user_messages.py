"""The environment's simulated user, asked through each channel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from polygym import RolloutView, Session, blocking
from polygym.channels.embedded import EmbeddedResources
from polygym.channels.http import HttpResources
from polygym.protocol.calls import ResourcesSession, RolloutContext
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.protocol.json import JsonObject
from tests.channels.callers import served
from tests.channels.test_http import always, answering, behind_http
from tests.servers.notebook import Notebook, answer, made, row

SAID = {"type": "message", "role": "assistant", "content": "what next?"}


class Dictating(Notebook):
    """Its user dictates what the row expects, word by word, with an answer between."""

    async def next_user_message(self, rollout: RolloutView, session: Session[Any, Any]) -> Any:
        words = f"{rollout.params['input']} {session.task.expected}".split()
        return words[len(rollout.messages)] if len(rollout.messages) < len(words) else None


class Failing(Notebook):
    """Its user's model fails."""

    def next_user_message(self, rollout: RolloutView, session: Session[Any, Any]) -> Any:
        raise RolloutFailure(FailureClass(session.task.expected), Stage.MODEL, "nobody there")


class Broken(Notebook):
    """Its user raises, or says what is no text."""

    @blocking
    def next_user_message(self, rollout: RolloutView, session: Session[Any, Any]) -> Any:
        return [1] if session.task.expected == "number" else {}["user"]


@asynccontextmanager
async def opened(
    server: Notebook, sent: JsonObject, over_http: bool, context: RolloutContext | None = None
) -> AsyncIterator[ResourcesSession]:
    channel = EmbeddedResources(server)
    own = context or RolloutContext("0-0")
    if over_http:
        async with behind_http(channel) as connection, HttpResources(connection).open(sent, own) as session:
            yield session
    else:
        async with channel.open(sent, own) as embedded:
            yield embedded


async def failure_of(session: ResourcesSession) -> tuple[FailureClass, Stage, str]:
    with pytest.raises(RolloutFailure) as caught:
        await session.next_user_message(answer())
    return caught.value.failure_class, caught.value.stage, caught.value.message


@pytest.mark.parametrize("over_http", [False, True])
def test_the_user_hears_the_rollout_so_far_and_ends_it(over_http: bool) -> None:
    async def main() -> None:
        context = RolloutContext("0-0")
        async with opened(made(Dictating), row("a b", "go"), over_http, context) as session:
            said = [await session.next_user_message(answer(*[SAID] * count)) for count in range(4)]
        assert said == ["go", "a", "b", None]
        assert len(context.durations_s["user"]) == 4

    asyncio.run(main())


@pytest.mark.parametrize("over_http", [False, True])
def test_an_environment_without_a_user_ends_the_conversation(over_http: bool) -> None:
    async def main() -> None:
        async with opened(made(Notebook), row("a"), over_http) as session:
            assert await session.next_user_message(answer()) is None

    asyncio.run(main())


@pytest.mark.parametrize("over_http", [False, True])
@pytest.mark.parametrize(
    ("raised", "seen"), [("model_unavailable", "environment_lost"), ("model_rejected", "user_error")]
)
def test_a_user_whose_model_fails_is_no_failure_of_the_policy(raised: str, seen: str, over_http: bool) -> None:
    async def main() -> None:
        async with opened(made(Failing), row(raised), over_http) as session:
            failure_class, stage, message = await failure_of(session)
        assert (failure_class, stage) == (seen, "user")
        assert message == f"it, user: a model other than the policy failed ({raised}): nobody there"

    asyncio.run(main())


@pytest.mark.parametrize("over_http", [False, True])
@pytest.mark.parametrize(
    ("kind", "said"), [("key", "next_user_message raised KeyError"), ("number", "must return a str or None, not list")]
)
def test_a_user_that_raises_or_says_no_text_fails_the_rollout(kind: str, said: str, over_http: bool) -> None:
    async def main() -> None:
        async with opened(made(Broken), row(kind), over_http) as session:
            failure_class, stage, message = await failure_of(session)
        assert (failure_class, stage) == (FailureClass.USER_ERROR, Stage.USER)
        assert said in message

    asyncio.run(main())


@pytest.mark.parametrize("over_http", [False, True])
def test_a_user_that_takes_too_long_is_a_timeout_of_its_stage(over_http: bool) -> None:
    class Hanging(Notebook):
        async def next_user_message(self, rollout: RolloutView, session: Session[Any, Any]) -> str | None:
            await asyncio.Event().wait()
            return None

    async def main() -> None:
        context = RolloutContext("0-0", limits_s={"user": 0.01})
        async with opened(made(Hanging), row("a"), over_http, context) as session:
            assert (await failure_of(session))[:2] == (FailureClass.TIMEOUT, Stage.USER)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("handlers", "said"),
    [
        ({}, "/next_user_message answered 404"),
        ({"next_user_message": always({"content": 5})}, "answered {'content': 5}, no text"),
        ({"next_user_message": always({"detail": "no"}, 500)}, "answered 500"),
    ],
)
def test_a_server_of_another_make_that_has_no_user_fails_the_rollout(handlers: dict[str, Any], said: str) -> None:
    async def main() -> None:
        others = answering(seed_session=always({}), close_session=always({}), **handlers)
        async with others as connection, HttpResources(connection).open(row("a"), RolloutContext("0-0")) as session:
            failure_class, stage, message = await failure_of(session)
        assert (failure_class, stage) == (FailureClass.USER_ERROR, Stage.USER)
        assert said in message

    asyncio.run(main())


def test_an_outside_caller_asks_for_the_user_with_its_cookie() -> None:
    async def main() -> None:
        async with served(EmbeddedResources(made(Dictating))) as caller:
            client = caller()
            await client.post("/seed_session", row("a", "go"))
            assert await client.post("/next_user_message", {"response": answer()}) == (200, {"content": "go"})
            assert await client.post("/next_user_message", {"response": answer(SAID)}) == (200, {"content": "a"})
            ended = answer(SAID, SAID)
            assert await client.post("/next_user_message", {"response": ended}) == (200, {"content": None})
            status, refused = await client.post("/next_user_message", {})
            assert (status, refused["detail"][0]["loc"]) == (422, ["body", "response"])

    asyncio.run(main())
