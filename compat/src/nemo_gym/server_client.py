"""Calls from one server to another, by the other's name."""

import json
from typing import Any, Final, Literal, Optional, TypeAlias

import requests
from aiohttp import ClientResponse
from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict

from nemo_gym import outgoing
from nemo_gym.config_types import ROLLOUT_PATH_PREFIX, TOKEN_CAPTURE_PATH_SEGMENT, BaseServerConfig
from nemo_gym.configuration import get_first_server_config_dict, get_global_config_dict
from nemo_gym.keys import HEAD_SERVER_KEY_NAME, OBSERVABILITY_ENABLED_KEY_NAME
from nemo_gym.rollout_correlation import current_rollout_id, maybe_rollout_id_from_run_body

ServerStatus: TypeAlias = Literal["success", "connection_error", "timeout", "unknown_error"]
MODEL_PATHS: Final = frozenset({"/v1/responses", "/v1/chat/completions", "/v1/messages"})
STATUS_LIMIT_S: Final = 5


class ServerClient(BaseModel):
    """Finds servers in the configuration and calls them."""

    head_server_config: BaseServerConfig
    global_config_dict: DictConfig

    model_config = ConfigDict(arbitrary_types_allowed=True)

    @classmethod
    def load_head_server_config(cls) -> BaseServerConfig:
        """Where the head server is."""
        return BaseServerConfig.model_validate(get_global_config_dict()[HEAD_SERVER_KEY_NAME])

    @classmethod
    def load_from_global_config(cls, head_server_config: Optional[BaseServerConfig] = None) -> "ServerClient":
        """A client with the configuration that the head server serves. Raises ValueError when it does not answer."""
        head = head_server_config or cls.load_head_server_config()
        url = f"http://{head.host}:{head.port}"
        try:
            answer = requests.get(f"{url}/global_config_dict_yaml")
        except requests.exceptions.ConnectionError as error:
            raise ValueError(
                f"Could not connect to the head server at {url}. Is it running, and is that its port?"
            ) from error
        return cls(head_server_config=head, global_config_dict=OmegaConf.create(json.loads(answer.content)))

    def _build_server_base_url(self, server_config_dict: Any) -> str:
        return f"http://{server_config_dict.host}:{server_config_dict.port}"

    async def get(self, server_name: str, url_path: str, **kwargs: Any) -> ClientResponse:
        """GET from a server."""
        return await self.request(server_name=server_name, url_path=url_path, method="GET", **kwargs)

    async def post(self, server_name: str, url_path: str, **kwargs: Any) -> ClientResponse:
        """POST to a server; a pydantic object as `json` is sent without the fields that nobody set."""
        return await self.request(server_name=server_name, url_path=url_path, method="POST", **kwargs)

    async def request(self, server_name: str, url_path: str, method: str, **kwargs: Any) -> ClientResponse:
        """A request to a server; `kwargs` as for aiohttp."""
        fields = get_first_server_config_dict(self.global_config_dict, server_name)
        if isinstance(body := kwargs.get("json"), BaseModel):
            kwargs["json"] = body = body.model_dump(exclude_unset=True)
        path = self._prefixed(server_name, url_path, body)
        url = f"{self._build_server_base_url(fields)}{path}"
        return await outgoing.request(method=method, url=url, _internal=True, **kwargs)

    def _prefixed(self, server_name: str, url_path: str, body: Any) -> str:
        """The path, with the rollout in front where model calls are observed."""
        if not self.global_config_dict.get(OBSERVABILITY_ENABLED_KEY_NAME, False):
            return url_path
        entry = self.global_config_dict.get(server_name)
        if entry is None or url_path.startswith(f"/{ROLLOUT_PATH_PREFIX}/"):
            return url_path
        rollout_id = current_rollout_id()
        if "resources_servers" in entry:
            if rollout_id is None and url_path == "/verify":
                rollout_id = maybe_rollout_id_from_run_body(body)
        elif "responses_api_models" not in entry or url_path.partition("?")[0] not in MODEL_PATHS:
            return url_path
        return f"{rollout_path_prefix(rollout_id)}{url_path}"

    def poll_for_status(self, server_name: str) -> ServerStatus:
        """Whether a server answers, no matter what."""
        if server_name == HEAD_SERVER_KEY_NAME:
            fields = self.global_config_dict[HEAD_SERVER_KEY_NAME]
        else:
            fields = get_first_server_config_dict(self.global_config_dict, server_name)
        try:
            requests.get(self._build_server_base_url(fields), timeout=STATUS_LIMIT_S)
        except requests.exceptions.ConnectionError:
            return "connection_error"
        except requests.exceptions.Timeout:
            return "timeout"
        except Exception:
            return "unknown_error"
        return "success"


def rollout_path_prefix(rollout_id: Optional[str], *, token_capture: bool = False) -> str:
    """What goes before a path to say which rollout the call belongs to; nothing without one."""
    if not rollout_id:
        return ""
    capture = f"/{TOKEN_CAPTURE_PATH_SEGMENT}" if token_capture else ""
    return f"/{ROLLOUT_PATH_PREFIX}/{rollout_id}{capture}"


def apply_rollout_prefix(base_url: str, rollout_id: Optional[str], *, token_capture: bool = False) -> str:
    """A server's URL with that prefix."""
    return (
        base_url.rstrip("/") + rollout_path_prefix(rollout_id, token_capture=token_capture) if rollout_id else base_url
    )


def get_server_url(server_name: str) -> str:
    """Where a server of the configuration is."""
    fields = get_first_server_config_dict(get_global_config_dict(), server_name)
    return f"http://{fields['host']}:{fields['port']}"


def setup_server_client(head_server_config: Optional[BaseServerConfig] = None) -> ServerClient:
    """A client with the head server's configuration; the shared connections take their limits from it."""
    client = ServerClient.load_from_global_config(head_server_config)
    if not outgoing.is_global_aiohttp_client_setup():
        settings = outgoing.GlobalAIOHTTPAsyncClientConfig.model_validate(client.global_config_dict)
        outgoing.set_global_aiohttp_client(settings)
    return client
