"""What `gym eval run` says before the first model call: how much there is to do, and what has been checked."""

import click

from polygym.cli.output import print_columns
from polygym.fleet.probe import has_probe
from polygym.rollouts.collect import Collection
from polygym.rollouts.environments import Environments


def say_forecast(run: Collection) -> None:
    """One line about a run that begins."""
    plan, done = run.plan, run.plan.skipped.total()
    earlier = f" ({done} of {done + plan.total()} are done)" if done else ""
    click.echo(
        f"{_counted(plan.total(), 'rollout')} to run{earlier} with {_counted(len(plan.offsets), 'agent')},"
        f" {_counted(plan.model_calls.total(), 'model call')} or more."
    )


def say_checked(run: Collection, environments: Environments | None) -> None:
    """All that a dry run has found. `environments` is None for a fleet that is another process's."""
    plan = run.plan
    rows = [
        [agent, str(len(offsets)), f"{plan.model_calls[agent]} or more", _checked(agent, environments)]
        for agent, offsets in plan.offsets.items()
    ]
    print_columns(["agent", "rollouts", "model calls", "rows checked against"], rows)
    for name, server in environments.models_of(plan.offsets).items() if environments is not None else ():
        click.echo(f"{name}: {'its endpoint is there' if has_probe(server) else 'not probed, it has no way to'}")
    say_forecast(run)
    click.echo("Nothing was run: --dry-run.")


def _checked(agent: str, environments: Environments | None) -> str:
    task_class = environments.task_class(agent) if environments is not None else None
    return task_class or "nothing: its environment is in another process"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
