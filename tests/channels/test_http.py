import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from polygym import RolloutFailure, RolloutView, Session, tool
from polygym.channels.answers import json_response
from polygym.channels.embedded import EmbeddedModel, EmbeddedResources
from polygym.channels.http import HttpAgent, HttpModel, HttpResources, HttpServer
from polygym.channels.routing import Endpoints
from polygym.fleet.serving import edge_of_channel
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import FailureClass, Stage
from polygym.protocol.json import JsonObject
from tests.channels.callers import at_url
from tests.servers.notebook import Notebook, Writer, answer, made, row

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[HttpServer]:
    connection = HttpServer("env", url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def behind_http(channel: EmbeddedResources | EmbeddedModel) -> AsyncIterator[HttpServer]:
    """A connection to a server of this process through its HTTP edge."""
    async with at_url(edge_of_channel(channel)) as url, connected(url) as connection:
        yield connection
    if isinstance(channel, EmbeddedResources):
        await channel.close()


@asynccontextmanager
async def answering(**handlers: Answering) -> AsyncIterator[HttpServer]:
    """A connection to a server of another make that answers POSTs by path (`_` for `/`)."""
    app = web.Application()
    for path, handler in handlers.items():
        app.router.add_post("/" + path.replace("_V1_", "v1/"), handler)
    async with TestServer(app) as server, connected(str(server.make_url(""))) as connection:
        yield connection


def always(value: Any, status: int = 200) -> Answering:
    async def handler(request: web.Request) -> web.StreamResponse:
        return json_response(value, status)

    return handler


# Our own servers


def test_a_rollout_over_http_gives_what_it_gives_embedded() -> None:
    calls: list[tuple[str, JsonObject]] = [
        ("write", {"text": "a"}),
        ("read", {}),
        ("erase", {"line": 7}),
        ("erase", {"line": "x"}),
        ("tear", {}),
        ("wirte", {}),
        ("write", {"text": 'ü\n"b'}),
    ]

    async def play(channel: Any) -> tuple[Any, ...]:
        context = RolloutContext("1-2")
        async with channel.open(row('a ü\n"b', kept={"x": [None]}, _ng_rollout_id="1-2"), context) as session:
            results = [tuple(await session.call_tool(name, arguments)) for name, arguments in calls]
            verified = await session.verify({**answer(), "id": "resp", "created_at": 0})
        stages = {stage: len(times) for stage, times in context.durations_s.items()}
        return session.seed, results, verified, stages

    async def main() -> None:
        server = made(Notebook, "env")
        embedded = await play(EmbeddedResources(server))
        async with behind_http(EmbeddedResources(server)) as connection:
            over_http = await play(HttpResources(connection))
        assert over_http == embedded
        assert server.closed == ["1-2", "1-2"]

    asyncio.run(main())


def test_sessions_over_http_are_kept_apart() -> None:
    async def one(channel: HttpResources, index: int) -> float:
        words = [str(index), str(3 * index)]
        async with channel.open(row(" ".join(words)), RolloutContext(f"{index}-0")) as session:
            for word in words:
                await session.call_tool("write", {"text": word})
            return (await session.verify(answer()))["reward"]

    async def main() -> None:
        server = made(Notebook, "env")
        async with behind_http(EmbeddedResources(server)) as connection:
            channel = HttpResources(connection)
            assert await asyncio.gather(*(one(channel, index) for index in range(100))) == [1.0] * 100
        assert len(server.closed) == 100

    asyncio.run(main())


def test_failures_arrive_as_the_server_named_them() -> None:
    class Judged(Notebook):
        @tool
        def judge(self) -> str:
            raise RolloutFailure(FailureClass.MODEL_RATE_LIMITED, Stage.MODEL, "slow down", retry_after_s=2.5)

        def verify(self, rollout: RolloutView, session: Session[Any, Any]) -> Any:
            return float("nan")

    async def main() -> None:
        server = made(Judged, "env")
        async with behind_http(EmbeddedResources(server)) as connection:
            channel = HttpResources(connection)
            with pytest.raises(RolloutFailure, match="expected: Field required") as caught:
                async with channel.open({}, RolloutContext("0-0")):
                    pass
            assert (caught.value.failure_class, caught.value.stage) == (FailureClass.SEED_ERROR, Stage.SEED)

            with pytest.raises(RolloutFailure, match="slow down") as caught:
                async with channel.open(row("a"), RolloutContext("0-0")) as session:
                    await session.call_tool("judge", {})
            assert (caught.value.failure_class, caught.value.stage) == (FailureClass.ENVIRONMENT_LOST, Stage.TOOL)
            assert caught.value.retry_after_s == 2.5
            assert len(server.closed) == 1

            with pytest.raises(RolloutFailure, match="a reward must be finite") as caught:
                async with channel.open(row("a"), RolloutContext("0-0")) as session:
                    await session.verify(answer())
            assert (caught.value.failure_class, caught.value.stage) == (FailureClass.VERIFIER_ERROR, Stage.VERIFY)
            assert len(server.closed) == 2

    asyncio.run(main())


def test_a_rollout_that_is_cancelled_releases_its_session_at_the_server() -> None:
    async def main() -> None:
        server = made(Notebook, "env")
        async with behind_http(EmbeddedResources(server)) as connection:
            seeded = asyncio.Event()

            async def rollout() -> None:
                async with HttpResources(connection).open(row("a"), RolloutContext("0-0")):
                    seeded.set()
                    await asyncio.Event().wait()

            task = asyncio.create_task(rollout())
            await seeded.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(server.closed) == 1

    asyncio.run(main())


def test_a_model_server_answers_in_both_dialects_and_our_callers_need_no_cookie() -> None:
    async def main() -> None:
        async with behind_http(EmbeddedModel(made(Writer, "policy"))) as connection:
            model, context = HttpModel(connection), RolloutContext("0-0")
            response = await model.responses({"input": "a"}, context)
            assert response["output"][0]["name"] == "write"
            completion = await model.chat_completions({"messages": [{"role": "user", "content": "a"}]}, context)
            assert completion["choices"][0]["message"]["tool_calls"]
            assert context.credentials == {}
            assert len(context.durations_s["model"]) == 2

    asyncio.run(main())


# Servers of another make


def test_any_answer_of_a_tool_is_what_the_model_sees() -> None:
    async def main() -> None:
        async def plain(request: web.Request) -> web.StreamResponse:
            return web.Response(text="sunny", status=200)

        async with (
            answering(
                seed_session=always({}), weather=plain, broken=always("KeyError('x')", 500), close_session=always({})
            ) as server,
            HttpResources(server).open(row("a"), RolloutContext("0-0")) as session,
        ):
            assert (await session.call_tool("weather", {}))[:2] == ("sunny", False)
            assert (await session.call_tool("broken", {}))[:2] == ("\"KeyError('x')\"", True)

    asyncio.run(main())


@pytest.mark.parametrize("name", ["verify", "seed_session", "close_session", "aggregate_metrics", ""])
def test_a_model_cannot_reach_another_endpoint_by_calling_it_a_tool(name: str) -> None:
    async def main() -> None:
        reached = []

        async def any_post(request: web.BaseRequest) -> web.StreamResponse:
            reached.append(request.path)
            return json_response({"reward": 1.0})

        endpoints = Endpoints()
        endpoints.otherwise = any_post
        async with (
            at_url(endpoints) as url,
            connected(url) as connection,
            HttpResources(connection).open(row("a"), RolloutContext("0-0")) as session,
        ):
            result = await session.call_tool(name, {"response": {}})
        assert result.is_error and "There is no tool" in result.output
        assert reached == ["/seed_session", "/close_session"]

    asyncio.run(main())


def test_a_tools_name_stays_one_piece_of_the_path() -> None:
    async def main() -> None:
        async with (
            behind_http(EmbeddedResources(made(Notebook, "env"))) as connection,
            HttpResources(connection).open(row("a"), RolloutContext("0-0")) as session,
        ):
            for name in ("../verify", "x/../verify", "verify?", "verify#", "a b"):
                result = await session.call_tool(name, {"response": answer()})
                assert result.is_error and "reward" not in result.output, name

    asyncio.run(main())


@pytest.mark.parametrize("reward", [None, "1.0", {}])
def test_a_verify_without_a_number_as_reward_is_a_verifier_error(reward: Any) -> None:
    async def main() -> None:
        async with answering(seed_session=always({}), verify=always({"reward": reward})) as server:
            with pytest.raises(RolloutFailure, match="gave no reward") as caught:
                async with HttpResources(server).open(row("a"), RolloutContext("0-0")) as session:
                    await session.verify(answer())
            assert caught.value.failure_class is FailureClass.VERIFIER_ERROR

    asyncio.run(main())


@pytest.mark.parametrize(
    ("handler", "excerpt"),
    [
        (always("ValueError('no reward')", 500), "answered 500: ValueError('no reward')"),
        (always({"detail": [{"loc": ["body"]}]}, 422), 'answered 422: {"detail":[{"loc":["body"]}]}'),
        (always([1]), "answered 200: [1]"),
        (always("x" * 1000, 500), "…"),
    ],
)
def test_an_answer_that_is_no_object_is_quoted_in_the_failure(handler: Answering, excerpt: str) -> None:
    async def main() -> None:
        async with answering(seed_session=always({}), verify=handler, close_session=always({})) as server:
            with pytest.raises(RolloutFailure) as caught:
                async with HttpResources(server).open(row("a"), RolloutContext("0-0")) as session:
                    await session.verify(answer())
            assert caught.value.failure_class is FailureClass.VERIFIER_ERROR
            assert excerpt in caught.value.message and len(caught.value.message) < 600

    asyncio.run(main())


def test_a_failure_of_a_class_we_do_not_know_keeps_its_name() -> None:
    async def main() -> None:
        verdict = {"reward": 0.0, "_ng_failure_class": "judge_failed", "_ng_failure_judge_error": "empty"}
        async with answering(run=always(verdict)) as server:
            with pytest.raises(RolloutFailure, match="judge_failed") as caught:
                await HttpAgent(server).run(row("a"), RolloutContext("0-0"))
            assert caught.value.failure_class is FailureClass.AGENT_ERROR

    asyncio.run(main())


def test_cookies_go_back_as_they_came_and_a_run_sends_none() -> None:
    seen: list[dict[str, str]] = []
    signed = "eyJzZXNzaW9uX2lkIjogImEifQ==.Zx-1.a_b/c+d="

    async def seed(request: web.Request) -> web.StreamResponse:
        response = json_response({})
        response.headers.add("Set-Cookie", f"Env___env={signed}; path=/; Max-Age=1209600; httponly; samesite=lax")
        response.headers.add("Set-Cookie", 'quoted="a b"; path=/')
        return response

    async def look(request: web.Request) -> web.StreamResponse:
        seen.append(
            {name: morsel.coded_value for name, morsel in SimpleCookie(request.headers.get("Cookie", "")).items()}
        )
        return json_response({})

    async def main() -> None:
        async with answering(seed_session=seed, look=look, run=look, close_session=always({})) as server:
            context = RolloutContext("0-0")
            async with HttpResources(server).open(row("a"), context) as session:
                await session.call_tool("look", {})
            assert seen == [{"Env___env": signed, "quoted": '"a b"'}]
            await HttpAgent(server).run(row("a"), context)
            assert seen[1] == {}

    asyncio.run(main())


def test_a_redirect_is_not_followed() -> None:
    async def moved(request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async def main() -> None:
        async with answering(seed_session=moved, elsewhere=always({})) as server:
            with pytest.raises(RolloutFailure, match="answered 307"):
                async with HttpResources(server).open(row("a"), RolloutContext("0-0")):
                    pass

    asyncio.run(main())


def test_large_rows_travel() -> None:
    async def main() -> None:
        async with behind_http(EmbeddedResources(made(Notebook, "env"))) as connection:
            sent = row("", image="x" * (3 << 20))
            async with HttpResources(connection).open(sent, RolloutContext("0-0")) as session:
                assert (await session.verify(answer()))["image"] == sent["image"]

    asyncio.run(main())
