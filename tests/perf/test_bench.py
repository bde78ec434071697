"""The benchmark works: its scenarios end, with all rollouts scored, and its tables name them."""

import os
from pathlib import Path

import pytest

from perf.bench import Endpoint, ScenarioError, case_table, measure, mock_endpoint, one_core, run_all, target_table
from perf.cases import FULL, QUICK, Case
from perf.scenario import SCENARIOS
from perf.targets import TARGETS

ROOT = Path(__file__).parents[2]
NOBODY = Endpoint(pid=0, port=0)


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("scenario", ["bare", "embedded", "embedded_chat"])
def test_a_scenario_says_what_its_rollouts_cost(scenario: str) -> None:
    with mock_endpoint(0.0) as endpoint:
        record = measure(Case("any", scenario, rollouts=20, concurrency=4), endpoint)

    assert record["rollouts"] == 20
    assert min(record["cpu_ms_per_rollout"], record["rollouts_per_s"], record["peak_mb"]) > 0


def test_with_a_slow_model_the_rate_is_compared_with_the_ideal_one() -> None:
    with mock_endpoint(0.05) as endpoint:
        record = measure(Case("slow", "many_in_flight", rollouts=40, concurrency=10, latency_s=0.05), endpoint)

    assert record["in_flight"] == 10
    assert record["share_of_ideal_rate"] > 0


@pytest.mark.parametrize("scenario", ["conversion", "conversion_with_tokens", "conversion_by_messages"])
def test_conversion_needs_no_endpoint(scenario: str) -> None:
    record = measure(Case("any", scenario, rollouts=20, concurrency=1), NOBODY)

    assert record["rollouts"] == 20
    assert record["cpu_ms_per_rollout"] > 0


def test_short_rows_need_no_endpoint() -> None:
    record = measure(Case("rows", "short_rows", rollouts=30, concurrency=4), NOBODY)

    assert record["rollouts"] == 30
    assert record["peak_mb"] >= record["peak_mb_collecting"] > 0


def test_a_scenario_that_crashes_is_reported_and_the_others_go_on() -> None:
    broken, sound = Case("broken", "no_such_scenario", 10, 1), Case("sound", "bare", 10, 1)

    runs, problems = run_all([broken, sound], rounds=1)

    assert [len(runs["broken"]), len(runs["sound"])] == [0, 1]
    assert len(problems) == 1 and problems[0].startswith("broken ended with")
    assert [line.split()[0] for line in case_table([broken, sound], runs)] == ["case", "sound"]
    assert len(target_table(runs)) == 1


def test_on_one_core_the_endpoint_shares_the_core_of_the_scenario_and_gets_the_others_back() -> None:
    cores = os.sched_getaffinity(0)
    with mock_endpoint(0.0) as endpoint:
        with one_core(endpoint.pid):
            assert os.sched_getaffinity(endpoint.pid) == os.sched_getaffinity(0) == {min(cores)}
        assert os.sched_getaffinity(endpoint.pid) == os.sched_getaffinity(0) == cores
        record = measure(Case("one core", "bare", 20, 1, is_on_one_core=True), endpoint)

    assert record["cpu_ms_per_rollout"] > 0


def test_a_crash_carries_what_the_scenario_said() -> None:
    with pytest.raises(ScenarioError, match="invalid choice: 'no_such_scenario'"):
        measure(Case("broken", "no_such_scenario", 10, 1), NOBODY)


def test_cases_name_scenarios_and_targets_name_cases() -> None:
    for cases in (FULL, QUICK):
        assert {case.scenario for case in cases} <= SCENARIOS.keys()
    assert {case for target in TARGETS for case in target.cases} <= {case.name for case in FULL}
