"""One measured scenario in a process of its own; prints what it cost as one JSON line.

CPU seconds are those of every process that works for the rollouts (this one and the servers it started), from the first
rollout to the last: starting up and tearing down are left out. The mock endpoint's are never counted.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from polygym.channels.pool import open_session
from polygym.config.components import Selector
from polygym.config.load import load_config
from polygym.config.model import RunConfig
from polygym.fleet.discovery import connect, server_instances
from polygym.fleet.fleet import Fleet
from polygym.fleet.limits import calm_collector, raise_file_limit
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import dumps, loads
from polygym.rollouts.collect import Collection, CollectRequest
from polygym.rollouts.plan import InputFile, PlanRequest

ENVIRONMENTS = ("example_single_tool_call", "example_multi_step")
TICKS = os.sysconf("SC_CLK_TCK")
HEAD_PORT = 11711


def cpu_s(pids: list[int]) -> float:
    """User and system seconds that the processes have used so far."""
    total = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def peak_mb(pids: list[int]) -> float:
    """Megabytes: the sum of the processes' largest resident sizes."""
    total = 0
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        total += int(status.split("VmHWM:")[1].split()[0])
    return total / 1024


class Meter:
    """What happens between `start` and `stop`."""

    def __init__(self) -> None:
        self.others: list[int] = []
        """Processes that work for the rollouts, besides this one."""
        self._before = (0.0, 0.0, 0.0)
        self.result: dict[str, float] = {}

    @contextmanager
    def measure(self, rollouts: int) -> Iterator[None]:
        """Measure the body, in which `rollouts` are done."""
        before = (time.process_time(), cpu_s(self.others), time.perf_counter())
        yield
        wall = time.perf_counter() - before[2]
        cpu = time.process_time() - before[0] + cpu_s(self.others) - before[1]
        self.result = {
            "cpu_ms_per_rollout": 1000 * cpu / rollouts,
            "rollouts_per_s": rollouts / wall,
            "wall_s": wall,
            "peak_mb": peak_mb([os.getpid(), *self.others]),
            "rollouts": rollouts,
        }


def config_for(port: int, placement: str | None = None) -> RunConfig:
    """Both environments against the mock endpoint."""
    overrides = [f"++head_server.port={HEAD_PORT}"]
    if placement is not None:
        for name in ENVIRONMENTS:
            overrides.append(f"++{name}.resources_servers.{name}.placement={placement}")
            overrides.append(f"++{name}_simple_agent.responses_api_agents.simple_agent.placement={placement}")
        overrides.append(f"++policy_model.responses_api_models.openai_model.placement={placement}")
    return load_config(
        selectors=[
            Selector("model-type", "openai_model"),
            *(Selector("resources-server", name) for name in ENVIRONMENTS),
        ],
        settings={
            "policy_base_url": f"http://127.0.0.1:{port}/v1",
            "policy_api_key": "none",
            "policy_model_name": "mock",
        },
        overrides=overrides,
    )


def inputs() -> list[InputFile]:
    """The example rows of both environments."""
    return [InputFile(Path(f"resources_servers/{n}/data/example.jsonl"), f"{n}_simple_agent") for n in ENVIRONMENTS]


async def bare(rollouts: int, concurrency: int, port: int, meter: Meter) -> None:
    """Only the model calls of a rollout: same client, JSON in and out, no engine."""
    rows = [json.loads(line) for source in inputs() for line in source.path.read_text().splitlines()]
    bodies = [row["responses_create_params"] for row in rows]
    url = f"http://127.0.0.1:{port}/v1/responses"
    headers = {"Content-Type": "application/json", "Authorization": "Bearer none"}
    turn = iter(range(rollouts))
    async with open_session() as client:

        async def call(body: dict[str, Any]) -> dict[str, Any]:
            async with client.post(url, data=dumps(body), headers=headers) as answer:
                value: dict[str, Any] = loads(await answer.read())
                return value

        async def worker() -> None:
            for number in turn:
                body = bodies[number % len(bodies)]
                first = await call({**body, "model": "mock"})
                output = {"type": "function_call_output", "call_id": "call_1", "output": '{"weather":"sunny"}'}
                await call({**body, "model": "mock", "input": [*body["input"], *first["output"], output]})

        with meter.measure(rollouts):
            await asyncio.gather(*(worker() for _ in range(min(concurrency, rollouts))))


async def _collect(agents: Any, rollouts: int, concurrency: int, meter: Meter) -> None:
    with tempfile.TemporaryDirectory() as directory:
        request = CollectRequest(
            PlanRequest(inputs(), list(agents), num_repeats=rollouts // 10),
            Path(directory) / "rollouts.jsonl",
            concurrency=concurrency,
        )
        with meter.measure(rollouts // 10 * 10), Collection(request) as collection:
            await collection.run(agents)
        if collection.progress.done != rollouts // 10 * 10:
            raise SystemExit(f"only {collection.progress.done} rollouts of {rollouts} have a reward")


async def embedded(rollouts: int, concurrency: int, port: int, meter: Meter) -> None:
    """The engine, everything in this process; planning and writing included."""
    async with Fleet(config_for(port)) as fleet:
        await _collect(fleet.wiring.agents, rollouts, concurrency, meter)


async def processes(rollouts: int, concurrency: int, port: int, meter: Meter) -> None:
    """The engine, every server in a process of its own."""
    async with Fleet(config_for(port, "process")) as fleet:
        meter.others = [member.pid for member in fleet.members.values() if member.pid not in (None, os.getpid())]  # type: ignore[misc]
        await _collect(fleet.wiring.agents, rollouts, concurrency, meter)


async def other_process(rollouts: int, concurrency: int, port: int, meter: Meter) -> None:
    """Collecting from a fleet that another process has brought up."""
    command = [sys.executable, "-m", "polygym.cli", "env", "start", "--model-type", "openai_model", "--model", "mock"]
    command += ["--model-url", f"http://127.0.0.1:{port}/v1", "--model-api-key", "none"]
    for name in ENVIRONMENTS:
        command += ["--resources-server", name]
    command.append(f"++head_server.port={HEAD_PORT}")
    fleet = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        instances = await _answering(HEAD_PORT)
        meter.others = [fleet.pid]
        wiring = connect(instances, "127.0.0.1")
        await _collect(wiring.agents, rollouts, concurrency, meter)
        await wiring.close()
    finally:
        fleet.terminate()
        await fleet.wait()


async def _answering(port: int) -> list[dict[str, Any]]:
    for _ in range(200):
        try:
            return await server_instances("127.0.0.1", port)
        except ConfigError:  # it is not up yet
            await asyncio.sleep(0.05)
    raise SystemExit("the fleet did not come up")


SCENARIOS: dict[str, Callable[[int, int, int, Meter], Any]] = {
    "bare": bare,
    "embedded": embedded,
    "other_process": other_process,
    "processes": processes,
}


def main() -> None:
    """Run the scenario that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--rollouts", type=int, default=5000)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--port", type=int, required=True, help="of the mock endpoint")
    options = parser.parse_args()
    meter = Meter()
    raise_file_limit()
    calm_collector()
    asyncio.run(SCENARIOS[options.scenario](options.rollouts, options.concurrency, options.port, meter))
    self_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({**meter.result, "self_peak_mb": self_peak}) + "\n")


if __name__ == "__main__":
    main()
