"""One measured scenario in a process of its own; prints what it cost as one JSON line.

CPU seconds are those of every process that works for the rollouts (this one and the servers it started), from planning
the first rollout to closing the journal: starting up and tearing down are left out. The mock endpoint's are never
counted.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

from perf.conversation import completion, convert, convert_by_messages, create_params, message, signed_params
from perf.meter import Meter, peak_mb
from polygym.channels.pool import open_session
from polygym.config.components import Selector
from polygym.config.load import load_config
from polygym.config.model import RunConfig
from polygym.fleet.discovery import connect, server_instances
from polygym.fleet.fleet import Fleet
from polygym.fleet.limits import calm_collector, raise_file_limit
from polygym.protocol.calls import Agent
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject, dumps, loads
from polygym.rollouts.collect import Collection, CollectRequest
from polygym.rollouts.plan import InputFile, PlanRequest
from polygym.rollouts.progress import Progress

ENVIRONMENTS = ("example_single_tool_call", "example_multi_step")
EXAMPLE_ROWS = 10
MODEL_CALLS = 2
"""Of one rollout."""
FILES_KEPT_FREE = 500
"""Open files of a process that are not connections to the model."""
SAMPLE_EVERY_S = 0.02
CONVERSION_NOTE = "only the conversion of a model call, in a conversation of 20 messages with 10 tools"


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure."""

    rollouts: int
    """A multiple of 10, the number of example rows."""
    concurrency: int
    """Rollouts in flight."""
    port: int
    """Of the mock endpoint."""
    latency_s: float = 0.0
    """Seconds that the mock endpoint takes to answer."""
    workers: int = 1
    """Processes that share the rollouts."""


def config_for(
    port: int, *, placement: str | None = None, head_port: int | None = None, model_type: str = "openai_model"
) -> RunConfig:
    """Both environments against the mock endpoint."""
    overrides = [f"++head_server.port={head_port}"] if head_port is not None else []
    if placement is not None:
        for name in ENVIRONMENTS:
            overrides.append(f"++{name}.resources_servers.{name}.placement={placement}")
            overrides.append(f"++{name}_simple_agent.responses_api_agents.simple_agent.placement={placement}")
        overrides.append(f"++policy_model.responses_api_models.openai_model.placement={placement}")
    return load_config(
        selectors=[
            Selector("model-type", model_type),
            *(Selector("resources-server", name) for name in ENVIRONMENTS),
        ],
        settings={
            "policy_base_url": f"http://127.0.0.1:{port}/v1",
            "policy_api_key": "none",
            "policy_model_name": "mock",
        },
        overrides=overrides,
    )


def instant_config() -> RunConfig:
    """Both environments with a model in the same process that answers at once."""
    return load_config(
        selectors=[Selector("resources-server", name) for name in ENVIRONMENTS],
        initial={"policy_model": {"responses_api_models": {"instant_model": {"entrypoint": "app.py"}}}},
        search_dirs=["perf/components"],
    )


def inputs() -> list[InputFile]:
    """The example rows of both environments, five of each."""
    return [InputFile(Path(f"resources_servers/{n}/data/example.jsonl"), f"{n}_simple_agent") for n in ENVIRONMENTS]


async def bare(options: Options, meter: Meter) -> None:
    """Only the model calls of a rollout: same client, JSON in and out, no engine."""
    rows = [json.loads(line) for source in inputs() for line in source.path.read_text(encoding="utf-8").splitlines()]
    bodies = [row["responses_create_params"] for row in rows]
    url = f"http://127.0.0.1:{options.port}/v1/responses"
    headers = {"Content-Type": "application/json", "Authorization": "Bearer none"}
    turn = iter(range(options.rollouts))
    async with open_session() as client:

        async def call(body: JsonObject) -> JsonObject:
            async with client.post(url, data=dumps(body), headers=headers) as answer:
                value: JsonObject = loads(await answer.read())
                return value

        async def worker() -> None:
            for number in turn:
                body = bodies[number % len(bodies)]
                first = await call({**body, "model": "mock"})
                output = {"type": "function_call_output", "call_id": "call_1", "output": '{"weather":"sunny"}'}
                await call({**body, "model": "mock", "input": [*body["input"], *first["output"], output]})

        with meter.measure(options.rollouts):
            await asyncio.gather(*(worker() for _ in range(min(options.concurrency, options.rollouts))))


