"""`gym env play`: a person in place of the model."""

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

import click

from polygym.cli.exits import ExitCode
from polygym.cli.selection import search_dir_option
from polygym.cli.verbosity import verbose_option

if TYPE_CHECKING:
    from polygym.kit.environment import Environment
    from polygym.kit.person import Person, Watched
    from polygym.kit.playground import Outcome
    from polygym.protocol.json import JsonObject


@click.command("play")
@click.argument("name")
@click.option("--row", "number", type=click.IntRange(min=0), default=0, help="Which row, from 0.")
@click.option(
    "--input", "-i", "file", metavar="FILE", help="Rows to choose from, JSONL; the example dataset otherwise."
)
@click.option("--difficulty", type=click.FloatRange(0, 1), help="Generate the row, as difficult as this: 0 to 1.")
@click.option("--seed", type=int, help="Generate the row, from this seed.")
@click.option("--reference", "is_reference", is_flag=True, help="Watch the reference solution instead.")
@search_dir_option
@verbose_option
def play(
    name: str,
    number: int,
    file: str | None,
    difficulty: float | None,
    seed: int | None,
    is_reference: bool,
    search_dir: tuple[str, ...],
) -> int:
    """Be the model: see the prompt and the tools, call tools, answer, get the reward and why."""
    from polygym.kit.choice import choose_row
    from polygym.kit.environment import load_environment
    from polygym.kit.person import InputEndedError, Person, PersonLeftError, Watched
    from polygym.protocol.errors import InputError

    environment = load_environment(name, search_dirs=search_dir)
    row = choose_row(environment, number, file=file, seed=seed, difficulty=difficulty)
    player = Watched(environment.solve(row), "reference", click.echo) if is_reference else Person(_read, click.echo)
    outcome = asyncio.run(_played(environment, row, player))
    if isinstance(outcome.script_error, InputEndedError) and not sys.stdin.isatty():
        raise InputError(f"{outcome.script_error}; nothing was scored.")
    if isinstance(outcome.script_error, PersonLeftError):
        click.echo(f"\n{outcome.script_error}; nothing was scored.", err=True)
        return ExitCode.INTERRUPTED
    if outcome.script_error is not None or outcome.failure is not None:
        click.echo(f"error: no reward: {outcome.script_error or outcome.failure}", err=True)
        return ExitCode.UNEXPECTED
    player.transcript.result(outcome.record, row)
    return ExitCode.OK


async def _played(environment: "Environment", row: "JsonObject", player: "Person | Watched") -> "Outcome":
    from polygym.kit.playground import Playground

    async with Playground(environment) as playground:
        (outcome,) = await playground.play_all([(row, player)])
        return outcome


def _read(prompt: str) -> str:
    """The next line of standard input; what is not typed is shown. Ctrl-C raises KeyboardInterrupt, as it should.

    asyncio takes Ctrl-C for itself and waits for the event loop, which waits for this line.
    """
    asyncios = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if sys.stdin.isatty():
            import readline  # noqa: F401 - lets `input` edit the line and remember earlier ones

            return input(prompt)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        line = line.removesuffix("\n")
        click.echo(f"{prompt}{line}")
        return line
    finally:
        signal.signal(signal.SIGINT, asyncios)
