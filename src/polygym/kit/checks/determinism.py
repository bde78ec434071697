"""Whether the same rollout has the same reward: in a fresh session, after others, and in another process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from polygym.kit.checks.solution import some_policies
from polygym.kit.checks.subject import Result, Subject, comparable, difference
from polygym.kit.playground import Outcome, Playground
from polygym.kit.policies import Policy
from polygym.protocol.json import JsonObject, dumps, loads

ELSEWHERE: Final = 4
"""Rows that are played in another process."""


def check_determinism(subject: Subject) -> Result:
    """Rollouts that are played again, in another order and in another process, get the same reward and metrics."""
    pairs = [(place, policy) for policy in some_policies(subject) for place in range(len(subject.samples))]
    problems = [*_again(subject, pairs), *_elsewhere(subject)]
    count = min(ELSEWHERE, len(subject.samples))
    return Result(problems, f"{len(pairs)} rollouts twice, {count} in another process")


def _again(subject: Subject, pairs: list[tuple[int, Policy]]) -> Iterator[str]:
    """Plays samples, given by their places, in a fresh environment, the last first."""
    first = [comparable(subject.alone(policy)[place]) for place, policy in pairs]
    samples = [subject.samples[place] for place, _ in pairs]
    plays = [(sample.row, policy.script(sample.row)) for sample, (_, policy) in zip(samples, pairs, strict=True)]

    async def run() -> list[Outcome]:
        async with Playground(subject.environment) as playground:
            return await playground.play_all(plays[::-1])

    second = [comparable(outcome) for outcome in reversed(subject.run(run()))]
    for sample, (_, policy), one, other in zip(samples, pairs, first, second, strict=True):
        if one != other:
            yield f"{sample.origin}, {policy.name}: played twice, {difference(one, other)}"


def _elsewhere(subject: Subject) -> list[str]:
    """Plays the reference in a process that hashes texts in another way."""
    samples = subject.samples[-ELSEWHERE:]
    environment = subject.environment
    order = {
        "environment": environment.name,
        "search_dirs": [str(root) for root in environment.config.roots],
        "rows": [sample.row for sample in samples],
    }
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-m", "polygym.kit.elsewhere"],
        input=dumps(order),
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(_import_path())},
        check=False,
    )
    if done.returncode != 0:
        return [f"in another process: {done.stderr.decode(errors='replace').strip()[-500:]}"]
    here = subject.alone(subject.reference)
    places = range(len(subject.samples) - len(samples), len(subject.samples))
    theirs: list[JsonObject] = loads(done.stdout)
    ours: list[JsonObject] = [loads(dumps(comparable(here[place]))) for place in places]
    return [
        f"{sample.origin}, the reference: in another process, {difference(mine, other)}"
        for sample, mine, other in zip(samples, ours, theirs, strict=True)
        if mine != other
    ]


def _import_path() -> list[str]:
    ours = str(Path(__file__).parents[3])
    return [ours, *filter(None, [os.environ.get("PYTHONPATH")])]