async def embedded(options: Options, meter: Meter) -> None:
    """The engine, everything in this process; planning and writing included."""
    async with Fleet(config_for(options.port)) as fleet:
        await _collect(fleet.wiring.agents, options, meter)


async def embedded_chat(options: Options, meter: Meter) -> None:
    """As `embedded`, through `vllm_model`: every call is converted to Chat Completions and back."""
    async with Fleet(config_for(options.port, model_type="vllm_model")) as fleet:
        await _collect(fleet.wiring.agents, options, meter)


async def conversion(options: Options, meter: Meter) -> None:
    """Only the conversion of model calls, one a rollout, in a conversation of 20 messages with 10 tools."""
    _measure_conversion(options, meter, has_tokens=False)


async def conversion_with_tokens(options: Options, meter: Meter) -> None:
    """As `conversion`, with the ids of 4,000 tokens in the prompt and 400 in the answer."""
    _measure_conversion(options, meter, has_tokens=True)


async def conversion_by_messages(options: Options, meter: Meter) -> None:
    """As `conversion`, to Anthropic's Messages API and back, with thoughts that it has signed."""
    params, answer = signed_params(), message()
    with meter.measure(options.rollouts):
        for _ in range(options.rollouts):
            convert_by_messages(params, answer)
    meter.note = CONVERSION_NOTE


async def processes(options: Options, meter: Meter) -> None:
    """The engine, every server in a process of its own."""
    async with Fleet(config_for(options.port, placement="process", head_port=free_port())) as fleet:
        pids = {member.pid for member in fleet.members.values()} - {os.getpid(), None}
        meter.others = [pid for pid in pids if pid is not None]
        await _collect(fleet.wiring.agents, options, meter)


async def other_process(options: Options, meter: Meter) -> None:
    """Collecting from a fleet that another process has brought up."""
    head_port = free_port()
    command = [sys.executable, "-m", "polygym.cli", "env", "start", "--model-type", "openai_model", "--model", "mock"]
    command += ["--model-url", f"http://127.0.0.1:{options.port}/v1", "--model-api-key", "none"]
    for name in ENVIRONMENTS:
        command += ["--resources-server", name]
    command.append(f"++head_server.port={head_port}")
    fleet = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        instances = await _answering(head_port)
        meter.others = [fleet.pid]
        wiring = connect(instances, "127.0.0.1")
        await _collect(wiring.agents, options, meter)
        await wiring.close()
    finally:
        fleet.terminate()
        await fleet.wait()


