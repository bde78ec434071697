"""`transformers serve` as somebody else's endpoint, called by the model servers that call endpoints.

A small model that the test saves; the server is the one that comes with transformers, in a process of its own.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from polygym import FailureClass, JsonObject, ModelServer, RolloutContext, RolloutFailure
from responses_api_models.openai_model.app import OpenAIModel
from responses_api_models.transformers_model.tests.tiny_models import save_model
from responses_api_models.vllm_model.app import VLLMModel

pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install 'transformers[serving]'")
pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'transformers[serving]'")
pytestmark = [pytest.mark.transformers, pytest.mark.timeout(180)]

TOOL = {"name": "get_weather", "description": "Look it up.", "parameters": {"type": "object", "properties": {}}}


class Endpoint:
    """A running `transformers serve`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.model = str(save_model(folder / "model", max_position_embeddings=4096))
        self.url = f"http://127.0.0.1:{port}/v1"
        (folder / "cache").mkdir()
        command = [Path(sys.executable).with_name("transformers"), "serve", self.model, "--device", "cpu"]
        self.process = subprocess.Popen(
            [*map(str, command), "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(folder / "cache")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait(self) -> None:
        """Until it answers."""
        while self.process.poll() is None:
            try:
                urlopen(self.url.replace("/v1", "/health"), timeout=5).close()
            except (URLError, TimeoutError, ConnectionError):
                time.sleep(0.2)
            else:
                return
        pytest.fail(f"transformers serve ended with {self.process.returncode}")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The server, up."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = Endpoint(tmp_path_factory.mktemp("served"), port)
    try:
        served.wait()
        yield served
    finally:
        served.process.terminate()
        served.process.wait()


def openai_model(endpoint: Endpoint) -> ModelServer:
    """Calls it in both of its dialects. It streams Responses unless it is told not to."""
    fields = {"openai_base_url": endpoint.url, "openai_model": endpoint.model, "extra_body": {"stream": False}}
    return OpenAIModel("policy_model", OpenAIModel.parse_config(fields, "test"), None)  # type: ignore[arg-type]


def vllm_model(endpoint: Endpoint, **fields: Any) -> ModelServer:
    """Calls its Chat Completions."""
    fields = {"base_url": endpoint.url, "model": endpoint.model, "uses_reasoning_parser": False, **fields}
    return VLLMModel("policy_model", VLLMModel.parse_config(fields, "test"), None)  # type: ignore[arg-type]


def call(server: ModelServer, dialect: str, params: JsonObject) -> JsonObject:
    """The answer to one call; the endpoint is probed before, as before a run."""

    async def run() -> JsonObject:
        await server.start()
        try:
            await server.probe()
            answer: JsonObject = await getattr(server, dialect)(params, RolloutContext("0-0"))
            return answer
        finally:
            await server.stop()

    return asyncio.run(run())


CONVERSATION: list[JsonObject] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "How is "}, {"type": "text", "text": "Oslo?"}]},
    {
        "role": "assistant",
        "content": "I look it up.",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "cold"},
]


@pytest.mark.parametrize("make", [openai_model, vllm_model])
def test_a_conversation_with_tools_is_answered_as_a_chat_completion(endpoint: Endpoint, make: Any) -> None:
    params: JsonObject = {
        "messages": CONVERSATION,
        "tools": [{"type": "function", "function": TOOL}],
        "max_tokens": 7,
        "temperature": 0.0,
    }

    completion = call(make(endpoint), "chat_completions", params)

    [choice] = completion["choices"]
    assert choice["finish_reason"] == "length" and isinstance(choice["message"]["content"], str)
    assert completion["usage"]["completion_tokens"] == 7


ITEMS: JsonObject = {
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": "How is Oslo?"},
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "cold"},
    ],
    "tools": [{"type": "function", **TOOL}],
    "max_output_tokens": 7,
    "temperature": 0.0,
}


@pytest.mark.parametrize("make", [openai_model, vllm_model])
def test_a_conversation_of_items_is_answered_with_items(endpoint: Endpoint, make: Any) -> None:
    response = call(make(endpoint), "responses", ITEMS)

    assert response["output"][-1]["content"][0]["type"] == "output_text"
    assert response["usage"]["output_tokens"] == 7


def test_an_answer_that_was_cut_off_is_incomplete(endpoint: Endpoint) -> None:
    response = call(vllm_model(endpoint), "responses", ITEMS)

    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})


def test_both_dialects_say_the_same(endpoint: Endpoint) -> None:
    said = {
        make: call(make(endpoint), "responses", ITEMS)["output"][-1]["content"][0]["text"]
        for make in (openai_model, vllm_model)
    }

    assert said[openai_model] == said[vllm_model]


def test_asked_for_token_ids_which_it_does_not_have_it_refuses_and_the_failure_says_so(endpoint: Endpoint) -> None:
    with pytest.raises(RolloutFailure, match="return_token_ids") as caught:
        call(vllm_model(endpoint, return_token_id_information=True), "responses", ITEMS)

    assert caught.value.failure_class is FailureClass.MODEL_REJECTED
