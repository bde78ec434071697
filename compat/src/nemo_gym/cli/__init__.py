"""Command entry points, and what trainers import from here. Names load on first use."""

from importlib import import_module
from typing import Any

_HOMES = {"RunHelper": "nemo_gym.cli.env", "GlobalConfigDictParserConfig": "nemo_gym.parsing"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
