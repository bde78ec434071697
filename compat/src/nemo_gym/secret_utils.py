"""Configurations without their secrets, in place. `polygym.config.secrets` makes a copy, and hides more precisely."""

from typing import Any, Final

from omegaconf import DictConfig, ListConfig, open_dict

HIDDEN: Final = "****"


def recursively_hide_secrets(dict_config: DictConfig) -> None:
    """Put `****` in place of every value whose key has `token` or `key` in it; of a list, in place of each entry."""
    with open_dict(dict_config):
        _hide(dict_config)


def _hide(node: Any) -> None:
    for name, value in list(node.items()):
        if isinstance(value, DictConfig | dict):
            _hide(value)
        elif "token" in name or "key" in name:
            node[name] = [HIDDEN] * len(value) if isinstance(value, ListConfig | list) else HIDDEN
        elif isinstance(value, ListConfig | list):
            for entry in value:
                if isinstance(entry, DictConfig | dict):
                    _hide(entry)
