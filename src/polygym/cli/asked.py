"""What `gym eval run` was asked for, from its options and from the configuration.

Options win. The keys of the older commands (`num_repeats`, `input_jsonl_fpath` …) count wherever the configuration has
them; an option's own name (`temperature`, `split` …) counts as an override on the command line only, since a config
file may use it for something else.
"""

import difflib
import logging
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator

from polygym.cli.by_agent import ByAgent, Concurrency, Counts, Limits, Numbers
from polygym.config.model import DatasetType
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject
from polygym.rollouts.plan import Order, Shard
from polygym.servers.base import explain_validation

log = logging.getLogger("polygym.cli")

OLD_KEYS: Final[Mapping[str, str]] = {
    "input_jsonl_fpath": "input",
    "output_jsonl_fpath": "output",
    "agent_name": "agent",
    "limit": "limit",
    "num_repeats": "num_repeats",
    "num_samples_in_parallel": "concurrency",
    "responses_create_params": "responses_create_params",
    "resume_from_cache": "resume",
    "disable_aggregation": "disable_aggregation",
    "observability_enabled": "capture_model_calls",
    "prompt_config": "prompt_config",
}
"""Keys of the older commands and the option that each has become."""

NOT_AVAILABLE: Final = ("num_repeats_add_seed", "skills", "skip_verification")
"""Keys of other implementations that would change what a run does, and that this version does not know."""


class EvalRun(BaseModel):
    """What to run, and what to write."""

    model_config = ConfigDict(extra="forbid")

    input: list[str] = []
    """JSONL files; empty for the datasets that the configuration declares."""
    output: str | None = None
    limit: PositiveInt | None = None
    """Tasks taken of each input."""
    num_repeats: Counts = ByAgent()
    """Rollouts per task."""
    concurrency: Limits = Concurrency()
    """Rollouts in flight."""
    weight: Numbers = ByAgent()
    """Shares of the rollouts in flight."""
    timeout_s: Numbers = ByAgent()
    """Seconds of its own time that a rollout may take."""
    max_attempts: Counts = ByAgent()
    """Attempts at a rollout in all."""
    wait_for_model: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Seconds that a model endpoint may be away, from the start; None for the default, and not at the start."""
    grace_s: float = Field(default=30.0, ge=0, allow_inf_nan=False)
    """Seconds that rollouts in flight get after the first Ctrl-C."""
    workers: PositiveInt = 1
    """Processes that share the run."""
    max_cost: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """US dollars that model calls may cost, an earlier part of the run included."""
    max_total_tokens: PositiveInt | None = None
    """Tokens that they may take, input and output."""
    capture_model_calls: bool = False
    """Write every model call down."""
    order: Order = "group"
    shard: Shard | None = None
    agent: str | None = None
    """For rows that name none."""
    split: DatasetType = "example"
    prompt_config: str | None = None
    """A prompt template that all rows are filled into, instead of those of their datasets."""
    responses_create_params: JsonObject = {}
    """Laid over every row's."""
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: PositiveInt | None = None
    resume: bool | Literal["force"] = False
    """`force` goes on although what the results depend on has changed."""
    overwrite: bool = False
    no_serve: bool = False
    dry_run: bool = False
    """Check everything, run nothing."""
    disable_aggregation: bool = False

    @field_validator("input", mode="before")
    @classmethod
    def one_is_a_list(cls, value: Any) -> Any:
        """Let a single file stand for a list of one."""
        return [value] if isinstance(value, str) else value

    @field_validator("shard", mode="before")
    @classmethod
    def shard_is_named_by_text(cls, value: Any) -> Any:
        """Read `i/n`."""
        return Shard.parse(value) if isinstance(value, str) else value

    @property
    def by_agent(self) -> dict[str, Collection[str]]:
        """The agents that options name, by option."""
        return {
            "--num-repeats": self.num_repeats.agents,
            "--concurrency": self.concurrency.agents,
            "--weight": self.weight.agents,
            "--timeout-s": self.timeout_s.agents,
            "--max-attempts": self.max_attempts.agents,
        }

    @property
    def params(self) -> JsonObject:
        """Everything that is laid over `responses_create_params`."""
        own = {"temperature": self.temperature, "top_p": self.top_p, "max_output_tokens": self.max_output_tokens}
        return {**self.responses_create_params, **{name: value for name, value in own.items() if value is not None}}


def asked_for(options: JsonObject, settings: JsonObject, override_keys: set[str]) -> EvalRun:
    """The run that `options` (None where not given), `settings` and overrides of `override_keys` ask for.

    Raises ConfigError when a value cannot be used, or asks for what this version does not do.
    """
    for key in NOT_AVAILABLE:
        if settings.get(key):
            raise ConfigError(f"'{key}' is set, but not available in this version of polygym. Leave it out.")
    values = {name: settings[key] for key, name in OLD_KEYS.items() if settings.get(key) is not None}
    values |= {key: settings[key] for key in EvalRun.model_fields if key in override_keys and key in settings}
    values |= {name: value for name, value in options.items() if value is not None}
    for key in sorted(override_keys):
        _warn_of_near_miss(key)
    try:
        return EvalRun.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"gym eval run: {explain_validation(error)}.") from error


def _warn_of_near_miss(key: str) -> None:
    """A key that nobody reads is no error, since interpolations may use it; one that looks like ours is a slip."""
    known = {*OLD_KEYS, *EvalRun.model_fields}
    near = [] if key in known else difflib.get_close_matches(key, known, n=1, cutoff=0.85)
    if near:
        log.warning("'%s' is none of the keys that say what to run. Meant '%s'?", key, near[0])
