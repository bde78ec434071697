"""From what ended a command to a message and an exit code."""

import asyncio

import click
import pytest

from polygym.cli.exits import ExitCode, report
from polygym.protocol.errors import ConfigError


def raised(error: BaseException) -> BaseException:
    """The error with a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("a.yaml:1: no"), ExitCode.USER_ERROR, "error: a.yaml:1: no\n"),
        (click.UsageError("no such option"), ExitCode.USER_ERROR, "error: no such option\n"),
        (
            ExceptionGroup("several", [ExceptionGroup("inner", [ConfigError("deep")])]),
            ExitCode.USER_ERROR,
            "error: deep\n",
        ),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, ""),
        (asyncio.CancelledError(), ExitCode.INTERRUPTED, ""),
    ],
)
def test_an_end_has_its_code_and_its_message(
    error: BaseException, code: ExitCode, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(raised(error), is_verbose=False) == code
    assert capsys.readouterr() == ("", said)


def test_a_fault_of_ours_is_one_line_and_its_traceback_for_those_who_ask(capsys: pytest.CaptureFixture[str]) -> None:
    error = raised(ZeroDivisionError("oh"))

    assert report(error, is_verbose=False) == report(error, is_verbose=True) == ExitCode.UNEXPECTED
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "unexpected error: ZeroDivisionError: oh. Run again with -v for the traceback."
    assert lines[1].startswith("Traceback")
    assert lines[-1] == "unexpected error: ZeroDivisionError: oh."
