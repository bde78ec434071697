"""The aggregate metrics file: what each environment makes of its rollouts, and what was counted as they came."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Final, TypeAlias

from polygym.data.jsonl import whole_lines
from polygym.protocol.json import JsonObject, dumps_indented, loads
from polygym.protocol.tasks import AGENT_REF, PARAMS
from polygym.rollouts.outputs import OutputPaths

Aggregate: TypeAlias = Callable[[list[JsonObject]], Awaitable[JsonObject]]
"""Gives `{group_level_metrics, agent_metrics, key_metrics}` over all rollouts of one agent."""

MOST_ROWS: Final = 50_000
"""Rollouts that are held in memory at once. An agent with more gets the numbers that were counted as they came."""

_STATISTICS: Final = ("mean", "max", "min", "median", "std")


async def write_metrics(
    paths: OutputPaths,
    snapshots: Mapping[str, JsonObject],
    aggregates: Mapping[str, Aggregate],
    *,
    in_full: Collection[str] = (),
) -> list[JsonObject]:
    """Aggregate the rollouts file by agent and write the metrics file; its entries, one an agent.

    `snapshots` are those of `EnvironmentMetrics`, by agent; each stands in its entry as `summary`. An agent with more
    than 50,000 rollouts gets an entry from its snapshot alone, unless it is one of `in_full`.
    """
    counts = {name: snapshot["scored"] + snapshot["masked"] for name, snapshot in snapshots.items()}
    counted = {name for name, count in counts.items() if count > MOST_ROWS and name not in in_full}
    entries = {name: _from_snapshot(snapshots[name]) for name in counted}
    for names in _batches({name: count for name, count in counts.items() if name not in counted}):
        rows = _read_rows(paths, names)
        for name in names:
            entries[name] = await aggregates[name](rows.pop(name))
    written = [
        {AGENT_REF: {"name": name}, **entries[name], "summary": snapshot} for name, snapshot in snapshots.items()
    ]
    paths.metrics.write_bytes(dumps_indented(written))
    return written


def _batches(counts: Mapping[str, int]) -> Iterator[list[str]]:
    """Agents that may be in memory together."""
    batch: list[str] = []
    rows = 0
    for name, count in counts.items():
        if batch and rows + count > MOST_ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(name)
        rows += count
    if batch:
        yield batch


def _read_rows(paths: OutputPaths, names: Collection[str]) -> dict[str, list[JsonObject]]:
    rows: dict[str, list[JsonObject]] = {name: [] for name in names}
    for _, line in whole_lines(paths.rollouts):
        row = loads(line)
        if (name := row[AGENT_REF]["name"]) in rows:
            rows[name].append(_without_conversation(row))
    return rows


def _without_conversation(row: JsonObject) -> JsonObject:
    """A row without what was asked and said; of the response, its usage stays."""
    small = {key: value for key, value in row.items() if key not in (PARAMS, "response")}
    small["response"] = {"usage": row["response"].get("usage")}
    return small


def _from_snapshot(snapshot: JsonObject) -> JsonObject:
    """The entry of an agent whose rollouts are too many to be looked at together."""
    fields = {"reward": snapshot["reward"], **snapshot["fields"]}
    metrics = {
        f"{statistic}/{name}": numbers[statistic]
        for statistic in _STATISTICS
        for name, numbers in fields.items()
        if numbers["count"]
    }
    return {
        "group_level_metrics": [],
        "group_level_metrics_omitted": True,
        "agent_metrics": metrics,
        "key_metrics": {name: value for name, value in metrics.items() if name.startswith("mean/")},
        "repeat_level_metrics": [],
    }
