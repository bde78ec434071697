"""Rewards by task as they stream in: pass@k, pass^k, mean@k, spread within and between tasks, a clustered interval.

Taking in a reward touches three numbers of its task; a summary goes through all tasks, some seconds for ten million.
"""

import math

from polygym.metrics.intervals import Estimate, clustered_estimate
from polygym.metrics.passes import pass_at_k, pass_hat_k
from polygym.metrics.taskmap import TaskMap, TaskScore
from polygym.protocol.json import JsonObject


class TaskSums:
    """Sums over tasks. They add up over sets of tasks that do not overlap."""

    __slots__ = ("_cross", "_means", "_squared_means", "_squared_sums", "_squared_totals", "_within", "tasks")

    def __init__(self) -> None:
        self.tasks: dict[tuple[int, int], int] = {}
        """Number of tasks by (scored rollouts, correct ones)."""
        self._means: dict[int, float] = {}
        """Sum of the tasks' mean rewards, by number of scored rollouts."""
        self._squared_means = 0.0
        self._squared_sums = 0.0
        """Sum of squared (summed reward of a task)."""
        self._squared_totals = 0
        """Sum of squared (scored rollouts of a task)."""
        self._cross = 0.0
        """Sum of (scored rollouts of a task x their summed reward)."""
        self._within = 0.0
        """Sum of squared distances of rewards from the mean of their task: sum of squares - sum of (total x mean^2)."""

    def add_task(self, score: TaskScore) -> None:
        """Take in one whole task."""
        total, correct, reward_sum = score
        self.tasks[total, correct] = self.tasks.get((total, correct), 0) + 1
        mean = reward_sum / total
        self._means[total] = self._means.get(total, 0.0) + mean
        self._squared_means += mean * mean
        self._squared_sums += reward_sum * reward_sum
        self._squared_totals += total * total
        self._cross += total * reward_sum
        self._within -= reward_sum * mean

    def add_squares(self, squares: float) -> None:
        """Take in the sum of squared rewards of all tasks, which the spread within tasks needs."""
        self._within += squares

    def merge(self, other: "TaskSums") -> None:
        """Add the sums over other tasks."""
        for score, count in other.tasks.items():
            self.tasks[score] = self.tasks.get(score, 0) + count
        for total, mean in other._means.items():
            self._means[total] = self._means.get(total, 0.0) + mean
        self._squared_means += other._squared_means
        self._squared_sums += other._squared_sums
        self._squared_totals += other._squared_totals
        self._cross += other._cross
        self._within += other._within

    @property
    def count(self) -> int:
        """Tasks with a scored rollout."""
        return sum(self.tasks.values())

    @property
    def rollouts(self) -> int:
        """Scored rollouts."""
        return sum(total * count for (total, _), count in self.tasks.items())

    def estimate(self, mean: float) -> Estimate:
        """`mean`, which is that of all rewards, with a standard error and an interval clustered by task."""
        residuals = self._squared_sums - 2 * mean * self._cross + mean * mean * self._squared_totals
        return clustered_estimate(mean, count=self.rollouts, clusters=self.count, squared_residuals=max(0.0, residuals))

    def spread(self) -> JsonObject:
        """How tasks differ, and rollouts of one task.

        `count` of tasks, `mean` of the task means, `std_between` of the task means, `std_within` of rewards around the
        mean of their task (pooled; None while no task has two scored rollouts), and how many tasks were
        `always_correct`, `never_correct`, `sometimes_correct`.
        """
        count, rollouts = self.count, self.rollouts
        if not count:
            return {"count": 0}
        mean = sum(self._means.values()) / count
        between = max(0.0, self._squared_means - count * mean * mean)
        always = sum(tasks for (total, correct), tasks in self.tasks.items() if correct == total)
        never = sum(tasks for (_, correct), tasks in self.tasks.items() if correct == 0)
        return {
            "count": count,
            "mean": mean,
            "std_between": math.sqrt(between / (count - 1)) if count > 1 else 0.0,
            "std_within": math.sqrt(max(0.0, self._within) / (rollouts - count)) if rollouts > count else None,
            "always_correct": always,
            "never_correct": never,
            "sometimes_correct": count - always - never,
        }

    def repeats(self) -> list[JsonObject]:
        """`{k, pass_at_k, pass_hat_k, mean_at_k, tasks, tasks_with_fewer}` for k = 1, 2, 4 … and the most of any task.

        An entry is the mean over the `tasks` with k scored rollouts or more; `tasks_with_fewer` are not in it. mean@k
        takes all of a task's scored rollouts, which is what the mean of any k of them is on average.
        """
        most = max((total for total, _ in self.tasks), default=0)
        return [self._at(k) for k in _powers_of_two(most)]

    def _at(self, k: int) -> JsonObject:
        reached = {score: count for score, count in self.tasks.items() if score[0] >= k}
        tasks = sum(reached.values())
        passes = sum(count * pass_at_k(correct, total, k) for (total, correct), count in reached.items())
        hats = sum(count * pass_hat_k(correct, total, k) for (total, correct), count in reached.items())
        means = sum(mean for total, mean in self._means.items() if total >= k)
        return {
            "k": k,
            "pass_at_k": passes / tasks,
            "pass_hat_k": hats / tasks,
            "mean_at_k": means / tasks,
            "tasks": tasks,
            "tasks_with_fewer": self.count - tasks,
        }


class TaskRewards:
    """Scored rollouts of one environment, task by task."""

    __slots__ = ("_alone", "_by_task", "_squares")

    def __init__(self) -> None:
        self._by_task = TaskMap()
        self._alone: dict[TaskScore, int] = {}
        """Rollouts without a task index, each a task of its own, counted by score."""
        self._squares = 0.0
        """Sum of squared rewards."""

    def add(self, task: int | None, reward: float, count: int = 1, *, is_correct: bool) -> None:
        """Count scored rollouts with the same reward. A rollout without a task index is a task of its own."""
        self._squares += count * reward * reward
        if task is not None:
            self._by_task.add(task, count, count if is_correct else 0, count * reward)
        else:
            part = TaskScore(1, int(is_correct), reward)
            self._alone[part] = self._alone.get(part, 0) + count

    def merge(self, other: "TaskRewards") -> None:
        """Add the rollouts of `other`, which may hold rollouts of the same tasks."""
        self._squares += other._squares
        for task, part in other._by_task:
            self._by_task.add(task, *part)
        for part, count in other._alone.items():
            self._alone[part] = self._alone.get(part, 0) + count

    def sums(self) -> TaskSums:
        """The sums over all tasks so far."""
        sums = TaskSums()
        for _, score in self._by_task:
            sums.add_task(score)
        for score, count in self._alone.items():
            for _ in range(count):
                sums.add_task(score)
        sums.add_squares(self._squares)
        return sums


def _powers_of_two(most: int) -> list[int]:
    """1, 2, 4 … below `most`, and `most`."""
    return [1 << power for power in range((most - 1).bit_length())] + [most] if most else []
