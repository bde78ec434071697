"""What a collection writes and, when it is resumed, finds: rollouts, failures, and the rows that were run."""

import logging
import os
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import orjson

from nemo_gym.collection_configs import RolloutCollectionConfig
from nemo_gym.collection_rows import Row, place_of
from nemo_gym.keys import ATTEMPT_INDEX_KEY_NAME, ROLLOUT_INDEX_KEY_NAME, TASK_INDEX_KEY_NAME
from nemo_gym.path_utils import failures_path_for

NG_FAILURE_CLASS_KEY: Final = "_ng_failure_class"
NG_NO_PERSIST_KEY: Final = "_ng_no_persist"
NG_TERMINAL_KEY: Final = "_ng_failure_terminal"
DEFAULT_MAX_ROLLOUT_ATTEMPTS: Final = 3
MAX_ATTEMPTS_VARIABLE: Final = "NEMO_GYM_MAX_ROLLOUT_ATTEMPTS"

log = logging.getLogger("nemo_gym.collection")


def get_max_rollout_attempts() -> int:
    """Attempts that a rollout has over all resumed runs: NEMO_GYM_MAX_ROLLOUT_ATTEMPTS, 3 when that is no number."""
    given = os.environ.get(MAX_ATTEMPTS_VARIABLE)
    if not given:
        return DEFAULT_MAX_ROLLOUT_ATTEMPTS
    if given.strip().isdecimal() and int(given) >= 1:
        return int(given)
    log.warning("%s=%r is not a number from 1, %d are made", MAX_ATTEMPTS_VARIABLE, given, DEFAULT_MAX_ROLLOUT_ATTEMPTS)
    return DEFAULT_MAX_ROLLOUT_ATTEMPTS


def is_resumable(config: RolloutCollectionConfig) -> bool:
    """Whether there is something to go on with, and that is wanted."""
    return (
        config.resume_from_cache
        and config.materialized_jsonl_fpath.exists()
        and Path(config.output_jsonl_fpath).exists()
    )


def start_anew(config: RolloutCollectionConfig, rows: list[Row]) -> None:
    """Write the rows that are going to be run; an earlier run's rollouts are removed."""
    write_lines(config.materialized_jsonl_fpath, rows)
    Path(config.output_jsonl_fpath).unlink(missing_ok=True)


def resume(config: RolloutCollectionConfig) -> tuple[list[Row], list[Row], list[Row]]:
    """Rows to run, rows that are done and their rollouts.

    A row that failed before is run again, with the number of its attempt, unless its failure was for good or it has had
    all its attempts.
    """
    planned = read_lines(config.materialized_jsonl_fpath)
    results = read_lines(Path(config.output_jsonl_fpath))
    attempts: Counter[tuple[int, int]] = Counter()
    final = {place_of(result) for result in results}
    for failure in read_lines(failures_path_for(Path(config.output_jsonl_fpath))):
        if TASK_INDEX_KEY_NAME in failure and ROLLOUT_INDEX_KEY_NAME in failure:
            attempts[place_of(failure)] += 1
            if failure.get(NG_TERMINAL_KEY):
                final.add(place_of(failure))
    most = get_max_rollout_attempts()
    waiting = [row for row in planned if place_of(row) not in final and attempts[place_of(row)] < most]
    for row in waiting:
        if attempts[place_of(row)]:
            row[ATTEMPT_INDEX_KEY_NAME] = attempts[place_of(row)]
    by_place = {place_of(row): row for row in planned}
    log.info("%d rollouts are there, %d of %d are run", len(results), len(waiting), len(planned))
    return waiting, [by_place[place_of(result)] for result in results], results


def read_lines(path: Path) -> list[Row]:
    """The rows of a file; none when it is not there."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        return [orjson.loads(line) for line in file if line.strip()]


def write_lines(path: Path, rows: list[Row]) -> None:
    """Write rows, one line each."""
    with path.open("wb") as file:
        file.writelines(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


class OutputFiles:
    """The rollouts and the failures file, open for what is added."""

    def __init__(self, output: Path) -> None:
        self._paths = (output, failures_path_for(output))
        self._files: tuple[IO[bytes], ...] = ()

    def __enter__(self) -> Self:
        self._files = tuple(path.open("ab") for path in self._paths)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for file in self._files:
            file.close()

    @property
    def rollouts(self) -> IO[bytes]:
        """The rollouts file."""
        return self._files[0]

    def add(self, result: dict[str, Any]) -> bool:
        """Write a result where it belongs: with the rollouts, which is what this returns, the failures, or nowhere."""
        if result.get(NG_NO_PERSIST_KEY):
            return False
        is_rollout = result.get(NG_FAILURE_CLASS_KEY) is None
        file = self._files[0 if is_rollout else 1]
        file.write(orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE))
        file.flush()
        return is_rollout
