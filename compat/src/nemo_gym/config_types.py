"""What configurations hold: server configs, references, datasets; and the bodies of `/aggregate_metrics`."""

from enum import Enum
from typing import Any, Dict, Final, List, Literal, Optional, Union

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from nemo_gym.collection_configs import DEPRECATED_UPLOAD_ROLLOUTS_KEY, UploadRolloutsConfigMixin
from nemo_gym.command_configs import BaseNeMoGymCLIConfig
from nemo_gym.config_errors import (
    AlmostServerError,
    ConfigError,
    ConfigInterpolationError,
    ConfigMissingValuesError,
    ConfigPathNotFoundError,
    InheritPathNotFoundError,
    MalformedConfigPathsError,
    NoServerInstancesError,
    ServerRefNotFoundError,
)
from nemo_gym.dataset_types import (
    BaseUploadJsonlDatasetHuggingFaceConfig,
    BenchmarkDatasetConfig,
    DatasetConfig,
    DatasetSource,
    DatasetType,
    DeleteJsonlDatasetGitlabConfig,
    DownloadJsonlDatasetGitlabConfig,
    DownloadJsonlDatasetHuggingFaceConfig,
    GitlabDatasetSource,
    HuggingFaceDatasetSource,
    JsonlDatasetGitlabIdentifer,
    JsonlDatasetHuggingFaceIdentifer,
    UploadJsonlDatasetGitlabConfig,
    UploadJsonlDatasetHuggingFaceConfig,
    UploadJsonlDatasetHuggingFaceMaybeDeleteConfig,
)
from nemo_gym.exporter_types import ExporterConfig, MLFlowConfig, WANDBConfig

ROLLOUT_PATH_PREFIX: Final = "ng-rollout"
"""First part of a path that says which rollout a call belongs to."""
TOKEN_CAPTURE_PATH_SEGMENT: Final = "training-token-capture"
"""Part of such a path that asks for the tokens to be kept."""
AGENT_REF_KEY: Final = "agent_ref"


class ModelServerRef(BaseModel):
    """Reference to a model server."""

    type: Literal["responses_api_models"]
    name: str


class ResourcesServerRef(BaseModel):
    """Reference to a resources server."""

    type: Literal["resources_servers"]
    name: str


class AgentServerRef(BaseModel):
    """Reference to an agent server."""

    type: Literal["responses_api_agents"]
    name: str


ServerRef = Union[ModelServerRef, ResourcesServerRef, AgentServerRef]
ServerRefTypeAdapter: TypeAdapter[ServerRef] = TypeAdapter(ServerRef)


def is_server_ref(config_dict: Any) -> Optional[ServerRef]:
    """The reference that a value is; None when it is none."""
    try:
        return ServerRefTypeAdapter.validate_python(config_dict)
    except ValidationError:
        return None


class Domain(str, Enum):
    """What a resources server is about; the most specific that fits.

    `math`: problems with an answer or a proof. `coding`: programs are written. `agent`: tools are used over several
    turns. `knowledge`: facts are known. `instruction_following`: constraints on the answer are kept. `long_context`:
    much is read. `safety`: what should not be done is not done. `games`: rules and an end. `translation`: between
    languages. `e2e`: several of these in one. `rlhf`: preferences of people. `other`: none of them.
    """

    MATH = "math"
    CODING = "coding"
    AGENT = "agent"
    KNOWLEDGE = "knowledge"
    INSTRUCTION_FOLLOWING = "instruction_following"
    LONG_CONTEXT = "long_context"
    SAFETY = "safety"
    GAMES = "games"
    TRANSLATION = "translation"
    E2E = "e2e"
    RLHF = "rlhf"
    OTHER = "other"


class BaseServerConfig(BaseModel):
    """Where a server is."""

    host: str
    port: int
    num_workers: Optional[int] = None


class BaseRunServerConfig(BaseServerConfig):
    """How a server is started."""

    entrypoint: str
    domain: Optional[Domain] = None


class BaseRunServerInstanceConfig(BaseRunServerConfig):
    """Configuration of one server of a run. Servers subclass it."""

    name: str


class AggregateMetricsRequest(BaseModel):
    """Verified rollouts to compute metrics over."""

    verify_responses: List[Dict[str, Any]]


class AggregateMetrics(BaseModel):
    """Metrics over verified rollouts."""

    group_level_metrics: List[Dict[str, Any]] = Field(default_factory=list, description="One entry per task.")
    agent_metrics: Dict[str, Any] = Field(default_factory=dict, description="Over all rollouts.")
    key_metrics: Dict[str, Any] = Field(default_factory=dict, description="The ones to show first.")


from nemo_gym.instance_types import (
    BaseRunServerTypeConfig,
    BaseServerInstanceConfig,
    BaseServerTypeConfig,
    ResourcesServerInstanceConfig,
    ResourcesServerTypeConfig,
    ResponsesAPIAgentServerInstanceConfig,
    ResponsesAPIAgentServerTypeConfig,
    ResponsesAPIModelServerInstanceConfig,
    ResponsesAPIModelServerTypeConfig,
    ServerInstanceConfig,
    ServerInstanceConfigTypeAdapter,
    ServerTypeConfig,
    is_almost_server,
    maybe_get_server_instance_config,
)
