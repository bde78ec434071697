"""From what was asked for on the command line to the request that a collection takes."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from polygym.channels.capture import CallFile
from polygym.channels.watching import ModelWatch
from polygym.cli.asked import EvalRun
from polygym.config.model import RunConfig
from polygym.config.roots import find
from polygym.config.secrets import secret_values
from polygym.data.prompts import read_template
from polygym.fleet.probe import has_probe
from polygym.protocol.errors import ConfigError, suggest
from polygym.rollouts.collect import CollectRequest
from polygym.rollouts.datasets import agents_without, declared_inputs, task_sources
from polygym.rollouts.engine import LaneSettings, RetryPolicy
from polygym.rollouts.environments import Environments, servers_behind
from polygym.rollouts.lanes import LaneOverrides, configured_lanes, overridden_lanes
from polygym.rollouts.manifest import setup_of
from polygym.rollouts.outputs import Mode, OutputPaths
from polygym.rollouts.plan import InputFile, PlanRequest
from polygym.rollouts.prices import SETTING as PRICES
from polygym.rollouts.prices import check_prices, prices_of
from polygym.rollouts.spending import Budget, Spending

log = logging.getLogger("polygym.cli")


def request_of(
    config: RunConfig,
    asked: EvalRun,
    agents: Sequence[str],
    environments: Environments | None,
    output: Path,
    watch: ModelWatch | None = None,
) -> CollectRequest:
    """What to run. `environments` is None where the fleet is another process's, whose configuration doesn't count.

    `watch` sees the fleet's model calls. Raises ConfigError for an option that names an agent there isn't, for wrong
    settings of an agent, and for a limit on the cost without prices.
    """
    _check_names(asked, agents)
    lanes = overridden_lanes(
        agents,
        configured_lanes(config) if environments is not None else {},
        LaneOverrides(
            concurrency=asked.concurrency.agents,
            weight=asked.weight.of(agents),
            timeout_s=asked.timeout_s.of(agents),
            max_attempts=asked.max_attempts.of(agents),
        ),
    )
    return CollectRequest(
        plan=PlanRequest(
            inputs=_inputs(config, asked),
            agents=agents,
            task_sources={} if environments is None else task_sources(config),
            limit=asked.limit,
            num_repeats=asked.num_repeats.of(agents) if asked.num_repeats.agents else asked.num_repeats.plain,
            params=asked.params,
            order=asked.order,
            shard=asked.shard,
        ),
        output=output if output.name else output.absolute(),
        mode=_mode(asked),
        concurrency=asked.concurrency.plain,
        lanes=lanes,
        retries=_retries(asked, lanes.values(), environments),
        setup={} if environments is None else setup_of(config, agents),
        check_row=None if environments is None else environments.check_row,
        own_metrics=frozenset() if environments is None else environments.own_metrics(),
        spending=_spending(config, asked, lanes),
        watch=watch,
    )


def watch_of(config: RunConfig, asked: EvalRun, output: Path) -> ModelWatch | None:
    """Who is to see the model calls of the run's own fleet; None when nobody wants to know."""
    if not (asked.capture_model_calls or asked.max_cost or asked.max_total_tokens or config.settings.get(PRICES)):
        return None
    secrets = secret_values([config.settings, *(instance.fields for instance in config.instances.values())])
    path = OutputPaths(output).model_calls
    return ModelWatch(capture=CallFile(path, secrets) if asked.capture_model_calls else None)


def _spending(config: RunConfig, asked: EvalRun, lanes: Mapping[str, LaneSettings]) -> Spending | None:
    """What is counted: where there is a budget, or there are prices."""
    prices = prices_of(config)
    if asked.max_cost is None and asked.max_total_tokens is None and not prices.by_name:
        return None
    if asked.max_cost is not None and asked.no_serve:
        raise ConfigError("--max-cost needs servers of its own, to see every call. Leave out --no-serve.")
    if asked.max_cost is not None:
        check_prices(prices, servers_behind(config, [agent for agent in lanes if agent in config.instances]).values())
    return Spending(
        prices, Budget(asked.max_total_tokens, asked.max_cost), {agent: lane.model for agent, lane in lanes.items()}
    )


def _check_names(asked: EvalRun, agents: Sequence[str]) -> None:
    if asked.agent is not None and asked.agent not in agents:
        raise ConfigError(f"--agent {asked.agent}: there is no such agent. {suggest(asked.agent, agents)}")
    for option, named in asked.by_agent.items():
        for name in named:
            if name not in agents:
                raise ConfigError(f"{option}: there is no agent '{name}'. {suggest(name, agents)}")


def _mode(asked: EvalRun) -> Mode:
    if asked.resume:
        return "force" if asked.resume == "force" else "resume"
    return "overwrite" if asked.overwrite else "new"


def _retries(asked: EvalRun, lanes: Collection[LaneSettings], environments: Environments | None) -> RetryPolicy:
    """An endpoint that was there when it was probed, or that is to be waited for, may be away at the first calls."""
    if asked.wait_for_model is not None:
        return RetryPolicy(wait_for_model_s=asked.wait_for_model, is_model_awaited=True)
    if environments is None:
        return RetryPolicy()
    probed = {name for name, server in environments.models.items() if has_probe(server)}
    return RetryPolicy(is_model_awaited={lane.model for lane in lanes} <= probed)


def _inputs(config: RunConfig, asked: EvalRun) -> list[InputFile]:
    prompt = read_template(asked.prompt_config, config.roots, "prompt_config") if asked.prompt_config else None
    if asked.input:
        return [InputFile(_located(name, config), asked.agent, prompt=prompt) for name in asked.input]
    if asked.no_serve and not config.instances:
        raise ConfigError(
            "no input is given. Add --input FILE.jsonl, or name components whose datasets are to be taken, such as"
            " --resources-server NAME."
        )
    inputs = declared_inputs(config, asked.split, asked.agent)
    for agent in agents_without(config, asked.split) if asked.agent is None else ():
        log.warning("%s has no %s dataset and is left out.", agent, asked.split)
    return inputs if prompt is None else [replace(source, prompt=prompt) for source in inputs]


def _located(name: str, config: RunConfig) -> Path:
    """The file in the working directory, else in one of the roots."""
    path = Path(name).expanduser()
    return path if path.exists() else find(config.roots, name) or path
