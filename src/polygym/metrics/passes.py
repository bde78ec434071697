"""Scores of k attempts at one task: pass@k, pass^k, mean@k, majority@k. Knows counts and values, no records."""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from statistics import fmean


def pass_at_k(correct: int, total: int, k: int) -> float:
    """Chance that k of `total` samples, drawn without replacement, hold a correct one.

    Chen et al. 2021 (arXiv:2107.03374), eq. 1: unbiased, unlike the best of the first k. Raises ValueError unless
    0 <= correct <= total and 1 <= k <= total.
    """
    _check(correct, total, k)
    return 1.0 - math.comb(total - correct, k) / math.comb(total, k)


def pass_hat_k(correct: int, total: int, k: int) -> float:
    """Chance that k of `total` samples, drawn without replacement, are all correct: pass^k, reliability.

    Yao et al. 2024 (tau-bench, arXiv:2406.12045). Raises ValueError unless 0 <= correct <= total and 1 <= k <= total.
    """
    _check(correct, total, k)
    return math.comb(correct, k) / math.comb(total, k)


def mean_at_k(rewards: Sequence[float], k: int) -> float:
    """Mean of the first k rewards.

    Give them in the order of their rollout indices: in order of completion, the quick ones would count more often.
    Raises ValueError unless 1 <= k <= len(rewards).
    """
    _check(0, len(rewards), k)
    return fmean(rewards[:k])


def majority_at_k(answers: Sequence[Hashable | None], rewards: Sequence[float], k: int) -> float:
    """Reward of the answer that most of the first k samples give.

    Self-consistency, Wang et al. 2022 (arXiv:2203.11171). None is no answer and has no vote; k samples without any
    answer get 0. The rewards of answers with equally many votes are averaged, as if the tie were broken at random. When
    a verifier scored the same answer differently, the answer's reward is the mean. Raises ValueError unless there is
    one reward for each answer and 1 <= k <= their number.
    """
    if len(answers) != len(rewards):
        raise ValueError(f"{len(answers)} answers and {len(rewards)} rewards: there must be one reward for each answer")
    _check(0, len(rewards), k)
    votes: dict[Hashable, list[float]] = defaultdict(list)
    for answer, reward in zip(answers[:k], rewards[:k], strict=True):
        if answer is not None:
            votes[answer].append(reward)
    if not votes:
        return 0.0
    most = max(map(len, votes.values()))
    return fmean(fmean(given) for given in votes.values() if len(given) == most)


def _check(correct: int, total: int, k: int) -> None:
    if not 0 <= correct <= total:
        raise ValueError(f"{correct} correct of {total} samples is impossible")
    if not 1 <= k <= total:
        raise ValueError(f"k = {k} needs 1 <= k <= the number of samples, which is {total}")
