"""Prompt templates: YAML with `user` and perhaps `system`, whose `{field}` are filled from a row."""

import json
import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field

from nemo_gym.config_types import BaseNeMoGymCLIConfig
from nemo_gym.search_roots import resolve_file

log = logging.getLogger("nemo_gym.prompt")
PARAMS = "responses_create_params"


class PromptConfig(BaseModel):
    """A template. Braces that are meant are doubled."""

    user: str
    system: str | None = None


@lru_cache(maxsize=64)
def load_prompt_config(path: str) -> PromptConfig:
    """The template in a file, which is looked for in the roots and read once."""
    return PromptConfig.model_validate(yaml.safe_load(resolve_file(path).read_text()))


def fill_prompt(prompt_config: PromptConfig, row: Mapping[str, Any]) -> list[dict[str, str]]:
    """The messages for a row. Raises KeyError naming a field that it lacks."""
    templates = (("system", prompt_config.system), ("user", prompt_config.user))
    try:
        return [{"role": role, "content": text.format_map(row)} for role, text in templates if text is not None]
    except KeyError as error:
        raise KeyError(f"Prompt template references field {error}; the data row only has fields: {list(row)}") from None


def validate_prompt_compatibility(rows: Sequence[Mapping[str, Any]], prompt_config: PromptConfig) -> None:
    """Raise ValueError naming the rows that have an input already, which a template would overwrite."""
    filled = [index for index, row in enumerate(rows) if (row.get(PARAMS) or {}).get("input")]
    if filled:
        raise ValueError(
            "responses_create_params.input and prompt_config are mutually exclusive, and some rows have both. "
            f"Violating rows: {filled}"
        )


def apply_prompt_to_row(row: dict[str, Any], prompt_config: PromptConfig) -> dict[str, Any]:
    """The row with the filled template as its input; the given one stays as it is."""
    given = row.get(PARAMS)
    params = given if isinstance(given, dict) else {}
    return {**row, PARAMS: {**params, "input": fill_prompt(prompt_config, row)}}


def materialize_prompts(input_jsonl: str, prompt_config: str, output_jsonl: str) -> None:
    """Write the rows of a file with the template filled in, and which template that was."""
    template = load_prompt_config(prompt_config)
    rows = [json.loads(line) for line in Path(input_jsonl).read_text().splitlines() if line.strip()]
    validate_prompt_compatibility(rows, template)
    used = str(resolve_file(prompt_config))
    output = Path(output_jsonl)
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("w") as file:
        for row in rows:
            file.write(json.dumps({**apply_prompt_to_row(row, template), "prompt_config_used": used}) + "\n")
    log.info("%d rows in %s", len(rows), output)


class MaterializePromptsConfig(BaseNeMoGymCLIConfig):
    """Files for `materialize_prompts`."""

    input_jsonl_fpath: str = Field(description="Rows without responses_create_params.input.")
    prompt_config: str = Field(description="The template.")
    output_jsonl_fpath: str = Field(description="Where the rows go.")
