"""The OpenEnv adapter with a server that speaks its protocol, and with the real one where it is installed."""

import asyncio
import importlib.util
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from polygym import FailureClass, JsonObject, RolloutFailure
from polygym.kit import Environment, Playground, call, load_environment
from polygym.protocol.errors import ConfigError
from resources_servers.openenv.actions import Actions, shown
from resources_servers.openenv.app import OpenEnvServer

FOLDER = Path(__file__).parent.parent
START_S = 90.0


def environment() -> Environment:
    return load_environment(FOLDER / "tests" / "openenv_test.yaml")


def row(url: str | None, **fields: Any) -> JsonObject:
    return {"responses_create_params": {"input": "Go."}, "environment_url": url, **fields}


class Counting:
    """Counts to three; speaks the protocol as a server of OpenEnv does."""

    def __init__(self, *, busy: bool = False, hangs_up_at: str | None = None, schema: Any = None) -> None:
        self.busy = busy
        self.hangs_up_at = hangs_up_at
        self.schema = schema
        self.resets: list[JsonObject] = []
        self.open = 0
        self.most_open = 0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/ws", self.talk)
        app.router.add_get("/schema", self.tell)
        return app

    async def tell(self, request: web.Request) -> web.Response:
        return web.json_response({"action": self.schema}) if self.schema else web.json_response({}, status=404)

    async def talk(self, request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        if self.busy:
            await line.send_json({"type": "error", "data": {"message": "full", "code": "CAPACITY_REACHED"}})
            await line.close()
            return line
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        count = 0
        async for message in line:
            if message.type is not WSMsgType.TEXT:
                break
            asked = json.loads(message.data)
            if asked["type"] == self.hangs_up_at:
                break
            if asked["type"] == "reset":
                self.resets.append(asked["data"])
                count = 0
            elif asked["type"] == "step":
                if "by" not in asked["data"]:
                    problem = {
                        "message": "Invalid message",
                        "code": "VALIDATION_ERROR",
                        "errors": [{"msg": "by is missing"}],
                    }
                    await line.send_json({"type": "error", "data": problem})
                    continue
                if asked["data"]["by"] == 13:
                    await line.send_json({"type": "error", "data": {"message": "bad luck", "code": "EXECUTION_ERROR"}})
                    continue
                count += asked["data"]["by"]
            if asked["type"] == "state":
                await line.send_json({"type": "state", "data": {"count": count}})
            else:
                data = {"observation": {"count": count, "note": None}, "reward": 0.5 * count, "done": count >= 3}
                await line.send_json({"type": "observation", "data": data})
        self.open -= 1
        return line


BY = {"type": "object", "properties": {"by": {"type": "integer"}, "metadata": {"type": "object"}}, "required": ["by"]}


@asynccontextmanager
async def playing(counting: Counting) -> AsyncIterator[tuple[Playground, str]]:
    async with TestServer(counting.app()) as server, Playground(environment()) as playground:
        yield playground, str(server.make_url("")).rstrip("/")


def play(counting: Counting, turns: Any, **fields: Any) -> JsonObject:
    async def main() -> JsonObject:
        async with playing(counting) as (playground, url):
            return await playground.play(row(url, **fields), turns)

    return asyncio.run(main())


def outputs(verified: JsonObject) -> list[str]:
    items = verified["response"]["output"]
    return [item["output"] for item in items if item["type"] == "function_call_output"]


def test_an_episode_is_reset_stepped_and_asked_for_its_state() -> None:
    counting = Counting(schema=BY)

    verified = play(counting, [call("act", by=1), call("act", by=2)], seed=7, reset_arguments={"level": 2})

    assert counting.resets == [{"seed": 7, "level": 2}]
    assert outputs(verified) == ['{"count":1}', '{"count":3}']
    assert (verified["reward"], verified["terminated"], verified["state"]) == (2.0, True, {"count": 3})
    (tool,) = verified["responses_create_params"]["tools"]
    assert (tool["name"], list(tool["parameters"]["properties"])) == ("act", ["by"])
    assert verified["responses_create_params"]["input"][-1]["content"] == '{"count":0}'


def test_actions_may_be_written() -> None:
    verified = play(Counting(), ['I add <action>{"by": 3}</action>'], acts_by="text")

    assert (verified["reward"], "tools" in verified["responses_create_params"]) == (1.5, False)


def test_wrong_actions_are_told_to_the_model() -> None:
    turns = [call("act", by="x"), call("act", by=13), call("leap", by=1), call("act", by=3)]

    verified = play(Counting(schema=BY), turns)

    wrong, unlucky, unknown, _ = (json.loads(each) for each in outputs(verified))
    assert "Invalid arguments for act" in wrong["error"] and "There is no tool 'leap'" in unknown["error"]
    assert unlucky == {"error": "bad luck"}
    assert (verified["invalid_actions"], verified["steps"]) == (3, 1)


def test_written_actions_that_do_not_fit_are_explained() -> None:
    verified = play(Counting(schema=BY), ["three", '{"of": 3}', '{"by": 3}'], acts_by="text")

    said = [item["content"] for item in verified["response"]["output"] if item.get("role") == "user"]
    assert "An action is a JSON object with by" in said[0]
    assert said[1] == "Invalid message: by is missing"


@pytest.mark.parametrize(
    ("counting", "failure_class"),
    [
        (Counting(busy=True), FailureClass.ENVIRONMENT_LOST),
        (Counting(hangs_up_at="reset"), FailureClass.ENVIRONMENT_LOST),
        (Counting(hangs_up_at="step", schema=BY), FailureClass.ENVIRONMENT_LOST),
        (Counting(hangs_up_at="state", schema=BY), FailureClass.ENVIRONMENT_LOST),
    ],
    ids=["busy", "reset", "step", "state"],
)
def test_a_server_that_is_full_or_gone_is_an_environment_lost(counting: Counting, failure_class: FailureClass) -> None:
    with pytest.raises(RolloutFailure) as caught:
        play(counting, [call("act", by=3)])

    assert caught.value.failure_class is failure_class


def test_nobody_at_the_url_is_an_environment_lost() -> None:
    async def main() -> None:
        async with Playground(environment()) as playground:
            await playground.play(row("http://127.0.0.1:9"), [call("act", by=3)])

    with pytest.raises(RolloutFailure) as caught:
        asyncio.run(main())

    assert caught.value.failure_class is FailureClass.ENVIRONMENT_LOST


def test_a_row_without_a_url_says_so() -> None:
    async def main() -> None:
        async with Playground(environment()) as playground:
            await playground.play(row(None), [call("act", by=3)])

    with pytest.raises(RolloutFailure, match="environment_url") as caught:
        asyncio.run(main())

    assert caught.value.failure_class is FailureClass.SEED_ERROR


@pytest.mark.parametrize("fields", [{"max_sessions": 0}, {"errors": "ignored"}, {"reset_arguments": [1]}])
def test_a_configuration_without_sense_is_refused(fields: JsonObject) -> None:
    with pytest.raises(ConfigError, match=next(iter(fields))):
        OpenEnvServer.parse_config(fields, "test")


def test_no_more_sessions_are_open_than_the_server_allows() -> None:
    counting = Counting(schema=BY)

    async def main() -> list[float | None]:
        async with playing(counting) as (playground, url):
            tasks = [row(url, seed=seed) for seed in range(9)]
            played = await playground.play_all([(task, [call("act", by=3)]) for task in tasks], concurrency=9)
            return [each.reward for each in played]

    assert asyncio.run(main()) == [1.5] * 9
    assert (counting.most_open, counting.open) == (2, 0)


def test_observations_are_shown_by_what_is_in_them() -> None:
    content = [{"type": "text", "text": "3"}]
    picture = {"type": "image", "data": "AA==", "mimeType": "image/png"}
    result = {"content": content, "data": 3}

    assert shown({"text": "hi", "score": None, "metadata": {}}, None) == "hi"
    assert shown({"a": 1, "b": "x"}, None) == {"a": 1, "b": "x"}
    assert shown({"a": 1, "b": "x"}, "b") == "x"
    assert shown({}, None) == ""
    assert shown({"tool_name": "price", "result": result, "error": None}, None) == "3"
    assert shown({"tool_name": "price", "result": {"content": [*content, picture]}, "error": None}, None) == [
        {"type": "input_text", "text": "3"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
    ]
    assert shown({"tool_name": "price", "result": None, "error": {"message": "no pear"}}, None) == {"error": "no pear"}


def test_the_action_tool_takes_what_the_environment_takes() -> None:
    (tool,) = Actions({**BY, "description": "Count."}).tools()

    assert tool["description"] == "Count."
    assert tool["parameters"]["required"] == ["by"] and "metadata" not in tool["parameters"]["properties"]


@pytest.fixture(scope="module")
def real_server() -> Iterator[str]:
    """The URL of a server made with the package from the registry."""
    if importlib.util.find_spec("openenv") is None:
        pytest.skip("openenv-core is not installed: pip install openenv-core")
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    command = [sys.executable, "-W", "ignore", str(FOLDER / "tests" / "real_server.py"), str(port)]
    with subprocess.Popen(command) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/echo/health", process)
            yield url
        finally:
            process.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, OSError):
            assert process.poll() is None and time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.2)
        else:
            return


