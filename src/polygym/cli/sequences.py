"""`gym dataset sequences`: the token sequences of rollouts, counted and written down for a trainer."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from polygym.cli.exits import ExitCode
from polygym.cli.output import print_columns, print_json
from polygym.cli.verbosity import verbose_option
from polygym.protocol.json import JsonObject

if TYPE_CHECKING:
    from polygym.training.report import TokenReports

log = logging.getLogger("polygym.cli")

COLUMNS = (
    *("rollouts", "without_tokens", "calls", "calls_without_tokens", "sequences", "breaks"),
    *("read_tokens", "generated_tokens"),
)
KEPT = ("reward", "rollout_state", "agent_ref", "_ng_task_index", "_ng_rollout_index", "_ng_attempt_index")
"""Fields of a rollout that its sequences carry."""


@click.command("sequences")
@click.argument("rollouts", metavar="ROLLOUTS", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    *("--output", "-o"),
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the sequences go, JSONL; without it they are only counted.",
)
@click.option("--overwrite", "is_overwriting", is_flag=True, help="Replace an output that exists.")
@click.option("--json", "is_json", is_flag=True, help="Print the counts as JSON.")
@verbose_option
def sequences(rollouts: tuple[Path, ...], output: Path | None, is_overwriting: bool, is_json: bool) -> int:
    """Count, and write, the token sequences of rollouts.

    ROLLOUTS are files of `gym eval run` with a model server that returns token ids. Shows for each environment where a
    conversation breaks into several sequences.
    """
    from polygym.data.jsonl import write_dataset
    from polygym.training.report import TokenReports

    reports = TokenReports()
    records = (record for path in rollouts for record in _records(path, reports))
    if output is not None:
        written = write_dataset(output, records, is_overwriting=is_overwriting)
    else:
        written = sum(1 for _ in records)
    _warn_of_missing_ids(reports)
    if is_json:
        print_json({name: report.to_json() for name, report in reports.by_environment.items()})
        return ExitCode.OK
    counts = [(name, report.to_json()) for name, report in reports.by_environment.items()]
    header = ["environment", *(column.replace("_", " ") for column in COLUMNS)]
    print_columns(header, [[name, *(str(count[column]) for column in COLUMNS)] for name, count in counts])
    if output is not None:
        click.echo(f"{output}: {written} sequences")
    return ExitCode.OK


def _warn_of_missing_ids(reports: "TokenReports") -> None:
    """Say which environments' model calls have no token ids at all: these were not asked for."""
    for name, report in reports.by_environment.items():
        if report.calls_without_tokens and not report.calls:
            log.warning("%s: no model call has token ids. Was return_token_id_information on?", name)


def _records(path: Path, reports: "TokenReports") -> Iterator[JsonObject]:
    """A record for each sequence of the file's rollouts. Raises InputError that names file and line."""
    from polygym.data.jsonl import dataset_lines
    from polygym.protocol.errors import InputError
    from polygym.protocol.tasks import parse_row

    for origin, line in dataset_lines(path):
        row = parse_row(line, origin)
        try:
            found = reports.add(row)
        except ValueError as error:
            raise InputError(f"{origin}: {error}.") from error
        kept = {name: row[name] for name in KEPT if name in row}
        for index, sequence in enumerate(found):
            yield {
                **kept,
                "sequence_index": index,
                "token_ids": sequence.token_ids,
                "loss_mask": sequence.loss_mask,
                "log_probs": sequence.log_probs,
            }