async def many_in_flight(options: Options, meter: Meter) -> None:
    """The engine, embedded, against a slow model: how much of what the concurrency allows it keeps going.

    The rate is taken between the moment when as many rollouts have ended as may be in flight and the moment when only
    that many are left: in between everything that may be in flight is.
    """
    affordable = raise_file_limit() - FILES_KEPT_FREE
    in_flight = min(options.concurrency, affordable)
    if in_flight < options.concurrency:
        meter.note = f"{in_flight} in flight instead of {options.concurrency}: the hard limit on open files is too low"
    rollouts = max(options.rollouts // options.concurrency, 3) * in_flight // EXAMPLE_ROWS * EXAMPLE_ROWS
    options = Options(rollouts, in_flight, options.port, options.latency_s)
    pace: list[tuple[float, int]] = []

    async def watch(progress: Progress) -> None:
        while True:
            pace.append((perf_counter(), progress.done))
            await asyncio.sleep(SAMPLE_EVERY_S)

    async with Fleet(config_for(options.port)) as fleet:
        await _collect(fleet.wiring.agents, options, meter, watch)
    begin = next((time, done) for time, done in pace if done >= in_flight)
    end = next((time, done) for time, done in pace if done >= rollouts - in_flight)
    ideal = in_flight / (MODEL_CALLS * options.latency_s)
    meter.result["in_flight"] = in_flight
    meter.result["share_of_ideal_rate"] = (end[1] - begin[1]) / (end[0] - begin[0]) / ideal


async def short_rows(options: Options, meter: Meter) -> None:
    """As many different short rows as rollouts through an instant model in this process, metrics file included."""
    with tempfile.TemporaryDirectory() as directory:
        rows = Path(directory) / "rows.jsonl"
        _write_rows(rows, options.rollouts)
        async with Fleet(instant_config()) as fleet:
            agents = fleet.wiring.agents
            request = CollectRequest(
                PlanRequest([InputFile(rows, f"{ENVIRONMENTS[0]}_simple_agent")], list(agents)),
                Path(directory) / "rollouts.jsonl",
                concurrency=options.concurrency,
            )
            with meter.measure(options.rollouts), Collection(request) as collection:
                await collection.run(agents)
                meter.result["peak_mb_collecting"] = peak_mb([os.getpid()])
                await collection.write_metrics(agents)
            _check(collection.progress)
    meter.note = "with an instant model in the same process, one message a rollout"


async def workers(options: Options, meter: Meter) -> None:
    """The engine in several processes, with an instant model in each, so that no endpoint competes for the cores."""
    config = instant_config()
    with tempfile.TemporaryDirectory() as directory:
        request = _example_request(
            Path(directory), options, [agent.name for agent in config.of_type("responses_api_agents")]
        )
        with meter.measure(options.rollouts), Collection(request) as collection:
            await collection.run_in_workers(config, options.workers)
        _check(collection.progress)
    meter.note = "with an instant model in each worker, one message a rollout; bringing the workers up is included"


def _measure_conversion(options: Options, meter: Meter, *, has_tokens: bool) -> None:
    params, answer = create_params(), completion(has_tokens=has_tokens)
    with meter.measure(options.rollouts):
        for _ in range(options.rollouts):
            convert(params, answer, has_tokens=has_tokens)
    meter.note = CONVERSION_NOTE


def _write_rows(path: Path, count: int) -> None:
    with open(path, "w", encoding="utf-8") as file:
        for number in range(count):
            asked = {"input": f"What is the weather in city {number}?"}
            file.write(json.dumps({"responses_create_params": asked, "city": f"city {number}"}) + "\n")


Watch: TypeAlias = Callable[[Progress], Coroutine[object, None, None]]


async def _collect(agents: Mapping[str, Agent], options: Options, meter: Meter, watch: Watch | None = None) -> None:
    """Collect the example rows, as often as it takes, into a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        request = _example_request(Path(directory), options, agents)
        with meter.measure(options.rollouts), Collection(request) as collection:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(watch(collection.progress)) if watch is not None else None
                await collection.run(agents)
                if watching is not None:
                    watching.cancel()
        _check(collection.progress)


def _example_request(directory: Path, options: Options, agents: Iterable[str]) -> CollectRequest:
    """The example rows, as often as it takes."""
    return CollectRequest(
        PlanRequest(inputs(), list(agents), num_repeats=options.rollouts // EXAMPLE_ROWS),
        directory / "rollouts.jsonl",
        concurrency=options.concurrency,
    )


def _check(progress: Progress) -> None:
    if progress.done != progress.total:
        raise SystemExit(f"only {progress.done} rollouts of {progress.total} have a reward")


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _answering(port: int) -> list[JsonObject]:
    for _ in range(200):
        try:
            return await server_instances("127.0.0.1", port)
        except ConfigError:  # it is not up yet
            await asyncio.sleep(0.05)
    raise SystemExit("the fleet did not come up")


SCENARIOS: Mapping[str, Callable[[Options, Meter], Coroutine[object, None, None]]] = {
    "bare": bare,
    "embedded": embedded,
    "embedded_chat": embedded_chat,
    "conversion": conversion,
    "conversion_with_tokens": conversion_with_tokens,
    "conversion_by_messages": conversion_by_messages,
    "other_process": other_process,
    "processes": processes,
    "many_in_flight": many_in_flight,
    "short_rows": short_rows,
    "workers": workers,
}


def main() -> None:
    """Run the scenario that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--rollouts", type=int, default=5000, help="a multiple of 10")
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--port", type=int, default=0, help="of the mock endpoint")
    parser.add_argument("--latency-s", type=float, default=0.0, help="of the mock endpoint")
    parser.add_argument("--workers", type=int, default=1, help="processes of the scenario 'workers'")
    asked = parser.parse_args()
    meter = Meter()
    raise_file_limit()
    calm_collector(asked.concurrency)
    options = Options(**{name: value for name, value in vars(asked).items() if name != "scenario"})
    asyncio.run(SCENARIOS[asked.scenario](options, meter))
    sys.stdout.write(json.dumps({**meter.result, "note": meter.note}) + "\n")


if __name__ == "__main__":
    main()
