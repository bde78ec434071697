"""`manifest.yaml`: what an environment says about itself. Read, written and described as a JSON schema."""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    ValidationError,
    model_validator,
)

from nemo_gym.config_errors import ConfigError
from nemo_gym.config_types import Domain

UNPUBLISHED_LICENSES: Final = frozenset({"internal", "proprietary", "unknown"})
"""What `licensing` may say instead of an SPDX expression."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
SourceUrl = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^(?:(?:https?|ssh|git|file)://\S+|[^@\s]+@[^:\s]+:\S+)$"),
]
GitRef = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\S+$")]
CallablePath = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"),
]


def _license(value: str) -> str:
    if value in UNPUBLISHED_LICENSES:
        return value
    try:
        return canonicalize_license_expression(value)
    except InvalidLicenseExpression as error:
        choices = ", ".join(sorted(UNPUBLISHED_LICENSES))
        raise ValueError(f"{value!r} is no SPDX license expression; without one, write one of: {choices}") from error


def _each_once(value: list[str]) -> list[str]:
    if len(set(value)) < len(value):
        raise ValueError("authors must be unique")
    return value


class EnvironmentKind(StrEnum):
    """An environment to train in, or a benchmark with one way to run it."""

    ENVIRONMENT = "environment"
    BENCHMARK = "benchmark"


class IntegrationProfile(StrEnum):
    """Whose loop drives the model: ours with a verifier or an agent of its own, an agent's, or a driver's."""

    CUSTOM_GYM_VERIFIER = "custom-gym-verifier"
    CUSTOM_GYM_AGENT_LOOP = "custom-gym-agent-loop"
    EXTERNAL_AGENT_LOOP = "external-agent-loop"
    EXTERNAL_ROLLOUT_DRIVER = "external-rollout-driver"


class Determinism(StrEnum):
    """Whether the same actions give the same reward."""

    SEEDED = "seeded"
    STOCHASTIC = "stochastic"
    UNKNOWN = "unknown"


class SessionModel(StrEnum):
    """What one session holds."""

    EPISODE = "episode"
    STEP = "step"


class EnvironmentState(StrEnum):
    """Whether the resources server keeps state between calls."""

    NONE = "none"
    PER_SESSION = "per_session"


class Lifecycle(StrEnum):
    """Whether the environment should still be used."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"


class DatasetKind(StrEnum):
    """What a dataset is for."""

    TRAIN = "train"
    VALIDATION = "validation"
    EXAMPLE = "example"
    BENCHMARK = "benchmark"


NEEDED_BY_PROFILE: Final[Mapping[IntegrationProfile, tuple[str, ...]]] = {
    IntegrationProfile.CUSTOM_GYM_VERIFIER: ("model_server",),
    IntegrationProfile.CUSTOM_GYM_AGENT_LOOP: ("model_server",),
    IntegrationProfile.EXTERNAL_AGENT_LOOP: (),
    IntegrationProfile.EXTERNAL_ROLLOUT_DRIVER: ("rollout_driver",),
}
NEEDED_BY_BENCHMARKS: Final = ("canonical_split", "standard_prompt_config")
_TEXT_SCHEMA: Final = {"type": "string", "minLength": 1}


def _when(field: str, value: str, then: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"properties": {field: {"const": value}}, "required": [field]}, "then": then}


def _needs(fields: Iterable[str], **properties: Any) -> dict[str, Any]:
    named = tuple(fields)
    return {"required": list(named), "properties": {**dict.fromkeys(named, _TEXT_SCHEMA), **properties}}


def _conditions() -> list[dict[str, Any]]:
    """What the validators below demand, for tools that only have the JSON schema."""
    a_benchmark_dataset = {"contains": {"properties": {"type": {"const": "benchmark"}}, "required": ["type"]}}
    driver = _when("integration_profile", IntegrationProfile.EXTERNAL_ROLLOUT_DRIVER, {})
    return [
        _when("kind", "benchmark", _needs(NEEDED_BY_BENCHMARKS, datasets={"type": "array", **a_benchmark_dataset})),
        *(_when("integration_profile", name, _needs(fields)) for name, fields in NEEDED_BY_PROFILE.items() if fields),
        {**driver, "else": {"properties": {"rollout_driver": {"type": "null"}}}},
    ]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, validate_default=True)


class Reward(_Section):
    """Which rewards there are, and which way is up."""

    range: tuple[FiniteFloat, FiniteFloat] = Field(description="The least and the greatest reward.")
    higher_is_better: bool

    @model_validator(mode="after")
    def _is_ordered(self) -> "Reward":
        lowest, greatest = self.range
        if lowest >= greatest:
            raise ValueError(f"reward.range needs lower < upper, and is {lowest} to {greatest}")
        return self


