"""Plain text and JSON on standard output."""

from collections.abc import Sequence
from typing import Any

import click

from polygym.protocol.json import dumps_indented


def print_json(value: Any) -> None:
    """Print `value` as indented JSON."""
    click.echo(dumps_indented(value).decode(), nl=False)


def print_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header, each column as wide as its widest cell."""
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    for row in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
