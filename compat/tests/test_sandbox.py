"""Sandboxes: nothing is left of one that could not be started, whatever kept it from starting."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from nemo_gym.sandbox.api import AsyncSandbox
from nemo_gym.sandbox.providers.base import SandboxSpec

pytestmark = pytest.mark.compat


class Provider:
    """Makes one sandbox, to which a file never gets."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.left: list[str] = []

    async def create(self, spec: SandboxSpec) -> Any:
        self.left += ["sandbox", "connection"]
        return "sandbox"

    async def upload_file(self, handle: Any, source_path: Path, target_path: str) -> None:
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()

    async def close(self, handle: Any) -> None:
        await asyncio.sleep(0)
        self.left.remove(handle)

    async def aclose(self) -> None:
        self.left.remove("connection")


SPEC = SandboxSpec(image="small", files={"/task.txt": "count"})


def test_a_start_that_fails_leaves_nothing() -> None:
    provider = Provider(OSError("no room"))

    with pytest.raises(OSError, match="no room"):
        asyncio.run(AsyncSandbox(provider).start(SPEC))  # type: ignore[arg-type]

    assert provider.left == []


def test_a_start_that_is_cancelled_leaves_nothing() -> None:
    provider = Provider()

    async def run() -> None:
        async with asyncio.timeout(0.05):
            await AsyncSandbox(provider).start(SPEC)  # type: ignore[arg-type]

    with pytest.raises(TimeoutError):
        asyncio.run(run())

    assert provider.left == []
