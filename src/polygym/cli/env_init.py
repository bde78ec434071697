"""`gym env init`: the folder of a new environment."""

import shlex
from typing import TYPE_CHECKING

import click

from polygym.cli.exits import ExitCode
from polygym.cli.older_keys import component_names
from polygym.cli.verbosity import verbose_option

if TYPE_CHECKING:
    from pathlib import Path

COMPONENTS = "resources_servers"
KINDS = ("single-step", "multi-step", "stateful", "multi-turn", "judge", "gymnasium")


@click.command("init")
@click.argument("names", nargs=-1, metavar="NAME")
@click.option("--kind", type=click.Choice(KINDS), default=KINDS[0], help="What it is to show; single-step by default.")
@click.option("--dir", "folder", metavar="DIR", help="Where its folder resources_servers is, or goes.")
@click.option("--resources-server", "older_names", metavar="NAME", multiple=True, hidden=True)
@verbose_option
def init(names: tuple[str, ...], older_names: tuple[str, ...], kind: str, folder: str | None) -> int:
    """Write a new environment that works at once: code, rows, reference solution, configuration, tests."""
    import os
    from pathlib import Path

    from polygym.config.roots import search_roots
    from polygym.kit.skeleton import write_skeleton

    given = [*component_names(names), *older_names]
    if len(given) != 1:
        raise click.UsageError("One NAME is needed: how the environment is to be called.")
    root, name = _place(Path(folder or "").expanduser(), Path(given[0]))
    roots = search_roots((), os.environ, Path.cwd())
    written = write_skeleton(name, kind, root, roots)
    _tell(name, root, written, is_root=root.resolve() in [each.resolve() for each in roots])
    return ExitCode.OK


def _place(folder: "Path", given: "Path") -> "tuple[Path, str]":
    """The root and the plain name that `--dir` and NAME mean; either may lead into the folder of the components."""
    if given.parent.name == COMPONENTS:
        folder = folder / given.parent.parent
    elif given.parent.name:
        return folder, str(given)
    above = folder.resolve()
    return (above.parent if above.name == COMPONENTS else folder), given.name


def _tell(name: str, root: "Path", written: "Path", *, is_root: bool) -> None:
    """Say what is there now, and what can be done with it."""
    click.echo(f"{written}:")
    for file in sorted(file.relative_to(written).as_posix() for file in written.rglob("*") if _is_ours(file)):
        click.echo(f"  {file}")
    where = "" if is_root else f" --search-dir {shlex.quote(str(root))}"
    click.echo(
        f"\nNext:\n"
        f"  gym env check {name}{where}\n"
        f"  gym env test {name}{where}\n"
        f"  gym env play {name}{where}\n"
        f"  gym eval run{where} --resources-server {name} --model-type random_model --output results/{name}.jsonl"
    )


def _is_ours(file: "Path") -> bool:
    return file.is_file() and file.parent.name != "__pycache__"
