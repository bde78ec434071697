import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from polygym import AgentServer, Session
from polygym.channels.embedded import EmbeddedAgent
from polygym.fleet.ports import bind_in_range
from polygym.fleet.serving import edge_of_channel, serve
from polygym.fleet.wiring import Wiring
from polygym.protocol.json import JsonObject
from tests.channels.callers import served
from tests.servers.notebook import Notebook, Scribe, Writer, answer, made, row

COOKIE = "Notebook___notebook"
REFS = {
    "resources_server": {"type": "resources_servers", "name": "notebook"},
    "model_server": {"type": "responses_api_models", "name": "policy"},
}


@asynccontextmanager
async def served_agent(agent_class: type[AgentServer] = Scribe) -> AsyncIterator[tuple[Any, Notebook, Wiring]]:
    wiring, server = Wiring(), made(Notebook, "notebook")
    wiring.connect_embedded(server)
    wiring.connect_embedded(made(Writer, "policy"))
    agent = EmbeddedAgent(made(agent_class, "agent", directory=wiring, **REFS))
    async with served(agent) as caller:
        yield caller, server, wiring
    await wiring.close_sessions()


def test_run_answers_the_verified_row_with_all_its_keys() -> None:
    async def main() -> None:
        async with served_agent() as (caller, server, _):
            sent = row(
                "a b",
                tools=[],
                _ng_task_index=0,
                _ng_rollout_index=2,
                agent_ref={"name": "agent"},
                anything=[{"x": None}],
            )
            status, verified = await caller().post("/run", sent)
            assert status == 200
            assert len(verified.pop("response")["output"]) == 5
            assert verified == {**sent, "reward": 1.0, "text": "a b"}
            assert server.closed == ["0-2"]

    asyncio.run(main())


def test_concurrent_runs_with_one_cookie_jar_do_not_mix_their_sessions() -> None:
    async def main() -> None:
        async with served_agent() as (caller, server, _):
            client = caller()
            client.cookies = {COOKIE: "of-somebody", "Scribe___agent": "shared"}
            answers = await asyncio.gather(*(client.post("/run", row(f"{index} {index * 3}")) for index in range(40)))
            assert [verified["reward"] for _, verified in answers] == [1.0] * 40
            assert len(server.closed) == 40

    asyncio.run(main())


def test_a_run_that_fails_says_how_with_a_status_and_both_forms_of_the_error() -> None:
    class Stuck(Scribe):
        async def act(self, *given: Any) -> JsonObject:
            raise RuntimeError("no way on")

    async def main() -> None:
        async with served_agent(Stuck) as (caller, server, _):
            status, failed = await caller().post("/run", row("a"))
            assert status == 500
            assert failed["error"]["type"] == failed["_ng_failure_class"] == "agent_error"
            assert failed["_ng_failure_stage"] == "agent"
            assert "RuntimeError: no way on" in failed["error"]["message"]
            assert "reward" not in failed and len(server.closed) == 1
            assert (await caller().post("/run", {"expected": "a"}))[0] == 422
            status, failed = await caller().post("/run", {"responses_create_params": {"input": "a"}})
            assert (status, failed["_ng_failure_class"]) == (500, "seed_error")

    asyncio.run(main())


def test_a_caller_that_hangs_up_cancels_its_run() -> None:
    acting, closed = asyncio.Event(), asyncio.Event()

    class Slow(Scribe):
        async def act(self, *given: Any) -> JsonObject:
            acting.set()
            await asyncio.Event().wait()
            raise AssertionError("it never ends")

    async def main() -> None:
        wiring, server = Wiring(), made(Notebook, "notebook")

        async def close_session(session: Session[Any, Any]) -> None:
            closed.set()

        server.close_session = close_session
        wiring.connect_embedded(server)
        bound = bind_in_range("127.0.0.1", 20001, 30000, (), "test")
        edge = edge_of_channel(EmbeddedAgent(made(Slow, "agent", directory=wiring, **REFS)))
        async with await serve(edge, bound), aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{bound.getsockname()[1]}/run"
            call = asyncio.create_task(session.post(url, json=row("a")))
            await acting.wait()
            call.cancel()
            await closed.wait()

    asyncio.run(main())


def test_responses_carry_on_the_session_that_the_caller_seeded() -> None:
    async def main() -> None:
        async with (
            served_agent() as (caller, _, wiring),
            served(wiring.resources_servers["notebook"]) as resources,
        ):
            environment = resources()
            await environment.post("/seed_session", row("a b c"))
            await environment.post("/write", {"text": "a"})
            agent = caller()
            agent.cookies = {**environment.cookies, "Other___server": "kept"}

            status, response = await agent.post("/v1/responses", {"input": "b c"})

            assert status == 200 and len(response["output"]) == 5
            assert agent.cookies == {**environment.cookies, "Other___server": "kept"}
            verified = (await environment.post("/verify", {**row("a b c"), "response": response}))[1]
            assert verified["reward"] == 1.0

    asyncio.run(main())


def test_responses_hand_back_the_session_that_they_opened() -> None:
    class Free(Notebook):
        def seed_session(self, session: Session[Any, Any]) -> JsonObject:
            return {}

        def task_of(self, sent: JsonObject) -> Any:
            return super().task_of({"expected": "a b", **sent})

    async def main() -> None:
        wiring = Wiring()
        wiring.connect_embedded(made(Free, "notebook"))
        wiring.connect_embedded(made(Writer, "policy"))
        async with served(EmbeddedAgent(made(Scribe, "agent", directory=wiring, **REFS))) as caller:
            client = caller()
            await client.post("/v1/responses", {"input": "a"})
            assert list(client.cookies) == ["Free___notebook"]
            await client.post("/v1/responses", {"input": "b"})
        async with served(wiring.resources_servers["notebook"]) as resources:
            environment = resources()
            environment.cookies = client.cookies
            verified = (await environment.post("/verify", {**row("a b"), "response": answer()}))[1]
            assert verified["reward"] == 1.0

    asyncio.run(main())
