"""An environment written as for NeMo Gym, whose reward is dense: even a model of random weights gets some of it.

The task is a letter; the tool tells it; the reward is the share of the answer's characters that are that letter.
"""

import json
from pathlib import Path
from typing import Any

APP = """
from fastapi import FastAPI, Request
from pydantic import BaseModel
from nemo_gym.base_resources_server import (
    BaseResourcesServerConfig, BaseSeedSessionRequest, BaseSeedSessionResponse, BaseVerifyRequest, BaseVerifyResponse,
    SimpleResourcesServer,
)
from nemo_gym.server_utils import SESSION_ID_KEY


class Seed(BaseSeedSessionRequest):
    letter: str


class Nothing(BaseModel):
    pass


class LetterRequest(BaseVerifyRequest):
    letter: str


class LetterResponse(BaseVerifyResponse):
    letter: str
    seeded_with: str


class LettersServer(SimpleResourcesServer):
    config: BaseResourcesServerConfig
    letters: dict = {}

    def setup_webserver(self) -> FastAPI:
        app = super().setup_webserver()
        app.post("/tell_letter")(self.tell_letter)
        return app

    async def seed_session(self, request: Request, body: Seed) -> BaseSeedSessionResponse:
        self.letters[request.session[SESSION_ID_KEY]] = body.letter
        return BaseSeedSessionResponse()

    async def tell_letter(self, request: Request, body: Nothing) -> dict:
        return {"letter": self.letters[request.session[SESSION_ID_KEY]]}

    async def verify(self, request: Request, body: LetterRequest) -> LetterResponse:
        text = body.response.output_text
        seeded = self.letters.pop(request.session[SESSION_ID_KEY])
        reward = text.count(seeded) / len(text) if text else 0.0
        return LetterResponse(**body.model_dump(), reward=reward, seeded_with=seeded)


if __name__ == "__main__":
    LettersServer.run_webserver()
"""
AGENT = "letters_simple_agent"
CONFIG = {
    "letters": {"resources_servers": {"letters": {"entrypoint": "app.py", "domain": "games"}}},
    AGENT: {
        "responses_api_agents": {
            "simple_agent": {
                "entrypoint": "app.py",
                "resources_server": {"type": "resources_servers", "name": "letters"},
                "model_server": {"type": "responses_api_models", "name": "policy_model"},
            }
        }
    },
}


def write_root(folder: Path) -> Path:
    """A root with the environment; its configuration is `letters.yaml` in it."""
    server = folder / "resources_servers" / "letters"
    server.mkdir(parents=True)
    (server / "app.py").write_text(APP)
    (folder / "letters.yaml").write_text(json.dumps(CONFIG))
    return folder


def rows(letters: str) -> list[dict[str, Any]]:
    """A task for each letter."""
    tool = {
        "type": "function",
        "name": "tell_letter",
        "description": "Tell the letter.",
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
        "strict": True,
    }
    return [
        {
            "responses_create_params": {"input": [{"role": "user", "content": "Say the letter."}], "tools": [tool]},
            "letter": letter,
            "agent_ref": {"type": "responses_api_agents", "name": AGENT},
        }
        for letter in letters
    ]
