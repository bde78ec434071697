"""The benchmark: `make bench`, or `python -m perf.bench` in the repository's root. docs/performance.md explains it.

Runs every case in a process of its own against a mock endpoint, round by round, so that whatever else the machine does
meets all of them; prints two tables and writes perf/results.json and perf/results.png.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, Final

from perf.cases import FULL, FULL_ROUNDS, QUICK, QUICK_ROUNDS, Case
from perf.targets import TARGETS, Runs

RESULTS: Final = Path("perf/results.json")
PLOT: Final = Path("perf/results.png")
TIME_LIMIT_S: Final = 1800
"""Seconds after which a scenario counts as hung."""

RunRecord = dict[str, Any]


class ScenarioError(Exception):
    """A scenario ended without a result."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The mock endpoint's process."""

    pid: int
    port: int


@contextmanager
def mock_endpoint(latency_s: float) -> Iterator[Endpoint]:
    """A mock endpoint in a process of its own."""
    command = [sys.executable, "-m", "perf.mock_endpoint", "--latency-s", str(latency_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield Endpoint(process.pid, int(process.stdout.readline()))
        finally:
            process.stdin.close()


@contextmanager
def one_core(pid: int) -> Iterator[None]:
    """Keep the process `pid`, and what is started meanwhile, on one core."""
    cores = os.sched_getaffinity(0)
    try:
        for each in (0, pid):
            os.sched_setaffinity(each, {min(cores)})
        yield
    finally:
        for each in (0, pid):
            os.sched_setaffinity(each, cores)


def measure(case: Case, endpoint: Endpoint) -> RunRecord:
    """Run a case once. Raises ScenarioError."""
    command = [sys.executable, "-m", "perf.scenario", case.scenario, "--port", str(endpoint.port)]
    command += ["--rollouts", str(case.rollouts), "--concurrency", str(case.concurrency)]
    command += ["--latency-s", str(case.latency_s), "--workers", str(case.workers)]
    try:
        with one_core(endpoint.pid) if case.is_on_one_core else nullcontext():
            ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise ScenarioError(f"{case.name} has not ended after {TIME_LIMIT_S} s") from error
    if ended.returncode != 0:
        raise ScenarioError(f"{case.name} ended with {ended.returncode}:\n{ended.stderr}")
    record: RunRecord = json.loads(ended.stdout.splitlines()[-1])
    return record


def run_all(cases: Sequence[Case], rounds: int) -> tuple[dict[str, list[RunRecord]], list[str]]:
    """Runs by case, and what went wrong."""
    runs: dict[str, list[RunRecord]] = {case.name: [] for case in cases}
    problems: list[str] = []

    def run(case: Case, endpoint: Endpoint, which: str) -> None:
        try:
            record = measure(case, endpoint)
        except ScenarioError as error:
            problems.append(str(error))
            say(f"{which:14}{error}")
            return
        runs[case.name].append(record)
        say(f"{which:14}{case.name:18}{record['cpu_ms_per_rollout']:.3f} ms of CPU a rollout")

    with mock_endpoint(0.0) as endpoint:
        for number in range(1, rounds + 1):
            for case in cases:
                if case.is_repeated:
                    run(case, endpoint, f"round {number} of {rounds}")
    for case in cases:
        if not case.is_repeated:
            with mock_endpoint(case.latency_s) as endpoint:
                run(case, endpoint, "once")
    return runs, problems


def say(text: str) -> None:
    """Tell whoever watches."""
    sys.stderr.write(text + "\n")


def case_table(cases: Sequence[Case], runs: Mapping[str, Sequence[RunRecord]]) -> list[str]:
    """A line for each case that has run: medians."""
    lines = [f"{'case':18}{'in flight':>10}{'latency':>9}{'rollouts':>11}{'CPU ms':>9}{'per s':>8}{'peak MB':>9}  runs"]
    for case in cases:
        of_case = runs[case.name]
        if not of_case:
            continue
        middle = {
            name: median(run[name] for run in of_case)
            for name in ("cpu_ms_per_rollout", "rollouts_per_s", "peak_mb", "rollouts")
        }
        in_flight = of_case[0].get("in_flight", case.concurrency)
        lines.append(
            f"{case.name:18}{in_flight:>10,}{case.latency_s:>7g} s{middle['rollouts']:>11,.0f}"
            f"{middle['cpu_ms_per_rollout']:>9.3f}{middle['rollouts_per_s']:>8,.0f}{middle['peak_mb']:>9,.0f}"
            f"{len(of_case):>6}"
        )
    lines += [f"{name}: {note}" for name, of_case in runs.items() for note in {r["note"] for r in of_case if r["note"]}]
    return lines


def target_table(runs: Runs) -> list[str]:
    """A line for each target that can be told."""
    lines = [f"{'target':54}{'measured':>10}{'limit':>10}"]
    for target in TARGETS:
        value = target.value(runs)
        if value is not None:
            verdict = "" if target.is_met(value) else "  missed"
            lines.append(f"{target.what:54}{target.shown(value):>10}{target.shown_limit():>10}{verdict}")
    return lines


def machine() -> dict[str, str | int | None]:
    """What the numbers were measured on."""
    described = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = [line.split(":", 1)[1].strip() for line in described.splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("aiohttp", "msgspec", "orjson", "pydantic")},
    }


def main() -> int:
    """Run what the command line asks for; 1 when a scenario ended without a result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small runs: a look at the harness, not at the targets")
    parser.add_argument("--rounds", type=int, help="times that the repeated cases run")
    parser.add_argument("--only", action="append", metavar="CASE", help="only this case; may be given several times")
    asked = parser.parse_args()
    cases: Sequence[Case] = QUICK if asked.quick else FULL
    unknown = set(asked.only or ()) - {case.name for case in cases}
    if unknown:
        parser.error(f"--only: no case {', '.join(sorted(unknown))}; there are {', '.join(c.name for c in cases)}")
    cases = tuple(case for case in cases if not asked.only or case.name in asked.only)
    runs, problems = run_all(cases, asked.rounds or (QUICK_ROUNDS if asked.quick else FULL_ROUNDS))
    report = {
        "machine": machine(),
        "cases": [asdict(case) for case in cases],
        "runs": runs,
        "targets": {t.what: {"value": t.value(runs), "limit": t.limit, "unit": t.unit} for t in TARGETS},
    }
    RESULTS.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(["", *case_table(cases, runs), "", *target_table(runs), ""]) + "\n")
    if find_spec("matplotlib") is None:
        say("matplotlib is not installed, so there is no plot; 'make bench' installs it.")
    else:
        from perf.plot import draw  # imports matplotlib

        draw(runs, PLOT)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
