"""`gym list` and `gym search`: what there is to run."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click

from polygym.cli.exits import ExitCode
from polygym.cli.output import print_columns, print_json
from polygym.cli.selection import search_dir_option
from polygym.cli.verbosity import verbose_option
from polygym.config.components import ComponentKind

if TYPE_CHECKING:
    from pathlib import Path

    from polygym.config.listing import Component

KINDS: dict[str, ComponentKind] = {
    "environments": "environment",
    "resources-servers": "resources-server",
    "agents": "agent-type",
    "models": "model-type",
    "benchmarks": "benchmark",
}
"""Kinds of components as these commands name them."""

FILTERS: Final[Mapping[str, str]] = {
    "--structure": "rollout_structure",
    "--capability": "core_capabilities",
    "--knowledge-domain": "knowledge_domain",
    "--task-type": "task_type",
    "--verification": "verification_method",
}
"""Options that ask for values of a manifest's dimensions."""

_WITH_MANIFEST: Final = ("environments", "resources-servers")
_COLUMNS: Final[Mapping[str, str]] = {
    "rollout_structure": "structure",
    "core_capabilities": "capabilities",
    "knowledge_domain": "knowledge",
    "task_type": "task type",
    "verification_method": "verification",
}
_DESCRIPTION_WIDTH: Final = 80


def _json_option(command: Callable[..., int]) -> Callable[..., int]:
    return click.option("--json", "is_json", is_flag=True, help="Print JSON.")(command)


@click.group("list")
def list_group() -> None:
    """List the components that can be selected by name."""


def _filter_options(command: Callable[..., int]) -> Callable[..., int]:
    for option, dimension in reversed(list(FILTERS.items())):
        text = f"Only those with this {dimension.replace('_', ' ')} in their manifest. Repeatable: any of them."
        command = click.option(option, dimension, metavar="VALUE", multiple=True, help=text)(command)
    return command


def _add_list_command(plural: str) -> None:
    def list_kind(search_dir: tuple[str, ...], is_json: bool, **wanted: tuple[str, ...]) -> int:
        roots = _roots(search_dir)
        found = _environments(roots) if plural == "environments" else _components(roots, [KINDS[plural]])
        listed = _filtered(found, wanted)
        noun = plural.replace("-", " ")
        when_empty = f"None of {len(found)} {noun} has that." if found else f"No {noun} found."
        _print(listed, when_empty, is_json=is_json)
        return ExitCode.OK

    command = _filter_options(list_kind) if plural in _WITH_MANIFEST else list_kind
    command = search_dir_option(_json_option(verbose_option(command)))
    list_group.command(plural, help=f"List the {plural.replace('-', ' ')}.")(command)


for _plural in KINDS:
    _add_list_command(_plural)


@click.command("search")
@click.argument("words", nargs=-1, required=True, metavar="[KIND] QUERY")
@search_dir_option
@_json_option
@verbose_option
def search(words: tuple[str, ...], search_dir: tuple[str, ...], is_json: bool) -> int:
    """Find components by name, domain, description, manifest or dataset.

    KIND is one of environments, resources-servers, agents, models and benchmarks; without it all are searched.
    """
    from polygym.config.listing import search_components

    has_kind = len(words) > 1 and words[0] in KINDS
    query = " ".join(words[1:] if has_kind else words)
    roots = _roots(search_dir)
    if has_kind and words[0] == "environments":
        components = _environments(roots)
    else:
        components = _components(roots, [KINDS[words[0]]] if has_kind else list(KINDS.values()))
    _print(search_components(components, query), f"Nothing matches '{query}'.", is_json=is_json)
    return ExitCode.OK


def _roots(search_dirs: Sequence[str]) -> "tuple[Path, ...]":
    import os
    from pathlib import Path

    from polygym.config.roots import search_roots

    return search_roots(search_dirs, os.environ, Path.cwd())


def _components(roots: "Sequence[Path]", kinds: Sequence[ComponentKind]) -> "list[Component]":
    from polygym.config.listing import list_components

    return list_components(roots, kinds)


def _environments(roots: "Sequence[Path]") -> "list[Component]":
    from polygym.config.listing import list_environments

    return list_environments(roots)


def _filtered(found: "list[Component]", wanted: Mapping[str, Sequence[str]]) -> "list[Component]":
    """Those of `found` that have a wanted value in each dimension. Raises ConfigError for one that none can have."""
    from polygym.config.dimensions import DIMENSIONS
    from polygym.config.listing import filter_components, known_values
    from polygym.protocol.errors import ConfigError, suggest

    for option, dimension in FILTERS.items():
        known = known_values(found, dimension)
        for value in wanted.get(dimension, ()):
            if value not in known:
                near = suggest(value, known)
                if DIMENSIONS[dimension]:
                    raise ConfigError(f"{option} {value}: there is no such value. {near}")
                click.echo(f"{option} {value}: nothing listed has that. {near}", err=True)
    return filter_components(found, wanted)


def _print(components: "Sequence[Component]", when_empty: str, *, is_json: bool) -> None:
    if is_json:
        print_json([component.to_json() for component in components])
        return
    if not components:
        click.echo(when_empty, err=True)
        return
    dimensions = [name for name in _COLUMNS if any(component.manifest[name] for component in components)]
    header = ["name", "kind", "domain", *(_COLUMNS[name] for name in dimensions), "description"]
    print_columns(header, [_cells(component, dimensions) for component in components])


def _cells(component: "Component", dimensions: Sequence[str]) -> list[str]:
    values = [", ".join(component.manifest[name]) for name in dimensions]
    return [component.name, component.kind, component.domain or "", *values, _shortened(component)]


def _shortened(component: "Component") -> str:
    text = " ".join((component.description or "").split())
    if component.problem is not None:
        text = f"(its config is wrong: {component.problem})"
    return text if len(text) <= _DESCRIPTION_WIDTH else text[: _DESCRIPTION_WIDTH - 1] + "…"
