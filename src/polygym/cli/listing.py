"""`gym list` and `gym search`: what there is to run."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from polygym.cli.exits import ExitCode
from polygym.cli.output import print_columns, print_json
from polygym.cli.selection import search_dir_option
from polygym.cli.verbosity import verbose_option
from polygym.config.components import ComponentKind

if TYPE_CHECKING:
    from polygym.config.listing import Component

KINDS: dict[str, ComponentKind] = {
    "environments": "environment",
    "resources-servers": "resources-server",
    "agents": "agent-type",
    "models": "model-type",
    "benchmarks": "benchmark",
}
"""Kinds of components as these commands name them."""

_DESCRIPTION_WIDTH = 80


def _json_option(command: Callable[..., int]) -> Callable[..., int]:
    return click.option("--json", "is_json", is_flag=True, help="Print JSON.")(command)


@click.group("list")
def list_group() -> None:
    """List the components that can be selected by name."""


def _add_list_command(plural: str) -> None:
    @list_group.command(plural, help=f"List the {plural.replace('-', ' ')}.")
    @search_dir_option
    @_json_option
    @verbose_option
    def list_kind(search_dir: tuple[str, ...], is_json: bool) -> int:
        _print(_components(search_dir, [KINDS[plural]]), f"No {plural.replace('-', ' ')} found.", is_json=is_json)
        return ExitCode.OK


for _plural in KINDS:
    _add_list_command(_plural)


@click.command("search")
@click.argument("words", nargs=-1, required=True, metavar="[KIND] QUERY")
@search_dir_option
@_json_option
@verbose_option
def search(words: tuple[str, ...], search_dir: tuple[str, ...], is_json: bool) -> int:
    """Find components by name, domain, description or dataset.

    KIND is one of environments, resources-servers, agents, models and benchmarks; without it all are searched.
    """
    from polygym.config.listing import search_components

    has_kind = len(words) > 1 and words[0] in KINDS
    kinds = [KINDS[words[0]]] if has_kind else list(KINDS.values())
    query = " ".join(words[1:] if has_kind else words)
    _print(search_components(_components(search_dir, kinds), query), f"Nothing matches '{query}'.", is_json=is_json)
    return ExitCode.OK


def _components(search_dirs: Sequence[str], kinds: Sequence[ComponentKind]) -> "list[Component]":
    import os
    from pathlib import Path

    from polygym.config.listing import list_components
    from polygym.config.roots import search_roots

    return list_components(search_roots(search_dirs, os.environ, Path.cwd()), kinds)


def _print(components: "Sequence[Component]", when_empty: str, *, is_json: bool) -> None:
    if is_json:
        print_json([component.to_json() for component in components])
        return
    if not components:
        click.echo(when_empty, err=True)
        return
    rows = [[component.name, component.kind, component.domain or "", _shortened(component)] for component in components]
    print_columns(["name", "kind", "domain", "description"], rows)


def _shortened(component: "Component") -> str:
    text = " ".join((component.description or "").split())
    if component.problem is not None:
        text = f"(its config is wrong: {component.problem})"
    return text if len(text) <= _DESCRIPTION_WIDTH else text[: _DESCRIPTION_WIDTH - 1] + "…"
