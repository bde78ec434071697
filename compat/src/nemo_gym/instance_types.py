"""Servers as a configuration spells them: `<instance>: <server type>: <implementation>: fields`."""

from typing import Any, ClassVar, Dict, List, Literal, Optional, Tuple, Union

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from nemo_gym.config_types import BaseRunServerConfig, ServerRef, is_server_ref
from nemo_gym.dataset_types import BenchmarkDatasetConfig, DatasetConfig
from nemo_gym.keys import ENTRYPOINT_KEY_NAME

SERVER_TYPES = ("responses_api_models", "resources_servers", "responses_api_agents")


class BaseRunServerTypeConfig(BaseRunServerConfig):
    """Fields below an implementation's name; the server's own among them."""

    model_config = ConfigDict(extra="allow")

    host: Optional[str] = None  # type: ignore[assignment]
    port: Optional[int] = None  # type: ignore[assignment]
    datasets: Optional[List[Union[DatasetConfig, BenchmarkDatasetConfig]]] = None


class BaseServerTypeConfig(BaseModel):
    """A server of one of the types."""

    SERVER_TYPE: ClassVar[str]


class ResponsesAPIModelServerTypeConfig(BaseServerTypeConfig):
    """A model server."""

    SERVER_TYPE: ClassVar[Literal["responses_api_models"]] = "responses_api_models"
    model_config = ConfigDict(extra="allow")

    responses_api_models: Dict[str, BaseRunServerTypeConfig] = Field(min_length=1, max_length=1)


class ResourcesServerTypeConfig(BaseServerTypeConfig):
    """A resources server."""

    SERVER_TYPE: ClassVar[Literal["resources_servers"]] = "resources_servers"
    model_config = ConfigDict(extra="allow")

    resources_servers: Dict[str, BaseRunServerTypeConfig] = Field(min_length=1, max_length=1)


class ResponsesAPIAgentServerTypeConfig(BaseServerTypeConfig):
    """An agent server."""

    SERVER_TYPE: ClassVar[Literal["responses_api_agents"]] = "responses_api_agents"
    model_config = ConfigDict(extra="allow")

    responses_api_agents: Dict[str, BaseRunServerTypeConfig] = Field(min_length=1, max_length=1)


ServerTypeConfig = Union[
    ResponsesAPIModelServerTypeConfig, ResourcesServerTypeConfig, ResponsesAPIAgentServerTypeConfig
]


class BaseServerInstanceConfig(BaseServerTypeConfig):
    """A server with its name."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    server_type_config_dict: DictConfig = Field(exclude=True)

    @model_validator(mode="after")
    def validate_domain_for_resources_server(self) -> "BaseServerInstanceConfig":
        """Resources servers have a domain, others have none."""
        inner = self.get_inner_run_server_config()
        if self.SERVER_TYPE == "resources_servers":
            if inner.domain is None:
                raise ValueError("A domain is required for resources servers.")
        elif hasattr(inner, "domain"):
            del inner.domain
        return self

    def get_server_ref(self) -> ServerRef:
        """A reference to it."""
        found = is_server_ref({"type": self.SERVER_TYPE, "name": self.name})
        assert found is not None
        return found

    def get_inner_run_server_config_dict(self) -> DictConfig:
        """The fields below the implementation's name, as the configuration has them."""
        [implementation] = getattr(self, self.SERVER_TYPE)
        return self.server_type_config_dict[self.SERVER_TYPE][implementation]  # type: ignore[no-any-return]

    def get_inner_run_server_config(self) -> BaseRunServerTypeConfig:
        """The fields below the implementation's name, checked."""
        [inner] = getattr(self, self.SERVER_TYPE).values()
        return inner  # type: ignore[no-any-return]

    @property
    def datasets(self) -> Optional[List[Union[DatasetConfig, BenchmarkDatasetConfig]]]:
        """The server's datasets."""
        return self.get_inner_run_server_config().datasets


class ResponsesAPIModelServerInstanceConfig(ResponsesAPIModelServerTypeConfig, BaseServerInstanceConfig):
    """A model server with its name."""


class ResourcesServerInstanceConfig(ResourcesServerTypeConfig, BaseServerInstanceConfig):
    """A resources server with its name."""


class ResponsesAPIAgentServerInstanceConfig(ResponsesAPIAgentServerTypeConfig, BaseServerInstanceConfig):
    """An agent server with its name."""


ServerInstanceConfig = Union[
    ResponsesAPIModelServerInstanceConfig, ResourcesServerInstanceConfig, ResponsesAPIAgentServerInstanceConfig
]
ServerInstanceConfigTypeAdapter: TypeAdapter[ServerInstanceConfig] = TypeAdapter(ServerInstanceConfig)


def maybe_get_server_instance_config(
    name: str, server_type_config_dict: Any
) -> Tuple[Optional[ServerInstanceConfig], Optional[ValidationError]]:
    """The server that a top-level value is, or what keeps it from being one; neither for what is no mapping."""
    if not isinstance(server_type_config_dict, DictConfig):
        return None, None
    fields: Any = OmegaConf.to_container(server_type_config_dict)
    given = {"name": name, "server_type_config_dict": server_type_config_dict, **fields}
    try:
        return ServerInstanceConfigTypeAdapter.validate_python(given), None
    except ValidationError as error:
        return None, error


def is_almost_server(server_type_config_dict: Any) -> bool:
    """Whether a top-level value is meant to be a server: a server type, and below it something with an entrypoint."""
    if not isinstance(server_type_config_dict, DictConfig):
        return False
    return any(
        isinstance(fields, DictConfig) and ENTRYPOINT_KEY_NAME in fields
        for server_type in SERVER_TYPES
        if isinstance(below := server_type_config_dict.get(server_type), DictConfig)
        for fields in below.values()
    )
