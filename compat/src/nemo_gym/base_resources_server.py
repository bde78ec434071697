"""Environments: what their authors subclass, and the bodies of their routes."""

from abc import abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Final, Optional

from fastapi import FastAPI
from pydantic import BaseModel

from nemo_gym.config_types import AggregateMetrics, AggregateMetricsRequest, BaseRunServerInstanceConfig
from nemo_gym.judge import judge_failsafe
from nemo_gym.openai_utils import NeMoGymResponse, NeMoGymResponseCreateParamsNonStreaming
from nemo_gym.reward_profile import AggregateMetricsMixin, compute_aggregate_metrics
from nemo_gym.rollout_correlation import RolloutContextMiddleware
from nemo_gym.servers import BaseServer, SimpleServer

if TYPE_CHECKING:
    from nemo_gym.mcp_auto_exposure import MCPTool

NEMO_GYM_MCP_SESSION_TOKEN_HEADER: Final = "X-NeMo-Gym-Session-Token"
NEMO_GYM_MCP_METADATA_KEY: Final = "mcp"
RESERVED_MCP_TOOL_NAMES: Final = frozenset({"verify", "seed_session", "aggregate_metrics", "mcp"})
"""Routes of a resources server that are no tools."""


def normalize_tool_name(name: str, server_name: Optional[str] = None) -> str:
    """A tool's own name, without the `mcp__<server>__` that MCP clients put before it; of that server, or of any."""
    if not name.startswith("mcp__"):
        return name
    if server_name is not None:
        return name.removeprefix(f"mcp__{server_name}__")
    return name.split("__", 2)[2] if name.count("__") >= 2 else name


class ReverifyMode(str, Enum):
    """Whether rollouts can be verified again without having been run."""

    STATELESS = "stateless"
    UNSUPPORTED = "unsupported"
    UNKNOWN = "unknown"


class BaseResourcesServerConfig(BaseRunServerInstanceConfig):
    """Configuration of a resources server."""

    expose_tools_over_mcp: bool = False
    REVERIFY_MODE: ClassVar[ReverifyMode] = ReverifyMode.UNKNOWN


class BaseResourcesServer(BaseServer):
    """A resources server."""

    SERVER_TYPE: ClassVar[str] = "resources_servers"
    config: BaseResourcesServerConfig


class BaseRunRequest(BaseModel):
    """A row."""

    responses_create_params: NeMoGymResponseCreateParamsNonStreaming


class BaseVerifyRequest(BaseRunRequest):
    """A row and what the agent made of it."""

    response: NeMoGymResponse


class BaseVerifyResponse(BaseVerifyRequest):
    """The same with its reward."""

    reward: float


class BaseMultiRewardVerifyResponse(BaseVerifyResponse):
    """With the parts of the reward, too; the same parts for every task."""

    reward_components: dict[str, float]


class BaseSeedSessionRequest(BaseModel):
    """What a session is prepared with. Subclass it to read fields of the row."""


class BaseSeedSessionResponse(BaseModel):
    """What the agent is told of a session."""


class MCPServerMetadata(BaseModel):
    """Where and as whom an agent reaches a session's tools over MCP."""

    server_name: str
    url_path: str = "/mcp"
    transport: str = "http"
    headers: dict[str, str]


class SimpleResourcesServer(BaseResourcesServer, AggregateMetricsMixin, SimpleServer):
    """An environment: routes for its tools, a session per rollout, `verify`."""

    config: BaseResourcesServerConfig

    def setup_webserver(self) -> FastAPI:
        """The application with the routes that every environment has; add the tools' to it."""
        app = FastAPI()
        self.setup_session_middleware(app)
        app.add_middleware(RolloutContextMiddleware)
        app.post("/seed_session")(self.seed_session)
        app.post("/verify")(judge_failsafe(self.verify))
        app.post("/aggregate_metrics")(self.aggregate_metrics)
        app.get("/reverify_mode")(self.get_reverify_mode)
        return app

    def normalize_tool_name(self, name: str) -> str:
        """A tool's own name, without this server's MCP prefix."""
        return normalize_tool_name(name, self.config.name or type(self).__name__)

    def mcp_tools(self, harvested: "list[MCPTool]", catchall: Optional[Any]) -> "Optional[list[MCPTool]]":
        """The tools to offer over MCP: by default those with a route of their own; None offers none.

        `catchall` makes tools of a route with the tool's name in its path, if there is one.
        """
        return harvested

    def mcp_allowed_tools_for_session(self, seed_body: dict[str, Any]) -> Optional[list[str]]:
        """The tools that a rollout may use over MCP; None for all. `seed_body` is what it was seeded with."""
        return None

    async def seed_session(self, body: BaseSeedSessionRequest) -> BaseSeedSessionResponse:
        """Prepare a session."""
        return BaseSeedSessionResponse()

    @abstractmethod
    async def verify(self, body: BaseVerifyRequest) -> BaseVerifyResponse:
        """Score a rollout."""

    async def aggregate_metrics(self, body: AggregateMetricsRequest) -> AggregateMetrics:
        """Metrics over verified rollouts, with those of `compute_metrics` and `get_key_metrics`."""
        return compute_aggregate_metrics(body.verify_responses, self.compute_metrics, self.get_key_metrics)

    async def get_reverify_mode(self) -> ReverifyMode:
        """Whether rollouts can be verified again."""
        return self.config.REVERIFY_MODE
