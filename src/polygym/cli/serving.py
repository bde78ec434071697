"""What `gym env start` does: bring the fleet up, say what runs where, keep it up until told to stop."""

import asyncio
import logging
import signal
from collections.abc import Iterable

import click

from polygym.cli.exits import ExitCode
from polygym.cli.interrupts import Interrupts
from polygym.cli.output import print_columns
from polygym.config.model import RunConfig
from polygym.fleet.fleet import Fleet
from polygym.fleet.head import bind_head, serve_head, server_instances
from polygym.fleet.limits import calm_collector, raise_file_limit
from polygym.fleet.ports import head_address
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject

log = logging.getLogger("polygym.cli")

SERVER_OUTPUT = logging.getLogger("polygym.process")
"""What servers in processes of their own write."""

_COLUMNS = {
    "instance": "process_name",
    "type": "server_type",
    "implementation": "name",
    "placement": "placement",
    "url": "url",
    "pid": "pid",
}

_ENDPOINT_COLUMNS = {
    "endpoint": "url",
    "state": "state",
    "in flight": "in_flight",
    "sessions": "sessions",
    "calls": "calls",
    "failed": "failed",
}


async def serve_fleet(config: RunConfig) -> ExitCode:
    """Run the fleet of `config` until Ctrl-C or SIGTERM. Raises ConfigError when it cannot be brought up."""
    if not config.instances:
        raise ConfigError(
            "no server is configured. Name what to start with --resources-server, --environment, --benchmark or"
            " --config ('gym list resources-servers' shows what there is)."
        )
    raise_file_limit()
    SERVER_OUTPUT.setLevel(logging.INFO)
    bound = bind_head(config.settings)
    try:
        with Interrupts() as interrupts:
            try:
                async with Fleet(config, is_served=True) as fleet, await serve_head(fleet, bound):
                    calm_collector()
                    stopped = asyncio.Event()
                    with interrupts.politely(stopped.set, signal.SIGINT, signal.SIGTERM):
                        _announce(fleet, config)
                        await stopped.wait()
                        click.echo("Stopping; Ctrl-C again ends everything at once.", err=True)
            except asyncio.CancelledError:
                if interrupts.exit_code is None:
                    raise
                return interrupts.exit_code
    finally:
        bound.close()
    return ExitCode.OK


def _announce(fleet: Fleet, config: RunConfig) -> None:
    print_instances(server_instances(fleet))
    host, port = head_address(config.settings)
    click.echo(f"\nHead server: http://{host}:{port}. Ctrl-C stops everything.")


def print_instances(instances: Iterable[JsonObject]) -> None:
    """Print a table of servers, as a head server lists them, and one of endpoints where a model has several."""
    instances = list(instances)
    rows = [[str(entry.get(key) or "-") for key in _COLUMNS.values()] for entry in instances]
    print_columns(list(_COLUMNS), rows)
    endpoints = [
        [str(entry["process_name"]), *(str(endpoint.get(key)) for key in _ENDPOINT_COLUMNS.values())]
        for entry in instances
        for endpoint in entry.get("endpoints") or ()
    ]
    if endpoints:
        click.echo()
        print_columns(["model", *_ENDPOINT_COLUMNS], endpoints)
