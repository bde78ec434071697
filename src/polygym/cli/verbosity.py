"""What the rooms log, on standard error; `-v` shows more of it."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import click

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

_OURS = logging.getLogger("polygym")


class _StderrHandler(logging.Handler):
    """Writes to whatever standard error is at that moment: a live display puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"{record.levelname.lower()}: {self.format(record)}", err=True)


def log_to_stderr() -> None:
    """Show warnings and errors, unless the program around us has a way of its own to show them."""
    logging.basicConfig(handlers=[_StderrHandler()], format="%(message)s")
    _OURS.setLevel(logging.WARNING)


def is_verbose() -> bool:
    """Whether `-v` was given."""
    return _OURS.level <= logging.DEBUG


def verbose_option(command: CommandT) -> CommandT:
    """Let a command take `-v`."""

    def turn_on(context: click.Context, parameter: click.Parameter, is_on: bool) -> None:
        if is_on:
            _OURS.setLevel(logging.DEBUG)

    return click.option(
        *("-v", "--verbose"),
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=turn_on,
        help="Show debug logs, and tracebacks of errors.",
    )(command)
