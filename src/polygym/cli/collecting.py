"""What `gym eval run` does: check, bring servers up or find them, collect, sum up, say where everything is."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from polygym.channels.watching import ModelWatch
from polygym.cli.asked import EvalRun
from polygym.cli.display import Display
from polygym.cli.ending import report
from polygym.cli.exits import ExitCode
from polygym.cli.forecast import say_checked, say_forecast
from polygym.cli.interrupts import Interrupts
from polygym.cli.requested import request_of, watch_of
from polygym.config.model import RunConfig
from polygym.fleet.discovery import connect, server_instances
from polygym.fleet.fleet import Fleet
from polygym.fleet.limits import calm_collector, raise_file_limit
from polygym.fleet.ports import head_address
from polygym.fleet.probe import probe_models
from polygym.protocol.calls import Agent
from polygym.protocol.errors import ConfigError, OutputError
from polygym.protocol.failures import describe
from polygym.rollouts.collect import LARGEST_AUTO, Collection
from polygym.rollouts.environments import Environments

log = logging.getLogger("polygym.cli")

BASELINE = "random_model"
"""The model server that is no model."""
OTHER_FILES = 64
"""Open files that a run needs besides one for each rollout in flight."""


@dataclass(frozen=True, slots=True)
class _Servers:
    """What there is to run on."""

    names: list[str]
    """Instance names of the agents."""
    implementations: set[str]
    agents: Mapping[str, Agent]
    fleet: Fleet | None = None
    """This process's own, of which nothing has started yet; None when the fleet is another process's."""
    environments: Environments | None = None
    """What can be known of that fleet's servers."""


async def collect(config: RunConfig, asked: EvalRun) -> ExitCode:
    """Collect what was asked for. Raises UserError before anything is written, when it cannot be done."""
    _check_file_limit(raise_file_limit(), asked)
    run: Collection | None = None
    has_metrics = True
    with Interrupts() as interrupts, _output(asked) as output:
        try:
            watch = watch_of(config, asked, output)
            async with _servers(config, asked, watch) as servers:
                request = request_of(config, asked, servers.names, servers.environments, output, watch)
                with Collection(request) as run:
                    has_metrics = await _run(run, config, asked, servers, interrupts)
        except asyncio.CancelledError:
            if interrupts.exit_code is None:
                raise
    if run is None or asked.dry_run:
        return interrupts.exit_code or ExitCode.OK
    report(run)
    if interrupts.exit_code is not None:
        return interrupts.exit_code
    if run.progress.done < run.progress.total:
        return ExitCode.SOME_FAILED if run.exhausted is None else ExitCode.BUDGET_SPENT
    return ExitCode.OK if has_metrics else ExitCode.UNEXPECTED


def _check_file_limit(limit: int, asked: EvalRun) -> None:
    wanted = asked.concurrency.plain
    if wanted is not None and wanted + OTHER_FILES > limit:
        log.warning(
            "--concurrency %d needs as many open files, and the system allows this process %d: rollouts beyond that"
            " will fail. Raise the hard limit (ulimit -Hn).",
            *(wanted, limit),
        )


@contextmanager
def _output(asked: EvalRun) -> Iterator[Path]:
    """Where the rollouts go; a dry run needs nothing but a place to plan in."""
    if asked.output is not None:
        yield Path(asked.output)
    elif asked.dry_run:
        with TemporaryDirectory() as folder:
            yield Path(folder, "rollouts.jsonl")
    else:
        raise OutputError("no output is given. Add --output FILE.jsonl.")


@asynccontextmanager
async def _servers(config: RunConfig, asked: EvalRun, watch: ModelWatch | None) -> AsyncIterator[_Servers]:
    """Find the servers of a fleet that is up, or make our own, which are taken down on the way out."""
    if asked.no_serve:
        if asked.workers > 1:
            raise ConfigError("--workers brings up servers in every worker. Leave it out, or leave out --no-serve.")
        if asked.capture_model_calls:
            raise ConfigError("--capture-model-calls needs servers of its own. Leave it out, or leave out --no-serve.")
        address = head_address(config.settings)
        running = await server_instances(*address)
        names = [entry["process_name"] for entry in running if entry.get("server_type") == "responses_api_agents"]
        wiring = connect(running, address[0])
        try:
            yield _Servers(names, {entry.get("name", "") for entry in running}, wiring.agents)
        finally:
            await wiring.close()
        return
    names = [agent.name for agent in config.of_type("responses_api_agents")]
    if not names:
        raise ConfigError(
            "no agent is configured. Name what to run with --resources-server, --environment, --benchmark or --config"
            " ('gym list resources-servers' shows what there is), or use a running fleet with --no-serve."
        )
    fleet = Fleet(config, watch=watch)
    try:
        fleet.construct()
        implementations = {instance.implementation for instance in config.instances.values()}
        environments = Environments(config, fleet.embedded)
        yield _Servers(names, implementations, fleet.wiring.agents, fleet, environments)
    finally:
        await fleet.stop()


async def _run(run: Collection, config: RunConfig, asked: EvalRun, servers: _Servers, interrupts: Interrupts) -> bool:
    """Collect. Whether the metrics were written, too, as far as they were wanted."""
    if BASELINE in servers.implementations:
        click.echo(f"{BASELINE} is the random baseline, not a language model.", err=True)
    if servers.fleet is not None and servers.environments is not None:
        await servers.fleet.start_embedded()
        models = servers.environments.models_of(run.plan.offsets)
        await probe_models(models, wait_s=asked.wait_for_model or 0.0)
    if asked.dry_run:
        say_checked(run, servers.environments)
        return True
    say_forecast(run)
    if servers.fleet is not None and asked.workers == 1:
        await servers.fleet.start()
    with interrupts.politely(partial(_stop, run, asked.grace_s), signal.SIGINT), Display(run.progress):
        if asked.workers == 1:
            calm_collector(run.request.concurrency or LARGEST_AUTO)
            await run.run(servers.agents)
        else:
            await run.run_in_workers(config, asked.workers)
    return asked.disable_aggregation or await _write_metrics(run, servers)


def _stop(run: Collection, grace_s: float) -> None:
    run.stop(grace_s)
    click.echo(f"Finishing the rollouts in flight, for {grace_s:g} s at most; Ctrl-C again drops them.", err=True)


async def _write_metrics(run: Collection, servers: _Servers) -> bool:
    """Whether it worked. Environments compute metrics with code of their own; what it raises costs no rollout."""
    try:
        if servers.fleet is not None:
            await servers.fleet.start()  # workers had servers of their own
        await run.write_metrics(servers.agents)
    except Exception as error:
        log.error("%s was not written: %s", run.paths.metrics, describe(error))
        return False
    return True
