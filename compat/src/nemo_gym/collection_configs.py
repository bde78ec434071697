"""Parameters of collecting rollouts, and of aggregating those of several jobs."""

import warnings
from pathlib import Path
from typing import Any, Dict, Final, Literal, Optional, Union

from pydantic import BaseModel, Field, field_validator, model_validator

from nemo_gym.command_configs import BaseNeMoGymCLIConfig
from nemo_gym.skills import SkillsConfig

DEPRECATED_UPLOAD_ROLLOUTS_KEY: Final = "upload_rollouts_to_wandb"
DEFAULT_REPEATS: Final = "_default"
"""Key of the repeats that agents have which a mapping does not name."""


class UploadRolloutsConfigMixin(BaseModel):
    """`upload_rollouts`, also by its older name."""

    upload_rollouts: bool = Field(default=True, description="Hand the rollouts to every configured exporter.")

    @model_validator(mode="before")
    @classmethod
    def map_deprecated_upload_rollouts(cls, data: Any) -> Any:
        """Take the older name, with a warning; the newer one wins."""
        if not isinstance(data, dict) or DEPRECATED_UPLOAD_ROLLOUTS_KEY not in data:
            return data
        warnings.warn(
            f"`{DEPRECATED_UPLOAD_ROLLOUTS_KEY}` is deprecated; its name is `upload_rollouts`.",
            DeprecationWarning,
            stacklevel=2,
        )
        others = {key: value for key, value in data.items() if key != DEPRECATED_UPLOAD_ROLLOUTS_KEY}
        return {"upload_rollouts": data[DEPRECATED_UPLOAD_ROLLOUTS_KEY], **others}


class SharedRolloutCollectionConfig(UploadRolloutsConfigMixin, BaseNeMoGymCLIConfig):
    """What all ways of collecting have in common."""

    output_jsonl_fpath: str = Field(description="Where the rollouts go, one line each.")
    num_samples_in_parallel: Optional[int] = Field(default=None, description="Rollouts in flight at most.")
    responses_create_params: Dict[str, Any] = Field(
        default_factory=dict, description="Laid over the parameters of every row, such as temperature."
    )
    disable_aggregation: bool = Field(
        default=False, description="Compute no metrics; several jobs' rollouts are aggregated together later."
    )
    rollout_collection_driver: Optional[str] = Field(
        default=None,
        description=(
            "`module.path:function` that collects instead, awaited with (rollout_collection_config, "
            "global_config_dict)."
        ),
    )


class E2ERolloutCollectionConfig(SharedRolloutCollectionConfig):
    """Bring up servers and run the datasets of their configurations."""

    split: Union[Literal["train"], Literal["validation"], Literal["benchmark"]]
    reuse_existing_data_preparation: bool = False


class RolloutCollectionConfig(SharedRolloutCollectionConfig):
    """Run the rows of one file on servers that are up."""

    agent_name: Optional[str] = Field(default=None, description="The agent of rows that name none.")
    input_jsonl_fpath: str = Field(description="The rows, one line each.")
    limit: Optional[int] = Field(default=None, description="Rows taken, from the top.")
    num_repeats: Union[int, Dict[str, int]] = Field(
        default=1,
        description="Rollouts per row: for all, or by agent name, `_default` being for those that are not named.",
    )
    num_repeats_add_seed: bool = Field(
        default=False, description="Give every repeat a seed of its own in metadata.extra_body, for vLLM."
    )
    resume_from_cache: bool = Field(default=False, description="Go on with what is in the output file already.")
    prompt_config: Optional[str] = Field(default=None, description="A template that makes every row's input.")
    skills: Optional[SkillsConfig] = Field(default=None, description="Skills that agents have in this run.")

    @field_validator("num_repeats", mode="before")
    @classmethod
    def coerce_null_num_repeats(cls, value: Any) -> Any:
        """Null means once."""
        return 1 if value is None else value

    @model_validator(mode="after")
    def validate_num_repeats(self) -> "RolloutCollectionConfig":
        """Once at least."""
        if isinstance(self.num_repeats, int):
            if self.num_repeats < 1:
                raise ValueError(f"num_repeats must be >= 1, got {self.num_repeats}")
        elif wrong := {name: repeats for name, repeats in self.num_repeats.items() if repeats < 1}:
            raise ValueError(f"num_repeats dict values must be >= 1, got {wrong}")
        return self

    @property
    def materialized_jsonl_fpath(self) -> Path:
        """Where the rows are written as they are run."""
        output = Path(self.output_jsonl_fpath)
        return output.with_name(f"{output.stem}_materialized_inputs.jsonl")


class RolloutAggregationConfig(BaseNeMoGymCLIConfig):
    """Compute metrics over the rollouts of several jobs."""

    input_glob: str = Field(description="The jobs' rollouts: patterns, with commas between them.")
    output_jsonl_fpath: str = Field(description="Where all rollouts go; the metrics are written beside it.")
    merge_shards: bool = Field(default=True, description="Whether all rollouts are written there.")
