"""Listening sockets, bound here and handed to whoever serves on them: an address is known before its server is up."""

import errno
import random
import socket
from collections.abc import Collection

from polygym.config.datasets import whole_number
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject

DEFAULT_HOST = "127.0.0.1"
HEAD_PORT = 11000
TRIES = 200
"""Ports tried in the range before giving up."""


def bind_fixed(host: str, port: int, purpose: str) -> socket.socket:
    """A listening socket on exactly that port. Raises ConfigError when it cannot be had."""
    try:
        return _bind(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            problem = f"port {port} on {host} is taken"
        else:
            problem = f"cannot listen on {host}:{port}: {error.strerror}"
        raise ConfigError(f"{purpose}: {problem}. Stop what listens there, or configure another port.") from error


def bind_in_range(host: str, low: int, high: int, excluded: Collection[int], purpose: str) -> socket.socket:
    """A listening socket on a free port from `low` to `high`, ends included. Raises ConfigError when none is found."""
    ports = [port for port in range(low, high + 1) if port not in excluded]
    random.shuffle(ports)
    for port in ports[:TRIES]:
        try:
            return _bind(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ConfigError(f"{purpose}: cannot listen on {host}: {error.strerror}.") from error
    raise ConfigError(f"{purpose}: no free port from {low} to {high}. Widen port_range_low and port_range_high.")


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(4096)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def reachable_host(host: str) -> str:
    """The host under which this machine reaches a socket bound to `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)


def head_address(settings: JsonObject) -> tuple[str, int]:
    """Host and port of the head server: `head_server` in the settings, else 127.0.0.1:11000.

    Raises ConfigError when what is set there is no address.
    """
    configured = settings.get("head_server") or {}
    if not isinstance(configured, dict):
        raise ConfigError(f"head_server must be a mapping with host and port, not {configured!r}.")
    port = whole_number(configured.get("port") or HEAD_PORT)
    if port is None or not 0 < port < 65536:
        raise ConfigError(f"head_server.port must be a port number, not {configured['port']!r}.")
    return str(configured.get("host") or settings.get("default_host") or DEFAULT_HOST), port
