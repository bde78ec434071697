"""A resources server as an MCP server, called with the official client."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import mcp_types
import pytest
from mcp.client import Client
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from polygym import FailureClass, ResourcesServer, RolloutFailure, Session, Stage, ToolContent, input_image, input_text
from polygym.channels.embedded import EmbeddedResources
from polygym.channels.http import HttpResources, HttpServer
from polygym.protocol.calls import RolloutContext
from polygym.protocol.items import function_call
from polygym.protocol.json import JsonObject
from polygym.servers.tools import tool
from tests.channels.callers import Caller, served
from tests.servers.notebook import Notebook, answer, made, row
from tests.servers.shelf import LEND, Shelf

TOKEN = "X-NeMo-Gym-Session-Token"


def exposed(server_class: type[ResourcesServer[Any, Any]] = Notebook, **fields: Any) -> EmbeddedResources:
    return EmbeddedResources(made(server_class, "notebook", expose_tools_over_mcp=True, **fields))


@asynccontextmanager
async def client(url: str, headers: Mapping[str, str | bytes] | None = None) -> AsyncIterator[ClientSession]:
    """The official client, after its handshake."""
    async with (
        httpx2.AsyncClient(headers=headers or {}, timeout=20) as http,
        streamable_http_client(url, http_client=http) as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):
        await session.initialize()
        yield session


@asynccontextmanager
async def opened(caller: Callable[..., Caller], sent: JsonObject) -> AsyncIterator[tuple[Caller, ClientSession]]:
    """A seeded session, and an MCP client for it."""
    plain = caller()
    status, seed = await plain.post("/seed_session", sent)
    assert status == 200, seed
    async with client(plain.url + seed["mcp"]["url_path"], seed["mcp"]["headers"]) as session:
        yield plain, session


def texts(result: Any) -> list[str]:
    return [block.text for block in result.content]


def test_seeding_answers_how_the_tools_are_reached() -> None:
    async def main() -> None:
        async with served(exposed()) as caller:
            _, seed = await caller().post("/seed_session", row("a", tools=[]))
            access = seed.pop("mcp")
            assert seed == {"first": "write a"}
            assert {**access, "headers": list(access["headers"])} == {
                "server_name": "notebook",
                "url_path": "/mcp",
                "transport": "http",
                "headers": [TOKEN],
            }
        async with served(EmbeddedResources(made(Notebook))) as caller:
            plain = caller()
            assert "mcp" not in (await plain.post("/seed_session", row("a")))[1]
            assert (await plain.post("/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}))[0] == 404

    asyncio.run(main())


def test_without_a_token_all_tools_are_listed_and_none_can_be_called() -> None:
    async def main() -> None:
        channel = exposed()
        async with served(channel) as caller, client(caller().url + "/mcp") as session:
            listed = (await session.list_tools()).tools
            assert [found.name for found in listed] == ["write", "read", "erase", "tear"]
            definition = channel.server.tools["write"].definition()
            assert listed[0].description == definition["description"]
            assert listed[0].input_schema == definition["parameters"]
            with pytest.raises(MCPError, match=f"tools/call needs the header {TOKEN}"):
                await session.call_tool("write", {"text": "a"})

    asyncio.run(main())


def test_calls_change_the_state_that_verify_sees() -> None:
    async def main() -> None:
        channel, sent = exposed(), row("a b", _ng_rollout_id="r")
        async with served(channel) as caller, opened(caller, sent) as (plain, session):
            first = await session.call_tool("write", {"text": "a"})
            assert (texts(first), first.structured_content, first.is_error) == (['{"lines":1}'], {"lines": 1}, False)
            assert await plain.post("/write", {"text": "b"}) == (200, {"lines": 2})
            read = await session.call_tool("read", {})
            assert (texts(read), read.structured_content) == (["a b"], None)
            status, verified = await plain.post("/verify", {**sent, "response": answer()})
            assert (status, verified["reward"]) == (200, 1.0)
            assert channel.server.closed == ["r"]

    asyncio.run(main())


def test_what_a_tool_says_no_to_is_a_result_that_the_model_sees() -> None:
    async def main() -> None:
        async with served(exposed()) as caller, opened(caller, row("a")) as (_, session):
            refused = await session.call_tool("erase", {"line": 3})
            assert (refused.is_error, refused.structured_content) == (True, {"error": "there are 0 lines only"})
            wrong = await session.call_tool("write", {"txt": "a"})
            assert wrong.is_error and "text: Field required" in texts(wrong)[0]
            unknown = await session.call_tool("wirte", {})
            assert unknown.is_error and "Meant 'write'?" in texts(unknown)[0]

    asyncio.run(main())


@pytest.mark.parametrize("token", ["", "nonsense", "a.b", "é.ü", "x" * 5000])
def test_a_wrong_token_opens_nothing(token: str) -> None:
    async def main() -> None:
        async with served(exposed()) as caller, client(caller().url + "/mcp", {TOKEN: token.encode()}) as session:
            for call in (session.call_tool("write", {"text": "a"}), session.list_tools()):
                with pytest.raises(MCPError, match="holds no token of this server"):
                    await call

    asyncio.run(main())


def test_a_token_of_another_server_opens_nothing() -> None:
    async def main() -> None:
        async with served(exposed()) as caller, served(exposed()) as other:
            _, seed = await other().post("/seed_session", row("a"))
            async with client(caller().url + "/mcp", seed["mcp"]["headers"]) as session:
                with pytest.raises(MCPError, match="holds no token of this server"):
                    await session.call_tool("write", {"text": "a"})

    asyncio.run(main())


@pytest.mark.parametrize("ending", ["verify", "close", "seed", "expiry"])
def test_a_token_ends_with_its_session(ending: str) -> None:
    async def main() -> None:
        channel = exposed(session_ttl_s=0.01 if ending == "expiry" else 60)
        async with served(channel) as caller, opened(caller, row("a")) as (plain, session):
            if ending == "verify":
                await plain.post("/verify", {**row("a"), "response": answer()})
            elif ending == "close":
                await plain.post("/close_session", {})
            elif ending == "seed":
                await plain.post("/seed_session", row("a"))
            async with asyncio.timeout(10):
                while not channel.server.closed:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            with pytest.raises(MCPError, match="the session has ended; seed a new one"):
                await session.call_tool("write", {"text": "a"})

    asyncio.run(main())


def test_a_session_does_not_expire_during_a_call() -> None:
    class Slow(Notebook):
        @tool
        async def think(self) -> str:
            await asyncio.sleep(1.2)
            return "thought"

    async def main() -> None:
        channel = exposed(Slow, session_ttl_s=1.0)
        async with served(channel) as caller, opened(caller, row("a")) as (_, session):
            assert texts(await session.call_tool("think", {})) == ["thought"]
            assert channel.server.closed == []

    asyncio.run(main())


def test_clients_of_the_newest_protocol_version_are_served_too() -> None:
    async def main() -> None:
        channel = exposed()
        async with served(channel) as caller:
            _, seed = await caller().post("/seed_session", row("a"))
            async with httpx2.AsyncClient(headers=seed["mcp"]["headers"], timeout=20) as http:
                transport = streamable_http_client(caller().url + "/mcp", http_client=http)
                async with Client(transport) as newest:
                    assert newest.protocol_version in MODERN_PROTOCOL_VERSIONS
                    assert "write" in [found.name for found in (await newest.list_tools()).tools]
                    written = await newest.call_tool("write", {"text": "a"})
                    assert written.structured_content == {"lines": 1}

    asyncio.run(main())


def test_only_the_tools_of_the_task_are_listed_and_called() -> None:
    async def main() -> None:
        tasks = {"methods": ["count"], "catalogue": [LEND, {"name": "ring"}]}
        sent = {"responses_create_params": {"input": "x"}, **tasks}
        async with served(exposed(Shelf)) as caller, opened(caller, sent) as (plain, session):
            listed = (await session.list_tools()).tools
            assert [found.name for found in listed] == ["count", "lend", "ring"]
            assert listed[1].input_schema == LEND["parameters"]
            lent = await session.call_tool("lend", {"book": "Emma"})
            assert lent.structured_content == {"done": "lend", "book": "Emma"}
            refused = await session.call_tool("dust", {"shelf": 1})
            assert refused.is_error and "There is no tool 'dust'" in texts(refused)[0]
            verified = (await plain.post("/verify", {**sent, "response": answer()}))[1]
            assert verified["reward"] == 1.0

    asyncio.run(main())


def test_concurrent_sessions_do_not_see_each_other() -> None:
    async def one(caller: Callable[..., Caller], number: int) -> float:
        words = [str(number), str(number * 7)]
        async with opened(caller, row(" ".join(words))) as (plain, session):
            for word in words:
                await session.call_tool("write", {"text": word})
            body = {**row(" ".join(words)), "response": answer()}
            reward: float = (await plain.post("/verify", body))[1]["reward"]
            return reward

    async def main() -> None:
        async with served(exposed()) as caller:
            assert await asyncio.gather(*(one(caller, number) for number in range(40))) == [1.0] * 40

    asyncio.run(main())


def test_a_session_of_this_process_is_called_over_mcp_until_it_is_closed() -> None:
    async def main() -> None:
        channel = exposed()
        async with served(channel) as caller, channel.open(row("a"), RolloutContext("0-0")) as session:
            access = session.seed["mcp"]
            async with client(caller().url + access["url_path"], access["headers"]) as agent:
                await agent.call_tool("write", {"text": "a"})
                assert (await session.verify(answer()))["reward"] == 1.0
                await session.close()
                with pytest.raises(MCPError, match="the session has ended"):
                    await agent.call_tool("write", {"text": "a"})

    asyncio.run(main())


def test_the_address_is_told_by_who_knows_it() -> None:
    async def main() -> None:
        channel = EmbeddedResources(made(Notebook, "note book", expose_tools_over_mcp=True), "http://127.0.0.1:9")
        async with channel.open(row("a"), RolloutContext("0-0")) as session:
            assert session.seed["mcp"]["url"] == "http://127.0.0.1:9/mcp"
            assert session.seed["mcp"]["server_name"] == "note_book"
        async with served(exposed()) as caller:
            connection = HttpServer("notebook", caller().url)
            async with HttpResources(connection).open(row("a"), RolloutContext("0-0")) as remote:
                assert remote.seed["mcp"]["url"] == caller().url + "/mcp"
                async with client(remote.seed["mcp"]["url"], remote.seed["mcp"]["headers"]) as agent:
                    await agent.call_tool("write", {"text": "a"})
                assert (await remote.verify(answer()))["reward"] == 1.0
            await connection.close()

    asyncio.run(main())


def test_verify_sees_tool_calls_under_the_names_that_the_server_knows() -> None:
    def called(name: str) -> JsonObject:
        return function_call(name, "{}", call_id="c", item_id="fc")

    given = answer(called("mcp__notebook__write"), called("mcp__other__write"), called("read"))

    async def main() -> None:
        channel = exposed()
        async with served(channel) as caller:
            plain = caller()
            _, over_http = await plain.post("/verify", {**row("a"), "response": given})
        async with channel.open(row("a"), RolloutContext("0-0")) as session:
            embedded = await session.verify(given)
        for verified in (over_http, embedded):
            names = [item["name"] for item in verified["response"]["output"]]
            assert names == ["write", "mcp__other__write", "read"]
        assert given["output"][0]["name"] == "mcp__notebook__write"

    asyncio.run(main())


class Judged(Notebook):
    """Its judge is down for some calls."""

    remaining = 1

    @tool
    def judge(self, session: Session[Any, Any]) -> str:
        if self.remaining:
            self.remaining -= 1
            raise RolloutFailure(FailureClass.MODEL_UNAVAILABLE, Stage.MODEL, "the judge is down")
        return "fine"


def test_another_servers_failure_comes_up_in_verify_unless_it_was_made_good() -> None:
    async def main() -> None:
        channel = exposed(Judged)
        async with served(channel) as caller:
            async with opened(caller, row("")) as (plain, session):
                with pytest.raises(MCPError, match="the judge is down"):
                    await session.call_tool("judge", {})
                status, failed = await plain.post("/verify", {**row(""), "response": answer()})
                assert status >= 400 and "the judge is down" in failed["_ng_failure_message"]
            channel.server.remaining = 1
            async with opened(caller, row("")) as (plain, session):
                with pytest.raises(MCPError, match="the judge is down"):
                    await session.call_tool("judge", {})
                assert texts(await session.call_tool("judge", {})) == ["fine"]
                assert (await plain.post("/verify", {**row(""), "response": answer()}))[1]["reward"] == 1.0

    asyncio.run(main())


def test_images_are_shown_as_images() -> None:
    class Board(Notebook):
        @tool
        def look(self) -> ToolContent:
            return ToolContent([input_text("board"), input_image(b"\x89PNG"), input_image("https://a.b/c.png")])

    async def main() -> None:
        async with served(exposed(Board)) as caller, opened(caller, row("a")) as (_, session):
            text, image, link = (await session.call_tool("look", {})).content
            assert isinstance(image, mcp_types.ImageContent)
            assert (text.text, image.mime_type, image.data, link.text) == (
                "board",
                "image/png",
                "iVBORw==",
                "https://a.b/c.png",
            )

    asyncio.run(main())


def test_large_arguments_and_results_travel() -> None:
    async def main() -> None:
        async with served(exposed()) as caller, opened(caller, row("a")) as (_, session):
            text = "ü" * (4 << 20)
            await session.call_tool("write", {"text": text})
            assert texts(await session.call_tool("read", {})) == [text]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "status"), [(b"{not json", 400), (b"[]", 400), (b'{"jsonrpc": "2.0", "method": 3, "id": 1}', 400)]
)
def test_what_is_no_message_is_refused(body: bytes, status: int) -> None:
    async def main() -> None:
        async with served(exposed()) as caller:
            plain = caller()
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            async with plain.session.post(plain.url + "/mcp", data=body, headers=headers) as response:
                assert (response.status, response.content_type) == (status, "application/json")
                assert "error" in await response.json()
            assert (await plain.send("GET", "/mcp"))[0] == 405

    asyncio.run(main())


def test_seeding_cannot_answer_mcp_itself() -> None:
    class Own(Notebook):
        def seed_session(self, session: Session[Any, Any]) -> JsonObject:
            return {"mcp": "mine"}

    async def main() -> None:
        channel = exposed(Own)
        async with served(channel) as caller:
            status, failed = await caller().post("/seed_session", row("a", _ng_rollout_id="r"))
            assert status == 500 and "seed_session must not return 'mcp'" in failed["_ng_failure_message"]
            assert channel.server.closed == ["r"]

    asyncio.run(main())
