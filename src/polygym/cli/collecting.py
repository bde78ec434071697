"""What `gym eval run` does: check, bring servers up or find them, collect, sum up, say where everything is."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click

from polygym.cli.asked import EvalRun
from polygym.cli.display import Display
from polygym.cli.exits import ExitCode
from polygym.cli.interrupts import Interrupts
from polygym.config.model import RunConfig
from polygym.config.roots import find
from polygym.fleet.discovery import connect, server_instances
from polygym.fleet.fleet import Fleet
from polygym.fleet.limits import calm_collector, raise_file_limit
from polygym.fleet.ports import head_address
from polygym.metrics.running import overall
from polygym.metrics.table import environment_table, failure_lines
from polygym.protocol.calls import Agent
from polygym.protocol.errors import ConfigError, OutputError, suggest
from polygym.protocol.failures import describe
from polygym.protocol.json import JsonObject
from polygym.rollouts.collect import Collection, CollectRequest
from polygym.rollouts.datasets import agents_without, declared_inputs
from polygym.rollouts.manifest import setup_of
from polygym.rollouts.outputs import Mode
from polygym.rollouts.plan import InputFile, PlanRequest

log = logging.getLogger("polygym.cli")

BASELINE = "random_model"
"""The model server that is no model."""


class _Servers(NamedTuple):
    """What there is to run on."""

    agents: list[str]
    """Instance names."""
    implementations: set[str]
    running: list[JsonObject] | None
    """The servers of a fleet that is up already; None when this process brings up its own."""


async def collect(config: RunConfig, asked: EvalRun) -> ExitCode:
    """Collect what was asked for. Raises UserError before anything is written, when it cannot be done."""
    raise_file_limit()
    with Interrupts() as interrupts:
        servers = await _servers(config, asked)
        with Collection(_request(config, asked, servers.agents)) as run:
            has_metrics = True
            try:
                has_metrics = await _run(run, config, asked, servers, interrupts)
            except asyncio.CancelledError:
                if interrupts.exit_code is None:
                    raise
    _report(run)
    if interrupts.exit_code is not None:
        return interrupts.exit_code
    if run.progress.done < run.progress.total:
        return ExitCode.SOME_FAILED
    return ExitCode.OK if has_metrics else ExitCode.UNEXPECTED


async def _servers(config: RunConfig, asked: EvalRun) -> _Servers:
    if asked.no_serve:
        running = await server_instances(*head_address(config.settings))
        agents = [entry["process_name"] for entry in running if entry.get("server_type") == "responses_api_agents"]
        return _Servers(agents, {entry.get("name", "") for entry in running}, running)
    agents = [agent.name for agent in config.of_type("responses_api_agents")]
    if not agents:
        raise ConfigError(
            "no agent is configured. Name what to run with --resources-server, --environment, --benchmark or --config"
            " ('gym list resources-servers' shows what there is), or use a running fleet with --no-serve."
        )
    return _Servers(agents, {instance.implementation for instance in config.instances.values()}, None)


def _request(config: RunConfig, asked: EvalRun, agents: Sequence[str]) -> CollectRequest:
    if asked.output is None:
        raise OutputError("no output is given. Add --output FILE.jsonl.")
    if asked.agent is not None and asked.agent not in agents:
        raise ConfigError(f"--agent {asked.agent}: there is no such agent. {suggest(asked.agent, agents)}")
    repeats = asked.num_repeats
    for name in repeats if isinstance(repeats, dict) else ():
        if name not in agents:
            raise ConfigError(f"--num-repeats: there is no agent '{name}'. {suggest(name, agents)}")
    output = Path(asked.output)
    mode: Mode = "new"
    if asked.resume:
        mode = "force" if asked.resume == "force" else "resume"
    elif asked.overwrite:
        mode = "overwrite"
    return CollectRequest(
        plan=PlanRequest(
            inputs=_inputs(config, asked),
            agents=agents,
            limit=asked.limit,
            num_repeats=asked.num_repeats,
            params=asked.params,
        ),
        output=output if output.name else output.absolute(),
        mode=mode,
        concurrency=asked.concurrency,
        setup={} if asked.no_serve else setup_of(config, agents),
    )


def _inputs(config: RunConfig, asked: EvalRun) -> list[InputFile]:
    if asked.input:
        return [InputFile(_located(name, config), asked.agent) for name in asked.input]
    if asked.no_serve and not config.instances:
        raise ConfigError(
            "no input is given. Add --input FILE.jsonl, or name components whose datasets are to be taken, such as"
            " --resources-server NAME."
        )
    inputs = declared_inputs(config, asked.split, asked.agent)
    for agent in agents_without(config, asked.split) if asked.agent is None else ():
        log.warning("%s has no %s dataset and is left out.", agent, asked.split)
    return inputs


def _located(name: str, config: RunConfig) -> Path:
    """The file in the working directory, else in one of the roots."""
    path = Path(name).expanduser()
    return path if path.exists() else find(config.roots, name) or path


async def _run(run: Collection, config: RunConfig, asked: EvalRun, servers: _Servers, interrupts: Interrupts) -> bool:
    """Collect. Whether the metrics were written, too, as far as they were wanted."""
    if BASELINE in servers.implementations:
        click.echo(f"{BASELINE} is the random baseline, not a language model.", err=True)
    async with _agents(config, servers) as agents:
        with interrupts.politely(partial(_stop, run), signal.SIGINT), Display(run.progress):
            calm_collector()
            await run.run(agents)
        return asked.disable_aggregation or await _write_metrics(run, agents)


@asynccontextmanager
async def _agents(config: RunConfig, servers: _Servers) -> AsyncIterator[Mapping[str, Agent]]:
    if servers.running is None:
        async with Fleet(config) as fleet:
            yield fleet.wiring.agents
        return
    wiring = connect(servers.running, head_address(config.settings)[0])
    try:
        yield wiring.agents
    finally:
        await wiring.close()


def _stop(run: Collection) -> None:
    run.stop()
    click.echo("Finishing the rollouts in flight; Ctrl-C again drops them.", err=True)


async def _write_metrics(run: Collection, agents: Mapping[str, Agent]) -> bool:
    """Whether it worked. Environments compute metrics with code of their own; what it raises costs no rollout."""
    try:
        await run.write_metrics(agents)
    except Exception as error:
        log.error("%s was not written: %s", run.paths.metrics, describe(error))
        return False
    return True


def _report(run: Collection) -> None:
    """Print the table and the paths."""
    progress = run.progress
    if not run.paths.rollouts.exists():
        click.echo("Stopped before any rollout had ended; nothing was written.", err=True)
        return
    snapshots = {name: metrics.snapshot() for name, metrics in run.metrics.items()}
    if snapshots:
        together = overall(run.metrics.values()) if len(snapshots) > 1 else None
        for line in (*environment_table(snapshots, together), *failure_lines(snapshots)):
            click.echo(line)
    kept = progress.done - sum(counts.scored for counts in progress.agents.values())
    if kept:
        click.echo(f"{kept} of {progress.total} rollouts are from an earlier run.")
    for label, path in (
        ("rollouts", run.paths.rollouts),
        ("inputs", run.paths.inputs),
        ("metrics", run.paths.metrics),
        ("failures", run.paths.failures),
    ):
        if path.exists() and (path != run.paths.failures or path.stat().st_size):
            click.echo(f"{label + ':':10}{path}")
    if progress.done < progress.total:
        have = f"{progress.done} of {progress.total} rollouts have a reward."
        click.echo(f"{have} For the others, run the same command with --resume.", err=True)
