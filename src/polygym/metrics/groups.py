"""Groups, the rollouts of one task, as trainers look at them: baseline, advantages, pass@k, over scored members only.

A member without a score has no part in any number here: it moves no baseline, gets no advantage, and is counted as
missing. A group with too few scored members is refused, so that a run whose rollouts fail cannot be trained on.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from polygym.metrics.passes import mean_at_k, pass_at_k, pass_hat_k
from polygym.metrics.records import reward_of, state_of
from polygym.protocol.json import JsonObject
from polygym.protocol.rollouts import RolloutState
from polygym.protocol.tasks import ROLLOUT_INDEX, TASK_INDEX

CORRECT_AT = 1.0
"""Reward from which a rollout counts as correct, unless the caller says otherwise."""


class TooFewScoredError(ValueError):
    """A group has fewer scored members than its statistics need."""

    def __init__(self, *, scored: int, expected: int, minimum: int) -> None:
        super().__init__(
            f"the group has {scored} scored rollouts of {expected}, its statistics need {minimum}: "
            "leave the group out, or have the missing rollouts attempted again"
        )
        self.scored = scored
        self.expected = expected
        self.minimum = minimum


@dataclass(frozen=True, slots=True)
class Group:
    """The rollouts of one task. Made by `read_group`."""

    rewards: tuple[float | None, ...]
    """Reward of each record, in their order; None of one that was not scored."""
    states: tuple[RolloutState, ...]
    """How each record ended, in the same order."""
    expected: int
    """Rollouts that the group should have."""

    @property
    def scored_rewards(self) -> list[float]:
        """Rewards of scored members, masked ones included."""
        return [reward for reward in self.rewards if reward is not None]

    @property
    def scored(self) -> int:
        """Members with a reward, masked ones included."""
        return len(self.scored_rewards)

    @property
    def masked(self) -> int:
        """Members with a reward that are not to be trained on."""
        return self.states.count(RolloutState.MASKED)

    @property
    def missing(self) -> int:
        """Rollouts without a reward, recorded or not."""
        return self.expected - self.scored

    @property
    def mean(self) -> float:
        """Mean reward of the scored members."""
        return fmean(self.scored_rewards)

    @property
    def std(self) -> float:
        """Sample standard deviation of the scored members' rewards, 0 of one member."""
        rewards = self.scored_rewards
        mean = fmean(rewards)
        return math.sqrt(math.fsum((reward - mean) ** 2 for reward in rewards) / max(1, len(rewards) - 1))

    def advantages(self, *, divide_by_std: bool = False, epsilon: float = 1e-6) -> list[float | None]:
        """Reward minus the group's mean for each record, None where there is nothing to train on.

        That is every record without a score, and every masked one, whose reward still belongs to the mean.
        `divide_by_std` divides by the standard deviation plus `epsilon`, as GRPO does (Shao et al. 2024,
        arXiv:2402.03300, eq. 3); why one may not want to: Liu et al. 2025, arXiv:2503.20783.
        """
        mean = self.mean
        scale = self.std + epsilon if divide_by_std else 1.0
        return [
            (reward - mean) / scale if reward is not None and state is RolloutState.SCORED else None
            for reward, state in zip(self.rewards, self.states, strict=True)
        ]

    def correct(self, correct_at: float = CORRECT_AT) -> int:
        """Scored members with at least that reward."""
        return sum(reward >= correct_at for reward in self.scored_rewards)

    def pass_at_k(self, k: int, *, correct_at: float = CORRECT_AT) -> float:
        """`passes.pass_at_k` over scored members. Raises ValueError when fewer than k were scored."""
        return pass_at_k(self.correct(correct_at), self.scored, k)

    def pass_hat_k(self, k: int, *, correct_at: float = CORRECT_AT) -> float:
        """`passes.pass_hat_k` over scored members. Raises ValueError when fewer than k were scored."""
        return pass_hat_k(self.correct(correct_at), self.scored, k)

    def mean_at_k(self, k: int) -> float:
        """`passes.mean_at_k` over scored members. Raises ValueError when fewer than k were scored."""
        return mean_at_k(self.scored_rewards, k)


def read_group(records: Sequence[JsonObject], *, minimum: int = 2, expected: int | None = None) -> Group:
    """The group that `records`, all of one task, make up.

    `expected` is the number of rollouts it should have, by default that of `records`. Raises TooFewScoredError (a
    ValueError) when fewer than `minimum`, or none, were scored; two is the least that a baseline makes sense for.
    """
    rewards = tuple(reward_of(record) for record in records)
    group = Group(rewards, tuple(state_of(record) for record in records), max(len(records), expected or 0))
    needed = max(1, minimum)
    if group.scored < needed:
        raise TooFewScoredError(scored=group.scored, expected=group.expected, minimum=needed)
    return group


def group_by_task(records: Iterable[JsonObject]) -> list[list[JsonObject]]:
    """Records by task index, ascending, each group by rollout index; a record without a task index is its own group.

    Groups without an index come last, in their order; so do, within a group, records without a rollout index.
    """
    indexed: dict[int, list[JsonObject]] = {}
    single: list[list[JsonObject]] = []
    for record in records:
        task = record.get(TASK_INDEX)
        if task is None:
            single.append([record])
        else:
            indexed.setdefault(task, []).append(record)
    return [sorted(indexed[task], key=_rollout_order) for task in sorted(indexed)] + single


def _rollout_order(record: JsonObject) -> float:
    index = record.get(ROLLOUT_INDEX)
    return math.inf if index is None else index
