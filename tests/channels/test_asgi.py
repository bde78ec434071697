"""Servers that are ASGI applications: called without a socket, served on one, made ready and let go."""

import asyncio
from typing import ClassVar

import aiohttp
import pytest
from aiohttp.test_utils import RawTestServer

from polygym.channels.asgi_edge import AsgiEdge
from polygym.fleet.wiring import Wiring
from polygym.protocol.calls import ModelServerRef, RolloutContext, ServerType
from polygym.protocol.failures import FailureClass, RolloutFailure
from polygym.protocol.json import dumps, loads
from polygym.servers.asgi import AsgiApp, AsgiServer, Message, Receive, Scope, Send
from tests.servers.notebook import made


class Policy(AsgiServer):
    """Answers in two pieces, with a cookie that counts the calls of a session; breaks when it is asked to."""

    server_type: ClassVar[ServerType] = "responses_api_models"
    is_willing = True
    has_lifespan = True

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.lived: list[str] = []

    def app(self) -> AsgiApp:
        return self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        cookies = dict(scope["headers"]).get(b"cookie", b"calls=0")
        calls = int(cookies.partition(b"=")[2]) + 1
        body = loads((await receive())["body"])
        if body.get("input") == "break":
            raise RuntimeError("the model is broken")
        headers = [(b"content-type", b"application/json"), (b"set-cookie", f"calls={calls}; Path=/".encode())]
        text = dumps({"output": [], "path": scope["path"], "calls": calls})
        parts: list[Message] = [
            {"type": "http.response.start", "status": 200, "headers": headers},
            {"type": "http.response.body", "body": text[:5], "more_body": True},
            {"type": "http.response.body", "body": text[5:]},
        ]
        for part in parts:
            await send(part)

    async def _live(self, receive: Receive, send: Send) -> None:
        if not self.has_lifespan:
            raise NotImplementedError
        for what in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{what}"
            self.lived.append(what)
            if not self.is_willing:
                await send({"type": f"lifespan.{what}.failed", "message": "no weights"})
                return
            await send({"type": f"lifespan.{what}.complete"})


def test_an_application_of_this_process_answers_calls_and_keeps_a_session_by_its_cookies() -> None:
    async def run() -> list[object]:
        wiring = Wiring()
        wiring.connect_embedded(made(Policy, "policy"))
        model = wiring.model(ModelServerRef(name="policy"))
        context = RolloutContext("0-0")
        answers = [await model.responses({"input": "x"}, context) for _ in range(2)]
        await wiring.close()
        return [(answer["path"], answer["calls"]) for answer in answers]

    assert asyncio.run(run()) == [("/v1/responses", 1), ("/v1/responses", 2)]


def test_what_an_application_raises_is_in_the_failure() -> None:
    async def run() -> None:
        wiring = Wiring()
        wiring.connect_embedded(made(Policy, "policy"))
        await wiring.model(ModelServerRef(name="policy")).responses({"input": "break"}, RolloutContext("0-0"))

    with pytest.raises(RolloutFailure, match="the model is broken") as caught:
        asyncio.run(run())
    assert (caught.value.failure_class, caught.value.http_status) == (FailureClass.MODEL_UNAVAILABLE, 500)


def test_an_application_is_served_on_a_socket_as_it_is() -> None:
    async def run() -> tuple[object, ...]:
        async with RawTestServer(AsgiEdge(made(Policy, "policy")).answer) as edge, aiohttp.ClientSession() as client:
            async with client.post(edge.make_url("/v1/any?x=1"), json={"input": "x"}) as answer:
                found = (answer.status, answer.cookies["calls"].value, await answer.json())
            async with client.post(edge.make_url("/v1/any"), json={"input": "break"}) as broken:
                return (*found, broken.status)

    assert asyncio.run(run()) == (200, "1", {"output": [], "path": "/v1/any", "calls": 1}, 500)


@pytest.mark.parametrize(("has_lifespan", "lived"), [(True, ["startup", "shutdown"]), (False, [])])
def test_starting_and_stopping_are_the_applications_lifespan_if_it_has_one(
    has_lifespan: bool, lived: list[str]
) -> None:
    policy = made(Policy, "policy")
    policy.has_lifespan = has_lifespan

    async def run() -> None:
        await policy.start()
        await policy.stop()

    asyncio.run(run())

    assert policy.lived == lived


def test_an_application_that_cannot_get_ready_says_why() -> None:
    policy = made(Policy, "policy")
    policy.is_willing = False

    with pytest.raises(RuntimeError, match="no weights"):
        asyncio.run(policy.start())
