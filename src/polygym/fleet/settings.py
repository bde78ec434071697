"""The top-level settings that the fleet reads, checked where they are read."""

from collections.abc import Iterable
from typing import Any

from polygym.config.datasets import whole_number
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject


def port_setting(settings: JsonObject, key: str, default: int) -> int:
    """A port, `default` when it is not set. Raises ConfigError for anything but 1 to 65535."""
    value = settings.get(key)
    return default if value is None else _port(value, key)


def ports_setting(settings: JsonObject, key: str) -> set[int]:
    """Ports; none when it is not set. Raises ConfigError for anything but a list of ports."""
    value = settings.get(key)
    if value is None:
        return set()
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError(f"{key}: must be a list of ports, not {value!r}.")
    return {_port(one, key) for one in value}


def _port(value: Any, key: str) -> int:
    port = whole_number(value)
    if port is None or not 1 <= port <= 65535:
        raise ConfigError(f"{key}: must be a port from 1 to 65535, not {value!r}.")
    return port


def seconds_setting(settings: JsonObject, key: str, default: float) -> float:
    """Seconds above 0, `default` when it is not set. Raises ConfigError."""
    value = settings.get(key)
    if value is None:
        return default
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"{key}: must be seconds above 0, not {value!r}.")
    return seconds
