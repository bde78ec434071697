"""How far a mean can be trusted: standard errors and confidence intervals.

Rollouts of one task resemble each other, so they are no independent samples: what is sampled are tasks. Standard errors
here are clustered by task (Miller 2024, "Adding Error Bars to Evals", arXiv:2411.00640, section 2.2), with the factor
G / (G - 1) for a small number G of tasks (Cameron and Miller 2015, "A Practitioner's Guide to Cluster-Robust
Inference"), and intervals take Student's t with G - 1 degrees of freedom. With one rollout a task this is the familiar
standard error of the mean. Of rewards that are 0 or 1, a symmetric interval leaves that range and vanishes when all are
equal; theirs is Wilson's, with as many samples as the clustered standard error amounts to (Franco et al. 2019,
doi:10.1093/jssam/smy019).
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from functools import lru_cache
from statistics import NormalDist, fmean
from typing import NamedTuple

CONFIDENCE = 0.95
_EXPANSION_FROM = 60
"""Degrees of freedom from which the expansion of Student's t is exact to seven digits."""


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


class Estimate(NamedTuple):
    """A mean, and how far it can be trusted. The latter is None where the data cannot tell."""

    mean: float
    standard_error: float | None
    interval: Interval | None


def mean_estimate(
    values: Sequence[float], *, tasks: Sequence[Hashable] | None = None, confidence: float = CONFIDENCE
) -> Estimate:
    """The mean of `values` with its standard error and interval.

    `tasks` names the task of each value; without it, each value is a task of its own. A single task gives no standard
    error. Raises ValueError when there are no values or not one task for each.
    """
    if not values:
        raise ValueError("the mean of no values is undefined")
    if tasks is None:
        tasks = range(len(values))
    mean = fmean(values)
    residuals: dict[Hashable, float] = defaultdict(float)
    for task, value in zip(tasks, values, strict=True):
        residuals[task] += value - mean
    return clustered_estimate(
        mean,
        count=len(values),
        clusters=len(residuals),
        squared_residuals=math.fsum(residual * residual for residual in residuals.values()),
        confidence=confidence,
    )


def clustered_estimate(
    mean: float, *, count: int, clusters: int, squared_residuals: float, confidence: float = CONFIDENCE
) -> Estimate:
    """`mean_estimate` from sums.

    `count` is the number of values, `clusters` that of tasks, and `squared_residuals` the sum over tasks of
    (the task's sum of values - its number of values x `mean`) squared.
    """
    if clusters < 2:
        return Estimate(mean, None, None)
    standard_error = math.sqrt(clusters / (clusters - 1) * squared_residuals) / count
    margin = t_critical(confidence, clusters - 1) * standard_error
    return Estimate(mean, standard_error, Interval(mean - margin, mean + margin))


def proportion_interval(estimate: Estimate, *, count: int, clusters: int, confidence: float = CONFIDENCE) -> Interval:
    """Interval of the mean of values that are all 0 or 1, from their clustered `estimate`.

    `count` is the number of values, `clusters` that of tasks. Values that are all equal count as one sample a task.
    """
    variance = estimate.mean * (1 - estimate.mean)
    if not variance or estimate.standard_error is None:
        return wilson_interval(estimate.mean, clusters, confidence=confidence)
    squared_error = estimate.standard_error**2
    samples = min(count, variance / squared_error) if squared_error else count
    return wilson_interval(estimate.mean, samples, confidence=confidence)


def wilson_interval(rate: float, samples: float, *, confidence: float = CONFIDENCE) -> Interval:
    """Interval of a proportion (Wilson 1927), sound also for few samples and for a rate of 0 or 1.

    Raises ValueError unless 0 <= rate <= 1 and samples > 0.
    """
    if samples <= 0 or not 0 <= rate <= 1:
        raise ValueError(f"a rate of {rate} of {samples} samples is no proportion")
    z_squared = _normal_critical(confidence) ** 2
    centre = rate + z_squared / (2 * samples)
    margin = math.sqrt(z_squared * (rate * (1 - rate) + z_squared / (4 * samples)) / samples)
    scale = 1 + z_squared / samples
    return Interval(max(0.0, (centre - margin) / scale), min(1.0, (centre + margin) / scale))


@lru_cache(maxsize=1024)
def t_critical(confidence: float, degrees: int) -> float:
    """The t for which a Student variable with that many degrees of freedom lies in [-t, t] with that probability.

    Raises ValueError unless 0 < confidence < 1 and degrees >= 1.
    """
    if not 0 < confidence < 1 or degrees < 1:
        raise ValueError(f"no t for confidence {confidence} and {degrees} degrees of freedom")
    if degrees >= _EXPANSION_FROM:
        return _expanded_t(_normal_critical(confidence), degrees)
    low, high = 0.0, math.pi / 2
    while (angle := (low + high) / 2) not in (low, high):
        if _central_probability(angle, degrees) < confidence:
            low = angle
        else:
            high = angle
    return math.tan(angle) * math.sqrt(degrees)


def _normal_critical(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _expanded_t(z: float, degrees: int) -> float:
    """Student's t from the normal quantile: Abramowitz and Stegun 1964, 26.7.5."""
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / math.pow(degrees, power) for power, term in enumerate(terms, start=1))


def _central_probability(angle: float, degrees: int) -> float:
    """P(|T| < tan(angle) sqrt(degrees)): Abramowitz and Stegun 1964, 26.7.3 and 26.7.4."""
    cosine_squared = math.cos(angle) ** 2
    is_odd = degrees % 2 == 1
    term = math.cos(angle) if is_odd else 1.0
    total = term if degrees > 1 else 0.0
    for power in range(3 if is_odd else 2, degrees - 1, 2):
        term *= cosine_squared * (power - 1) / power
        total += term
    series = math.sin(angle) * total
    return 2 / math.pi * (angle + series) if is_odd else series
