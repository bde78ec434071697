"""`gym eval`: collecting rollouts."""

import asyncio
from typing import Any, Literal

import click

from polygym.cli.prepare import prepare
from polygym.cli.selection import Selection, selection_options
from polygym.cli.verbosity import verbose_option


@click.group("eval")
def eval_group() -> None:
    """Collect rollouts and look at them."""


class _RunCommand(click.Command):
    """Takes `--resume=force` beside `--resume`: in click, an option with an optional value eats what follows it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, ["--resume-force" if text == "--resume=force" else text for text in args])


@eval_group.command("run", cls=_RunCommand)
@click.option("--input", "-i", metavar="FILE", multiple=True, help="Tasks, JSONL. Repeatable; default: see --split.")
@click.option("--output", "-o", metavar="FILE", help="Where the rollouts go, JSONL.")
@click.option("--limit", type=int, metavar="N", help="Take the first N tasks of each input.")
@click.option("--num-repeats", metavar="N", help="Rollouts per task, for all or as AGENT=N,AGENT=N.")
@click.option(
    "--concurrency",
    metavar="N",
    help="Rollouts in flight, or 'auto' to find out; AGENT=N,AGENT=N limits single agents, N,AGENT=N does both."
    "  [default: 256]",
)
@click.option("--weight", metavar="X", help="Share of the rollouts in flight, as AGENT=X,AGENT=X.  [default: 1]")
@click.option("--timeout-s", metavar="S", help="Seconds a rollout may take, for all or as AGENT=S,AGENT=S.")
@click.option(
    "--max-attempts", metavar="N", help="Attempts at a rollout in all, for all or as AGENT=N,AGENT=N.  [default: 3]"
)
@click.option(
    "--wait-for-model",
    type=float,
    metavar="SECONDS",
    help="How long an endpoint that is down is waited for, from the start.  [default: 300, not at the start]",
)
@click.option(
    "--grace-s",
    type=float,
    metavar="SECONDS",
    help="After Ctrl-C, how long rollouts in flight may take to finish.  [default: 30]",
)
@click.option(
    "--order",
    type=click.Choice(["group", "stream"]),
    help="Repeats of a task next to each other, or all tasks once and then again.  [default: group]",
)
@click.option(
    "--max-cost",
    type=float,
    metavar="USD",
    help="Stop when model calls have cost that much, by the configuration's prices. Exit code 4; --resume goes on.",
)
@click.option(
    "--max-total-tokens", type=int, metavar="N", help="Stop when model calls have taken N tokens, input and output."
)
@click.option(
    "--capture-model-calls", is_flag=True, default=None, help="Write every model call down, beside the rollouts."
)
@click.option("--workers", type=int, metavar="N", help="Spread the run over N processes.  [default: 1]")
@click.option("--shard", metavar="I/N", help="Run one of N parts of the tasks, I from 0; see 'gym eval aggregate'.")
@click.option("--agent", "-a", metavar="NAME", help="Agent for tasks that name none; else only its datasets.")
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "example", "benchmark"]),
    help="Without --input: which of the datasets that the configs declare.  [default: example]",
)
@click.option(
    "--prompt-config", metavar="FILE", help="Fill all rows into this prompt, not into those of their datasets."
)
@click.option("--temperature", type=float, metavar="T", help="For every task.")
@click.option("--top-p", type=float, metavar="P", help="For every task.")
@click.option("--max-output-tokens", type=int, metavar="N", help="For every task.")
@click.option(
    "--resume",
    type=str,
    flag_value="yes",
    help="Go on with an output that a run left unfinished; --resume=force although its inputs or servers have changed.",
)
@click.option("--resume-force", "resume", type=str, flag_value="force", hidden=True)
@click.option("--overwrite", is_flag=True, default=None, help="Replace an output that exists.")
@click.option("--no-serve", is_flag=True, default=None, help="Use the fleet that 'gym env start' has up.")
@click.option("--dry-run", is_flag=True, default=None, help="Check rows, environments and endpoint, then stop.")
@selection_options
@click.pass_context
def run(context: click.Context, /, selection: Selection, **options: Any) -> int:
    """Collect a rollout for every task, from all environments at once.

    KEY=VALUE, +KEY=VALUE and ++KEY=VALUE change the configuration, ~KEY deletes from it (Hydra's grammar).
    """
    from polygym.cli.asked import asked_for
    from polygym.cli.collecting import collect

    if options["resume"] and _is_given(context, "overwrite"):
        raise click.UsageError("--resume goes on with an output, --overwrite replaces it: give one of them.", context)
    options["input"] = list(options["input"]) or None
    is_running_fleet = bool(options["no_serve"])
    config = selection.load(needs_model=not is_running_fleet)
    asked = asked_for(options, config.settings, selection.override_keys())
    return asyncio.run(collect(config, asked))


eval_group.add_command(prepare)


@eval_group.command("aggregate")
@click.option(
    *("--input", "--input-glob", "-i", "inputs"),
    metavar="FILE",
    multiple=True,
    help="Rollouts file, or a pattern such as 'shards/*.jsonl'. Repeatable.",
)
@click.option("--output", "-o", metavar="FILE", help="Where the merged rollouts go, JSONL.")
@click.option("--keep", type=click.Choice(["first", "last"]), help="Which of differing records of a rollout stays.")
@click.option("--overwrite", is_flag=True, help="Replace an output that exists.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@verbose_option
def aggregate(
    inputs: tuple[str, ...],
    output: str | None,
    keep: Literal["first", "last"] | None,
    overwrite: bool,
    is_json: bool,
    overrides: tuple[str, ...],
) -> int:
    """Merge the rollouts of shards, with what lies beside them. Exit code 3 when some are missing."""
    from polygym.cli.merging import aggregate_files

    return aggregate_files(inputs, output, overrides, keep=keep, overwrite=overwrite, is_json=is_json)


def _is_given(context: click.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
