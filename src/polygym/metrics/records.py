"""What a rollout's record says: how the rollout ended, its reward, its numbers, the work it took.

Every metric reads records through here, so that all of them agree on what counts.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple

from polygym.protocol.json import JsonObject, loads
from polygym.protocol.responses import incompleteness_of
from polygym.protocol.rollouts import COST_USD, FAILURE_CLASS, MASK_SAMPLE, ROLLOUT_STATE, RolloutState

REWARD: Final = "reward"
REWARD_COMPONENTS: Final = "reward_components"
TOKEN_COUNTS: Final = ("input_tokens", "output_tokens", "total_tokens")
"""Usage of a response, as metrics name it."""
SCORED_STATES: Final = frozenset({RolloutState.SCORED, RolloutState.MASKED})
"""States with a reward that counts. A masked rollout is kept out of training, not out of statistics."""

_NUMBER: Final = (int, float)
_OWN_PREFIX: Final = "_ng_"
_ERROR_OUTPUT = '{"error"'


class Work(NamedTuple):
    """What a rollout took."""

    model_calls: int
    tool_calls: int
    tool_errors: int


def state_of(record: JsonObject) -> RolloutState:
    """How the rollout ended.

    A record that carries no `rollout_state` is scored when its reward is a finite number and it names no failure class.
    A record that claims a score without a finite reward has failed. Raises ValueError for a state that does not exist.
    """
    claimed = record.get(ROLLOUT_STATE)
    if claimed is not None:
        state = claimed if claimed.__class__ is RolloutState else RolloutState(claimed)
        return state if state not in SCORED_STATES or _has_finite_reward(record) else RolloutState.FAILED
    if record.get(FAILURE_CLASS) or not _has_finite_reward(record):
        return RolloutState.FAILED
    return RolloutState.MASKED if _is_masked(record) else RolloutState.SCORED


def reward_of(record: JsonObject) -> float | None:
    """The reward of a scored or masked rollout, None of any other: there is no stand-in."""
    return float(record[REWARD]) if state_of(record) in SCORED_STATES else None


def columns_of(records: Sequence[JsonObject]) -> dict[str, list[float]]:
    """The finite numbers of records by name: token counts of the responses' usage, parts of the reward, other fields.

    A column is in the order of the records; those that have no such number have no place in it. Parts of the reward are
    `reward_components/<name>`, other fields the top-level ones, truth values as 0 and 1. Keys that begin with `_ng_`
    are bookkeeping and left out. It goes through names, not records: reading a column takes no loop in Python.
    """
    columns = {}
    fields = _numbers_by_name(records, [name for name in _names_of(records) if str(name)[:4] != _OWN_PREFIX])
    usages = [usage_of(record) for record in records]
    for name in TOKEN_COUNTS:
        counts = [usage.get(name) for usage in usages]
        if fields.pop(name, None):
            counts = [_or_field(count, record, name) for count, record in zip(counts, records, strict=True)]
        if column := _finite(counts):
            columns[name] = column
    components = [given for record in records if isinstance(given := record.get(REWARD_COMPONENTS), dict)]
    for name, column in _numbers_by_name(components, _names_of(components)).items():
        columns[f"{REWARD_COMPONENTS}/{name}"] = column
    return columns | fields


def numbers_of(record: JsonObject) -> dict[str, float]:
    """The numbers of one record; see `columns_of`."""
    return {name: column[0] for name, column in columns_of([record]).items()}


def _or_field(count: Any, record: JsonObject, name: str) -> Any:
    """A token count, or where it is none the record's field of that name."""
    return count if isinstance(count, _NUMBER) and math.isfinite(count) else record.get(name)


def _names_of(objects: Sequence[JsonObject]) -> Iterable[Any]:
    return dict.fromkeys(chain.from_iterable(objects))


def _numbers_by_name(objects: Sequence[JsonObject], names: Iterable[Any]) -> dict[str, list[float]]:
    """Their finite numbers under `names`, which become text."""
    columns: dict[str, list[float]] = {}
    missing = set()
    for name in names:
        try:
            column = _finite(list(map(itemgetter(name), objects)))
        except KeyError:
            missing.add(name)
            continue
        if column:
            columns[str(name)] = column
    if missing:
        for given in objects:
            for name, value in given.items():
                if name in missing and isinstance(value, _NUMBER) and math.isfinite(value):
                    columns.setdefault(str(name), []).append(float(value))
    return columns


def _finite(values: list[Any]) -> list[float]:
    """The finite numbers among values."""
    kinds = set(map(type, values))
    if not all(issubclass(kind, _NUMBER) for kind in kinds):
        if not any(issubclass(kind, _NUMBER) for kind in kinds):
            return []
        values = [value for value in values if isinstance(value, _NUMBER)]
    numbers = list(map(float, values))
    return numbers if all(map(math.isfinite, numbers)) else list(filter(math.isfinite, numbers))


def usage_of(record: JsonObject) -> Mapping[str, object]:
    """Usage of the record's response, empty when it reports none."""
    response = record.get("response")
    usage = response.get("usage") if isinstance(response, dict) else None
    return usage if isinstance(usage, dict) else {}


def cost_of(record: JsonObject) -> float | None:
    """US dollars that the record's model calls cost, None where nobody has counted."""
    cost = record.get(COST_USD)
    return float(cost) if isinstance(cost, (int, float)) and math.isfinite(cost) else None


def cut_short_by(record: JsonObject) -> str | None:
    """Why the record's response is incomplete, None when it is complete, or there is none."""
    response = record.get("response")
    return incompleteness_of(response) if isinstance(response, dict) else None


def work_of(record: JsonObject) -> Work | None:
    """Model calls, tool calls and failed tool calls of the record's response, None when it holds no output.

    A model call is seen as an unbroken run of the model's items: tool outputs separate one call from the next. A failed
    tool call is an output of the form `{"error": …}`, which is how agents report one to the model.
    """
    response = record.get("response")
    output = response.get("output") if isinstance(response, dict) else None
    if not isinstance(output, list):
        return None
    model_calls = tool_calls = tool_errors = 0
    is_model_speaking = False
    for item in output:
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "function_call_output":
            is_model_speaking = False
            if _is_error(item.get("output")):
                tool_errors += 1
            continue
        if kind == "function_call":
            tool_calls += 1
        if not is_model_speaking:
            is_model_speaking = True
            model_calls += 1
    return Work(model_calls, tool_calls, tool_errors)


def _has_finite_reward(record: JsonObject) -> bool:
    reward = record.get(REWARD)
    return isinstance(reward, (int, float)) and math.isfinite(reward)


def _is_masked(record: JsonObject) -> bool:
    instance = record.get("instance_config")
    return bool(record.get(MASK_SAMPLE) or (isinstance(instance, dict) and instance.get(MASK_SAMPLE)))


def _is_error(output: object) -> bool:
    if not isinstance(output, str) or not output.startswith(_ERROR_OUTPUT):
        return False
    try:
        return bool(loads(output)["error"])
    except ValueError:
        return False
