"""Which row of an environment is played: of a file, of its example dataset, or one that is generated."""

from itertools import islice
from pathlib import Path

from polygym.config.roots import find
from polygym.data.jsonl import dataset_lines
from polygym.kit.environment import Environment
from polygym.kit.rows import iterate_rows
from polygym.protocol.errors import InputError
from polygym.protocol.json import JsonObject
from polygym.protocol.tasks import parse_row, parse_task


def choose_row(
    environment: Environment,
    number: int,
    *,
    file: str | None = None,
    seed: int | None = None,
    difficulty: float | None = None,
) -> JsonObject:
    """Row `number`, from 0, of `file`; generated when there is a seed or a difficulty; else of the example dataset.

    Raises InputError when there is no such row, ConfigError when rows cannot be generated.
    """
    is_generated = seed is not None or difficulty is not None
    if file is not None:
        if is_generated:
            raise InputError("the rows of a file have their seed and difficulty already: leave one of them out.")
        return _row_of(find(environment.config.roots, file) or Path(file), number)
    examples = None if is_generated else _examples(environment)
    if examples is not None:
        return _row_of(examples, number)
    rows = iterate_rows(environment, number + 1, seed or 0, 0.5 if difficulty is None else difficulty)
    return next(islice(rows, number, None))


def _examples(environment: Environment) -> Path | None:
    instances = (environment.config.instances[environment.agent], environment.server)
    paths = (data.path for instance in instances for data in instance.datasets if data.type == "example")
    return next((path for path in paths if path.is_file()), None)


def _row_of(file: Path, number: int) -> JsonObject:
    count = 0
    for origin, line in dataset_lines(file):
        if count == number:
            row = parse_row(line, origin)
            parse_task(row, index=0, origin=origin)
            return row
        count += 1
    raise InputError(f"{file} has {count} rows, counted from 0: there is no row {number}.")
