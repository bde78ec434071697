from polygym.rollouts.limiter import START, AutoLimit


def settle(limit: AutoLimit, capacity: int, windows: int, *, base_s: float = 0.1, now: float = 0.0) -> float:
    """Let an endpoint that serves `capacity` calls at once in `base_s` answer for a while; the time afterwards."""
    for _ in range(windows):
        in_flight = limit.limit
        latency_s = base_s * max(1.0, in_flight / capacity)
        finished = max(int(in_flight / latency_s), 2 * in_flight)
        elapsed_s = max(1.0, finished * latency_s / in_flight)
        now += elapsed_s
        for _ in range(finished):
            limit.observe([latency_s])
        limit.adjust(now, in_flight)
    return now


def test_it_rises_to_what_the_endpoint_can_use_and_not_far_beyond() -> None:
    limit = AutoLimit(0.0, 16_384)
    settle(limit, capacity=200, windows=40)
    assert 150 <= limit.limit <= 420
    assert "settled at" in limit.summary()


def test_it_backs_off_at_once_when_the_endpoint_limits_its_rate() -> None:
    limit = AutoLimit(0.0, 16_384)
    now = settle(limit, capacity=10_000, windows=5)
    before = limit.limit
    limit.observe([], has_finished=False, rate_limits=1)
    step = limit.adjust(now, before)
    assert step is not None and limit.limit == int(before * 0.7)
    assert "429" in step.why


def test_it_does_not_rise_while_the_run_does_not_use_what_it_has() -> None:
    limit = AutoLimit(0.0, 16_384)
    for window in range(10):
        for _ in range(100):
            limit.observe([0.01])
        limit.adjust(2.0 * window, in_flight=2)
    assert limit.limit == START


def test_it_never_goes_above_its_ceiling_or_below_one() -> None:
    limit = AutoLimit(0.0, 20)
    now = settle(limit, capacity=10_000, windows=30)
    assert limit.limit == 20
    for _ in range(20):
        limit.observe([], has_finished=False, rate_limits=1)
        limit.adjust(now, 1)
    assert limit.limit == 1
