"""What `gym eval aggregate` does: find the files, merge them, say what is there twice and what is missing."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import click

from polygym.cli.exits import ExitCode
from polygym.cli.output import print_columns, print_json
from polygym.metrics.running import overall
from polygym.metrics.table import component_lines, environment_table, incomplete_lines
from polygym.protocol.errors import ConfigError, InputError, OutputError
from polygym.protocol.json import JsonObject
from polygym.rollouts.merge import Merged, MergeRequest, merge

log = logging.getLogger("polygym.cli")

SIDE_FILES: Final = ("_failures.jsonl", "_materialized_inputs.jsonl", "_model_calls.jsonl")
"""Ends of the names of files that lie beside rollouts and hold none."""
OLD_KEYS: Final = {"input_glob": "input", "output_jsonl_fpath": "output"}
"""Keys of the older command and the option that each has become."""


def aggregate_files(
    inputs: Sequence[str],
    output: str | None,
    overrides: Sequence[str],
    *,
    keep: Literal["first", "last"] | None,
    overwrite: bool,
    is_json: bool,
) -> ExitCode:
    """Merge the files that `inputs` (paths and patterns) name. Raises UserError when that cannot be done."""
    given = dict(_read_overrides(overrides))
    inputs = [*inputs, *([given["input"]] if "input" in given else [])]
    output = output or given.get("output")
    if not inputs:
        raise InputError("no input is given. Add --input FILE.jsonl for each file, or --input 'shards/*.jsonl'.")
    if output is None:
        raise OutputError("no output is given. Add --output FILE.jsonl.")
    paths = list(dict.fromkeys(path for text in inputs for path in _found(text, Path(output))))
    merged = asyncio.run(merge(MergeRequest(paths, Path(output), keep, overwrite)))
    for difference in merged.differences:
        log.warning("%s", difference)
    if is_json:
        print_json(_to_json(merged))
    else:
        _print(merged)
    return ExitCode.OK if merged.is_complete else ExitCode.SOME_FAILED


def _read_overrides(overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in overrides:
        key, separator, value = text.lstrip("+").partition("=")
        if not separator:
            raise ConfigError(f"'{text}' is neither an option nor +key=value. Name files with --input.")
        if key in OLD_KEYS:
            yield OLD_KEYS[key], value.strip("'\"")
        else:
            log.warning("'%s' has no effect here: files are merged without any server.", key)


def _found(text: str, output: Path) -> Iterator[Path]:
    """The files that a path, or patterns separated by commas, name; patterns name no side files, and not the output."""
    if Path(text).expanduser().exists():
        yield Path(text).expanduser()
        return
    for pattern in text.split(","):
        path = Path(pattern.strip()).expanduser()
        if not any(sign in str(path) for sign in "*?["):
            yield path
            continue
        matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        rollouts = [match for match in matches if _may_hold_rollouts(match) and match.resolve() != output.resolve()]
        if not rollouts:
            raise InputError(f"no rollouts file matches '{pattern.strip()}'.")
        yield from rollouts


def _may_hold_rollouts(path: Path) -> bool:
    return path.suffix == ".jsonl" and not path.name.startswith(".") and not path.name.endswith(SIDE_FILES)


def _print(merged: Merged) -> None:
    rows = [
        [
            str(each.part.path),
            each.part.shard or "-",
            str(each.rollouts),
            "-" if each.planned is None else str(each.planned),
            "-" if each.planned is None else str(each.missing),
        ]
        for each in merged.parts
    ]
    print_columns(["input", "shard", "rollouts", "planned", "missing"], rows)
    click.echo()
    snapshots = {name: metrics.snapshot() for name, metrics in merged.metrics.items()}
    if snapshots:
        together = overall(merged.metrics.values()) if len(snapshots) > 1 else None
        table = environment_table(snapshots, together)
        for line in (*table, *component_lines(snapshots), *incomplete_lines(snapshots)):
            click.echo(line)
    if merged.identical:
        click.echo(f"{merged.identical} records were there more than once and are kept once.")
    if merged.replaced:
        click.echo(f"{merged.replaced} records differ from the one that is kept of the same rollout.")
    for label, path in (("rollouts", merged.paths.rollouts), ("metrics", merged.paths.metrics)):
        click.echo(f"{label + ':':10}{path}")
    _print_gaps(merged)


def _print_gaps(merged: Merged) -> None:
    if merged.missing_shards:
        click.echo(f"Missing shards: {', '.join(merged.missing_shards)}. Run them, then merge again.", err=True)
    total = merged.missing.total()
    if total:
        classes = ", ".join(f"{count} {name}" for name, count in merged.missing.most_common())
        click.echo(f"{total} planned rollouts are missing: {classes}. {_how_to_go_on(merged)}", err=True)
        for gap in merged.gaps:
            click.echo(f"  task {gap.key.task}, repeat {gap.key.repeat}, {gap.agent}: {gap.failure_class}", err=True)
        if total > len(merged.gaps):
            click.echo(f"  and {total - len(merged.gaps)} more", err=True)
    if all(each.planned is None for each in merged.parts):
        click.echo("What was planned is not known: no materialized inputs lie beside the files.", err=True)


def _how_to_go_on(merged: Merged) -> str:
    if merged.missing_shards or not merged.paths.manifest.exists():
        return "Resume their runs, then merge again."
    return f"Resume their runs and merge again, or resume {merged.paths.rollouts} without --shard."


def _to_json(merged: Merged) -> JsonObject:
    return {
        "output": str(merged.paths.rollouts),
        "complete": merged.is_complete,
        "rollouts": merged.rollouts,
        "inputs": [
            {
                "path": str(each.part.path),
                "shard": each.part.shard,
                "rollouts": each.rollouts,
                "planned": each.planned,
                "missing": None if each.planned is None else each.missing,
            }
            for each in merged.parts
        ],
        "duplicates": {"identical": merged.identical, "differing": merged.replaced},
        "missing": {
            "rollouts": merged.missing.total(),
            "by_class": dict(merged.missing.most_common()),
            "shards": merged.missing_shards,
            "first": [
                {
                    "task": gap.key.task,
                    "repeat": gap.key.repeat,
                    "agent": gap.agent,
                    "failure_class": gap.failure_class,
                }
                for gap in merged.gaps
            ],
        },
        "differences": merged.differences,
        "agents": {name: metrics.snapshot() for name, metrics in merged.metrics.items()},
    }
