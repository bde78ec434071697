"""The Python files of a new environment. They work as they are, and say where an author goes on."""

import json
from typing import Any, Final

RESOURCES_APP: Final = """\
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict

from nemo_gym.base_resources_server import (
    BaseResourcesServerConfig,
    BaseVerifyRequest,
    BaseVerifyResponse,
    ReverifyMode,
    SimpleResourcesServer,
)
from nemo_gym.verifier_fixture import VerifierFixture


class {name}Config(BaseResourcesServerConfig):
    REVERIFY_MODE: ClassVar[ReverifyMode] = ReverifyMode.STATELESS


class {name}Request(BaseVerifyRequest):
    model_config = ConfigDict(extra="allow")
    expected_answer: str


class {name}Verifier:
    async def verify(self, body: {name}Request) -> BaseVerifyResponse:
        said = body.response.output_text.strip()
        return BaseVerifyResponse(**body.model_dump(), reward=float(said == body.expected_answer.strip()))


class {name}Server({name}Verifier, SimpleResourcesServer):
    config: {name}Config


VERIFIER_FIXTURE = VerifierFixture(
    server_factory={name}Verifier,
    request_model={name}Request,
    cases_path=Path(__file__).parent / "tests" / "verifier_cases.jsonl",
)


if __name__ == "__main__":
    {name}Server.run_webserver()
"""
RESOURCES_TEST: Final = """\
import asyncio

from nemo_gym.verifier_fixture import exercise_verifier_fixture

from ..app import VERIFIER_FIXTURE


def test_the_cases_come_out_as_they_say() -> None:
    run = exercise_verifier_fixture(VERIFIER_FIXTURE, reward_range=(0.0, 1.0), determinism="unknown")

    assert asyncio.run(run)
"""
LOOP_AGENT: Final = """\
from fastapi import Request, Response

from nemo_gym.base_responses_api_agent import Body
from nemo_gym.openai_utils import NeMoGymResponse, NeMoGymResponseCreateParamsNonStreaming
from responses_api_agents.simple_agent.app import SimpleAgent


class {name}Agent(SimpleAgent):
    async def responses(
        self, request: Request, response: Response, body: NeMoGymResponseCreateParamsNonStreaming = Body()
    ) -> NeMoGymResponse:
        # TODO: drive the model here.
        return await super().responses(request, response, body)


if __name__ == "__main__":
    {name}Agent.run_webserver()
"""
EXTERNAL_AGENT: Final = """\
from fastapi import Request, Response

from nemo_gym.base_responses_api_agent import Body
from nemo_gym.openai_utils import NeMoGymResponse, NeMoGymResponseCreateParamsNonStreaming
from responses_api_agents.simple_agent.app import (
    SimpleAgent,
    SimpleAgentRunRequest,
    SimpleAgentVerifyResponse,
)


class {name}Agent(SimpleAgent):
    async def responses(
        self, request: Request, response: Response, body: NeMoGymResponseCreateParamsNonStreaming = Body()
    ) -> NeMoGymResponse:
        # TODO: once run() is there, raise NotImplementedError here.
        return await super().responses(request, response, body)

    async def run(self, request: Request, body: SimpleAgentRunRequest) -> SimpleAgentVerifyResponse:
        # TODO: hand the episode to the other program here.
        return await super().run(request, body)


if __name__ == "__main__":
    {name}Agent.run_webserver()
"""
DRIVER: Final = '''\
from collections.abc import Mapping
from typing import Any


async def run_rollout_collection(rollout_collection_config: Any, _global_config_dict: Mapping[str, Any]) -> None:
    """TODO: coordinate the rollouts here."""
    from nemo_gym.rollout_collection import RolloutCollectionHelper

    await RolloutCollectionHelper().run_from_config(rollout_collection_config)
'''
PREPARE: Final = '''\
import json
from pathlib import Path


DATA = Path(__file__).parent / "data"


def prepare(source: Path = DATA / "source.jsonl", output: Path = DATA / "example.jsonl") -> Path:
    """Write the rows of the benchmark."""
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("w", encoding="utf-8") as stream:
        for row in rows:
            kept = {"question": row["question"], "expected_answer": row["expected_answer"]}
            stream.write(json.dumps(kept) + "\\n")
    return output
'''
QUESTION: Final = "What is 6 x 7?"
ANSWER: Final = "42"


def class_name(module: str) -> str:
    """`math_quiz` as `MathQuiz`."""
    return "".join(part.capitalize() for part in module.split("_") if part)


def verifier_cases() -> str:
    """The cases of the verifier that is written, as JSONL."""
    asked = {"responses_create_params": {"input": QUESTION}, "expected_answer": ANSWER}
    cases: list[dict[str, Any]] = [
        _case("right", "full_reward", {**asked, "response": _answer(ANSWER)}, expected_reward=1.0),
        _case("wrong", "zero_reward", {**asked, "response": _answer("41")}, expected_reward=0.0),
        _case("no answer", "malformed", asked, expected_error="response"),
    ]
    return "".join(json.dumps(case) + "\n" for case in cases)


def _case(name: str, kind: str, request: dict[str, Any], **expected: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "request": request, **expected}


def _answer(text: str) -> dict[str, Any]:
    message = {
        "id": "message",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }
    return {
        "id": "response",
        "created_at": 0,
        "model": "fixture",
        "object": "response",
        "output": [message],
        "parallel_tool_calls": False,
        "tool_choice": "none",
        "tools": [],
    }
