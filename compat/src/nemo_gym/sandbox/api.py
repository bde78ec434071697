"""A sandbox as its user sees it, whichever provider it comes from; async, and for plain code."""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nemo_gym.sandbox.loop_thread import LoopThread
from nemo_gym.sandbox.providers import (
    ConnectableProvider,
    SandboxEndpoint,
    SandboxExecResult,
    SandboxHandle,
    SandboxProvider,
    SandboxPtySession,
    SandboxPtySpec,
    SandboxSpec,
    SandboxStatus,
    SupportsSandboxEndpoint,
    SupportsSandboxPty,
    SupportsSandboxPtyAttach,
    create_provider,
)

EXEC_LIMIT_S: Final = 180
"""Seconds that a command may take unless it is said otherwise."""
_AsyncLoopRunner = LoopThread


class AsyncSandbox:
    """A sandbox: start it, run commands in it, stop it."""

    def __init__(self, provider: Mapping[str, Any] | SandboxProvider, spec: SandboxSpec | None = None) -> None:
        self._provider: SandboxProvider = create_provider(provider) if isinstance(provider, Mapping) else provider
        self._spec = spec
        self._handle: SandboxHandle | None = None
        self._stopped = True
        self._closed = False
        self.pty = SandboxPty(self)

    def _require_handle(self) -> SandboxHandle:
        if self._handle is None or self._stopped:
            raise RuntimeError("Sandbox has not been started")
        return self._handle

    async def start(self, spec: SandboxSpec | None = None) -> "AsyncSandbox":
        """Make it, with the spec's files in it. When that fails, nothing is left."""
        if self._closed:
            raise RuntimeError("Sandbox has been stopped")
        if self._handle is not None and not self._stopped:
            raise RuntimeError("Sandbox is already started")
        wanted = spec or self._spec
        if wanted is None:
            raise ValueError("Sandbox.start() requires a SandboxSpec")
        handle = await self._provider.create(wanted)
        try:
            await self._write_files(handle, wanted.files)
        except BaseException:
            await asyncio.shield(self._let_go(handle))
            raise
        self._spec, self._handle, self._stopped = wanted, handle, False
        return self

    async def _write_files(self, handle: SandboxHandle, files: Mapping[str, str]) -> None:
        with tempfile.TemporaryDirectory(prefix="nemo-gym-sandbox-") as folder:
            for index, (target, text) in enumerate(files.items()):
                source = Path(folder, str(index))
                source.write_text(text, encoding="utf-8")
                await self._provider.upload_file(handle, source, target)

    async def exec(
        self,
        command: str,
        *,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        timeout_s: int | float | None = EXEC_LIMIT_S,
        user: str | int | None = None,
    ) -> SandboxExecResult:
        """Run a shell command, in the spec's working directory unless it is said otherwise."""
        return await self._provider.exec(
            self._require_handle(), command, cwd=self._folder(cwd), env=env, timeout_s=timeout_s, user=user
        )

    def _folder(self, cwd: str | None) -> str | None:
        return cwd if cwd is not None or self._spec is None else self._spec.workdir

    async def upload(self, local_path: Path | str, remote_path: str) -> None:
        """Copy a file in."""
        await self._provider.upload_file(self._require_handle(), Path(local_path), remote_path)

    async def download(self, remote_path: str, local_path: Path | str) -> None:
        """Copy a file out."""
        await self._provider.download_file(self._require_handle(), remote_path, Path(local_path))

    async def status(self) -> SandboxStatus:
        """How it is."""
        if self._handle is None:
            return SandboxStatus.UNKNOWN
        return SandboxStatus.STOPPED if self._stopped else await self._provider.status(self._handle)

    async def endpoint(self, port: int) -> SandboxEndpoint:
        """Where a service in it is reached; the spec must name the port."""
        if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
            raise ValueError(f"Sandbox endpoint port must be an integer between 1 and 65535, got {port!r}")
        declared = list(self._spec.ports) if self._spec is not None else []
        if port not in declared:
            raise ValueError(f"Sandbox port {port} was not declared in SandboxSpec.ports; declared ports: {declared!r}")
        if not isinstance(self._provider, SupportsSandboxEndpoint):
            raise NotImplementedError(f"Sandbox provider {self._name!r} does not support service endpoints")
        found = await self._provider.endpoint(self._require_handle(), port)
        if not isinstance(found, SandboxEndpoint):
            raise TypeError(f"Sandbox provider endpoint() must return SandboxEndpoint, got {type(found).__name__}")
        return found

    @property
    def _name(self) -> str:
        return getattr(self._provider, "name", type(self._provider).__name__)

    async def stop(self) -> None:
        """End it, and let go of the provider. May be called again."""
        if self._closed:
            return
        left = None if self._stopped else self._handle
        self._stopped = self._stopped or left is not None
        await self._let_go(left)

    async def _let_go(self, handle: SandboxHandle | None) -> None:
        try:
            if handle is not None:
                await self._provider.close(handle)
        finally:
            await self._provider.aclose()
            self._closed = True

    async def serialize(self, *, scope: str | None = None) -> dict[str, Any]:
        """The sandbox as JSON, from which another process can `connect` to it, if the provider allows it."""
        handle = self._require_handle()
        provider = _connectable(self._provider)
        described = await provider.serialize_handle(handle, scope=scope)
        if described.get("workdir") is None and self._spec is not None:
            described = {**described, "workdir": self._spec.workdir}
        return described

    @classmethod
    async def connect(cls, descriptor: Mapping[str, Any] | Any, *, provider: SandboxProvider) -> "AsyncSandbox":
        """The sandbox that another process described with `serialize`."""
        connectable = _connectable(provider)
        described = descriptor if isinstance(descriptor, Mapping) else descriptor.to_dict()
        sandbox = cls(provider, SandboxSpec(workdir=described.get("workdir")))
        sandbox._handle, sandbox._stopped = await connectable.connect(described), False
        return sandbox

    async def __aenter__(self) -> "AsyncSandbox":
        return self

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        await self.stop()


