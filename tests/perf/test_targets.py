"""What the lines of the benchmark's table say."""

from perf.targets import TARGETS, Target, cpu_ratio, cpu_us, growth_mb


def cpu(*per_rollout: float) -> list[dict[str, float]]:
    return [{"cpu_ms_per_rollout": ms} for ms in per_rollout]


def test_a_ratio_compares_runs_of_the_same_round() -> None:
    assert cpu_ratio(cpu(2.0, 30.0, 3.0), cpu(1.0, 10.0, 1.0)) == 3.0


def test_a_line_whose_cases_did_not_run_has_no_value() -> None:
    line = Target("a ÷ b", 2, "", ("a", "b"), cpu_ratio)

    assert line.value({"a": cpu(1.0), "b": []}) is None
    assert line.value({"a": cpu(1.0), "b": cpu(2.0)}) == 0.5


def test_a_limit_is_an_upper_or_a_lower_one() -> None:
    ratio = Target("a ÷ b", 1.6, "", (), cpu_ratio)
    share = Target("rate", 0.97, "%", (), cpu_ratio, is_at_most=False)

    assert (ratio.is_met(1.6), ratio.is_met(1.61), ratio.shown_limit(), ratio.shown(1.234)) == (
        True,
        False,
        "≤ 1.6",
        "1.23",
    )
    assert (share.is_met(0.97), share.is_met(0.96), share.shown_limit(), share.shown(0.5)) == (
        True,
        False,
        "≥ 97 %",
        "50.0 %",
    )


def test_microseconds_are_shown_as_such() -> None:
    line = Target("a conversion", 150, "µs", ("a",), cpu_us)

    assert line.value({"a": cpu(0.05, 0.06, 0.2)}) == 60.0
    assert (line.shown(60.4), line.shown_limit()) == ("60 µs", "≤ 150 µs")


def test_memory_for_many_rows_counts_their_metrics_file_and_that_for_few_does_not() -> None:
    many, few = [{"peak_mb": 130.0, "peak_mb_collecting": 90.0}], [{"peak_mb": 150.0, "peak_mb_collecting": 60.0}]

    assert growth_mb(many, few) == 70.0


def test_every_line_says_something_else() -> None:
    assert len({line.what for line in TARGETS}) == len(TARGETS)
