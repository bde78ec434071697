"""A tool that shows an image, over every channel, up to what the model gets."""

import asyncio
import json
from typing import Any

import pytest

from polygym import ResourcesServer, RolloutView, Session, ToolContent, input_image, input_text, tool
from polygym.channels.embedded import EmbeddedResources
from polygym.channels.http import HttpResources, HttpServer
from polygym.protocol.calls import Resources, RolloutContext
from polygym.protocol.chat import responses_params_to_chat
from polygym.protocol.items import function_call, function_call_output
from tests.channels.callers import served
from tests.servers.notebook import made

PARTS = [input_text("the board:"), input_image(b"\x89PNG", "image/png")]


class Board(ResourcesServer):
    @tool
    def look(self) -> ToolContent:
        """Look at the board."""
        return ToolContent(PARTS)

    def verify(self, rollout: RolloutView, session: Session) -> float:
        return 1.0


@pytest.mark.parametrize("kind", ["embedded", "http"])
def test_content_parts_arrive_as_parts(kind: str) -> None:
    async def look(resources: Resources) -> Any:
        async with resources.open({"responses_create_params": {"input": "x"}}, RolloutContext("0-0")) as session:
            return await session.call_tool("look", {})

    async def main() -> None:
        embedded = EmbeddedResources(made(Board))
        async with served(embedded) as caller:
            connection = HttpServer("it", caller().url)
            shown = await look(embedded if kind == "embedded" else HttpResources(connection))
            await connection.close()
        assert (shown.output, shown.is_error) == ("the board:", False)
        assert shown.for_model() == PARTS

    asyncio.run(main())


def test_other_implementations_see_the_parts_as_json() -> None:
    async def main() -> None:
        async with served(EmbeddedResources(made(Board))) as caller:
            client = caller()
            await client.post("/seed_session", {})
            status, body, kind = await client.send("POST", "/look", {})
            assert (status, json.loads(body), kind) == (200, PARTS, "application/json")

    asyncio.run(main())


def test_the_model_gets_the_image_in_either_dialect() -> None:
    asked = [
        {"role": "user", "content": "look"},
        function_call("look", "{}", call_id="c1", item_id="fc_1"),
        function_call_output("c1", PARTS),
    ]

    shown = responses_params_to_chat({"input": asked})["messages"][-1]

    assert shown["role"] == "tool" and shown["content"][0] == {"type": "text", "text": "the board:"}
    assert shown["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
