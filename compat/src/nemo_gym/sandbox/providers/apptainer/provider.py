"""One instance per sandbox, driven with the apptainer command; files go through a folder that both sides see."""

import asyncio
import json
import logging
import os
import posixpath
import re
import shlex
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from nemo_gym.sandbox.providers.base import (
    SandboxCreateError,
    SandboxCreateVerificationError,
    SandboxExecResult,
    SandboxHandle,
    SandboxResources,
    SandboxSpec,
    SandboxStatus,
)
from nemo_gym.sandbox.providers.commands import (
    Finished,
    ReadyProbe,
    coerce_config,
    failed,
    require_positive,
    run_program,
    says,
    strings_of,
)

log = logging.getLogger("nemo_gym.sandbox.apptainer")

NAME_PREFIX: Final = "nemo-gym-"
NOT_THERE: Final = ("no instance found", "instance not found", "does not exist")
RUNTIME_COMPLAINTS: Final = ("fatal:", *NOT_THERE)
"""What apptainer, and no command in an instance, writes."""
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SHELL_OWN: Final = frozenset({"EUID", "GID", "HOME", "IFS", "OPTIND", "PWD", "UID"})
"""Variables that the shell which reads the file of variables does not let be set."""


class ApptainerCreateError(SandboxCreateError):
    """An instance could not be started."""


class ApptainerCreateVerificationError(SandboxCreateVerificationError):
    """An instance was started and does not work."""


@dataclass(frozen=True)
class ApptainerCreateConfig:
    """How instances are started."""

    mount_point: str = "/sandbox"
    """Where the shared folder is inside."""
    start_timeout_s: float | None = 600
    extra_start_args: list[str] = field(default_factory=list)
    apply_resource_limits: bool = True

    def __post_init__(self) -> None:
        require_positive(self, "create", "start_timeout_s")
        if not self.mount_point.startswith("/"):
            raise ValueError("create.mount_point must be an absolute path")


@dataclass(frozen=True)
class ApptainerExecConfig:
    """How commands are run."""

    default_timeout_s: float | None = 180
    fakeroot_for_root: bool = True
    default_binds: list[str] = field(default_factory=list)
    extra_exec_args: list[str] = field(default_factory=list)
    concurrency: int = 32
    """Apptainer commands at one time."""

    def __post_init__(self) -> None:
        require_positive(self, "exec", "default_timeout_s")
        if self.concurrency < 1:
            raise ValueError("exec.concurrency must be >= 1")


@dataclass(frozen=True)
class ApptainerProbeConfig(ReadyProbe):
    """How a new instance shows that it works."""


@dataclass
class _Instance:
    name: str
    shared: Path
    mount_point: str
    env: dict[str, str]

    def on_host(self, path: str) -> Path | None:
        """A path of the sandbox in the shared folder; None for one that lies elsewhere."""
        normal = PurePosixPath(posixpath.normpath(path))
        if not path.startswith("/") or not normal.is_relative_to(posixpath.normpath(self.mount_point)):
            return None
        return self.shared / normal.relative_to(posixpath.normpath(self.mount_point))


def _require_apptainer(bin_path: str | None = None) -> str:
    found = shutil.which("apptainer", path=bin_path)
    if found is None:
        where = f" in {bin_path}" if bin_path else ""
        raise RuntimeError(f"The sandbox provider 'apptainer' needs the 'apptainer' command{where}.")
    return found


