"""From options, configuration and overrides to what is run."""

import pytest

from polygym.cli.asked import asked_for
from polygym.protocol.errors import ConfigError
from polygym.rollouts.plan import Shard

NO_OPTIONS = {"input": None, "limit": None, "concurrency": None, "resume": None}


def test_nothing_asked_for_gives_the_defaults() -> None:
    asked = asked_for(NO_OPTIONS, {}, set())

    assert (asked.concurrency.plain, asked.split, asked.limit, asked.resume) == (256, "example", None, False)


def test_the_older_keys_count_wherever_the_configuration_has_them() -> None:
    settings = {"input_jsonl_fpath": "a.jsonl", "num_samples_in_parallel": 3, "resume_from_cache": True}

    asked = asked_for(NO_OPTIONS, settings, set())

    assert (asked.input, asked.concurrency.plain, asked.resume) == (["a.jsonl"], 3, True)


def test_a_newer_name_counts_on_the_command_line_only() -> None:
    settings = {"concurrency": 3, "agent": {"any": "mapping"}}

    assert asked_for(NO_OPTIONS, settings, set()).concurrency.plain == 256
    assert asked_for(NO_OPTIONS, settings, {"concurrency"}).concurrency.plain == 3


def test_an_option_wins_over_both() -> None:
    settings = {"num_samples_in_parallel": 3, "concurrency": 4}

    assert asked_for(NO_OPTIONS | {"concurrency": 5}, settings, {"concurrency"}).concurrency.plain == 5


def test_sampling_options_are_laid_over_the_older_mapping() -> None:
    settings = {"responses_create_params": {"temperature": 0.1, "reasoning": {"effort": "low"}}}

    asked = asked_for({"temperature": 0.0, "max_output_tokens": 5}, settings, set())

    assert asked.params == {"temperature": 0.0, "max_output_tokens": 5, "reasoning": {"effort": "low"}}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"limit": -1}, "limit"),
        ({"num_repeats": "x"}, "num_repeats"),
        ({"responses_create_params": []}, "responses_create_params"),
        ({"skills": {"path": "x"}}, "skills"),
    ],
)
def test_what_cannot_be_is_named(settings: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        asked_for(NO_OPTIONS, settings, set())


def test_lane_options_are_read_as_keys_too() -> None:
    settings = {"timeout_s": {"math": 5}, "concurrency": "auto", "shard": "1/4", "weight": 2, "order": "stream"}

    asked = asked_for(NO_OPTIONS, settings, set(settings))

    assert asked.timeout_s.agents == {"math": 5.0}
    assert asked.concurrency.plain is None
    assert (asked.shard, asked.order) == (Shard(1, 4), "stream")
    assert asked.weight.of(["math"]) == {"math": 2.0}


@pytest.mark.parametrize("shard", ["4/4", "1", "a/b", "-1/2", "0/0"])
def test_a_shard_that_there_cannot_be_is_refused(shard: str) -> None:
    with pytest.raises(ConfigError, match="is no shard: write i/n"):
        asked_for({"shard": shard}, {}, set())
