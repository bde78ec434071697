"""What commands of theirs print and how they end."""

import difflib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, Final, Optional, ParamSpec, TypeVar

from rich import console as rich_console
from rich.markup import escape
from rich.table import Table

from nemo_gym.config_errors import ConfigError

ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")
UNBOUNDED: Final = 10**6
"""Columns of a console that cuts nothing off."""
LIKENESS: Final = 0.7


def did_you_mean(value: str, candidates: Iterable[str]) -> str:
    """The nearest of the candidates as a hint to append; nothing when none is near."""
    near = difflib.get_close_matches(value, list(candidates), n=1)
    return f" Did you mean `{near[0]}`?" if near else ""


def exit_unknown_component(name: str, candidates: Iterable[str], type_label: str) -> None:
    """Say that there is no such component, and end the process with 1."""
    rich_console.Console().print(f"[red]Unknown {type_label} '{name}'.[/red]{did_you_mean(name, candidates)}")
    sys.exit(1)


def exit_cleanly_on_config_error(fn: Callable[ParamsT, ResultT]) -> Callable[ParamsT, ResultT]:
    """The function, whose ConfigError is shown without a trace and ends the process with 1."""

    @wraps(fn)
    def shown(*args: ParamsT.args, **kwargs: ParamsT.kwargs) -> ResultT:
        try:
            return fn(*args, **kwargs)
        except ConfigError as error:
            rich_console.Console().print(f"[red]Error:[/red] {escape(str(error))}", soft_wrap=True)
            raise SystemExit(1) from error

    return shown


def fuzzy_matches(query: str, *fields: Optional[str]) -> bool:
    """Whether one of the fields has the query in it, or a word much like it."""
    wanted = query.lower()
    texts = [field.lower() for field in fields if field]
    return any(
        wanted in text
        or difflib.get_close_matches(wanted, [text, *text.replace("_", " ").replace("-", " ").split()], 1, LIKENESS)
        for text in texts
    )


def print_no_matches(component_type: str, query: Optional[str]) -> None:
    """Say that there is nothing to list."""
    rich_console.Console().print(
        f"[yellow]No {component_type} {f'match {query!r}' if query else 'found'}.[/yellow]", highlight=False
    )


def print_rich_table(table: Table) -> None:
    """Print a table, as wide as it wants to be where that is no terminal."""
    console = rich_console.Console()
    if not console.is_terminal:
        width = rich_console.Console(width=UNBOUNDED).measure(table).maximum
        console = rich_console.Console(width=width)
    console.print(table)


def render_component_inspection(
    *,
    json_output: bool,
    name: str,
    type_noun: str,
    domain: Optional[str] = None,
    description: Optional[str] = None,
    details: Mapping[str, Any],
    usage: Optional[str] = None,
) -> None:
    """Print what is known of one component; parts that say nothing are left out."""
    if json_output:
        facts = {"name": name, "type": type_noun, "domain": domain, "description": description, "details": details}
        sys.stdout.write(json.dumps({**facts, "usage_example": usage}) + "\n")
        return
    listed = "\n".join(f"{label}: {value}" for label, value in details.items())
    parts = [f"The [bold]{escape(name)}[/bold] {escape(type_noun)}{escape(f' (domain: {domain})') if domain else ''}"]
    parts += [escape(description)] if description else []
    parts += [
        f"[bold]{title}:[/bold]\n{escape(text)}"
        for title, text in (("Details", listed), ("Usage example", usage))
        if text
    ]
    rich_console.Console().print("\n\n".join(parts), soft_wrap=True, highlight=False)