class ApptainerProvider:
    """Sandboxes in instances of the local Apptainer."""

    name = "apptainer"

    def __init__(
        self,
        *,
        exec: ApptainerExecConfig | Mapping[str, Any] | None = None,  # noqa: A002 - the configuration's name
        create: ApptainerCreateConfig | Mapping[str, Any] | None = None,
        probe: ApptainerProbeConfig | Mapping[str, Any] | None = None,
        bin_path: str | None = None,
    ) -> None:
        self._exec_config = coerce_config(exec, ApptainerExecConfig)
        self._create_config = coerce_config(create, ApptainerCreateConfig)
        self._probe = coerce_config(probe, ApptainerProbeConfig)
        self._binary = _require_apptainer(bin_path)
        self._env = {**os.environ, "PATH": f"{bin_path}:{os.environ.get('PATH', '')}"} if bin_path else None
        self._running = asyncio.Semaphore(self._exec_config.concurrency)

    async def _apptainer(self, *arguments: str, timeout_s: float | None = None, **options: Any) -> Finished:
        limit_s = timeout_s if timeout_s is not None else self._exec_config.default_timeout_s
        async with self._running:
            return await run_program([self._binary, *arguments], timeout_s=limit_s, env=self._env, **options)

    async def create(self, spec: SandboxSpec) -> SandboxHandle:
        """Start an instance. `provider_options` may hold `binds`. Raises ApptainerCreateError."""
        if spec.image is None:
            raise ApptainerCreateError("spec.image is required for the apptainer provider")
        if spec.ttl_s is not None:
            log.warning("apptainer instances have no time to live; ttl_s has no effect")
        try:
            variables = _variables_file(spec.env)
        except (TypeError, ValueError) as error:
            raise ApptainerCreateError(f"invalid Apptainer environment: {error}") from error
        binds = [*self._exec_config.default_binds, *strings_of(spec, "binds", ApptainerCreateError)]
        shared = Path(tempfile.mkdtemp(prefix="nemo-gym-apptainer-"))
        instance = _Instance(
            f"{NAME_PREFIX}{uuid.uuid4().hex}", shared, self._create_config.mount_point, dict(spec.env)
        )
        handle = SandboxHandle(instance.name, self.name, instance)
        try:
            await self._start(instance, spec, binds, variables)
            await self._probe.wait(
                instance.name,
                lambda command, timeout_s: self.exec(handle, command, timeout_s=timeout_s),
                ApptainerCreateVerificationError,
            )
        except BaseException:
            await asyncio.shield(self._stop_quietly(instance))
            raise
        return handle

    async def _start(self, instance: _Instance, spec: SandboxSpec, binds: Sequence[str], variables: bytes) -> None:
        assert spec.image is not None and isinstance(spec.resources, SandboxResources)
        arguments = [
            part for bind in (f"{instance.shared}:{instance.mount_point}", *binds) for part in ("--bind", bind)
        ]
        arguments += self._limit_flags(spec.resources)
        if spec.resources.gpu:
            arguments.append("--nv")
        arguments += self._create_config.extra_start_args
        try:
            with _private_file(instance.shared, variables) as file_flags:
                started = await self._apptainer(
                    *("instance", "start", *arguments, *file_flags, _image(spec.image), instance.name),
                    timeout_s=self._create_config.start_timeout_s,
                    leaves_children=True,
                )
        except TimeoutError as error:
            raise ApptainerCreateError(
                f"apptainer instance start timed out for image={spec.image!r}: {error}"
            ) from error
        if started.code != 0:
            raise ApptainerCreateError(
                f"apptainer instance start failed (code={started.code}) for image={spec.image!r}:"
                f" {started.stderr.strip()}"
            )

    def _limit_flags(self, resources: SandboxResources) -> list[str]:
        flags = [] if resources.cpu is None else ["--cpus", str(resources.cpu)]
        if resources.memory_mib is not None:
            flags += ["--memory", f"{resources.memory_mib}m"]
        if not flags or not self._create_config.apply_resource_limits:
            return []
        if "--fakeroot" in self._create_config.extra_start_args:
            log.warning("apptainer cannot limit CPU and memory of instances with --fakeroot; started without limits")
            return []
        return flags

    async def _stop_quietly(self, instance: _Instance) -> None:
        try:
            await self._apptainer("instance", "stop", instance.name)
        except (OSError, TimeoutError) as error:
            log.warning("%s could not be stopped: %s", instance.name, error)
        shutil.rmtree(instance.shared, ignore_errors=True)

    async def exec(
        self,
        handle: SandboxHandle,
        command: str,
        *,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        timeout_s: int | float | None = None,
        user: str | int | None = None,
        stdin: bytes | None = None,
    ) -> SandboxExecResult:
        """Run a shell command; other users than the one who runs apptainer need its fakeroot."""
        instance: _Instance = handle.raw
        flags = [] if cwd is None else ["--pwd", cwd]
        if user in {"root", 0}:
            flags += ["--fakeroot"] if self._exec_config.fakeroot_for_root else []
        elif user is not None:
            flags.append("--fakeroot")
            command = f"su -s /bin/sh -c {shlex.quote(command)} {shlex.quote(str(user))}"
        flags += self._exec_config.extra_exec_args
        try:
            with _private_file(instance.shared, _variables_file({**instance.env, **(env or {})})) as file_flags:
                done = await self._apptainer(
                    *("exec", *flags, *file_flags, f"instance://{instance.name}", "sh", "-c", command),
                    timeout_s=timeout_s,
                    stdin=stdin,
                )
        except TimeoutError as error:
            return failed("timeout", str(error))
        return done.result(RUNTIME_COMPLAINTS)

    async def upload_file(self, handle: SandboxHandle, source_path: Path, target_path: str) -> None:
        """Copy a file in, making its folder."""
        instance: _Instance = handle.raw
        if (target := instance.on_host(target_path)) is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source_path, target)
            return
        with _passing_through(instance) as (outside, inside):
            shutil.copyfile(source_path, outside)
            folder = shlex.quote(posixpath.dirname(target_path))
            script = f"mkdir -p {folder} && cp {shlex.quote(inside)} {shlex.quote(target_path)}"
            done = await self.exec(handle, script, user="root")
            if done.return_code != 0:
                raise RuntimeError(f"apptainer upload to {target_path!r} failed: {done.stderr}")

    async def download_file(self, handle: SandboxHandle, source_path: str, target_path: Path) -> None:
        """Copy a file out, making its folder."""
        instance: _Instance = handle.raw
        target_path.parent.mkdir(parents=True, exist_ok=True)
        if (source := instance.on_host(source_path)) is not None:
            shutil.copyfile(source, target_path)
            return
        with _passing_through(instance) as (outside, inside):
            done = await self.exec(handle, f"cp {shlex.quote(source_path)} {shlex.quote(inside)}", user="root")
            if done.return_code != 0:
                raise RuntimeError(f"apptainer download from {source_path!r} failed: {done.stderr}")
            shutil.copyfile(outside, target_path)

    async def status(self, handle: SandboxHandle) -> SandboxStatus:
        """How the instance is; one that is not listed is stopped."""
        try:
            done = await self._apptainer("instance", "list", "--json")
            listed = json.loads(done.stdout)["instances"] if done.code == 0 else None
        except (TimeoutError, ValueError, KeyError, TypeError):
            listed = None
        if listed is None:
            return SandboxStatus.UNKNOWN
        names = [entry.get("instance") for entry in listed]
        return SandboxStatus.RUNNING if handle.raw.name in names else SandboxStatus.STOPPED

    async def close(self, handle: SandboxHandle) -> None:
        """Stop the instance, if it is there, and remove the shared folder in any case."""
        instance: _Instance = handle.raw
        try:
            done = await self._apptainer("instance", "stop", instance.name)
        finally:
            shutil.rmtree(instance.shared, ignore_errors=True)
        if done.code != 0 and not says(done.stderr, NOT_THERE):
            raise RuntimeError(
                f"apptainer instance stop failed (code={done.code}) for {instance.name!r}: {done.stderr.strip()}"
            )

    async def aclose(self) -> None:
        """Nothing to let go of."""


