"""The settings `token_id_capture`: whether tokens are captured, of whom, and where they go."""

import logging
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Optional

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nemo_gym.token_id_capture.protocols import TokenSink, installed_token_sink

log: Final = logging.getLogger("nemo_gym.token_id_capture")
TOKEN_ID_CAPTURE_BLOCK: Final = "token_id_capture"
SINK_METHODS: Final = ("close", "mark_incomplete", "put")


class TokenIdCaptureSettings(BaseModel):
    """The block."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = False
    all_agents: bool = False
    """Of every agent, not only of those with `token_id_capture: true`."""
    dir: Optional[Path] = None
    """Where the files go; else to `model_call_capture_dir`."""
    sink: Optional[str] = None
    """`module:Class` of a sink that takes the place of files. Every server's process makes its own."""
    sink_kwargs: dict[str, Any] = Field(default_factory=dict)
    rebuild_response: bool = True
    """Whether collected rollouts get their tokens back from here; else a trainer reads them itself."""
    max_mask_fraction: Optional[float] = None
    """A run ends when more than this share of its rollouts cannot be trained on."""
    mask_fraction_min_samples: int = 50
    """Rollouts that there must be before that share counts."""


class TokenIdCaptureConfig(BaseModel):
    """The block, and the setting that it falls back to."""

    model_config = ConfigDict(extra="ignore")

    token_id_capture: TokenIdCaptureSettings = TokenIdCaptureSettings()
    model_call_capture_dir: Optional[Path] = None

    @model_validator(mode="after")
    def _has_a_place(self) -> "TokenIdCaptureConfig":
        block, folder = self.token_id_capture, self.resolved_dir()
        if not block.enabled:
            return self
        if block.sink is not None:
            if block.dir is not None:
                log.warning("token_id_capture.sink takes the place of files: %s will not be written to", block.dir)
            return self
        if folder is not None and not folder.is_absolute():
            raise ValueError(f"token_id_capture.dir must be an absolute path, not {folder}")
        if folder is None and block.rebuild_response and installed_token_sink() is None:
            raise ValueError("token_id_capture needs a dir or a sink")
        return self

    @property
    def enabled(self) -> bool:
        """Whether tokens are captured."""
        return self.token_id_capture.enabled

    def resolved_dir(self) -> Optional[Path]:
        """The folder for files."""
        return self.token_id_capture.dir or self.model_call_capture_dir

    def build_sink(self) -> Optional[TokenSink]:
        """The sink that is named; None when there is none. Raises ValueError when it cannot be made, or is none."""
        target, options = self.token_id_capture.sink, self.token_id_capture.sink_kwargs
        if not self.enabled or target is None:
            return None
        module, colon, name = target.partition(":")
        if not colon:
            raise ValueError(f"token_id_capture.sink must be module.path:ClassName, not {target!r}")
        try:
            make = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"could not load token_id_capture.sink {target!r}: {error}") from error
        try:
            sink: Any = make(**options)
        except TypeError as error:
            raise ValueError(f"{target!r} does not take sink_kwargs {sorted(options)}: {error}") from error
        if missing := [method for method in SINK_METHODS if not callable(getattr(sink, method, None))]:
            raise ValueError(f"token_id_capture.sink {target!r} is no TokenSink; it lacks: {', '.join(missing)}")
        found: TokenSink = sink
        return found


def token_id_capture_config(global_config_dict: Any) -> TokenIdCaptureConfig:
    """The settings of a configuration."""
    return TokenIdCaptureConfig.model_validate(global_config_dict or {})


def token_id_capture_enabled_for_agent(global_config_dict: Any, agent_name: Optional[str]) -> bool:
    """Whether an agent's calls are captured."""
    settings = token_id_capture_config(global_config_dict).token_id_capture
    if not settings.enabled or settings.all_agents:
        return settings.enabled
    entry = global_config_dict.get(agent_name) if isinstance(global_config_dict, Mapping) else None
    agents = entry.get("responses_api_agents") if isinstance(entry, Mapping) else None
    fields = agents.values() if isinstance(agents, Mapping) else ()
    return any(isinstance(each, Mapping) and bool(each.get(TOKEN_ID_CAPTURE_BLOCK)) for each in fields)
