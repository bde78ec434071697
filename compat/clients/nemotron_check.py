"""Nemotron's evaluation recipe: its function that prepares and runs a benchmark with `gym`, and reads the metrics.

The benchmark is a small one of ours, with a script that makes its rows; the recipe's serving of a model is left out.
"""

import ast
import json
import logging
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from checking import TOKEN_IDS, WEATHER, holds, options, weather_rows, work_folder
from endpoint import Endpoint, Script

RECIPE = "lightning35/stage3_eval/eval.py"
BENCHMARK = """
config_paths: [resources_servers/example_single_tool_call/configs/example_single_tool_call.yaml]

weather_check_agent:
  _inherit_from: example_single_tool_call_simple_agent
  responses_api_agents:
    simple_agent:
      datasets:
        - name: weather_check
          type: benchmark
          jsonl_fpath: benchmarks/weather_check/data/rows.jsonl
          prepare_script: benchmarks/weather_check/prepare.py
          num_repeats: 2
"""
PREPARE = """
import json
from pathlib import Path

ROWS = {rows}


def prepare() -> Path:
    path = Path(__file__).parent / "data" / "rows.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + chr(10) for row in ROWS))
    return path
"""


def recipe_function(source: Path) -> Any:
    """`run_benchmark` of the recipe, without what the rest of its file imports."""
    path = next(source.rglob(RECIPE))
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "run_benchmark"]
    names: dict[str, Any] = {"shlex": shlex, "subprocess": subprocess, "json": json, "Path": Path}
    names["logger"] = logging.getLogger("recipe")
    exec(compile(tree, str(path), "exec"), names)
    return names["run_benchmark"]


def write_root(folder: Path) -> Path:
    """A root with that benchmark."""
    benchmark = folder / "benchmarks" / "weather_check"
    benchmark.mkdir(parents=True)
    (benchmark / "config.yaml").write_text(BENCHMARK)
    rows = [{key: value for key, value in row.items() if key != "agent_ref"} for row in weather_rows(3)]
    (benchmark / "prepare.py").write_text(PREPARE.format(rows=repr(rows)))
    return folder


def main() -> None:
    """One benchmark that works, one that does not exist."""
    chosen = options()
    assert chosen.source is not None
    run_benchmark = recipe_function(chosen.source)
    script = Script(text=WEATHER, arguments={"get_weather": {"city": "San Francisco"}})
    with work_folder() as folder, Endpoint(script) as endpoint:
        os.environ["NEMO_GYM_EXTRA_ROOTS"] = str(write_root(folder / "root"))
        settings = {
            "command": chosen.gym, "workdir": str(folder), "concurrency": 4, "num_repeats": 2, "limit": 2,
            "common_overrides": [TOKEN_IDS],
        }  # fmt: skip
        common: dict[str, Any] = {
            "gym_cfg": settings,
            "base_url": endpoint.url,
            "model_path": "m",
            "output_dir": folder,
        }
        metrics = run_benchmark("weather_check", **common)
        holds(metrics is not None, "the benchmark is prepared and run, and both commands say so")
        [entry] = metrics
        holds(entry["agent_ref"]["name"] == "weather_check_agent", "metrics are a list, by agent")
        holds(entry["agent_metrics"]["mean/reward"] == 1.0, "with the mean reward")
        rows = [json.loads(line) for line in (folder / "weather_check.jsonl").read_text().splitlines()]
        keys = sorted((row["_ng_task_index"], row["_ng_rollout_index"]) for row in rows)
        holds(keys == [(0, 0), (0, 1), (1, 0), (1, 1)], "two tasks, twice each, under their numbers")
        holds(run_benchmark("no_such_benchmark", **common) is None, "a benchmark that there is not has an exit code")


if __name__ == "__main__":
    main()
