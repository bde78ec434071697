"""miles' agent function: one `POST /run` a sample, with the URL of the trainer's own recorder in the row.

The agent that it was written for starts containers; here it calls an agent of our own, written as an author of NeMo Gym
would, that does what miles relies on: it asks the endpoint that the row names, and answers with a report in `metadata`.
"""

import asyncio
import importlib
import os
import sys
from pathlib import Path

from checking import holds, options, work_folder
from endpoint import Endpoint, Script
from fleet import RunningFleet, free_port

FOLDER = Path("examples/experimental/nemo-gym")
AGENT = """
from fastapi import Body
from pydantic import ConfigDict
from nemo_gym.base_resources_server import BaseRunRequest, BaseVerifyResponse
from nemo_gym.base_responses_api_agent import BaseResponsesAPIAgentConfig, SimpleResponsesAPIAgent
from nemo_gym.openai_utils import NeMoGymAsyncOpenAI, NeMoGymResponse, NeMoGymResponseCreateParamsNonStreaming


class RowRequest(BaseRunRequest):
    model_config = ConfigDict(extra="allow")
    instance_id: str
    policy_base_url: str
    problem_statement: str


class Report(BaseVerifyResponse):
    metadata: dict


class RecordedAgent(SimpleResponsesAPIAgent):
    config: BaseResponsesAPIAgentConfig

    async def responses(self, body: NeMoGymResponseCreateParamsNonStreaming = Body()) -> NeMoGymResponse:
        raise NotImplementedError

    async def run(self, body: RowRequest = Body()) -> Report:
        client = NeMoGymAsyncOpenAI(base_url=body.policy_base_url, api_key="key")
        sampling = body.responses_create_params
        completion = await client.create_chat_completion(
            model="session",
            messages=[{"role": "user", "content": body.problem_statement}],
            temperature=sampling.temperature,
            max_tokens=sampling.max_output_tokens,
        )
        text = completion["choices"][0]["message"]["content"]
        response = NeMoGymResponse(
            id="resp", created_at=0, model="session", object="response", output=[], parallel_tool_calls=False,
            tool_choice="none", tools=[],
        )
        report = {"instance_id": body.instance_id, "patch_successfully_applied": text == "fixed"}
        return Report(
            responses_create_params=sampling, response=response, reward=float(text == "fixed"), metadata=report
        )


if __name__ == "__main__":
    RecordedAgent.run_webserver()
"""
CONFIG = """
recorded_agent:
  responses_api_agents:
    recorded_agent:
      entrypoint: app.py
      port: ???
"""


def write_root(folder: Path) -> Path:
    """A root with that agent."""
    agent = folder / "responses_api_agents" / "recorded_agent"
    agent.mkdir(parents=True)
    (agent / "app.py").write_text(AGENT)
    (agent / "config.yaml").write_text(CONFIG)
    return folder


def main() -> None:
    """Start the agent as miles' guide says, with its port on the command line, and call it for two samples."""
    chosen = options()
    assert chosen.source is not None
    sys.path.insert(0, str(chosen.source / FOLDER))
    client = importlib.import_module("nemogym_agent_function")
    with work_folder() as folder, Endpoint(Script(text="fixed")) as endpoint:
        root = write_root(folder)
        port = free_port()
        start = ["--search-dir", str(root), "--config", str(root / "responses_api_agents/recorded_agent/config.yaml")]
        override = f"++recorded_agent.responses_api_agents.recorded_agent.port={port}"
        with RunningFleet(*start, override, folder=folder, command=chosen.gym) as fleet:
            holds(fleet.url_of("recorded_agent").endswith(f":{port}"), "the agent listens where the override says")
            os.environ["NEMO_GYM_URL"] = f"http://127.0.0.1:{port}"
            sample = {"instance_id": "demo__1", "problem_statement": "mend it", "subset": "gym"}
            kwargs = {"temperature": 0.7, "top_p": 0.9, "max_tokens": 32}
            result = asyncio.run(client.run(endpoint.url.removesuffix("/v1"), "", kwargs, sample))
            holds(result["reward"] == 1.0, "the reward comes back")
            holds(result["eval_report"]["instance_id"] == "demo__1", "so does the report")
            asked = endpoint.requests[0]
            holds((asked["temperature"], asked["max_tokens"]) == (0.7, 32), "the row's endpoint got the row's sampling")
            refused = asyncio.run(client.run(endpoint.url.removesuffix("/v1"), "", kwargs, {"subset": "gym"}))
            holds(refused is None, "a sample that does not fit is no reward, and no crash")


if __name__ == "__main__":
    main()