def _image(image: str) -> str:
    """An image as apptainer names it; a bare name is Docker's."""
    is_named = "://" in image or image.startswith(("/", ".")) or image.endswith(".sif")
    return image if is_named else f"docker://{image}"


def _variables_file(env: Mapping[str, str]) -> bytes:
    """Variables as the file that apptainer's shell reads. Raises TypeError or ValueError for what it cannot hold."""
    lines = []
    for name, value in env.items():
        if not isinstance(name, str) or not VARIABLE.fullmatch(name):
            raise ValueError("Apptainer environment variable names must be POSIX shell identifiers")
        if name in SHELL_OWN:
            raise ValueError("Apptainer --env-file cannot set a shell readonly environment variable")
        if not isinstance(value, str):
            raise TypeError("Apptainer environment variable values must be strings")
        if "\0" in value:
            raise ValueError("Apptainer environment variable values cannot contain NUL")
        lines.append(f"{name}={shlex.quote(value)}\n")
    try:
        return "".join(lines).encode()
    except UnicodeEncodeError as error:
        raise ValueError("Apptainer environment variable values must be UTF-8 encodable") from error


@contextmanager
def _private_file(folder: Path, content: bytes) -> Iterator[list[str]]:
    """Flags that name a file with `content`, which nobody else can read and which is there only inside the block."""
    if not content:
        yield []
        return
    handle, name = tempfile.mkstemp(prefix=".apptainer-env-", dir=folder)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        yield ["--no-eval", "--env-file", name]
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def _passing_through(instance: _Instance) -> Iterator[tuple[Path, str]]:
    """A file in the shared folder, as each side names it; gone afterwards."""
    name = uuid.uuid4().hex
    outside = instance.shared / name
    try:
        yield outside, f"{instance.mount_point.rstrip('/')}/{name}"
    finally:
        outside.unlink(missing_ok=True)
