"""Exit codes of all commands, and the one place where an error becomes a message and a code.

A mistake of the user's is one message. Anything else that comes out of a command is a fault of ours or of the machine:
one line, and its traceback for those who ask.
"""

import asyncio
import os
import sys
import traceback
from enum import IntEnum

import click

from polygym.protocol.errors import UserError
from polygym.protocol.groups import first_of


class ExitCode(IntEnum):
    """What a command's end means."""

    OK = 0
    """It did what it was asked; of a collection: every rollout has a reward."""
    UNEXPECTED = 1
    """Something broke that should not have, or nothing answered."""
    USER_ERROR = 2
    """Something that the user gave is wrong. Nothing was changed."""
    SOME_FAILED = 3
    """The collection ended, and some rollouts have no reward."""
    BUDGET_SPENT = 4
    """The collection was stopped because its budget was used up."""
    INTERRUPTED = 130
    """Ctrl-C."""
    TERMINATED = 143
    """SIGTERM."""


def report(error: BaseException, *, is_verbose: bool) -> ExitCode:
    """Say on standard error what ended a command; the exit code for it."""
    error = first_of(error)
    if isinstance(error, KeyboardInterrupt | click.Abort | asyncio.CancelledError):
        return ExitCode.INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return _pipe_closed()
    if is_verbose and not isinstance(error, click.ClickException):
        traceback.print_exception(error)
    if isinstance(error, click.UsageError):
        _say(f"error: {error.format_message()}")
        if error.ctx is not None:
            _say(f"Try '{error.ctx.command_path} --help'.")
        return ExitCode.USER_ERROR
    if isinstance(error, click.ClickException):
        _say(f"error: {error.format_message()}")
        return ExitCode.USER_ERROR
    if isinstance(error, UserError):
        _say(f"error: {error}")
        return ExitCode.USER_ERROR
    hint = "" if is_verbose else " Run again with -v for the traceback."
    _say(f"unexpected error: {type(error).__name__}: {error}.{hint}")
    return ExitCode.UNEXPECTED


def _pipe_closed() -> ExitCode:
    """Whoever read our output has gone, as `head` does. Keeps Python from complaining about it on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.OK


def _say(text: str) -> None:
    click.echo(text, err=True)