class ManifestDataset(_Section):
    """One file of tasks."""

    model_config = ConfigDict(json_schema_extra={"allOf": [_when("type", "benchmark", _needs(["prepare_script"]))]})

    name: Text
    type: DatasetKind
    jsonl_fpath: Text
    prepare_script: Text | None = None
    prompt_config: Text | None = None
    num_repeats: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _can_be_prepared(self) -> "ManifestDataset":
        if self.type == DatasetKind.BENCHMARK and self.prepare_script is None:
            raise ValueError(f"dataset {self.name!r} is a benchmark and needs: prepare_script")
        return self


class AdoptedFrom(_Section):
    """Where the environment was taken from, and when the two were last compared."""

    source: SourceUrl
    ref: GitRef
    reconciled: date


class EnvironmentManifest(_Section):
    """An environment's own account of itself, and of the servers and datasets that its configuration names."""

    model_config = ConfigDict(
        title="Environment manifest",
        json_schema_extra=lambda schema: schema.update(allOf=_conditions()),
    )

    name: Text
    version: Text = Field(description="Of the whole composition; semantic versions are recommended.")
    kind: EnvironmentKind
    integration_profile: IntegrationProfile
    domain: Domain
    description: Text
    modality: Text
    licensing: Annotated[Text, AfterValidator(_license)] = Field(
        default="unknown", description="An SPDX license expression, or internal, proprietary, unknown."
    )
    authors: Annotated[list[Text], AfterValidator(_each_once)] = Field(
        min_length=1, json_schema_extra={"uniqueItems": True}
    )
    reward: Reward
    determinism: Determinism = Determinism.UNKNOWN
    resources_server: Text
    agent_server: Text
    datasets: list[ManifestDataset] = Field(min_length=1)
    model_server: Text | None = None
    rollout_driver: CallablePath | None = None
    grading_mode: Text | None = None
    session_model: SessionModel | None = None
    state: EnvironmentState | None = None
    sandbox: Text | None = None
    canonical_split: Text | None = None
    standard_prompt_config: Text | None = None
    adopted_from: AdoptedFrom | None = None
    lifecycle: Lifecycle = Lifecycle.ACTIVE

    @model_validator(mode="after")
    def _fits_together(self) -> "EnvironmentManifest":
        is_benchmark = self.kind == EnvironmentKind.BENCHMARK
        needed = [*NEEDED_BY_PROFILE[self.integration_profile], *(NEEDED_BY_BENCHMARKS if is_benchmark else ())]
        if missing := [name for name in needed if getattr(self, name) is None]:
            raise ValueError(f"a {self.kind} with the profile {self.integration_profile} needs: {', '.join(missing)}")
        if self.rollout_driver and self.integration_profile != IntegrationProfile.EXTERNAL_ROLLOUT_DRIVER:
            raise ValueError("rollout_driver is only valid for the external-rollout-driver profile")
        if len({dataset.name for dataset in self.datasets}) < len(self.datasets):
            raise ValueError("dataset names must be unique")
        if is_benchmark and all(dataset.type != DatasetKind.BENCHMARK for dataset in self.datasets):
            raise ValueError("a benchmark needs a benchmark dataset")
        return self


class ManifestError(ConfigError):
    """A manifest that cannot be read, or says what it must not."""


def _refusal(where: str, error: ValidationError) -> ManifestError:
    lines = [
        f"  - {'.'.join(map(str, problem['loc'])) or 'manifest'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return ManifestError("\n".join([f"{where} is no valid environment manifest:", *lines]))


def load_manifest(path: str | Path) -> EnvironmentManifest:
    """The manifest in a YAML file. Raises ManifestError saying what is wrong with it, and where."""
    file = Path(path)
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ManifestError(f"Environment manifest {file} was not found.") from error
    except (OSError, UnicodeError) as error:
        raise ManifestError(f"Environment manifest {file} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ManifestError(f"Malformed YAML in environment manifest {file}{place}.") from error
    if not isinstance(data, dict):
        raise ManifestError(f"{file} is no environment manifest: expected a YAML mapping, got {type(data).__name__}.")
    try:
        return EnvironmentManifest.model_validate(data)
    except ValidationError as error:
        raise _refusal(str(file), error) from error


def dump_manifest(manifest: EnvironmentManifest | Mapping[str, Any]) -> str:
    """The manifest as YAML, fields without a value left out. Raises ManifestError when a mapping is none."""
    try:
        checked = EnvironmentManifest.model_validate(manifest)
    except ValidationError as error:
        raise _refusal("<memory>", error) from error
    return yaml.safe_dump(checked.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True)


def manifest_json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a manifest, with the conditions between its fields."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "environment-manifest.schema.json",
        **EnvironmentManifest.model_json_schema(),
    }
