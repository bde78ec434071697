"""The benchmark as a picture: CPU per rollout by where the servers live, and by how many rollouts are in flight."""

from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.figure import Figure

from perf.targets import TARGETS, Runs

PLACES = {
    "bare": "bare client:\nonly the model calls",
    "embedded": "embedded:\none process",
    "other_process": "fleet in\nanother process",
    "processes": "every server\nits own process",
}
IN_FLIGHT = {"embedded_1": "1,\non one core", "embedded": "256", "embedded_4096": "4,096"}
COLOUR, TARGET_COLOUR = "#4878a8", "#c44e52"


def draw(runs: Runs, path: Path) -> None:
    """Write the plot as PNG. Cases that were not run are left out."""
    figure = Figure(figsize=(9, 3.4), dpi=100, layout="constrained")
    places, flights = figure.subplots(1, 2, width_ratios=(3, 2))
    _bars(places, runs, PLACES, "bare", "CPU per rollout by placement")
    _bars(flights, runs, IN_FLIGHT, "embedded", "embedded, by rollouts in flight")
    figure.savefig(path)


def _bars(axes: Any, runs: Runs, cases: dict[str, str], base: str, title: str) -> None:
    """Medians as bars, with the limit of each case's ratio to `base` as a mark where there is one."""
    heights = {case: median(run["cpu_ms_per_rollout"] for run in runs[case]) for case in cases if runs.get(case)}
    bars = axes.bar([cases[case] for case in heights], list(heights.values()), color=COLOUR, width=0.6)
    axes.bar_label(bars, fmt="%.2f ms", padding=2, fontsize=8)
    limits = {target.cases[0]: target.limit for target in TARGETS if target.cases[1:] == (base,) and base in heights}
    marks = [(place, limits[case] * heights[base]) for place, case in enumerate(heights) if case in limits]
    for place, limit in marks:
        axes.hlines(limit, place - 0.38, place + 0.38, color=TARGET_COLOUR, linewidth=1.5)
    axes.plot([], [], color=TARGET_COLOUR, label="target")
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    axes.margins(y=0.25)
    axes.set_title(title, fontsize=10)
    axes.set_ylabel("ms")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
