"""What a sandbox is asked for and gives back, and what a provider of sandboxes must be able to do."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit


class SandboxStatus(str, Enum):
    """How a sandbox is."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class SandboxEndpoint:
    """Where a service inside a sandbox is reached."""

    endpoint: str
    """Absolute URL."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers that every request needs."""

    def __post_init__(self) -> None:
        text = self.endpoint.strip() if isinstance(self.endpoint, str) else ""
        parts = urlsplit(text)
        if not (parts.scheme and parts.netloc):
            raise ValueError("Sandbox endpoint must be a non-empty absolute URL")
        if not isinstance(self.headers, Mapping):
            raise TypeError("Sandbox endpoint headers must be a mapping")
        object.__setattr__(self, "endpoint", text)
        object.__setattr__(self, "headers", {str(name): str(value) for name, value in self.headers.items()})


@dataclass(frozen=True)
class SandboxResources:
    """What a sandbox may use; None leaves it to the provider."""

    cpu: float | None = None
    """Cores."""
    memory_mib: int | None = None
    disk_gib: int | None = None
    gpu: int | None = None
    gpu_type: str | None = None

    @classmethod
    def from_mapping(cls, resources: Mapping[str, Any] | None) -> "SandboxResources":
        """The resources of a mapping. Raises ValueError for keys that are none."""
        kinds = {"cpu": float, "memory_mib": int, "disk_gib": int, "gpu": int, "gpu_type": str}
        given = dict(resources or {})
        if unknown := sorted(given.keys() - kinds.keys()):
            expected = ", ".join(sorted(field.name for field in fields(cls)))
            raise ValueError(f"Unknown sandbox resource keys: {', '.join(unknown)}. Expected keys: {expected}")
        return cls(**{name: kinds[name](value) for name, value in given.items() if value is not None})


@dataclass(frozen=True)
class SandboxSpec:
    """What is asked for."""

    image: str | None = None
    ttl_s: int | float | None = None
    """Seconds after which the sandbox ends by itself."""
    ready_timeout_s: int | float | None = None
    workdir: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    """Text by path, written before the sandbox is handed out."""
    metadata: dict[str, str] = field(default_factory=dict)
    resources: SandboxResources | Mapping[str, Any] = field(default_factory=SandboxResources)
    entrypoint: list[str] | None = None
    provider_options: dict[str, Any] = field(default_factory=dict)
    ports: tuple[int, ...] | list[int] = field(default_factory=tuple)
    """TCP ports of services inside that are to be reachable."""

    def __post_init__(self) -> None:
        if not isinstance(self.resources, SandboxResources):
            object.__setattr__(self, "resources", SandboxResources.from_mapping(self.resources))
        if not isinstance(self.ports, list | tuple):
            raise TypeError("Sandbox ports must be a list or tuple of TCP port numbers")
        ports = tuple(_tcp_port(given) for given in self.ports)
        for port in ports:
            if ports.count(port) > 1:
                raise ValueError(f"Duplicate sandbox TCP port: {port}")
        object.__setattr__(self, "ports", ports)


