"""The compact map against a dict."""

import tracemalloc
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from polygym.metrics.taskmap import TaskMap, TaskScore

TASKS = st.one_of(st.integers(0, 50), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**20).map(lambda n: n << 40))


@given(st.lists(st.tuples(TASKS, st.booleans()), max_size=300))
def test_it_holds_what_a_dict_would(rollouts: list[tuple[int, bool]]) -> None:
    scores, expected = TaskMap(), defaultdict(lambda: TaskScore(0, 0, 0.0))
    for task, correct in rollouts:
        before = expected[task]
        scores.add(task, 1, int(correct), float(correct))
        expected[task] = TaskScore(before.total + 1, before.correct + correct, before.reward_sum + correct)

    assert dict(scores) == expected
    assert len(scores) == len(expected)


def test_a_task_takes_tens_of_bytes() -> None:
    scores = TaskMap()
    tracemalloc.start()
    for task in range(0, 20_000 * 7, 7):
        scores.add(task, 1, 1, 1.0)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(scores) == 20_000
    assert taken < 45 * 20_000
