"""Mappings as overrides."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any


def flatten_run_args(run: Mapping[str, Any], prefix: str = "") -> list[str]:
    """`+a.b=value` for every value of a nested mapping, quoted for a shell."""
    return [shlex.quote(f"+{key}={value}") for key, value in _flat(run, prefix)]


def _flat(run: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in run.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        else:
            yield name, f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)
