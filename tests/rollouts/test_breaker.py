from polygym.rollouts.breaker import TRIP_AFTER, Breaker

FIRST_PROBE_S = 1.0


def tripped(patience_s: float = 100.0) -> Breaker:
    breaker = Breaker("model m", patience_s)
    opened = [breaker.failed(0.0) for _ in range(TRIP_AFTER)]
    assert opened == [False] * (TRIP_AFTER - 1) + [True]
    return breaker


def test_failures_with_an_answer_between_do_not_open_it() -> None:
    breaker = Breaker("model m", 100.0)
    for _ in range(3 * TRIP_AFTER):
        breaker.failed(0.0)
        breaker.succeeded()
    assert not breaker.is_open and breaker.lets_through(0.0)


def test_open_it_lets_one_probe_through_at_a_time() -> None:
    breaker = tripped()
    assert not breaker.lets_through(FIRST_PROBE_S / 2)
    assert breaker.next_probe() == FIRST_PROBE_S
    assert breaker.lets_through(FIRST_PROBE_S)
    breaker.started(FIRST_PROBE_S)
    assert not breaker.lets_through(FIRST_PROBE_S)
    assert breaker.lets_through(2 * FIRST_PROBE_S)


def test_a_probe_that_fails_waits_longer_and_one_that_succeeds_closes_it() -> None:
    breaker = tripped()
    breaker.started(1.0)
    breaker.failed(1.0)
    assert breaker.next_probe() == 1.0 + 2 * FIRST_PROBE_S
    breaker.started(1.0)
    assert breaker.succeeded() is True
    assert breaker.lets_through(0.0) and breaker.next_probe() is None


def test_a_probe_that_tells_nothing_makes_way_for_another() -> None:
    breaker = tripped()
    breaker.started(1.0)
    breaker.inconclusive()
    assert breaker.is_open and breaker.lets_through(FIRST_PROBE_S)


def test_patience_ends() -> None:
    breaker = tripped(patience_s=10.0)
    breaker.started(1.0)
    breaker.failed(9.0)
    assert not breaker.is_given_up
    breaker.started(1.0)
    breaker.failed(10.0)
    assert breaker.is_given_up and breaker.next_probe() is None
