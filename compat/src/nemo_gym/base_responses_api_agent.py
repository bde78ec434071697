"""Agents: what their authors subclass."""

from abc import abstractmethod
from collections.abc import Mapping
from functools import wraps
from typing import Any, ClassVar, Optional
from warnings import warn

from fastapi import Body, FastAPI, Request

from nemo_gym.base_resources_server import BaseRunRequest, BaseVerifyResponse
from nemo_gym.config_types import (
    ROLLOUT_PATH_PREFIX,
    TOKEN_CAPTURE_PATH_SEGMENT,
    AggregateMetrics,
    AggregateMetricsRequest,
    BaseRunServerInstanceConfig,
)
from nemo_gym.configuration import get_first_server_config_dict
from nemo_gym.keys import OBSERVABILITY_ENABLED_KEY_NAME, TOKEN_ID_CAPTURE_BLOCK
from nemo_gym.openai_utils import NeMoGymResponse, NeMoGymResponseCreateParamsNonStreaming
from nemo_gym.reward_profile import AggregateMetricsMixin, compute_aggregate_metrics
from nemo_gym.rollout_correlation import maybe_rollout_id_from_run_body, rollout_context
from nemo_gym.server_client import apply_rollout_prefix, rollout_path_prefix
from nemo_gym.servers import BaseServer, SimpleServer


class BaseResponsesAPIAgentConfig(BaseRunServerInstanceConfig):
    """Configuration of an agent server."""

    skip_verification: bool = False
    skip_verification_reward: float = 0.0
    token_id_capture: bool = False


class BaseResponsesAPIAgent(BaseServer):
    """An agent server."""

    SERVER_TYPE: ClassVar[str] = "responses_api_agents"
    config: BaseResponsesAPIAgentConfig


class SimpleResponsesAPIAgent(BaseResponsesAPIAgent, AggregateMetricsMixin, SimpleServer):
    """An agent: `run` for a whole rollout, `responses` for the conversation alone."""

    config: BaseResponsesAPIAgentConfig

    def setup_webserver(self) -> FastAPI:
        """The application with the routes that every agent has."""
        app = FastAPI()
        self.setup_session_middleware(app)
        prefixed = f"/{ROLLOUT_PATH_PREFIX}/{{rollout_id}}"
        for prefix in ("", prefixed, f"{prefixed}/{TOKEN_CAPTURE_PATH_SEGMENT}"):
            app.post(f"{prefix}/v1/responses")(self.responses)
        run = self.run

        @wraps(run)
        async def run_with_rollout_context(*args: Any, **kwargs: Any) -> BaseVerifyResponse:
            body = kwargs.get("body") or next((value for value in args if isinstance(value, BaseRunRequest)), None)
            with rollout_context(self.rollout_id_from_run(body)):
                return await run(*args, **kwargs)

        app.post("/run")(run_with_rollout_context)
        app.post("/aggregate_metrics")(self.aggregate_metrics)
        return app

    def _global_setting(self, key: str) -> Any:
        settings = getattr(self.server_client, "global_config_dict", None)
        return settings.get(key) if isinstance(settings, Mapping) else None

    def _model_call_capture_enabled(self) -> bool:
        return bool(self._global_setting(OBSERVABILITY_ENABLED_KEY_NAME))

    def _token_id_capture_enabled(self) -> bool:
        capture = self._global_setting(TOKEN_ID_CAPTURE_BLOCK)
        if not isinstance(capture, Mapping) or not capture.get("enabled"):
            return False
        return bool(capture.get("all_agents")) or bool(getattr(self.config, "token_id_capture", False))

    def _capture_correlation_enabled(self) -> bool:
        return self._model_call_capture_enabled() or self._token_id_capture_enabled()

    def rollout_id_from_run(self, body: Any) -> Optional[str]:
        """The id under which the model calls of this run are kept; None when they are not."""
        return maybe_rollout_id_from_run_body(body) if self._capture_correlation_enabled() else None

    def url_path_for_run(self, url_path: str, body: Any) -> str:
        """A path of a server that this run calls, with the rollout in front where calls are kept."""
        prefix = rollout_path_prefix(self.rollout_id_from_run(body), token_capture=self._token_id_capture_enabled())
        return f"{prefix}{url_path}"

    def base_url_for_run(self, base_url: str, body: Any) -> str:
        """The same for a model server's URL, without its `/v1`."""
        rollout_id = self.rollout_id_from_run(body)
        return apply_rollout_prefix(base_url, rollout_id, token_capture=self._token_id_capture_enabled())

    def url_path_for_request(self, url_path: str, request: Optional[Request]) -> str:
        """A path with the same rollout in front that the request came with."""
        parameters = getattr(request, "path_params", None)
        rollout_id = parameters.get("rollout_id") if isinstance(parameters, Mapping) else None
        came_by = getattr(getattr(request, "url", None), "path", "")
        return rollout_path_prefix(rollout_id, token_capture=f"/{TOKEN_CAPTURE_PATH_SEGMENT}/" in came_by) + url_path

    def resolve_model_base_url(self, model_server_name: str, rollout_id: Optional[str] = None) -> str:
        """The URL of a model server, `/v1` included, with the rollout in front."""
        fields = get_first_server_config_dict(self.server_client.global_config_dict, model_server_name)
        root = self.server_client._build_server_base_url(fields)
        return f"{apply_rollout_prefix(root, rollout_id, token_capture=self._token_id_capture_enabled())}/v1"

    @abstractmethod
    async def responses(self, body: NeMoGymResponseCreateParamsNonStreaming = Body()) -> NeMoGymResponse:
        """The conversation alone."""

    @abstractmethod
    async def run(self, body: BaseRunRequest = Body()) -> BaseVerifyResponse:
        """A rollout: seed, converse, verify."""

    async def aggregate_metrics(self, body: AggregateMetricsRequest = Body()) -> AggregateMetrics:
        """Metrics over verified rollouts. Override to ask the environment for them."""
        if self.config.skip_verification:
            warn("no aggregate metrics: the rollouts were not verified (skip_verification=True)", RuntimeWarning, 2)
            return AggregateMetrics()
        return compute_aggregate_metrics(body.verify_responses, self.compute_metrics, self.get_key_metrics)
