"""pass@k, average, majority and scatter over the rollouts of tasks, for servers' own metrics. Percentages."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any, NamedTuple, TypeAlias

from polygym.metrics.passes import pass_at_k

Row: TypeAlias = dict[str, Any]
Scores: TypeAlias = dict[str, float]
ScoreFunction: TypeAlias = Callable[[Row], Mapping[str, Any]]
NO_ANSWER = "no_answer"
"""Score that says how often there was no answer to extract."""


class PassMetrics(NamedTuple):
    """What `compute_pass_majority_metrics` gives."""

    metrics: dict[str, Any]
    all_score_dicts: list[list[Scores]]
    """Scores of every rollout, by task."""
    score_names: list[str]
    max_k: int
    """Rollouts of the task that has most."""


def compute_pass_majority_metrics(
    tasks: Sequence[Sequence[Row]], score_fn: ScoreFunction | None = None, answer_key: str | None = None
) -> PassMetrics:
    """Metrics `pass@k/<score>`, `pass@1[avg-of-k]/<score>` and how the latter scatters from run to run, for every k.

    Scores come from `score_fn`, by default the reward as `accuracy`. pass@k of scores that are all 0 or 1 is the
    unbiased estimate, of others the best of the first k. With `answer_key`, the row's field with the extracted answer,
    there are `majority@k/<score>` and the score `no_answer`, too.
    """
    if not tasks:
        return PassMetrics({}, [], [], 0)
    scores = [[_scores_of(row, score_fn, answer_key) for row in rows] for rows in tasks]
    names = sorted({name for rows in scores for one in rows for name in one})
    max_k = max(len(rows) for rows in tasks)
    metrics: dict[str, Any] = {}
    for k in range(1, max_k + 1):
        for name in names:
            found = {
                f"pass@{k}/{name}": [_pass_at(k, values) for values in _by_task(scores, name) if len(values) >= k],
                f"pass@1[avg-of-{k}]/{name}": [
                    fmean(values) for values in _by_task((rows[:k] for rows in scores), name)
                ],
            }
            if answer_key is not None:
                found[f"majority@{k}/{name}"] = [
                    _majority([row.get(answer_key) for row in rows[:k]], ours[:k], name)
                    for rows, ours in zip(tasks, scores, strict=True)
                ]
            metrics |= {key: 100.0 * fmean(values) for key, values in found.items() if values}
    metrics["per_sample_aggregate"] = by_run = dict(_by_run(scores, names, max_k))
    for k in range(2, max_k + 1):
        for name, runs in by_run.items():
            if len(runs[:k]) >= 2:
                scatter = stdev(runs[:k])
                metrics[f"pass@1[avg-of-{k}]/{name}/std_dev_across_runs"] = scatter
                metrics[f"pass@1[avg-of-{k}]/{name}/std_err_across_runs"] = scatter / math.sqrt(len(runs[:k]))
    return PassMetrics(metrics, scores, names, max_k)


def _scores_of(row: Row, score_fn: ScoreFunction | None, answer_key: str | None) -> Scores:
    given = score_fn(row) if score_fn is not None else {"accuracy": row["reward"]}
    scores = {name: int(value) if isinstance(value, bool) else value for name, value in given.items()}
    if answer_key is not None:
        scores[NO_ANSWER] = int(row.get(answer_key) is None)
    return scores


def _by_task(scores: Iterable[Sequence[Scores]], name: str) -> Iterator[list[float]]:
    """The values of one score, for each task that has any."""
    for rows in scores:
        if values := [one[name] for one in rows if name in one]:
            yield values


def _pass_at(k: int, values: Sequence[float]) -> float:
    if all(value in {0, 1} for value in values):
        return pass_at_k(sum(value == 1 for value in values), len(values), k)
    return max(values[:k])


def _majority(answers: Sequence[Any], scores: Sequence[Scores], name: str) -> float:
    """The score of the answer that was given most often, averaged over ties; 0 without answers."""
    votes = Counter(
        (answer, one[name]) for answer, one in zip(answers, scores, strict=True) if answer is not None and name in one
    )
    if not votes:
        return 0.0
    most = max(votes.values())
    return fmean(score for (_, score), count in votes.items() if count == most)


def _by_run(scores: Sequence[Sequence[Scores]], names: Sequence[str], max_k: int) -> Iterator[tuple[str, list[float]]]:
    """For each score its mean over all tasks' first rollouts, over their second ones, and so on."""
    for name in names:
        columns = (
            [rows[run][name] for rows in scores if run < len(rows) and name in rows[run]] for run in range(max_k)
        )
        if means := [100.0 * fmean(column) for column in columns if column]:
            yield name, means


def add_avg_sample_std_dev(
    metrics: dict[str, Any], all_score_dicts: Sequence[Sequence[Scores]], score_names: Sequence[str], max_k: int
) -> None:
    """Add `pass@1[avg-of-k]/<score>/avg_sample_std_dev`: how the rollouts of one task scatter, averaged over tasks."""
    for k in range(2, max_k + 1):
        for name in score_names:
            scatters = [
                stdev(values) for values in _by_task((rows[:k] for rows in all_score_dicts), name) if len(values) >= 2
            ]
            if scatters:
                metrics[f"pass@1[avg-of-{k}]/{name}/avg_sample_std_dev"] = fmean(scatters)


def compute_subset_metrics(
    tasks: Sequence[Sequence[Row]],
    subset_key: str,
    score_fn: ScoreFunction | None = None,
    answer_key: str | None = None,
) -> dict[str, Any]:
    """The pass metrics of each subset of the tasks, `<subset>/pass@1/accuracy`; the row's field names the subset."""
    subsets: dict[str, list[Sequence[Row]]] = {}
    for rows in tasks:
        if rows and (subset := rows[0].get(subset_key)):
            subsets.setdefault(subset, []).append(rows)
    return {
        f"{subset}/{key}": value
        for subset, members in subsets.items()
        for key, value in compute_pass_majority_metrics(members, score_fn, answer_key).metrics.items()
        if key != "per_sample_aggregate"
    }


_SCATTER = ("std_dev_across_runs", "std_err_across_runs", "avg_sample_std_dev")


def highest_k_metrics(
    agent_metrics: Mapping[str, Any],
    pattern: str,
    score_names: Iterable[str] | None = None,
    exclude_names: Iterable[str] | None = None,
) -> dict[str, Any]:
    """The metrics of the greatest k; `pattern` is such as `pass@{k}`. Never those that say how a score scatters."""
    shape = re.compile(re.escape(pattern).replace(r"\{k\}", r"(?P<k>\d+)") + r"/(?P<name>.+)")
    wanted, unwanted = score_names and set(score_names), set(exclude_names or ())
    found: dict[str, int] = {}
    for key in agent_metrics:
        match = shape.fullmatch(key)
        if match is None or match["name"].endswith(_SCATTER) or match["name"] in unwanted:
            continue
        if score_names is None or match["name"] in (wanted or ()):
            found[key] = int(match["k"])
    greatest = max(found.values(), default=0)
    return {key: agent_metrics[key] for key, k in found.items() if k == greatest}
