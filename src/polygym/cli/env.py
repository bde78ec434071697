"""`gym env`: the servers of a configuration, and the configuration itself."""

import asyncio
from typing import TYPE_CHECKING

import click

from polygym.cli.env_check import check
from polygym.cli.env_init import init
from polygym.cli.env_play import play
from polygym.cli.env_test import test
from polygym.cli.exits import ExitCode
from polygym.cli.output import print_columns, print_json
from polygym.cli.selection import Selection, selection_options

if TYPE_CHECKING:
    from polygym.fleet.check import ServerCheck
    from polygym.rollouts.datasets import DatasetCheck


@click.group("env")
def env_group() -> None:
    """Write, test and play environments, start them, check what is configured."""


env_group.add_command(check)
env_group.add_command(init)
env_group.add_command(play)
env_group.add_command(test)


@env_group.command("start")
@selection_options
def start(selection: Selection) -> int:
    """Bring the servers up and keep them up until Ctrl-C."""
    from polygym.cli.serving import serve_fleet

    return asyncio.run(serve_fleet(selection.load()))


@env_group.command("status")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
@selection_options
def status(selection: Selection, is_json: bool) -> int:
    """Show the servers that 'gym env start' has up. Exit code 1 when there are none."""
    from polygym.cli.serving import print_instances
    from polygym.fleet.discovery import server_instances
    from polygym.fleet.ports import head_address
    from polygym.protocol.errors import ConfigError

    host, port = head_address(selection.load(needs_model=False).settings)
    try:
        instances = asyncio.run(server_instances(host, port))
    except ConfigError as error:
        click.echo(f"error: {error}", err=True)
        return ExitCode.UNEXPECTED
    if is_json:
        print_json(instances)
    else:
        print_instances(instances)
    return ExitCode.OK


@env_group.command("resolve")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
@selection_options
def resolve(selection: Selection, is_json: bool) -> int:
    """Print the merged configuration, interpolations resolved, secrets hidden."""
    from polygym.config.secrets import hide_secrets
    from polygym.config.yaml_writer import to_yaml

    resolved = hide_secrets(selection.load().resolved())
    if is_json:
        print_json(resolved)
    else:
        click.echo(to_yaml(resolved), nl=False)
    return ExitCode.OK


@env_group.command("validate")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
@selection_options
def validate(selection: Selection, is_json: bool) -> int:
    """Check configuration, servers and datasets without starting anything. Exit code 2 when something is wrong."""
    from polygym.fleet.check import check_servers
    from polygym.rollouts.datasets import check_datasets

    config = selection.load()
    servers, datasets = check_servers(config), check_datasets(config)
    problems = [check.problem for check in servers] + [check.problem for check in datasets]
    is_valid = not any(problems)
    if is_json:
        print_json(
            {
                "valid": is_valid,
                "servers": [check.to_json() for check in servers],
                "datasets": [check.to_json() for check in datasets],
            }
        )
    else:
        _print_checks(servers, datasets)
        for problem in filter(None, problems):
            click.echo(f"error: {problem}", err=True)
    return ExitCode.OK if is_valid else ExitCode.USER_ERROR


def _print_checks(servers: "list[ServerCheck]", datasets: "list[DatasetCheck]") -> None:
    server_rows = [
        [check.instance.name, check.instance.server_type, check.placement, "; ".join(check.remarks) or "ok"]
        for check in servers
        if check.problem is None
    ]
    dataset_rows = [
        [
            check.owner,
            check.dataset.type,
            "not there" if check.rows is None else f"{check.rows} tasks",
            str(check.dataset.path),
        ]
        for check in datasets
        if check.problem is None
    ]
    if server_rows:
        print_columns(["instance", "type", "placement", "finding"], server_rows)
    if dataset_rows:
        click.echo()
        print_columns(["server", "dataset", "finding", "path"], dataset_rows)
