import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from polygym import AgentServer, JsonObject, ResourcesSession, RolloutContext
from polygym.protocol.calls import ResourcesServerRef
from polygym.protocol.errors import ConfigError
from tests.servers.notebook import Nobody, answer, made, row

REFS = {
    "resources_server": {"type": "resources_servers", "name": "env"},
    "model_server": {"type": "responses_api_models", "name": "policy"},
}


class Environment:
    """A resources server that writes down what is asked of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.row: JsonObject = {}

    @asynccontextmanager
    async def open(self, row: JsonObject, context: RolloutContext) -> AsyncIterator[Any]:
        self.row = row
        self.calls.append(f"open {row['expected']}")
        try:
            yield self
        finally:
            self.calls.append("close")

    @asynccontextmanager
    async def attach(self, context: RolloutContext) -> AsyncIterator[Any]:
        self.calls.append("attach")
        yield self

    async def verify(self, response: JsonObject) -> JsonObject:
        self.calls.append("verify")
        return {"response": response, "reward": 1.0}

    async def aggregate_metrics(self, verify_responses: list[JsonObject]) -> JsonObject:
        return {"agent_metrics": {"rows": len(verify_responses)}}


class Around(Nobody):
    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def resources(self, ref: ResourcesServerRef) -> Any:
        return {"env": self.environment}[ref.name]


class Idle(AgentServer):
    """Answers at once, or raises."""

    problem: Exception | None = None

    async def act(self, params: JsonObject, session: ResourcesSession, context: RolloutContext) -> JsonObject:
        if self.problem is not None:
            raise self.problem
        return answer() | {"asked": params["input"]}


def idle() -> tuple[Idle, Environment]:
    environment = Environment()
    return made(Idle, "agent", Around(environment), **REFS), environment


def test_a_run_seeds_acts_verifies_and_closes() -> None:
    agent, environment = idle()

    verified = asyncio.run(agent.run(row("x"), RolloutContext("0-0")))

    assert environment.calls == ["open x", "verify", "close"]
    assert verified["reward"] == 1.0 and verified["response"]["asked"] == "x"


def test_a_run_that_goes_wrong_closes_without_verifying() -> None:
    agent, environment = idle()
    agent.problem = KeyError("lost")

    with pytest.raises(KeyError):
        asyncio.run(agent.run(row("x"), RolloutContext("0-0")))

    assert environment.calls == ["open x", "close"]


def test_responses_carry_on_the_callers_session_and_leave_it_open() -> None:
    agent, environment = idle()

    response = asyncio.run(agent.responses({"input": "x"}, RolloutContext("0-0")))

    assert response["asked"] == "x"
    assert environment.calls == ["attach"]


def test_metrics_are_the_environments() -> None:
    agent, _ = idle()

    assert asyncio.run(agent.aggregate_metrics([{}, {}])) == {"agent_metrics": {"rows": 2}}


def test_an_agent_without_act_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="act"):
        made(AgentServer, "agent", **REFS)


def test_references_must_have_the_type_that_the_agent_needs() -> None:
    wrong = REFS | {"model_server": {"type": "resources_servers", "name": "env"}}

    with pytest.raises(ConfigError, match=r"model_server\.type"):
        Idle.parse_config(wrong, "agent.yaml:1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"concurrency": 0},
        {"weight": 0},
        {"weight": float("inf")},
        {"timeout_s": -1},
        {"max_attempts": 0},
        {"stage_timeouts_s": {"cook": 1}},
        {"stage_timeouts_s": {"tool": 0}},
    ],
)
def test_a_lane_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Idle.parse_config(REFS | wrong, "agent.yaml:1")


def test_the_fields_of_a_lane_are_known() -> None:
    lane = {"concurrency": 4, "weight": 2, "timeout_s": 5, "max_attempts": 1, "stage_timeouts_s": {"seed": 1}}

    assert Idle.unknown_fields(Idle.parse_config(REFS | lane, "agent.yaml:1")) == []
