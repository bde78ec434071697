"""Where captured tokens go and where they come from: what a trainer's own transport has to offer."""

from dataclasses import dataclass
from typing import Optional, Protocol, runtime_checkable

from nemo_gym.token_id_capture.records import TokenEntry


@dataclass(frozen=True)
class TokenCaptureSnapshot:
    """All that was captured of a rollout, when it was frozen."""

    rollout_id: str
    entries: tuple[TokenEntry, ...]
    incomplete: bool
    """Whether a call of it was lost."""
    snapshot_id: str
    version: int


@runtime_checkable
class TokenSink(Protocol):
    """Takes captured calls. A sink may also have `begin_call(rollout_id, model_call_id)`, awaited before each call."""

    async def put(self, entry: TokenEntry) -> None:
        """Keep a call for good. The same one again is nothing new; another one of the same id is an error."""

    async def mark_incomplete(self, rollout_id: str, model_call_id: str = "") -> None:
        """Keep in mind that a call of the rollout was lost."""

    async def close(self) -> None:
        """Let go of what is held. May be called again."""


@runtime_checkable
class TokenSource(Protocol):
    """Gives captured calls back."""

    async def freeze(self, rollout_id: str) -> TokenCaptureSnapshot:
        """All calls of a rollout; none is taken any more. Freezing again gives the same."""

    async def drop(self, rollout_id: str, *, snapshot_id: str, version: int) -> bool:
        """Forget a rollout, if it is still as that snapshot had it."""

    async def close(self) -> None:
        """Let go of what is held. May be called again."""


class _Installed:
    sink: Optional[TokenSink] = None
    source: Optional[TokenSource] = None


def install_token_sink(sink: Optional[TokenSink]) -> None:
    """Make it the sink of this process, where the configuration names none; None takes it away."""
    _Installed.sink = sink


def installed_token_sink() -> Optional[TokenSink]:
    """The sink of this process."""
    return _Installed.sink


def install_token_source(source: Optional[TokenSource]) -> None:
    """Make it the source of this process; its owner closes it. None takes it away."""
    _Installed.source = source


def installed_token_source() -> Optional[TokenSource]:
    """The source of this process."""
    return _Installed.source
