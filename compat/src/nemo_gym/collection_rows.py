"""The rows of a collection: read, completed, numbered and repeated, before anything is run."""

import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import orjson
from omegaconf import OmegaConf

from nemo_gym.collection_configs import DEFAULT_REPEATS, RolloutCollectionConfig
from nemo_gym.config_errors import ConfigError, ConfigPathNotFoundError
from nemo_gym.keys import (
    AGENT_REF_KEY_NAME,
    RESPONSES_CREATE_PARAMS_KEY_NAME,
    ROLLOUT_INDEX_KEY_NAME,
    SKILLS_REF_KEY_NAME,
    TASK_INDEX_KEY_NAME,
)
from nemo_gym.prompt import apply_prompt_to_row, load_prompt_config, validate_prompt_compatibility
from nemo_gym.search_roots import resolve_file
from nemo_gym.skills import load_skill_directory

Row: TypeAlias = dict[str, Any]
log = logging.getLogger("nemo_gym.collection")


def loads_jsonl_line(raw: str | bytes, fpath: str | Path, line_no: int) -> Any:
    """The value of a line. Raises ConfigError naming file and line when it is no JSON."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"Malformed JSON in '{fpath}' at line {line_no}: {error}") from error


def agent_of(row: Row) -> str | None:
    """Name of the agent that a row names."""
    name = (row.get(AGENT_REF_KEY_NAME) or {}).get("name")
    return None if name is None else str(name)


def summary_of(row: Row) -> Row:
    """Which rollout a row is, and whose, for logs; what is not known is left out."""
    known = {name: row.get(name) for name in (TASK_INDEX_KEY_NAME, ROLLOUT_INDEX_KEY_NAME)}
    return {name: value for name, value in {**known, "agent_name": agent_of(row)}.items() if value is not None}


def place_of(row: Row) -> tuple[int, int]:
    """Task and repeat."""
    return row[TASK_INDEX_KEY_NAME], row[ROLLOUT_INDEX_KEY_NAME]


def prepare_rows(config: RolloutCollectionConfig) -> list[Row]:
    """Every rollout's row, the repeats of a task next to each other; equal rows are one task.

    Raises ConfigPathNotFoundError, ConfigError for a line that is no JSON, ValueError for rows without an agent or
    without a number of repeats.
    """
    lines = _read(config)
    rows = [row for _, row in lines]
    if config.prompt_config:
        template = load_prompt_config(config.prompt_config)
        validate_prompt_compatibility(rows, template)
        rows = [apply_prompt_to_row(row, template) for row in rows]
    if config.agent_name:
        for row in rows:
            row.setdefault(AGENT_REF_KEY_NAME, {"name": config.agent_name})
    nameless = [index for index, row in enumerate(rows) if agent_of(row) is None]
    if nameless:
        raise ValueError(f"No agent specified for rows {nameless}: give agent_name, or agent_ref in the rows.")
    _check_repeats(config, {str(agent_of(row)) for row in rows})
    _complete(config, rows)
    tasks: dict[bytes, int] = {}
    for (line, _), row in zip(lines, rows, strict=True):
        if TASK_INDEX_KEY_NAME not in row:
            row[TASK_INDEX_KEY_NAME] = tasks.setdefault(line, len(tasks))
    return list(_repeated(config, rows))


def _read(config: RolloutCollectionConfig) -> list[tuple[bytes, Row]]:
    path = resolve_file(config.input_jsonl_fpath)
    if not path.exists():
        raise ConfigPathNotFoundError(
            f"Input file not found: '{config.input_jsonl_fpath}' (--input). Check how the path is spelled."
        )
    with path.open("rb") as file:
        lines = [(number, line) for number, line in enumerate(islice(file, config.limit or None), 1) if line.strip()]
    return [(line, loads_jsonl_line(line, path, number)) for number, line in lines]


def _check_repeats(config: RolloutCollectionConfig, agents: set[str]) -> None:
    if isinstance(config.num_repeats, int):
        return
    named = config.num_repeats.keys() - {DEFAULT_REPEATS}
    if DEFAULT_REPEATS not in config.num_repeats and agents - named:
        raise ValueError(
            f"num_repeats dict has no entry for agents {sorted(agents - named)} and no '{DEFAULT_REPEATS}' fallback. "
            f"Listed agents: {sorted(named)}"
        )
    if named - agents:
        warnings.warn(
            f"num_repeats dict contains agent names that never appeared in input rows: {sorted(named - agents)}",
            stacklevel=3,
        )


def _complete(config: RolloutCollectionConfig, rows: list[Row]) -> None:
    """Give every row the parameters and skills of the run."""
    params: Any = OmegaConf.to_container(OmegaConf.create(config.responses_create_params), resolve=True)
    skills = load_skill_directory(config.skills.path).model_dump() if config.skills else None
    for row in rows:
        row[RESPONSES_CREATE_PARAMS_KEY_NAME] = row[RESPONSES_CREATE_PARAMS_KEY_NAME] | params
        if skills is not None:
            row[SKILLS_REF_KEY_NAME] = skills


def _repeated(config: RolloutCollectionConfig, rows: list[Row]) -> Iterator[Row]:
    counts: Counter[int] = Counter()
    for row in rows:
        for _ in range(_repeats_of(config, str(agent_of(row)))):
            repeat = deepcopy(row)
            index = repeat[ROLLOUT_INDEX_KEY_NAME] = counts[row[TASK_INDEX_KEY_NAME]]
            counts[row[TASK_INDEX_KEY_NAME]] += 1
            if config.num_repeats_add_seed:
                metadata = repeat[RESPONSES_CREATE_PARAMS_KEY_NAME].setdefault("metadata", {})
                extra = orjson.loads(metadata.get("extra_body", "{}"))
                metadata["extra_body"] = orjson.dumps(extra | {"seed": index}).decode()
            yield repeat


def _repeats_of(config: RolloutCollectionConfig, agent: str) -> int:
    if isinstance(config.num_repeats, int):
        return config.num_repeats
    return config.num_repeats.get(agent, config.num_repeats.get(DEFAULT_REPEATS, 0))
