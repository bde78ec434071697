"""What providers that drive a command-line program share: running it, and waiting until a sandbox answers."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

from nemo_gym.sandbox.providers.base import (
    SandboxCreateError,
    SandboxCreateVerificationError,
    SandboxExecResult,
    SandboxSpec,
)

RUNTIME_FAILURE: Final = 125
"""Code of a result when the program failed and not the command in the sandbox."""
ConfigT = TypeVar("ConfigT")


def coerce_config(value: Any, config_class: type[ConfigT]) -> ConfigT:
    """A provider's settings, given as such, as a mapping, or not at all."""
    if value is None or isinstance(value, Mapping):
        return config_class(**(value or {}))
    if isinstance(value, config_class):
        return value
    raise TypeError(f"{config_class.__name__} must be a mapping or {config_class.__name__} instance")


def require_positive(settings: object, section: str, *names: str) -> None:
    """Raise ValueError for the first of those settings that is given and not above 0."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and value <= 0:
            raise ValueError(f"{section}.{name} must be > 0")


def strings_of(spec: SandboxSpec, option: str, error_class: type[SandboxCreateError]) -> list[str]:
    """An entry of `provider_options` that is a string, several, or not there. Raises `error_class` for another."""
    value = spec.provider_options.get(option)
    if not isinstance(value, str | list | tuple | None):
        raise error_class(f"provider_options[{option!r}] must be a string or list, got {type(value).__name__}")
    return [value] if isinstance(value, str) else [str(part) for part in value or ()]


class Finished(NamedTuple):
    """How a program ended."""

    code: int
    stdout: str
    stderr: str

    def result(self, complaints: Sequence[str]) -> SandboxExecResult:
        """As what a command in a sandbox gave; a failure of the sandbox when the program itself complains."""
        if self.code != 0 and says(self.stderr, complaints):
            return failed("sandbox", self.stderr, self.stdout)
        return SandboxExecResult(self.stdout, self.stderr, self.code)


async def run_program(
    argv: Sequence[str],
    *,
    timeout_s: float | None,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    leaves_children: bool = False,
    shown: Sequence[str] | None = None,
) -> Finished:
    """Run a program to its end; it and its children are killed when that takes longer. Raises TimeoutError.

    With `leaves_children` the output goes through files: a child that lives on would hold a pipe open. `shown` is the
    command for messages, without secrets.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=pipe if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=out if leaves_children else pipe,
            stderr=err if leaves_children else pipe,
            start_new_session=True,
            env=env,
        )
        try:
            async with asyncio.timeout(timeout_s):
                written, complained = await process.communicate(stdin)
        except TimeoutError as error:
            raise TimeoutError(f"{argv[0]} command timed out after {timeout_s:g}s: {list(shown or argv)}") from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if leaves_children:
            out.seek(0)
            err.seek(0)
            written, complained = out.read(), err.read()
    return Finished(process.returncode or 0, written.decode(errors="replace"), complained.decode(errors="replace"))


def says(stderr: str, complaints: Sequence[str]) -> bool:
    """Whether one of the complaints, in lower case, is in what a program wrote."""
    return any(complaint in stderr.lower() for complaint in complaints)


def failed(kind: str, stderr: str, stdout: str | None = None) -> SandboxExecResult:
    """The result of a command that the sandbox could not run."""
    return SandboxExecResult(stdout, stderr, RUNTIME_FAILURE, kind)


@dataclass(frozen=True)
class ReadyProbe:
    """How a new sandbox shows that it works: a command, run until it has worked often enough."""

    command: str | None = "printf sandbox-ready"
    expected_stdout: str | None = "sandbox-ready"
    timeout_s: int = 30
    deadline_s: float | None = None
    """Seconds in which it must; None for one try."""
    stable_count: int = 1
    """How often in a row it must work."""
    stable_delay_s: float = 0.0

    def __post_init__(self) -> None:
        if self.command is not None:
            require_positive(self, "probe", "timeout_s")
        require_positive(self, "probe", "deadline_s")
        if self.stable_count < 1:
            raise ValueError("probe.stable_count must be >= 1")
        if self.stable_delay_s < 0:
            raise ValueError("probe.stable_delay_s must be >= 0")

    async def wait(
        self,
        sandbox: str,
        run: Callable[[str, float], Awaitable[SandboxExecResult]],
        error_class: type[SandboxCreateVerificationError],
    ) -> None:
        """Return when the sandbox works. Raises `error_class` when it does not, in time."""
        if self.command is None:
            return
        clock = asyncio.get_running_loop().time
        give_up_at = None if self.deadline_s is None else clock() + self.deadline_s
        successes = 0
        while successes < self.stable_count:
            result = await run(self.command, self.timeout_s)
            if result.return_code == 0 and (self.expected_stdout or "") in (result.stdout or ""):
                successes += 1
                continue
            successes = 0
            problem = f"return_code={result.return_code}, stderr={(result.stderr or '').strip()!r}"
            if give_up_at is None:
                raise error_class(f"sandbox {sandbox!r} failed readiness probe: {problem}")
            if clock() >= give_up_at:
                raise error_class(
                    f"sandbox {sandbox!r} did not pass readiness probe within {self.deadline_s:g}s: {problem}"
                )
            await asyncio.sleep(max(self.stable_delay_s, 0.05))
