"""Running a function in a child of this process that is ended when it takes too much time or memory.

For code that can neither be trusted nor interrupted, such as big-integer arithmetic on what a model wrote. The child
starts as a copy of the process, with everything that is already imported.
"""

import contextlib
import json
import os
import resource
import signal
from collections.abc import Callable
from typing import Any, Final, NamedTuple

MEMORY_BYTES: Final = 2 << 30
"""Address space that a child may have."""


class Outcome(NamedTuple):
    """What became of a call."""

    value: Any
    """What the function returned, as JSON gives it back; None if it did not return."""
    problem: str | None
    """Why it did not return, in a few words: it ran out of time, out of memory, or raised."""
    stage: str
    """What the function said last that it was doing."""


def run_bounded(function: Callable[[Callable[[str], None]], Any], *, cpu_s: float) -> Outcome:
    """Call the function in a child that may use `cpu_s` seconds of processor time. Waiting costs nothing.

    The function is given a callback with which it says what it is doing; it must return something that is JSON. The
    calling process must not have other threads.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _work(function, writing, cpu_s)
    os.close(writing)
    with open(reading, "rb") as pipe:
        lines = pipe.read().decode(errors="replace").splitlines()
    _, status = os.waitpid(child, 0)
    said = [json.loads(line) for line in lines if line.endswith("}")]
    stage = next((each["stage"] for each in reversed(said) if "stage" in each), "")
    last = said[-1] if said else {}
    if "value" in last:
        return Outcome(last["value"], None, stage)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF:
        return Outcome(None, f"took more than {cpu_s:g} s of processor time", stage)
    return Outcome(None, last.get("problem", "broke off"), stage)


def _work(function: Callable[[Callable[[str], None]], Any], writing: int, cpu_s: float) -> None:
    """What the child does; it never returns."""

    def say(**said: Any) -> None:
        os.write(writing, json.dumps(said).encode() + b"\n")

    try:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        try:
            value = function(lambda stage: say(stage=stage))
        except MemoryError:
            say(problem="took too much memory")
        except RecursionError:
            say(problem="is nested too deeply")
        except Exception as error:
            say(problem=f"raised {type(error).__name__}")
        else:
            say(value=value)
    finally:
        os._exit(0)
