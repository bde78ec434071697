"""Limits of model servers, which are the whole run's, as several workers share them."""

import pytest

from polygym import configure
from polygym.config.model import RunConfig
from polygym.rollouts.shares import config_of_worker


def config(**fields: float) -> RunConfig:
    return configure(
        resources_servers=["example_multi_step"],
        model_type="openai_model",
        settings={"policy_model_name": "m"},
        overrides=[f"++policy_model.responses_api_models.openai_model.{key}={value}" for key, value in fields.items()],
    )


@pytest.mark.parametrize(("limit", "parts"), [(10, [4, 3, 3]), (3, [1, 1, 1]), (1, [1, 1, 1])])
def test_calls_at_once_are_shared_out_whole(limit: int, parts: list[int]) -> None:
    whole = config(max_concurrent_requests=limit)

    found = [config_of_worker(whole, worker, 3).instances["policy_model"].fields for worker in range(3)]

    assert [fields["max_concurrent_requests"] for fields in found] == parts
    assert whole.instances["policy_model"].fields["max_concurrent_requests"] == limit


def test_rates_are_shared_out_evenly_and_all_else_stays() -> None:
    whole = config(max_requests_per_minute=90, max_tokens_per_minute=3000.0)

    part = config_of_worker(whole, 2, 3)

    fields = part.instances["policy_model"].fields
    assert (fields["max_requests_per_minute"], fields["max_tokens_per_minute"]) == (30, 1000)
    assert fields["max_concurrent_requests"] is None
    assert [name for name in part.instances if part.instances[name] != whole.instances[name]] == ["policy_model"]


@pytest.mark.parametrize("workers", [1, 4])
def test_without_limits_the_configuration_is_the_same(workers: int) -> None:
    whole = config()

    assert config_of_worker(whole, 0, workers) is whole
