"""Whether sessions end: closed once each, however the rollout ends, and forgotten afterwards."""

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any, Final

from polygym.kit.checks.solution import some_policies
from polygym.kit.checks.subject import Result, Subject
from polygym.kit.scripts import Script, ToolCall
from polygym.protocol.awaiting import is_awaitable
from polygym.protocol.calls import ToolResult
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage, describe
from polygym.servers.resources import ResourcesServer
from polygym.servers.sessions import Session

BATCH: Final = 20
"""Rollouts in each batch of those that show whether something grows."""
PATIENCE_S: Final = 4.0
"""Seconds until a session that is still held is one that stays."""
LESS_PATIENCE_S: Final = 0.5
"""The same, where sessions have stayed before."""

_OPEN_FILES: Final = Path("/dev/fd")
"""Lists the file descriptors of whoever looks, where the system has it."""


@dataclass(slots=True)
class _Watched:
    """One session."""

    session: "weakref.ref[Any]"
    state: "weakref.ref[Any] | None"
    closed: int = 0


class _Watch:
    """Stands between the framework and a server and counts sessions. `detach` takes it out again."""

    def __init__(self, server: ResourcesServer[Any, Any]) -> None:
        self.problems: list[str] = []
        self._patience_s = PATIENCE_S
        self._server = server
        self._watched: list[_Watched] = []
        self._open: dict[int, _Watched] = {}
        self._new_session, self._close_session = server.new_session, server.close_session
        vars(server).update(new_session=self._making, close_session=self._closing)

    def detach(self) -> None:
        """Leave the server as it was."""
        del vars(self._server)["new_session"], vars(self._server)["close_session"]

    def report(self, ending: str) -> None:
        """Note what is wrong with the sessions so far, which all have come to that ending."""
        deadline = monotonic() + self._patience_s
        while self._alive("session") or self._alive("state"):
            gc.collect()  # they may only be part of a ring
            if monotonic() > deadline:
                self._patience_s = LESS_PATIENCE_S
                break
            sleep(0.05)  # or be in the hands of a pool whose caller was cancelled
        counts = [each.closed for each in self._watched]
        if (never := counts.count(0)) > 0:
            self.problems.append(f"after {ending}, {never} of {len(counts)} sessions were not closed")
        if (often := sum(count > 1 for count in counts)) > 0:
            self.problems.append(f"after {ending}, {often} of {len(counts)} sessions were closed more than once")
        for what, alive in (("sessions", self._alive("session")), ("states", self._alive("state"))):
            if alive:
                holder = _holder_of(alive[0], self._server)
                self.problems.append(f"after {ending}, {len(alive)} of {len(counts)} {what} are still held{holder}")
        self._watched.clear()
        self._open.clear()

    def _alive(self, what: str) -> list[Any]:
        refs = [getattr(each, what) for each in self._watched]
        return [value for ref in refs if ref is not None and (value := ref()) is not None]

    def _making(self, *args: Any) -> Session[Any, Any]:
        session = self._new_session(*args)
        watched = _Watched(weakref.ref(session), _weak(session.state))
        self._watched.append(watched)
        self._open[id(session)] = watched
        return session

    async def _closing(self, session: Session[Any, Any]) -> None:
        watched = self._open.get(id(session))
        if watched is not None:
            watched.closed += 1
            if watched.state is None:
                watched.state = _weak(session.state)
        try:
            closing = self._close_session(session)
            if is_awaitable(closing):
                await closing
        except Exception as error:
            self.problems.append(f"close_session raised {describe(error)}")


def check_sessions(subject: Subject) -> Result:
    """Sessions are closed once after rollouts that end well, fail or are cancelled, and nothing of them stays."""
    watch = _Watch(subject.playground.server)
    try:
        for ending, play in _endings(subject):
            play()
            watch.report(ending)
    finally:
        watch.detach()
    problems = [*dict.fromkeys(watch.problems), *_growth(subject)]
    return Result(problems, "closed once, released after success, failure and cancellation")


