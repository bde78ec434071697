"""Which provider a server's `sandbox_provider` means: the name of a block of the configuration, or the block itself.

A block is `{provider: arguments}`; `default_metadata` beside it goes into the metadata of every sandbox.
"""

from collections.abc import Mapping
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf

DEFAULT_METADATA: Final = "default_metadata"


def resolve_provider_config(
    sandbox_provider: str | Mapping[str, Any], named_configs: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """`{provider: arguments}`. Raises ValueError for a name that is not there, or a block without just one provider."""
    block, source = _block(sandbox_provider, named_configs)
    providers = [name for name in block if name != DEFAULT_METADATA]
    if len(providers) != 1:
        raise ValueError(
            f"Sandbox provider config from {source} must have exactly one provider key, got keys: {providers!r}"
        )
    return {providers[0]: block[providers[0]]}


def resolve_provider_metadata(
    sandbox_provider: str | Mapping[str, Any], named_configs: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The block's metadata for sandboxes."""
    block, source = _block(sandbox_provider, named_configs)
    metadata = block.get(DEFAULT_METADATA) or {}
    if not isinstance(metadata, Mapping):
        raise ValueError(f"Sandbox '{DEFAULT_METADATA}' from {source} must be a mapping, got: {metadata!r}")
    return dict(metadata)


def _block(given: str | Mapping[str, Any], named_configs: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], str]:
    if isinstance(given, Mapping):
        block, source = _plain(given), "inline sandbox_provider config"
    elif isinstance(given, str):
        block, source = _plain(_named(given, named_configs or {})), f"reference {given!r}"
    else:
        raise TypeError(f"sandbox_provider must be a name or a provider mapping, got {type(given).__name__}")
    if not isinstance(block, Mapping):
        raise ValueError(f"Sandbox provider config from {source} must be a mapping, got: {block!r}")
    return block, source


def _named(name: str, named_configs: Mapping[str, Any]) -> Any:
    if not name:
        raise ValueError("Sandbox provider reference must be a non-empty string")
    found = named_configs.get(name)
    if found is None:
        candidates = sorted(
            repr(str(key))
            for key, value in named_configs.items()
            if isinstance(value, Mapping) and len([part for part in value if part != DEFAULT_METADATA]) == 1
        )
        raise ValueError(
            f"Sandbox provider reference {name!r} is not defined in the merged config (no top-level '{name}:'). "
            f"Available sandbox configs: {', '.join(candidates) or '(none)'}"
        )
    return found


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if isinstance(value, DictConfig) else value
