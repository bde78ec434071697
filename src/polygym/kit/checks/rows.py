"""Whether the environment's rows are tasks that it takes, and its generator gives enough different ones."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from polygym.data.jsonl import dataset_lines
from polygym.kit.checks.subject import Result, Sample, Subject
from polygym.kit.rows import Generator
from polygym.protocol.errors import InputError, UserError
from polygym.protocol.json import JsonObject
from polygym.protocol.tasks import parse_row, parse_task

EXAMPLES = 5
"""Example rows that an environment has at least."""
FEW = 4
"""Rows that show whether a generator repeats itself."""


def check_rows(subject: Subject, files: Sequence[Path] = ()) -> Result:
    """Rows of `files`, or else example and generated ones, fit the task; what is usable becomes the samples."""
    if files:
        samples, problems = _read(subject, files)
        subject.samples = samples[: len(subject.settings.seeds) * len(subject.settings.difficulties) * 10]
        return Result(problems, f"{len(samples)} rows of {', '.join(map(str, files))}")
    paths = [
        dataset.path
        for instance in subject.environment.config.instances.values()
        for dataset in instance.datasets
        if dataset.type == "example"
    ]
    missing = [f"{path}: is not there" for path in paths if not path.is_file()]
    examples, problems = _read(subject, [path for path in paths if path.is_file()])
    problems = [*missing, *problems]
    if len(examples) < EXAMPLES and not problems:
        problems.append(
            f"there are {len(examples)} example rows; {EXAMPLES} are wanted, in a dataset of type 'example'"
        )
    generated, more = _generated(subject, [sample.row for sample in examples])
    subject.samples = [*examples[: subject.settings.example_rows], *generated]
    return Result([*problems, *more], f"{len(examples)} example rows, {len(generated)} generated ones")


def _read(subject: Subject, paths: Sequence[Path]) -> tuple[list[Sample], list[str]]:
    """The rows of files that the environment takes, and what is wrong with the others."""
    samples, problems = [], []
    for path in paths:
        for index, (origin, line) in enumerate(dataset_lines(path)):
            try:
                row = parse_row(line, origin)
                parse_task(row, index=index, origin=origin)
                subject.playground.server.task_of(row)
                samples.append(Sample(origin, row))
            except InputError as error:
                problems.append(str(error) if str(error).startswith(origin) else f"{origin}: {error}")
    return samples, problems


def _generated(subject: Subject, examples: list[JsonObject]) -> tuple[list[Sample], list[str]]:
    """Rows of every seed and difficulty, and what is wrong with the generator."""
    environment, settings = subject.environment, subject.settings
    if not (environment.folder / "generate.py").is_file():
        return [], [f"{environment.folder} has no generate.py with make_row(index, rng, difficulty)"]
    samples: list[Sample] = []
    try:
        with Generator(environment) as generator:
            for seed, difficulty in itertools.product(settings.seeds, settings.difficulties):
                place = f"generated row (seed {seed}, difficulty {difficulty:g})"
                rows = generator.rows(settings.rows_each, seed, difficulty)
                samples += [Sample(f"{place} {index}", row) for index, row in enumerate(rows)]
            return samples, list(_faults(environment.name, generator, examples))
    except UserError as error:
        return samples, [str(error)]


def _faults(name: str, generator: Generator, examples: list[JsonObject]) -> Iterator[str]:
    def rows(count: int, seed: int = 0, difficulty: float = 0.5) -> list[JsonObject]:
        return list(generator.rows(count, seed, difficulty))

    some = rows(FEW)
    if rows(FEW - 1) != some[:-1]:
        yield "make_row gives other rows for the same seed and index; take randomness from `rng` alone"
    if rows(FEW, seed=1) == some:
        yield "make_row gives the same rows for another seed; take randomness from `rng`"
    if rows(FEW, difficulty=0.0) == rows(FEW, difficulty=1.0):
        yield "make_row gives the same rows at difficulty 0 and 1; difficulty must matter"
    if examples and examples != rows(len(examples)):
        yield (
            "the example rows are not those that the generator gives with seed 0 and difficulty 0.5; write them anew:"
            f" gym dataset generate {name} --n {len(examples)} --output …/data/example.jsonl --overwrite"
        )
