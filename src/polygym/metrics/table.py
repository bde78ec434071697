"""The table at the end of a run, one line an environment, as plain text. Formats snapshots, computes nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from polygym.metrics.records import REWARD_COMPONENTS
from polygym.protocol.json import JsonObject

NOTHING: Final = "-"
"""Stands for a number that there is none of."""
OVERALL: Final = "all"
_COMPONENT: Final = f"{REWARD_COMPONENTS}/"


def environment_table(snapshots: Mapping[str, JsonObject], overall: JsonObject | None = None) -> list[str]:
    """Lines of a table over `EnvironmentMetrics.snapshot`s by environment name, header first.

    `overall` adds a last line. Columns that would say nothing are left out: masked, unresolved and incomplete rollouts
    when there are none, pass@k when no task was repeated, the cost where nobody counts it. Numbers of steps are means,
    of tokens and dollars totals, latencies seconds.
    """
    rows = list(snapshots.items()) + ([(OVERALL, overall)] if overall is not None else [])
    columns = [column for column in _COLUMNS if any(_is_worth(column, snapshot) for _, snapshot in rows)]
    header = ["environment", *columns]
    body = [[name, *(_COLUMNS[column](snapshot) for column in columns)] for name, snapshot in rows]
    return _align([header, *body])


def component_lines(snapshots: Mapping[str, JsonObject]) -> list[str]:
    """One line for each environment whose reward has named parts: the mean of each."""
    lines = []
    for name, snapshot in snapshots.items():
        parts = {
            field.removeprefix(_COMPONENT): summary["mean"]
            for field, summary in snapshot["fields"].items()
            if field.startswith(_COMPONENT)
        }
        if parts:
            lines.append(f"{name}: " + ", ".join(f"{part} {_number(mean, '.3f')}" for part, mean in parts.items()))
    return lines


def failure_lines(snapshots: Mapping[str, JsonObject]) -> list[str]:
    """One line for each environment that lost rollouts: how many of which failure class, most first."""
    return [
        f"{name}: " + ", ".join(f"{count} {failure}" for failure, count in snapshot["failures_by_class"].items())
        for name, snapshot in snapshots.items()
        if snapshot["failures_by_class"]
    ]


def incomplete_lines(snapshots: Mapping[str, JsonObject]) -> list[str]:
    """One line for each environment with rollouts that were cut short: how many for which reason, most first."""
    return [
        f"{name}: incomplete: " + ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        for name, snapshot in snapshots.items()
        if (reasons := snapshot["incomplete_by_reason"])
    ]


def dollars(cost_usd: float) -> str:
    """A sum of money in few characters."""
    return f"${cost_usd:.2f}" if cost_usd >= 1 else f"${cost_usd:.4f}"


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with every column as wide as its widest cell: the first to the left, the others to the right."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]


def _is_worth(column: str, snapshot: JsonObject) -> bool:
    if column in ("masked", "unresolved"):
        return bool(snapshot[column])
    if column == "incomplete":
        return bool(snapshot["incomplete_by_reason"])
    if column == "cost":
        return snapshot["cost_usd"] is not None
    if column == "pass@k":
        return bool(_common_repeats(snapshot)["k"] > 1)
    return True


def _common_repeats(snapshot: JsonObject) -> JsonObject:
    """The entry of the largest k that at least half of the tasks have reached; with k = 0 when nothing was scored."""
    tasks = snapshot["tasks"]["count"]
    common: JsonObject = {"k": 0}
    for entry in snapshot["repeats"]:
        if 2 * entry["tasks"] >= tasks:
            common = entry
    return common


def _pass_at_k(snapshot: JsonObject) -> str:
    entry = _common_repeats(snapshot)
    return f"{entry['pass_at_k']:.3f} (k={entry['k']})" if entry["k"] else NOTHING


def _mean_reward(snapshot: JsonObject) -> str:
    return _number(snapshot["reward"].get("mean"), ".3f")


def _interval(snapshot: JsonObject) -> str:
    low, high = snapshot["reward"]["ci_low_95"], snapshot["reward"]["ci_high_95"]
    return NOTHING if low is None else f"{low:.3f} to {high:.3f}"


def _tokens(snapshot: JsonObject) -> str:
    return _short(snapshot["tokens"]["total_tokens"])


def _cost(snapshot: JsonObject) -> str:
    return NOTHING if snapshot["cost_usd"] is None else dollars(snapshot["cost_usd"])


def _model_latency(rank: str) -> Callable[[JsonObject], str]:
    return lambda snapshot: _number(snapshot["latency_s"].get("model", {}).get(rank), ".2f")


def _count(key: str) -> Callable[[JsonObject], str]:
    return lambda snapshot: str(snapshot[key])


def _number(value: Any, how: str) -> str:
    return NOTHING if value is None else format(value, how)


def _short(count: int) -> str:
    """A count in at most five characters: 950, 12.3k, 4.56M."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if count >= size:
            digits = count / size
            return (
                f"{digits:.2f}{letter}"
                if digits < 10
                else f"{digits:.1f}{letter}"
                if digits < 100
                else f"{digits:.0f}{letter}"
            )
    return str(count)


_COLUMNS: Final[dict[str, Callable[[JsonObject], str]]] = {
    "done": _count("done"),
    "scored": _count("scored"),
    "masked": _count("masked"),
    "failed": _count("failed"),
    "unresolved": _count("unresolved"),
    "incomplete": lambda snapshot: str(sum(snapshot["incomplete_by_reason"].values())),
    "mean reward": _mean_reward,
    "95 % interval": _interval,
    "pass@k": _pass_at_k,
    "tokens": _tokens,
    "cost": _cost,
    "steps": lambda snapshot: _number(snapshot["steps"].get("mean"), ".1f"),
    "model p50 s": _model_latency("p50"),
    "p95 s": _model_latency("p95"),
}
