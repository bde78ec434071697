from hypothesis import given
from hypothesis import strategies as st

from polygym.rollouts.schedule import Lane, Scheduler, Work


def take_all(scheduler: Scheduler, now: float = 0.0) -> list[Work]:
    taken = []
    while (work := scheduler.take(now)) is not None:
        taken.append(work)
    return taken


def test_lanes_share_what_may_be_in_flight() -> None:
    taken = take_all(Scheduler([Lane("a", 100), Lane("b", 100)], limit=10))
    assert sorted(work.agent for work in taken) == ["a"] * 5 + ["b"] * 5


def test_weights_set_the_shares() -> None:
    taken = take_all(Scheduler([Lane("a", 100, weight=3.0), Lane("b", 100)], limit=8))
    assert sorted(work.agent for work in taken) == ["a"] * 6 + ["b"] * 2


def test_a_lane_at_its_own_limit_leaves_the_rest_to_the_others() -> None:
    taken = take_all(Scheduler([Lane("slow", 100, concurrency=1), Lane("b", 100)], limit=10))
    assert sorted(work.agent for work in taken) == ["b"] * 9 + ["slow"]


def test_a_stuck_lane_does_not_keep_the_other_from_finishing() -> None:
    scheduler = Scheduler([Lane("stuck", 100), Lane("b", 100)], limit=10)
    finished = 0
    running = take_all(scheduler)
    while moving := [work for work in running if work.agent == "b"]:
        for work in moving:
            scheduler.finish(work)
            running.remove(work)
            finished += 1
        running += take_all(scheduler)
    assert finished == 100


def test_an_attempt_waits_until_it_is_due_and_then_comes_first() -> None:
    scheduler = Scheduler([Lane("a", 3)], limit=1)
    first = scheduler.take(0.0)
    assert first is not None
    scheduler.finish(first)
    scheduler.retry(first, due=5.0)
    second = scheduler.take(1.0)
    assert second == Work("a", 1, 0, 0)
    scheduler.finish(second)
    assert scheduler.next_due(1.0) == 5.0
    assert scheduler.take(5.0) == Work("a", 0, 1, 1)


@given(
    totals=st.lists(st.integers(0, 30), min_size=1, max_size=5),
    limit=st.integers(1, 10),
    failing=st.sets(st.integers(0, 60)),
    seed=st.randoms(use_true_random=False),
)
def test_every_row_is_started_once_per_attempt_and_limits_hold(
    totals: list[int], limit: int, failing: set[int], seed: object
) -> None:
    lanes = [Lane(str(i), total, concurrency=(i % 3) or None) for i, total in enumerate(totals)]
    scheduler = Scheduler(lanes, limit)
    running: list[Work] = []
    seen: list[Work] = []
    now = 0.0
    while not scheduler.is_finished:
        fresh = take_all(scheduler, now)
        running += fresh
        seen += fresh
        assert len(running) <= limit
        for lane in lanes:
            assert lane.concurrency is None or lane.in_flight <= lane.concurrency
        if not running:
            due = scheduler.next_due(now)
            assert due is not None and due > now
            now = due
            continue
        work = seed.choice(running)  # type: ignore[attr-defined]
        running.remove(work)
        scheduler.finish(work)
        if work.attempt == 0 and len(seen) in failing:
            scheduler.retry(work, now + 1.0)
    assert len(seen) == len(set(seen))
    assert {(work.agent, work.position) for work in seen} == {
        (str(i), position) for i, total in enumerate(totals) for position in range(total)
    }