def _tcp_port(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise ValueError(f"Invalid sandbox TCP port: {given!r}")
    try:
        port = int(given)
    except ValueError as error:
        raise ValueError(f"Invalid sandbox TCP port: {given!r}") from error
    if not 1 <= port <= 65535:
        raise ValueError(f"Sandbox TCP port must be between 1 and 65535, got {port}")
    return port


@dataclass
class SandboxHandle:
    """A sandbox that there is; `raw` is the provider's own."""

    sandbox_id: str
    provider_name: str
    raw: Any


@dataclass(frozen=True)
class SandboxExecResult:
    """What a command did. With an `error_type`, the sandbox failed and the code is no command's."""

    stdout: str | None
    stderr: str | None
    return_code: int
    error_type: str | None = None


ExecResult = SandboxExecResult


@dataclass(frozen=True)
class SandboxPtySpec:
    """A terminal that is asked for: of a command, or of the shell."""

    command: str | None = None
    cwd: str | None = None
    env: dict[str, str] | None = None
    rows: int = 24
    cols: int = 80
    user: str | int | None = None
    pty: bool = True
    """False for plain pipes, with an output of errors of their own."""


class SandboxPtyError(RuntimeError):
    """A terminal failed."""


class SandboxCreateError(RuntimeError):
    """A sandbox could not be made."""


class SandboxCreateVerificationError(SandboxCreateError):
    """A sandbox was made and does not work."""


class SandboxProvider(Protocol):
    """Makes sandboxes."""

    name: str

    async def create(self, spec: SandboxSpec) -> SandboxHandle:
        """A sandbox that is ready. Raises SandboxCreateError."""
        ...

    async def exec(
        self,
        handle: SandboxHandle,
        command: str,
        *,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        timeout_s: int | float | None = None,
        user: str | int | None = None,
    ) -> SandboxExecResult:
        """Run a shell command."""
        ...

    async def upload_file(self, handle: SandboxHandle, source_path: Path, target_path: str) -> None:
        """Copy a file in."""
        ...

    async def download_file(self, handle: SandboxHandle, source_path: str, target_path: Path) -> None:
        """Copy a file out."""
        ...

    async def status(self, handle: SandboxHandle) -> SandboxStatus:
        """How the sandbox is."""
        ...

    async def close(self, handle: SandboxHandle) -> None:
        """End the sandbox."""
        ...

    async def aclose(self) -> None:
        """Let go of what the provider itself holds."""
        ...


@runtime_checkable
class SupportsSandboxEndpoint(Protocol):
    """A provider whose sandboxes' ports can be reached."""

    async def endpoint(self, handle: SandboxHandle, port: int) -> SandboxEndpoint:
        """Where a port of the spec is reached."""
        ...


@runtime_checkable
class SandboxPtySession(Protocol):
    """A terminal."""

    session_id: str
    mode: str | None

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        ...

    async def read(self, *, timeout_s: float | None = None) -> bytes:
        """The next output; empty at the end. Raises TimeoutError, SandboxPtyError."""
        ...

    async def read_stderr(self, *, timeout_s: float | None = None) -> bytes:
        """The next output of errors; always empty in a terminal."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Output until the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Type."""
        ...

    async def resize(self, rows: int, cols: int) -> None:
        """Change its size."""
        ...

    async def send_signal(self, signal: str) -> None:
        """Send a signal, by name, to what runs in it."""
        ...

    async def wait_exit(self, *, timeout_s: float | None = None) -> int:
        """The exit code, when it ends."""
        ...

    async def close(self) -> None:
        """Let go of it; one that was attached to lives on."""
        ...

    async def __aenter__(self) -> "SandboxPtySession": ...

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None: ...


@runtime_checkable
class SupportsSandboxPty(Protocol):
    """A provider with terminals."""

    async def create_pty(self, handle: SandboxHandle, spec: SandboxPtySpec) -> SandboxPtySession:
        """Open one."""
        ...


@runtime_checkable
class SupportsSandboxPtyAttach(Protocol):
    """A provider whose terminals outlive who opened them."""

    async def attach_pty(
        self, handle: SandboxHandle, session_id: str, *, takeover: bool = True, since: int | None = None
    ) -> SandboxPtySession:
        """Join one; `since` is the byte from which its output is repeated."""
        ...


@runtime_checkable
class ConnectableProvider(Protocol):
    """A provider whose sandboxes other processes can use."""

    async def serialize_handle(self, handle: SandboxHandle, *, scope: str | None = None) -> dict[str, Any]:
        """The sandbox as JSON."""
        ...

    async def connect(self, descriptor: Mapping[str, Any]) -> SandboxHandle:
        """The sandbox of such JSON."""
        ...
