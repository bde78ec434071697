"""A task: one dataset row, and which agent runs it."""

from dataclasses import dataclass
from typing import Any, Final

from polygym.protocol.errors import InputError
from polygym.protocol.json import JsonObject, loads

PARAMS: Final = "responses_create_params"
TOOLS: Final = "tools"
"""Key in create params, and in what seeding answers: tools that are offered to the model."""
AGENT_REF: Final = "agent_ref"
TASK_SOURCE: Final = "task_source"
"""Key of a row that names the server whose dataset it is of; it says which agent runs it where `agent_ref` doesn't."""
TASK_INDEX: Final = "_ng_task_index"
ROLLOUT_INDEX: Final = "_ng_rollout_index"
ATTEMPT_INDEX: Final = "_ng_attempt_index"
MCP: Final = "mcp"
"""Key in what seeding answers: how the tools are reached over MCP."""
LARGEST_INDEX: Final = 1 << 39
"""Task indices stay below it."""


@dataclass(frozen=True, slots=True)
class Task:
    """One dataset row, checked."""

    row: JsonObject
    """The row as it was read: `responses_create_params`, the verifier's fields, `agent_ref`."""
    agent: str | None
    """Instance name of the agent the row asks for, or None when it names none."""
    index: int
    """Which task this is; all repeats of a task share it."""
    origin: str
    """`file:line`, for messages."""


def parse_row(line: bytes | str, origin: str) -> JsonObject:
    """The JSON object on one line. Raises InputError naming `origin`."""
    try:
        row = loads(line.strip())
    except ValueError as error:
        raise InputError(f"{origin}: not JSON: {error}. Every line must be one JSON object.") from error
    if not isinstance(row, dict):
        raise InputError(f"{origin}: a row must be a JSON object, this is a {type(row).__name__}.")
    return row


def parse_task(row: JsonObject, *, index: int, origin: str) -> Task:
    """A row checked for what every task must have. Raises InputError naming `origin` and the field.

    `agent_ref` may be absent, and may omit its `type`.
    """
    params = row.get(PARAMS)
    if not isinstance(params, dict):
        found = "has none" if params is None else f"has a {type(params).__name__} there"
        raise InputError(
            f"{origin}: a task needs '{PARAMS}', an object with what the model is asked; this row {found}."
        )
    _check_input(params.get("input"), origin)
    return Task(row, _agent_name(row, origin), _task_index(row, index, origin), origin)


def with_offered_tools(row: JsonObject, seed: JsonObject) -> JsonObject:
    """`row`, its params completed by the tools that seeding answered; itself when it brings its own, also if none."""
    params, offered = row.get(PARAMS), seed.get(TOOLS)
    if not offered or not isinstance(params, dict) or params.get(TOOLS) is not None or not _are_tools(offered):
        return row
    return {**row, PARAMS: {**params, TOOLS: offered}}


def _are_tools(offered: Any) -> bool:
    """Whether another implementation's seed answer means by `tools` what we do."""
    return isinstance(offered, list) and all(isinstance(each, dict) and "name" in each for each in offered)


def _check_input(value: Any, origin: str) -> None:
    if not isinstance(value, str | list):
        raise InputError(f"{origin}: '{PARAMS}.input' must be a string or a list of items.")
    for place, item in enumerate(value if isinstance(value, list) else ()):
        if not isinstance(item, dict):
            raise InputError(f"{origin}: '{PARAMS}.input[{place}]' must be an object, this is {item!r}.")


def _task_index(row: JsonObject, default: int, origin: str) -> int:
    given = row.get(TASK_INDEX)
    if given is None:
        return default
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given < LARGEST_INDEX:
        raise InputError(f"{origin}: '{TASK_INDEX}' must be a whole number, this is {given!r}. It counts from 0.")
    return given


def _agent_name(row: JsonObject, origin: str) -> str | None:
    ref = row.get(AGENT_REF)
    if ref is None:
        return None
    if not isinstance(ref, dict) or not isinstance(ref.get("name"), str):
        raise InputError(f'{origin}: \'{AGENT_REF}\' must be {{"name": "<agent instance>"}}, this is {ref!r}.')
    if ref.get("type", "responses_api_agents") != "responses_api_agents":
        raise InputError(f"{origin}: '{AGENT_REF}.type' must be 'responses_api_agents', this is {ref['type']!r}.")
    return str(ref["name"])
