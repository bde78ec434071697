"""What the checks look at: one environment, brought up, with rows to play and the rollouts that were played already."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

from pydantic import ValidationError

from polygym.kit.environment import Environment
from polygym.kit.playground import Outcome, Playground, Turns
from polygym.kit.policies import Policy
from polygym.protocol.json import JsonObject
from polygym.protocol.rollouts import FAILURE_CLASS
from polygym.protocol.tasks import ROLLOUT_INDEX, TASK_INDEX
from polygym.servers.manifest import Manifest

ResultT = TypeVar("ResultT")

_NOT_COMPARED: Final = {"response", "_ng_failure_message", TASK_INDEX, ROLLOUT_INDEX}
"""Of a record: what may differ between two rollouts of a row in which the model says the same."""
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """How thoroughly an environment is checked."""

    seeds: Sequence[int] = (0, 1, 2)
    difficulties: Sequence[float] = (0.0, 0.5, 1.0)
    rows_each: int = 2
    """Rows generated of each seed and difficulty."""
    example_rows: int = 5
    """Example rows that are played."""
    sessions: int = 300
    """Rollouts under way at once."""
    examples: int = 100
    """Mutated outputs, and sequences of random tool calls, that are tried."""
    verify_limit_s: float = 2.0
    """Seconds of CPU time that one call of `verify` may take."""
    longest_text: int = 1_000_000
    """Characters of the longest answers that are tried."""

    @classmethod
    def quick(cls) -> "CheckSettings":
        """A look at everything that takes a second or two, for test suites."""
        return cls(seeds=(1,), rows_each=1, example_rows=2, sessions=50, examples=20, longest_text=100_000)


class Sample(NamedTuple):
    """A row to play."""

    origin: str
    """Where it comes from, for messages."""
    row: JsonObject


@dataclass(frozen=True, slots=True)
class Result:
    """What one check has to say."""

    problems: Sequence[str] = ()
    note: str = ""
    """What was looked at; of a check that was left out, why."""
    is_skipped: bool = False


class Subject:
    """An environment under examination: `with Subject(environment, settings) as subject`."""

    def __init__(self, environment: Environment, settings: CheckSettings) -> None:
        self.environment = environment
        self.settings = settings
        self.samples: list[Sample] = []
        """Set by the check of the rows, which comes first."""
        self.rewards: list[tuple[str, float]] = []
        """All rewards so far, with where they come from."""
        self.low, self.high = _reward_range(environment)
        self._alone: dict[str, dict[int, Outcome]] = {}
        self._runner = asyncio.Runner()
        self.playground = Playground(environment)

    def __enter__(self) -> Self:
        self.run(self.playground.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self.playground.__aexit__(None, None, None))
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """The result of `work`, run on the event loop that the environment's servers live on."""
        return self._runner.run(work)

    def reopen(self) -> None:
        """Bring the environment up afresh, after something has been interrupted that may have left it in any state."""
        self.run(self.playground.__aexit__(None, None, None))
        self._runner.close()
        self._runner = asyncio.Runner()
        self.playground = Playground(self.environment)
        self.run(self.playground.__aenter__())

    def play(
        self, plays: Sequence[tuple[Sample, str, Turns]], *, concurrency: int = 1, pace: Random | None = None
    ) -> list[Outcome]:
        """The outcomes of scripted rollouts, given with the name of their policy."""
        pairs = [(sample.row, turns) for sample, _, turns in plays]
        outcomes = self.run(self.playground.play_all(pairs, concurrency=concurrency, pace=pace))
        for (sample, name, _), outcome in zip(plays, outcomes, strict=True):
            self.note(f"{sample.origin}, {name}", outcome)
        return outcomes

    def note(self, origin: str, outcome: Outcome) -> None:
        """Keep a reward, for the check of the rewards."""
        if outcome.reward is not None:
            self.rewards.append((origin, outcome.reward))

    def alone(self, policy: Policy) -> Mapping[int, Outcome]:
        """How each sample ends under a policy, by its place; played one after another, once."""
        if policy.name not in self._alone:
            plays = [(sample, policy.name, policy.script(sample.row)) for sample in self.samples]
            self._alone[policy.name] = dict(enumerate(self.play(plays)))
        return self._alone[policy.name]

    @property
    def has_reference(self) -> bool:
        """Whether there is a reference.py."""
        return (self.environment.folder / "reference.py").is_file()

    @property
    def reference(self) -> Policy:
        """The policy of reference.py. Raises ConfigError when there is none."""
        return Policy("the reference", self.environment.solve)

    def is_top(self, outcome: Outcome) -> bool:
        """Whether a rollout has the highest reward there is."""
        return outcome.reward is not None and outcome.reward >= self.high - _TOLERANCE


def comparable(outcome: Outcome) -> JsonObject:
    """What must be the same in two rollouts of a row in which the model says the same: reward, metrics, failure."""
    kept = {key: value for key, value in outcome.record.items() if key not in _NOT_COMPARED}
    return {**kept, FAILURE_CLASS: outcome.record.get(FAILURE_CLASS)}


def tool_outputs(outcome: Outcome) -> list[Any]:
    """What the tools gave back in a rollout, in order."""
    response = outcome.record.get("response") or {}
    return [item.get("output") for item in response.get("output", ()) if item.get("type") == "function_call_output"]


def difference(one: JsonObject, other: JsonObject) -> str:
    """The first field in which two records differ, in words."""
    names = sorted({*one, *other}, key=lambda name: (name != "reward", name))
    name = next(name for name in names if one.get(name) != other.get(name))
    return f"{name}: {shorten(one.get(name))}, then {shorten(other.get(name))}"


def shorten(value: Any, limit: int = 200) -> str:
    """A value for a message."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def how_it_ended(outcome: Outcome) -> str:
    """A rollout's end, in words."""
    if outcome.script_error is not None:
        return str(outcome.script_error)
    if outcome.failure is not None:
        return f"{outcome.failure.failure_class}: {outcome.failure.message}"
    why = outcome.record.get("explanation")
    return f"reward {outcome.reward:g}" + (f" ({shorten(why)})" if why else "")


def _reward_range(environment: Environment) -> tuple[float, float]:
    try:
        return Manifest.model_validate(environment.server.fields.get("manifest") or {}).reward_range
    except ValidationError:
        return Manifest().reward_range
