"""`gym dataset render`: rows with their prompts filled in, to look at or to hand on."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from polygym.cli.exits import ExitCode
from polygym.cli.selection import search_dir_option
from polygym.cli.verbosity import verbose_option
from polygym.protocol.errors import ConfigError, suggest

KEYS: Final = {"input_jsonl_fpath": "input", "output_jsonl_fpath": "output", "prompt_config": "prompt_config"}
"""Keys of the older command and the option that each has become."""


@click.command("render")
@click.option("--input", "-i", "input_", metavar="FILE", help="Rows without responses_create_params.input, JSONL.")
@click.option("--prompt-config", metavar="FILE", help="The prompt: YAML with 'user' and perhaps 'system'.")
@click.option("--output", "-o", metavar="FILE", help="Where the rows go, JSONL.")
@click.option("--overwrite", is_flag=True, help="Replace an output that exists.")
@search_dir_option
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@verbose_option
def render(
    input_: str | None,
    prompt_config: str | None,
    output: str | None,
    overwrite: bool,
    search_dir: tuple[str, ...],
    overrides: tuple[str, ...],
) -> int:
    """Fill rows into a prompt, and write them."""
    from polygym.config.roots import find, search_roots
    from polygym.data.jsonl import dataset_lines, write_dataset
    from polygym.data.prompts import read_template
    from polygym.protocol.tasks import parse_row

    options = {"input": input_, "prompt_config": prompt_config, "output": output}
    given = {**dict(_older(overrides)), **{name: value for name, value in options.items() if value is not None}}
    for name in options:
        if name not in given:
            raise ConfigError(f"--{name.replace('_', '-')} is missing.")
    roots = search_roots(search_dir, os.environ, Path.cwd())
    template = read_template(given["prompt_config"], roots, "--prompt-config")
    source = find((Path.cwd(), *roots), given["input"]) or Path(given["input"])
    rows = (template.fill(parse_row(line, origin), origin) for origin, line in dataset_lines(source))
    count = write_dataset(Path(given["output"]), rows, is_overwriting=overwrite)
    click.echo(f"{given['output']}: {count} rows")
    return ExitCode.OK


def _older(overrides: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for text in overrides:
        key, has_value, value = text.lstrip("+").partition("=")
        if not has_value or key not in KEYS:
            raise click.UsageError(f"there is no key '{key}' here. {suggest(key, KEYS)}")
        yield KEYS[key], value.strip("'\"")
