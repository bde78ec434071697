"""Model calls written down: what a line holds, for calls of every ending, and what must not stand in it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from polygym.channels.capture import CallFile
from polygym.channels.edge_models import ModelEdge
from polygym.channels.embedded import EmbeddedModel
from polygym.channels.endpoint import Endpoint
from polygym.channels.http import HttpModel, HttpServer
from polygym.channels.watching import ModelWatch
from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import OutputError
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.protocol.json import JsonObject
from polygym.servers.models import ModelServer
from tests.channels.loopback import http_endpoint

ANSWER: JsonObject = {
    "id": "resp_1",
    "model": "tiny",
    "output": [],
    "usage": {"input_tokens": 3},
    "status": "completed",
}


class Model(ModelServer):
    """Answers, raises or hangs as the request says."""

    endpoint: Endpoint | None = None

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        asked = params["input"]
        if asked == "fail":
            raise RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, "no", http_status=400)
        if asked == "hang":
            await asyncio.Event().wait()
        if asked == "garbage":
            return {"output": {1, 2}}
        if self.endpoint is not None:
            return await self.endpoint.post("/responses", params, context)
        return {**ANSWER, "echo": asked, **params.get("fields", {})}


def captured(
    folder: Path, call: Callable[[EmbeddedModel], Awaitable[Any]], *, secrets: tuple[str, ...] = (), url: str = ""
) -> list[JsonObject]:
    """The lines that calls leave."""

    async def run() -> None:
        server = Model("policy_model", Model.parse_config({}, "here"), None)  # type: ignore[arg-type]
        server.endpoint = Endpoint(url, backoff_s=0.001) if url else None
        file = CallFile(folder / "calls.jsonl", secrets)
        await asyncio.gather(call(EmbeddedModel(server, ModelWatch(capture=file))), return_exceptions=True)
        file.close()
        if server.endpoint is not None:
            await server.endpoint.close()

    asyncio.run(run())
    return [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]


def asking(text: Any, rollout: str = "3-1", **params: Any) -> Callable[[EmbeddedModel], Awaitable[Any]]:
    return lambda model: model.responses({"input": text, **params}, RolloutContext(rollout))


def test_a_line_has_request_answer_ids_usage_and_latency(tmp_path: Path) -> None:
    [line] = captured(tmp_path, asking("hi", temperature=0.5))

    assert line["request"] == {"input": "hi", "temperature": 0.5}
    assert line["response"] == {**ANSWER, "echo": "hi"}
    assert (line["rollout_id"], line["attempt"], line["model_server"]) == ("3-1", 0, "policy_model")
    assert (line["dialect"], line["status"], line["failure"]) == ("responses", "completed", None)
    assert (line["response_id"], line["model"], line["usage"]) == ("resp_1", "tiny", {"input_tokens": 3})
    assert line["latency_s"] >= 0 and line["time_to_first_token_s"] is None
    assert line["call_id"].startswith("mc_") and line["started_at"] > 1e9


def test_every_call_has_a_line_of_its_own_under_its_attempt(tmp_path: Path) -> None:
    async def calls(model: EmbeddedModel) -> None:
        for rollout in ("0-0", "0-0-a1", "0-0-a1", "5-2-a12"):
            await asking("hi", rollout)(model)

    lines = captured(tmp_path, calls)

    assert [(line["rollout_id"], line["attempt"]) for line in lines] == [
        ("0-0", 0),
        ("0-0-a1", 1),
        ("0-0-a1", 1),
        ("5-2-a12", 12),
    ]
    assert len({line["call_id"] for line in lines}) == 4


def test_other_dialects_are_written_down_as_they_are_spoken(tmp_path: Path) -> None:
    params = {"messages": [{"role": "user", "content": "hi"}]}

    [line] = captured(tmp_path, lambda model: model.chat_completions(params, RolloutContext("0-0")))

    assert (line["dialect"], line["request"]) == ("chat_completions", params)
    assert line["response"]["choices"][0]["finish_reason"] == "stop"


def test_a_call_that_fails_is_written_down_with_its_failure(tmp_path: Path) -> None:
    [line] = captured(tmp_path, asking("fail"))

    assert (line["status"], line["response"]) == ("failed", None)
    assert line["failure"]["_ng_failure_class"] == "model_rejected"


def test_an_incomplete_answer_is_told_apart(tmp_path: Path) -> None:
    [line] = captured(tmp_path, asking("hi", fields={"incomplete_details": {"reason": "max_output_tokens"}}))

    assert line["status"] == "incomplete"


def test_a_call_that_is_cancelled_is_written_down(tmp_path: Path) -> None:
    async def cancelled(model: EmbeddedModel) -> None:
        task = asyncio.create_task(asking("hang")(model))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    [line] = captured(tmp_path, cancelled)

    assert (line["status"], line["response"]) == ("cancelled", None)


def test_an_answer_that_is_no_json_is_named(tmp_path: Path) -> None:
    [line] = captured(tmp_path, asking("garbage"))

    assert line["response"] is None and "no JSON" in line["problem"]


def test_the_requests_to_the_endpoint_behind_a_call_are_listed(tmp_path: Path) -> None:
    statuses = iter([503, 200])

    async def handle(request: web.Request) -> web.Response:
        status = next(statuses)
        return web.json_response(ANSWER if status == 200 else {"error": "busy"}, status=status)

    async def run() -> list[JsonObject]:
        async with http_endpoint(handle) as url:
            return await asyncio.to_thread(captured, tmp_path, asking("hi"), url=url + "/v1")

    [line] = asyncio.run(run())

    made = [(each["status"], each["failure_class"]) for each in line["endpoint_requests"]]
    assert made == [(503, "model_unavailable"), (200, None)]
    assert all(each["url"].endswith("/v1/responses") and each["latency_s"] >= 0 for each in line["endpoint_requests"])
    assert line["http_status"] == 200


def test_secrets_are_replaced_wherever_they_stand(tmp_path: Path) -> None:
    secrets = ('sk-"quoted"-key', "sk-very-secret", "sk-very-secret-and-longer", "abc")

    [line] = captured(
        tmp_path, asking('Use sk-very-secret-and-longer, sk-very-secret or sk-"quoted"-key, abc'), secrets=secrets
    )

    assert line["request"]["input"] == line["response"]["echo"] == "Use ****, **** or ****, abc"


def test_keys_for_other_servers_are_left_out_of_the_request_and_tools_of_the_model_are_not(tmp_path: Path) -> None:
    tools = [
        {"type": "mcp", "server_url": "https://x", "authorization": "token", "headers": {"X-Key": "k"}},
        {"type": "function", "name": "login", "parameters": {"properties": {"password": {"type": "string"}}}},
    ]

    [line] = captured(tmp_path, asking("hi", tools=tools, extra_headers={"X-Key": "k"}))

    assert line["request"]["tools"] == [
        {"type": "mcp", "server_url": "https://x", "authorization": "****", "headers": "****"},
        tools[1],
    ]
    assert line["request"]["extra_headers"] == "****"
    assert tools[0]["authorization"] == "token"


def test_keys_in_the_urls_of_other_servers_and_in_parameters_are_left_out_too(tmp_path: Path) -> None:
    url = "https://me:s3cretpass@mcp.example/sse?api_key=s3cretquery&page=2"
    tools = [{"type": "mcp", "server_url": url, "headers": None, "require_approval": "never"}]
    servers = [{"type": "url", "url": url, "authorization_token": "s3crettoken", "name": "docs"}]
    given = {"tools": tools, "mcp_servers": servers, "api_key": "s3cretkey", "user": "ada", "echoed": {"tools": tools}}
    given["metadata"] = {"api_key": "s3cretmeta", "callback": "https://me:s3cret@host", "team": "blue"}
    given["extra_body"] = {"proxy": {"authorization": "s3cretproxy"}}

    [line] = captured(tmp_path, asking("https://me:mine@host", fields={"tools": tools}, **given))

    shown = "https://me:****@mcp.example/sse?api_key=****&page=2"
    assert line["request"]["tools"] == [{**tools[0], "server_url": shown}] == line["response"]["tools"]
    assert line["request"]["mcp_servers"] == [{**servers[0], "url": shown, "authorization_token": "****"}]
    assert (line["request"]["api_key"], line["request"]["user"]) == ("****", "ada")
    assert line["request"]["metadata"] == {"api_key": "****", "callback": "https://me:****@host", "team": "blue"}
    assert line["request"]["extra_body"] == {"proxy": {"authorization": "****"}}
    assert line["request"]["input"] == "https://me:mine@host"


@pytest.mark.parametrize("is_asked_for", [True, False])
def test_a_call_whose_caller_reads_a_stream_has_a_time_to_its_first_token(tmp_path: Path, is_asked_for: bool) -> None:
    async def run() -> None:
        server = Model("policy_model", Model.parse_config({}, "here"), None)  # type: ignore[arg-type]
        file = CallFile(tmp_path / "calls.jsonl")
        edge = ModelEdge(EmbeddedModel(server, ModelWatch(capture=file)))
        async with RawTestServer(edge.answer) as served, aiohttp.ClientSession() as client:
            for stream in (is_asked_for, False):
                body = {"input": "hi", "stream": stream}
                async with client.post(served.make_url("/v1/responses"), json=body) as answer:
                    assert (await answer.read()).startswith(b"event:") is stream
        file.close()

    asyncio.run(run())

    first, second = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert (first["time_to_first_token_s"] is not None) is is_asked_for
    assert second["time_to_first_token_s"] is None
    assert not is_asked_for or 0 < first["time_to_first_token_s"] <= first["latency_s"]


def test_a_file_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    server = Model("policy_model", Model.parse_config({}, "here"), None)  # type: ignore[arg-type]
    file = CallFile(tmp_path / "missing" / "calls.jsonl")

    with pytest.raises(OutputError, match="cannot be written"):
        asyncio.run(asking("hi")(EmbeddedModel(server, ModelWatch(capture=file))))  # type: ignore[arg-type]


class Counting:
    """A meter."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, Any]] = []

    def spent(self, rollout_id: str, server: str, answer: JsonObject) -> None:
        self.seen.append((rollout_id, server, answer["usage"]))


@pytest.mark.parametrize(("is_ours", "lines"), [(True, 0), (False, 1)])
def test_a_call_to_a_server_elsewhere_is_counted_here_and_written_down_there_if_it_is_ours(
    tmp_path: Path, is_ours: bool, lines: int
) -> None:
    meter = Counting()

    async def handle(request: web.Request) -> web.Response:
        return web.json_response(ANSWER)

    async def run() -> None:
        async with http_endpoint(handle) as url:
            connection = HttpServer("policy_model", url, is_ours=is_ours)
            watch = ModelWatch(meter, CallFile(tmp_path / "calls.jsonl"))
            await HttpModel(connection, watch).responses({"input": "hi"}, RolloutContext("0-0"))
            await connection.close()

    asyncio.run(run())

    path = tmp_path / "calls.jsonl"
    assert (len(path.read_text().splitlines()) if path.exists() else 0) == lines
    assert meter.seen == [("0-0", "policy_model", {"input_tokens": 3})]