def play_real(url: str, turns: Any, **fields: Any) -> JsonObject:
    async def main() -> JsonObject:
        async with Playground(environment()) as playground:
            return await playground.play(row(url, **fields), turns)

    return asyncio.run(main())


@pytest.mark.extra
@pytest.mark.timeout(180)
def test_a_real_environment_is_played_by_its_action_class(real_server: str) -> None:
    turns = [call("act", number=9), call("act", number=5000), call("act", number="x"), call("act", number=4)]

    verified = play_real(f"{real_server}/guessing", turns, seed=4, reset_arguments={"top": 20})

    assert verified["responses_create_params"]["input"][-1]["content"] == "Between 1 and 20."
    first, large, wrong, last = outputs(verified)
    assert (first, last) == ("Lower.", "Found.")
    assert "far too large" in large and "Invalid arguments for act" in wrong
    assert (verified["reward"], verified["terminated"]) == (pytest.approx(0.9), True)
    assert verified["state"]["step_count"] == 3


@pytest.mark.extra
@pytest.mark.timeout(180)
def test_a_real_environment_of_texts_is_played_by_writing(real_server: str) -> None:
    verified = play_real(f"{real_server}/echo", ["hello", "<action>bye</action>"], acts_by="text")

    said = [item["content"] for item in verified["response"]["output"] if item.get("role") == "user"]
    assert json.loads(said[0]) == {"echoed_message": "hello", "length": 5}
    assert verified["reward"] == pytest.approx(0.8)


@pytest.mark.extra
@pytest.mark.timeout(180)
def test_the_tools_of_a_real_mcp_environment_are_offered_and_called(real_server: str) -> None:
    turns = [
        call("price", item="apple"),
        call("price", item="pear"),
        [call("sell", item="x"), call("buy", item="apple")],
    ]

    verified = play_real(f"{real_server}/shop", turns)

    assert [each["name"] for each in verified["responses_create_params"]["tools"]] == ["price", "buy"]
    price, pear, unknown, bought = outputs(verified)
    assert (price, bought) == ("3", "1 apple")
    assert "pear" in json.loads(pear)["error"] and "There is no tool 'sell'" in unknown
    assert (verified["reward"], verified["terminated"]) == (1.0, True)


@pytest.mark.extra
@pytest.mark.timeout(180)
def test_many_rollouts_share_the_few_sessions_of_a_real_server(real_server: str) -> None:
    async def main() -> list[float | None]:
        async with Playground(environment()) as playground:
            scripts = [(row(f"{real_server}/guessing", seed=seed), [call("act", number=seed)]) for seed in range(1, 9)]
            return [each.reward for each in await playground.play_all(scripts, concurrency=8)]

    assert asyncio.run(main()) == [1.0] * 8