def _connectable(provider: SandboxProvider) -> ConnectableProvider:
    if not isinstance(provider, ConnectableProvider):
        name = getattr(provider, "name", type(provider).__name__)
        raise RuntimeError(f"provider {name!r} does not support serialize()/connect()")
    return provider


class SandboxPty:
    """Terminals in a sandbox, where the provider has them."""

    def __init__(self, sandbox: AsyncSandbox) -> None:
        self._sandbox = sandbox

    async def create(
        self,
        command: str | None = None,
        *,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        rows: int = 24,
        cols: int = 80,
        user: str | int | None = None,
        pty: bool = True,
    ) -> SandboxPtySession:
        """Open one, of a command or of the shell."""
        provider = self._sandbox._provider
        if not isinstance(provider, SupportsSandboxPty):
            raise NotImplementedError(
                f"Sandbox provider {self._sandbox._name!r} does not support PTY sessions; use exec() instead"
            )
        spec = SandboxPtySpec(command, self._sandbox._folder(cwd), env, rows, cols, user, pty)
        return await provider.create_pty(self._sandbox._require_handle(), spec)

    async def attach(self, session_id: str, *, takeover: bool = True, since: int | None = None) -> SandboxPtySession:
        """Join one that was opened elsewhere."""
        provider = self._sandbox._provider
        if not isinstance(provider, SupportsSandboxPtyAttach):
            raise NotImplementedError(
                f"Sandbox provider {self._sandbox._name!r} does not support re-attaching PTY sessions"
            )
        handle = self._sandbox._require_handle()
        return await provider.attach_pty(handle, session_id, takeover=takeover, since=since)

    async def exec(
        self, command: str, *, timeout_s: int | float | None = EXEC_LIMIT_S, pty: bool = True, **options: Any
    ) -> SandboxExecResult:
        """Run a command in a terminal of its own; what it wrote."""
        session = await self.create(command, pty=pty, **options)
        try:
            async with asyncio.timeout(timeout_s):
                output, errors, code = await asyncio.gather(
                    _all_of(session.read), _all_of(session.read_stderr), session.wait_exit()
                )
        except TimeoutError:
            return SandboxExecResult(None, f"PTY command timed out after {timeout_s}s: {command!r}", 125, "timeout")
        finally:
            await session.close()
        return SandboxExecResult(output, None if pty else errors, code)


async def _all_of(read: Any) -> str:
    parts = []
    while part := await read():
        parts.append(part)
    return b"".join(parts).decode(errors="replace")


class Sandbox:
    """`AsyncSandbox` for plain code: every call waits. Must not be used where an event loop runs."""

    def __init__(self, provider: Mapping[str, Any] | SandboxProvider, spec: SandboxSpec | None = None) -> None:
        self._runner = LoopThread()
        try:
            self._async_sandbox = self._runner.call("__init__", lambda: AsyncSandbox(provider, spec))
        except BaseException:
            self._runner.close()
            raise
        self._closed = False

    def start(self, spec: SandboxSpec | None = None) -> "Sandbox":
        """As `AsyncSandbox.start`."""
        self._runner.run("start", lambda: self._async_sandbox.start(spec))
        return self

    def exec(
        self,
        command: str,
        *,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        timeout_s: int | float | None = EXEC_LIMIT_S,
        user: str | int | None = None,
    ) -> SandboxExecResult:
        """As `AsyncSandbox.exec`."""
        return self._runner.run(
            "exec", lambda: self._async_sandbox.exec(command, cwd=cwd, env=env, timeout_s=timeout_s, user=user)
        )

    def upload(self, local_path: Path | str, remote_path: str) -> None:
        """As `AsyncSandbox.upload`."""
        self._runner.run("upload", lambda: self._async_sandbox.upload(local_path, remote_path))

    def download(self, remote_path: str, local_path: Path | str) -> None:
        """As `AsyncSandbox.download`."""
        self._runner.run("download", lambda: self._async_sandbox.download(remote_path, local_path))

    def status(self) -> SandboxStatus:
        """As `AsyncSandbox.status`."""
        return (
            SandboxStatus.STOPPED if self._closed else self._runner.run("status", lambda: self._async_sandbox.status())
        )

    def endpoint(self, port: int) -> SandboxEndpoint:
        """As `AsyncSandbox.endpoint`."""
        return self._runner.run("endpoint", lambda: self._async_sandbox.endpoint(port))

    def stop(self) -> None:
        """As `AsyncSandbox.stop`."""
        if self._closed:
            return
        self._closed = True
        try:
            self._runner.run("stop", lambda: self._async_sandbox.stop())
        finally:
            self._runner.close()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self.stop()
