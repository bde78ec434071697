"""What a run is going to do: every row checked, routed, repeated and written down before the first model call.

The plan is the materialized inputs file. Running reads rows from it by offset, so that memory holds a few bytes a row
and every agent's next row is at hand wherever it stands in the file.
"""

import re
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, Literal, Self, TypeAlias

from polygym.data.jsonl import dataset_lines, whole_lines
from polygym.data.prompts import PromptTemplate
from polygym.protocol.errors import InputError, OutputError, suggest
from polygym.protocol.json import JsonObject, dumps
from polygym.protocol.tasks import (
    AGENT_REF,
    PARAMS,
    ROLLOUT_INDEX,
    TASK_INDEX,
    TASK_SOURCE,
    Task,
    parse_row,
    parse_task,
)
from polygym.rollouts.keys import KeySet, Numbering, RolloutKey
from polygym.rollouts.outputs import OutputPaths
from polygym.rollouts.rows import REPEAT, RowReader

READ_AHEAD = 16
"""Rows of an agent that are read in one go where they stand close together."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A JSONL file with tasks."""

    path: Path
    agent: str | None = None
    """Instance name of the agent for rows that name none."""
    num_repeats: int = 1
    """Rollouts per task, unless the request says otherwise."""
    prompt: PromptTemplate | None = None
    """What rows, which have no input then, are filled into."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several jobs that share a run: it takes every `count`-th task, counted by task index."""

    index: int
    """From 0."""
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The shard that `i/n` names. Raises ValueError when it names none."""
        found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if found is None or not int(found[1]) < int(found[2]):
            raise ValueError(f"'{text}' is no shard: write i/n with i from 0 to n-1, such as 0/4")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def holds(self, task_index: int) -> bool:
        """Whether the task is this shard's."""
        return task_index % self.count == self.index


Order: TypeAlias = Literal["group", "stream"]
RowCheck: TypeAlias = Callable[[str, JsonObject], None]
"""Called with an agent's name and a row for it. Raises InputError when the agent's environment cannot take the row."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What to run."""

    inputs: Sequence[InputFile]
    agents: Collection[str]
    """Agents that rows may name."""
    task_sources: Mapping[str, str] = field(default_factory=dict)
    """Servers that declare datasets and the agent of each, for rows that name such a server and no agent."""
    limit: int | None = None
    """Tasks taken of each input file."""
    num_repeats: int | Mapping[str, int] | None = None
    """Rollouts per task: for all, or by agent."""
    params: JsonObject | None = None
    """Laid over every row's `responses_create_params`."""
    order: Order = "group"
    """`group` keeps the repeats of a task next to each other, `stream` runs all tasks once, then again."""
    shard: Shard | None = None
    """The part of the tasks that is this run's."""


class Plan:
    """The materialized rows of a run, by agent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offsets: dict[str, array[int]] = {}
        """Per agent: where each of its rows starts in the file, in order."""
        self.skipped: Counter[str] = Counter()
        """Per agent: rows that an earlier run has finished."""
        self.model_calls: Counter[str] = Counter()
        """Per agent: model calls that its rows take at least, one a rollout, two where tools are offered."""
        self._repeats: dict[str, array[int]] = {}
        self._reader = RowReader()

    def total(self) -> int:
        """Rollouts to run."""
        return sum(len(offsets) for offsets in self.offsets.values())

    def add(self, agent: str, row: JsonObject, offsets: Sequence[int], repeats: Sequence[int]) -> None:
        """Note a row of `agent`, whose `repeats` stand at `offsets` bytes."""
        self.offsets.setdefault(agent, array("Q")).extend(offsets)
        self._repeats.setdefault(agent, array("I")).extend(repeats)
        self.model_calls[agent] += len(repeats) * (2 if row[PARAMS].get("tools") else 1)

    def arrange(self, order: Order) -> None:
        """Bring every agent's rows into their order. Call it once, when all are added."""
        if order == "stream":
            for agent, offsets in self.offsets.items():
                repeats = self._repeats[agent]
                self.offsets[agent] = array(
                    "Q", (offsets[at] for at in sorted(range(len(offsets)), key=repeats.__getitem__))
                )
        self._repeats = {}

    def part(self, offsets: "dict[str, array[int]]") -> "Plan":
        """A plan of some of this one's rows, for another process."""
        part = Plan(self.path)
        part.offsets = offsets
        return part

    def without(self, done: KeySet) -> "Plan":
        """A plan of those of its rows whose rollouts are not done. Reads all of them."""
        rest: dict[str, array[int]] = {}
        for agent, offsets in self.offsets.items():
            for position, offset in enumerate(offsets):
                row = self.read(agent, position)
                if RolloutKey(row[TASK_INDEX], row[ROLLOUT_INDEX]) not in done:
                    rest.setdefault(agent, array("Q")).append(offset)
        return self.part(rest)

    def read(self, agent: str, position: int) -> JsonObject:
        """The agent's row at `position`, so that no two rollouts share anything that can be changed."""
        offsets = self.offsets[agent]
        ahead = offsets[min(position + READ_AHEAD, len(offsets) - 1)]
        return self._reader.read(self.path, agent, offsets[position], ahead)

    def move(self, path: Path) -> None:
        """Give the file its final name."""
        self.path = self.path.replace(path)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def make_plan(request: PlanRequest, path: Path, check: RowCheck | None = None) -> Plan:
    """Check and route every row, and write the materialized inputs to `path`.

    Raises InputError at the first row that cannot be run; no file is left behind then. A shard may be empty.
    """
    plan = Plan(path)
    try:
        with open(path, "wb") as file:
            tasks = _write_rows(request, plan, file, check)
        plan.arrange(request.order)
        if not tasks:
            names = ", ".join(str(source.path) for source in request.inputs)
            raise InputError(f"{names}: no tasks to run.")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written: {error.strerror}.") from error
    except InputError:
        path.unlink(missing_ok=True)
        raise
    return plan