def _endings(subject: Subject) -> Iterator[tuple[str, Callable[[], object]]]:
    samples = subject.samples[:BATCH]

    def play_well() -> None:
        for policy in some_policies(subject):
            subject.play([(each, policy.name, policy.script(each.row)) for each in samples], concurrency=len(samples))

    def fail() -> None:
        subject.play([(each, "a failing model", _fails(subject, each.row)) for each in samples], concurrency=4)

    def fail_in_tools() -> None:
        vars(subject.playground.server)["call_tool"] = _lost
        try:
            subject.play([(each, "a lost tool", _fails(subject, each.row)) for each in samples], concurrency=4)
        finally:
            del vars(subject.playground.server)["call_tool"]

    yield "rollouts with a reward", play_well
    yield "rollouts whose tool failed", fail_in_tools
    yield "rollouts whose model failed", fail
    yield "cancelled rollouts", lambda: subject.run(_cancelled(subject))


async def _lost(*_: Any) -> ToolResult:
    raise RolloutFailure(FailureClass.TOOL_ERROR, Stage.TOOL, "the tool's server is gone")


def _fails(subject: Subject, row: Any) -> Script:
    """Calls tools that there aren't, with arguments that are none, and breaks off."""
    yield [ToolCall("no_such_tool", "{}"), ToolCall("no_such_tool", "[")]
    script = subject.environment.solve(row)
    try:
        yield next(script)
    finally:
        script.close()
    raise RuntimeError("the model is gone")


async def _cancelled(subject: Subject) -> None:
    """Rollouts that are given up at different moments."""
    policy, samples = subject.reference, subject.samples[:BATCH]
    for steps in (1, 3, 6, 12, 25, 50):
        plays = [(each.row, policy.script(each.row)) for each in samples]
        playing = asyncio.ensure_future(subject.playground.play_all(plays, concurrency=len(plays), pace=Random(steps)))
        for _ in range(steps):
            await asyncio.sleep(0)
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)


def _growth(subject: Subject) -> Iterator[str]:
    """What grows with every rollout, also with known ones: containers of the server, open files, tasks."""
    samples = [subject.samples[number % len(subject.samples)] for number in range(BATCH)]
    policy = subject.reference
    sizes: list[dict[str, int]] = []
    for _ in range(3):
        sizes.append(_sizes(subject))
        subject.play([(each, policy.name, policy.script(each.row)) for each in samples], concurrency=4)
    for name, size in _sizes(subject).items():
        first, second = sizes[-1].get(name, 0), sizes[-2].get(name, 0)
        if size - first >= BATCH and first - second >= BATCH:
            yield f"{name} grows with every rollout: {second}, {first}, {size} entries"


def _sizes(subject: Subject) -> dict[str, int]:
    """Entries of each container, and how many files and tasks this process has."""
    gc.collect()
    sizes = _entries(subject.playground.server)
    sizes["the number of asyncio tasks"] = subject.run(_tasks())
    if _OPEN_FILES.is_dir():
        sizes["the number of open files"] = sum(1 for _ in _OPEN_FILES.iterdir())
    return sizes


async def _tasks() -> int:
    await asyncio.sleep(0.02)  # those that are just ending
    return len(asyncio.all_tasks())


def _entries(server: ResourcesServer[Any, Any]) -> dict[str, int]:
    module = sys.modules[type(server).__module__]
    owners = {"self": vars(server), type(server).__name__: vars(type(server)), module.__name__: vars(module)}
    return {
        f"{owner}.{name}": len(value)
        for owner, attributes in owners.items()
        for name, value in attributes.items()
        if isinstance(value, dict | list | set) and not name.startswith("__")
    }


def _weak(state: Any) -> "weakref.ref[Any] | None":
    """A weak reference; None for what cannot have one, such as None, a dict or a class with slots."""
    try:
        return weakref.ref(state)
    except TypeError:
        return None


def _holder_of(value: Any, server: ResourcesServer[Any, Any]) -> str:
    """` by self.name`, where that is what keeps it; empty where it is not known."""
    for name, attribute in vars(server).items():
        held = attribute.values() if isinstance(attribute, dict) else attribute
        if isinstance(attribute, dict | list | set | tuple) and any(each is value for each in held):
            return f", by self.{name}"
    return ""
