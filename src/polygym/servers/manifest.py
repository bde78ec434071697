"""The manifest: what kind of environment a resources server is, along five dimensions, and the range of its rewards.

It changes nothing in a rollout. People choose environments by it, and the checker holds the rewards to their range.
"""

import math
import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from polygym.config.dimensions import DIMENSIONS, OWN_VALUE
from polygym.protocol.errors import suggest

_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _checked(values: list[str], info: ValidationInfo) -> list[str]:
    known = DIMENSIONS[str(info.field_name)]
    for value in values:
        if not _WORD.fullmatch(value):
            raise ValueError(f"{value!r} must be lower-case letters, digits and '_', such as 'tool_use'")
        if known and value not in known and not value.startswith(OWN_VALUE):
            raise ValueError(
                f"{value!r} is not known. {suggest(value, known)} A value of your own begins with '{OWN_VALUE}'."
            )
    return list(dict.fromkeys(values))


Words = Annotated[list[str], BeforeValidator(_as_list), AfterValidator(_checked)]
"""Values of a dimension; a single one may stand for a list of one."""


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    low, high = value
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError("must be [lowest, highest], two finite numbers")
    return value


class Manifest(BaseModel):
    """The `manifest` of a resources server's configuration. Raises ValidationError naming what is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rollout_structure: Words = []
    """How model, environment and user take turns: `single_step`, `multi_step`, `multi_turn`, `multi_modal` …"""
    core_capabilities: Words = []
    """What the model needs to be able to do: `tool_use`, `proactive_asking`, `schema_adherence` …"""
    knowledge_domain: Words = []
    """What the tasks are about: any word."""
    task_type: Words = []
    """What is asked of the model: any word, such as `question_answering`."""
    verification_method: Words = []
    """Where the reward comes from: `exact_match`, `state_comparison`, `llm_judge` …"""
    reward_range: Annotated[tuple[float, float], AfterValidator(_ordered)] = Field(default=(0.0, 1.0))
    """Lowest and highest reward that a rollout can have."""

    @model_validator(mode="before")
    @classmethod
    def fields_are_known(cls, given: Any) -> Any:
        """Suggest the field that was meant."""
        for name in given if isinstance(given, dict) else ():
            if name not in cls.model_fields:
                raise ValueError(f"{name!r} is no field of a manifest. {suggest(str(name), cls.model_fields)}")
        return given
