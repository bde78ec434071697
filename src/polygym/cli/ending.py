"""What `gym eval run` says at its end: the table, what is missing and why, where everything is, how to go on."""

from collections import Counter

import click

from polygym.metrics.running import overall
from polygym.metrics.table import component_lines, dollars, environment_table, failure_lines, incomplete_lines
from polygym.rollouts.collect import Collection
from polygym.rollouts.spending import Ledger


def report(run: Collection) -> None:
    """Print the table and the paths; on standard error what is missing, by class, and how to get it."""
    if not run.has_begun or not run.paths.rollouts.exists():
        click.echo("Stopped before any rollout had ended; nothing was written.", err=True)
        return
    snapshots = {name: metrics.snapshot() for name, metrics in run.metrics.items()}
    if snapshots:
        together = overall(run.metrics.values()) if len(snapshots) > 1 else None
        table = environment_table(snapshots, together)
        for line in (
            *(*table, *component_lines(snapshots)),
            *(*incomplete_lines(snapshots), *failure_lines(snapshots)),
        ):
            click.echo(line)
    progress = run.progress
    kept = progress.done - sum(counts.scored for counts in progress.agents.values())
    if kept:
        click.echo(f"{kept} of {progress.total} rollouts are from an earlier run.")
    if run.settled is not None:
        click.echo(run.settled)
    if run.ledger is not None:
        click.echo(_spent(run.ledger))
    for label, path in (
        ("rollouts", run.paths.rollouts),
        ("inputs", run.paths.inputs),
        ("metrics", run.paths.metrics),
        ("calls", run.paths.model_calls),
        ("failures", run.paths.failures),
    ):
        if path.exists() and (path != run.paths.failures or path.stat().st_size):
            click.echo(f"{label + ':':10}{path}")
    if run.exhausted is not None:
        click.echo(f"The budget is used up: {run.exhausted}. Go on with --resume and a larger one.", err=True)
    if progress.done < progress.total:
        click.echo(
            f"{progress.done} of {progress.total} rollouts have a reward. Missing: {_missing(run)}."
            " For these, run the same command with --resume.",
            err=True,
        )


def _spent(ledger: Ledger) -> str:
    """What the run has taken, in a sentence."""
    total, earlier = ledger.total, ledger.earlier
    cost = f", {dollars(total.cost_usd)}" if ledger.spending.prices.by_name else ""
    before = f", {earlier.tokens} of them in an earlier run" if earlier.tokens else ""
    return f"Model calls took {total.tokens} tokens{cost}{before}."


def _missing(run: Collection) -> str:
    """How many rollouts have no reward, by failure class."""
    classes: Counter[str] = Counter()
    for metrics in run.metrics.values():
        classes.update(metrics.failures)
    rest = run.progress.total - run.progress.done - classes.total()
    parts = [f"{count} {name}" for name, count in classes.most_common()]
    return ", ".join([*parts, *([f"{rest} not run to the end"] if rest else [])])
