"""One container per sandbox, kept alive by a sleeping shell and driven with the docker command."""

import asyncio
import ipaddress
import logging
import math
import posixpath
import shlex
import shutil
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nemo_gym.sandbox.providers.base import (
    SandboxCreateError,
    SandboxCreateVerificationError,
    SandboxEndpoint,
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

log = logging.getLogger("nemo_gym.sandbox.docker")

NAME_PREFIX: Final = "nemo-gym-"
LABEL: Final = "nemo-gym.sandbox=1"
NOT_THERE: Final = ("no such container", "no such object")
RUNTIME_COMPLAINTS: Final = (
    *("no such container", "is not running", "is not paused"),
    *("cannot connect to the docker daemon", "error response from daemon"),
)
"""What docker, and no command in a container, writes."""
STATES: Final = {
    "running": SandboxStatus.RUNNING,
    "paused": SandboxStatus.RUNNING,
    "created": SandboxStatus.STARTING,
    "restarting": SandboxStatus.STARTING,
    "exited": SandboxStatus.STOPPED,
    "removing": SandboxStatus.STOPPED,
    "dead": SandboxStatus.STOPPED,
}


class DockerCreateError(SandboxCreateError):
    """A container could not be started."""


class DockerCreateVerificationError(SandboxCreateVerificationError):
    """A container was started and does not work."""


@dataclass(frozen=True)
class DockerCreateConfig:
    """How containers are started."""

    keepalive_shell: str = "/bin/sh"
    keepalive_cmd: str = "while :; do sleep 2147483647; done"
    start_timeout_s: float | None = 600
    use_init: bool = True
    network: str | None = None
    """A network's name, or `none`."""
    read_only: bool = False
    cap_drop: list[str] = field(default_factory=list)
    security_opt: list[str] = field(default_factory=list)
    pids_limit: int | None = None
    extra_run_args: list[str] = field(default_factory=list)
    apply_resource_limits: bool = True
    publish_host: str = "127.0.0.1"
    """Address of this machine on which ports are published."""

    def __post_init__(self) -> None:
        require_positive(self, "create", "start_timeout_s", "pids_limit")
        try:
            ipaddress.ip_address(self.publish_host)
        except ValueError as error:
            raise ValueError("create.publish_host must be an IPv4 or IPv6 address") from error

    def flags(self) -> list[str]:
        """As flags of `docker run`."""
        flags = ["--init"] if self.use_init else []
        if self.network is not None:
            flags += ["--network", self.network]
        if self.read_only:
            flags.append("--read-only")
        flags += [part for name in self.cap_drop for part in ("--cap-drop", name)]
        flags += [part for option in self.security_opt for part in ("--security-opt", option)]
        if self.pids_limit is not None:
            flags += ["--pids-limit", str(self.pids_limit)]
        return flags


@dataclass(frozen=True)
class DockerExecConfig:
    """How commands are run."""

    default_timeout_s: float | None = 180
    extra_exec_args: list[str] = field(default_factory=list)
    concurrency: int = 32
    """Docker commands at one time."""
    exec_shell: str | None = None
    """None takes bash where the image has it."""

    def __post_init__(self) -> None:
        require_positive(self, "exec", "default_timeout_s")
        if self.concurrency < 1:
            raise ValueError("exec.concurrency must be >= 1")
        if self.exec_shell == "":
            raise ValueError("exec.exec_shell must be null (auto) or a non-empty shell name/path")


@dataclass(frozen=True)
class DockerProbeConfig(ReadyProbe):
    """How a new container shows that it works."""


@dataclass
class _Container:
    name: str
    env: dict[str, str]
    published_ports: tuple[int, ...]
    shell: str = "sh"


def _require_docker() -> str:
    path = shutil.which("docker")
    if path is None:
        raise RuntimeError("The sandbox provider 'docker' needs the 'docker' command and a running daemon.")
    return path


class DockerProvider:
    """Sandboxes in containers of the local Docker."""

    name = "docker"

    def __init__(
        self,
        *,
        exec: DockerExecConfig | Mapping[str, Any] | None = None,  # noqa: A002 - the configuration's name
        create: DockerCreateConfig | Mapping[str, Any] | None = None,
        probe: DockerProbeConfig | Mapping[str, Any] | None = None,
    ) -> None:
        self._exec_config = coerce_config(exec, DockerExecConfig)
        self._create_config = coerce_config(create, DockerCreateConfig)
        self._probe = coerce_config(probe, DockerProbeConfig)
        self._binary = _require_docker()
        self._running = asyncio.Semaphore(self._exec_config.concurrency)

    async def _docker(self, *arguments: str, timeout_s: float | None = None, stdin: bytes | None = None) -> Finished:
        argv = [self._binary, *arguments]
        limit_s = timeout_s if timeout_s is not None else self._exec_config.default_timeout_s
        async with self._running:
            return await run_program(argv, timeout_s=limit_s, stdin=stdin, shown=_without_values(argv))

    async def create(self, spec: SandboxSpec) -> SandboxHandle:
        """Start a container. `provider_options` may hold `volumes` and `run_args`. Raises DockerCreateError."""
        if spec.image is None:
            raise DockerCreateError("spec.image is required for the docker provider")
        name = f"{NAME_PREFIX}{uuid.uuid4().hex}"
        container = _Container(name, dict(spec.env), tuple(spec.ports))
        handle = SandboxHandle(name, self.name, container)
        try:
            started = await self._docker(
                *self._run_arguments(name, spec), timeout_s=self._create_config.start_timeout_s
            )
            if started.code != 0:
                raise DockerCreateError(
                    f"docker run failed (code={started.code}) for image={spec.image!r}: {started.stderr.strip()}"
                )
            await self._probe.wait(name, self._prober(handle), DockerCreateVerificationError)
            container.shell = await self._shell_of(name)
        except BaseException as error:
            await asyncio.shield(self._remove_quietly(name))
            if isinstance(error, TimeoutError):
                raise DockerCreateError(f"docker run timed out for image={spec.image!r}: {error}") from error
            raise
        return handle

    def _run_arguments(self, name: str, spec: SandboxSpec) -> list[str]:
        config = self._create_config
        assert isinstance(spec.resources, SandboxResources) and spec.image is not None
        arguments = ["run", "-d", "--name", name, "--label", LABEL, *config.flags()]
        if spec.workdir:
            arguments += ["-w", spec.workdir]
        arguments += _env_flags(spec.env)
        if config.apply_resource_limits:
            arguments += _limit_flags(spec.resources)
        if spec.resources.gpu:
            arguments += ["--gpus", str(spec.resources.gpu)]
        host = f"[{config.publish_host}]" if ":" in config.publish_host else config.publish_host
        arguments += [part for port in spec.ports for part in ("--publish", f"{host}::{port}/tcp")]
        arguments += [part for volume in strings_of(spec, "volumes", DockerCreateError) for part in ("-v", volume)]
        arguments += [*config.extra_run_args, *strings_of(spec, "run_args", DockerCreateError)]
        image = spec.image.removeprefix("docker://")
        if spec.entrypoint:
            if spec.ttl_s is not None:
                log.warning("%s: ttl_s has no effect on a container with an entrypoint of its own", name)
            return [*arguments, "--entrypoint", spec.entrypoint[0], image, *spec.entrypoint[1:]]
        command = config.keepalive_cmd
        if spec.ttl_s is not None:
            arguments.append("--rm")
            command = f"sleep {max(1, math.ceil(spec.ttl_s))}"
        return [*arguments, "--entrypoint", config.keepalive_shell, image, "-c", command]

    def _prober(self, handle: SandboxHandle) -> Any:
        return lambda command, timeout_s: self.exec(handle, command, timeout_s=timeout_s)

    async def _shell_of(self, name: str) -> str:
        if self._exec_config.exec_shell:
            return self._exec_config.exec_shell
        with suppress(TimeoutError):
            if (await self._docker("exec", name, "sh", "-c", "command -v bash")).code == 0:
                return "bash"
        return "sh"

    async def _remove_quietly(self, name: str) -> None:
        try:
            await self._docker("rm", "-f", name)
        except (OSError, TimeoutError) as error:
            log.warning("%s could not be removed: %s", name, error)

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
        """Run a shell command; `root` and 0 are the same user. After a timeout it may go on inside."""
        container: _Container = handle.raw
        flags = ["-i"] if stdin is not None else []
        if cwd is not None:
            flags += ["-w", cwd]
        flags += _env_flags({**container.env, **(env or {})})
        if user is not None:
            flags += ["--user", "0" if user == "root" else str(user)]
        flags += self._exec_config.extra_exec_args
        try:
            done = await self._docker(
                "exec", *flags, container.name, container.shell, "-c", command, timeout_s=timeout_s, stdin=stdin
            )
        except TimeoutError as error:
            return failed("timeout", str(error))
        return done.result(RUNTIME_COMPLAINTS)

    async def upload_file(self, handle: SandboxHandle, source_path: Path, target_path: str) -> None:
        """Copy a file in, making its folder."""
        if folder := posixpath.dirname(target_path):
            made = await self.exec(handle, f"mkdir -p {shlex.quote(folder)}", user="root")
            if made.return_code != 0:
                raise RuntimeError(f"docker upload to {target_path!r} failed (mkdir parent): {made.stderr}")
        await self._copy(str(source_path), f"{handle.raw.name}:{target_path}", f"upload to {target_path!r}")

    async def download_file(self, handle: SandboxHandle, source_path: str, target_path: Path) -> None:
        """Copy a file out, making its folder."""
        target_path.parent.mkdir(parents=True, exist_ok=True)
        await self._copy(f"{handle.raw.name}:{source_path}", str(target_path), f"download from {source_path!r}")

    async def _copy(self, source: str, target: str, what: str) -> None:
        done = await self._docker("cp", source, target)
        if done.code != 0:
            raise RuntimeError(f"docker cp {what} failed: {done.stderr.strip()}")

    async def status(self, handle: SandboxHandle) -> SandboxStatus:
        """How the container is; one that is gone is stopped."""
        try:
            done = await self._docker("inspect", "-f", "{{.State.Status}}", handle.raw.name)
        except TimeoutError:
            return SandboxStatus.UNKNOWN
        if done.code != 0:
            return SandboxStatus.STOPPED if says(done.stderr, NOT_THERE) else SandboxStatus.UNKNOWN
        return STATES.get(done.stdout.strip().lower(), SandboxStatus.UNKNOWN)

    async def endpoint(self, handle: SandboxHandle, port: int) -> SandboxEndpoint:
        """Where a port of the spec is reached from this machine."""
        container: _Container = handle.raw
        if port not in container.published_ports:
            raise ValueError(
                f"Sandbox port {port} was not declared in SandboxSpec.ports: {list(container.published_ports)}"
            )
        done = await self._docker("port", container.name, f"{port}/tcp")
        if done.code != 0:
            raise RuntimeError(f"docker port failed (code={done.code}) for {container.name!r}: {done.stderr.strip()}")
        bindings = done.stdout.split()
        if not bindings:
            raise RuntimeError(f"Docker returned no host binding for sandbox port {port}")
        chosen = next((binding for binding in bindings if binding.startswith("127.0.0.1:")), bindings[0])
        host, _, number = chosen.rpartition(":")
        if not number.isdigit():
            raise RuntimeError(f"Docker returned an invalid host binding for sandbox port {port}: {chosen!r}")
        host = host.strip("[]")
        if host in {"", "0.0.0.0", "::"}:
            host = self._create_config.publish_host
        return SandboxEndpoint(f"http://[{host}]:{number}" if ":" in host else f"http://{host}:{number}")

    async def close(self, handle: SandboxHandle) -> None:
        """Remove the container, if it is there."""
        done = await self._docker("rm", "-f", handle.raw.name)
        if done.code != 0 and not says(done.stderr, NOT_THERE):
            raise RuntimeError(f"docker rm -f failed (code={done.code}) for {handle.raw.name!r}: {done.stderr.strip()}")

    async def aclose(self) -> None:
        """Nothing to let go of."""


def _env_flags(env: Mapping[str, str]) -> list[str]:
    return [part for name, value in env.items() for part in ("--env", f"{name}={value}")]


def _without_values(argv: Sequence[str]) -> list[str]:
    """The command without the values of its variables."""
    return [
        f"{word.partition('=')[0]}=***" if before == "--env" else word
        for before, word in zip(["", *argv], argv, strict=False)
    ]


def _limit_flags(resources: SandboxResources) -> list[str]:
    flags = [] if resources.cpu is None else ["--cpus", str(resources.cpu)]
    if resources.memory_mib is not None:  # as much with swap as without: no swap
        flags += ["--memory", f"{resources.memory_mib}m", "--memory-swap", f"{resources.memory_mib}m"]
    return flags