def _write_rows(request: PlanRequest, plan: Plan, file: IO[bytes], check: RowCheck | None) -> int:
    """Write what is to run; how many rows of tasks there are, those of other shards included."""
    offset = tasks = 0
    numbers = _TaskNumbers()
    for task, agent, repeats in _routed_tasks(request, numbers):
        tasks += 1
        first = numbers.take_repeats(repeats)
        if request.shard is not None and not request.shard.holds(task.index):
            continue
        row = _prepared(task, agent, request.params)
        _check(row, agent, task.origin, check)
        row.pop(ROLLOUT_INDEX, None)
        head = dumps(row)[:-1] + REPEAT
        offsets = array("Q")
        for repeat in range(first, first + repeats):
            offsets.append(offset)
            offset += file.write(b"%b%d}\n" % (head, repeat))
        plan.add(agent, row, offsets, range(first, first + repeats))
    return tasks


def _check(row: JsonObject, agent: str, origin: str, check: RowCheck | None) -> None:
    if check is None:
        return
    try:
        check(agent, row)
    except InputError as error:
        raise InputError(f"{origin}: {error}") from error


class _TaskNumbers:
    """Task indices: identical rows are one task. Rows that bring an index along keep it, and then all have to."""

    def __init__(self) -> None:
        self._numbering = Numbering()
        self._repeats = array("I")
        self._are_given: bool | None = None
        self._last = 0

    def index(self, row: JsonObject, line: bytes, lane: str, origin: str) -> int:
        """The index of the row's task; rows are alike in one lane only."""
        given = row.get(TASK_INDEX)
        if self._are_given is not None and self._are_given is not (given is not None):
            raise InputError(f"{origin}: '{TASK_INDEX}' must be in every row or in none, else tasks would be mixed up.")
        self._are_given = given is not None
        key = repr(given).encode() if given is not None else lane.encode() + b"\n" + line.strip()
        self._last = self._numbering.number(int.from_bytes(blake2b(key, digest_size=8).digest()))
        if self._last == len(self._repeats):
            self._repeats.append(0)
        return self._last if given is None else given

    def take_repeats(self, count: int) -> int:
        """The first of the next `count` repeats of the task that `index` was last asked for."""
        first = self._repeats[self._last]
        self._repeats[self._last] += count
        return first


def _routed_tasks(request: PlanRequest, numbers: _TaskNumbers) -> Iterator[tuple[Task, str, int]]:
    for source in request.inputs:
        for number, (origin, line) in enumerate(dataset_lines(source.path)):
            if request.limit is not None and number >= request.limit:
                break
            row = parse_row(line, origin)
            lane = source.agent or ""
            if source.prompt is not None:
                row = source.prompt.fill(row, origin)
                lane += f"\n{source.prompt.path}"
            task = parse_task(row, index=numbers.index(row, line, lane, origin), origin=origin)
            agent = _agent_of(task, source, request)
            yield task, agent, _repeats(request.num_repeats, agent, source)


def _agent_of(task: Task, source: InputFile, request: PlanRequest) -> str:
    agents = request.agents
    agent = task.agent or _source_agent(task.row.get(TASK_SOURCE), request) or source.agent
    if agent is None:
        if len(agents) == 1:
            return next(iter(agents))
        known = ", ".join(sorted(agents)) or "none"
        raise InputError(
            f"{task.origin}: the row names no agent and there is more than one ({known})."
            f' Add "{AGENT_REF}": {{"name": …}} to it, or give --agent.'
        )
    if agent not in agents:
        raise InputError(f"{task.origin}: no agent '{agent}' is configured. {suggest(agent, agents)}")
    return agent


def _source_agent(task_source: Any, request: PlanRequest) -> str | None:
    """The agent that a row's `task_source` leads to: itself, or the one that plays in that server."""
    if not isinstance(task_source, str):
        return None
    return task_source if task_source in request.agents else request.task_sources.get(task_source)


def _repeats(wanted: int | Mapping[str, int] | None, agent: str, source: InputFile) -> int:
    if isinstance(wanted, int):
        return wanted
    return source.num_repeats if wanted is None else wanted.get(agent, source.num_repeats)


def _prepared(task: Task, agent: str, params: JsonObject | None) -> JsonObject:
    row = {**task.row, AGENT_REF: {"type": "responses_api_agents", "name": agent}, TASK_INDEX: task.index}
    if params:
        row[PARAMS] = {**row[PARAMS], **params}
    return row


def reopen_plan(paths: OutputPaths, done: KeySet, order: Order = "group", check: RowCheck | None = None) -> Plan:
    """The plan of an earlier run, without the rollouts that are `done`. `paths.inputs` must exist.

    Raises InputError for a row that the environment, as it is now, cannot take.
    """
    plan = Plan(paths.inputs)
    offset = 0
    for number, line in whole_lines(paths.inputs):
        row = parse_row(line, f"{paths.inputs}:{number}")
        agent = row[AGENT_REF]["name"]
        if RolloutKey(row[TASK_INDEX], row[ROLLOUT_INDEX]) in done:
            plan.skipped[agent] += 1
        else:
            _check(row, agent, f"{paths.inputs}:{number}", check)
            plan.add(agent, row, (offset,), (row[ROLLOUT_INDEX],))
        offset += len(line)
    plan.arrange(order)
    return plan
