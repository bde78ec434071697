"""`gym eval`: collecting rollouts."""

import asyncio
from typing import Any

import click

from polygym.cli.selection import Selection, selection_options


def _repeats(context: click.Context, parameter: click.Parameter, value: str | None) -> int | dict[str, int] | None:
    """`4` for all agents, or `math=4,code=2` by agent."""
    if value is None:
        return None
    try:
        if "=" not in value:
            return int(value)
        pairs = (part.split("=", 1) for part in value.split(","))
        return {name.strip(): int(number) for name, number in pairs}
    except ValueError:
        raise click.BadParameter(f"'{value}' is neither a number nor AGENT=NUMBER,AGENT=NUMBER.") from None


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
@click.option("--num-repeats", callback=_repeats, metavar="N", help="Rollouts per task, for all or as AGENT=N,AGENT=N.")
@click.option("--concurrency", type=int, metavar="N", help="Rollouts in flight.  [default: 256]")
@click.option("--agent", "-a", metavar="NAME", help="Agent for tasks that name none; else only its datasets.")
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "example", "benchmark"]),
    help="Without --input: which of the datasets that the configs declare.  [default: example]",
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


def _is_given(context: click.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
