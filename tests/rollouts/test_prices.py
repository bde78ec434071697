"""Prices of a configuration: what they hold for, what tokens cost by them, and how wrong ones are refused."""

from typing import Any

import pytest

from polygym import configure
from polygym.config.model import RunConfig
from polygym.protocol.errors import ConfigError
from polygym.protocol.usage import Tokens
from polygym.rollouts.prices import Price, check_prices, prices_of

PRICE = {"input": 1.0, "output": 2.0}


def config(prices: Any, model: str = "tiny") -> RunConfig:
    settings = {"policy_model_name": model, "policy_base_url": "http://host/v1", "prices": prices}
    return configure(resources_servers=["example_multi_step"], model_type="openai_model", settings=settings)


def test_cached_and_written_input_have_prices_of_their_own() -> None:
    tokens = Tokens(input=100, cached=40, cache_written=10, output=20)

    assert Price(input=2, output=10).cost_usd(tokens) == pytest.approx((100 * 2 + 20 * 10) / 1e6)
    full = Price(input=2, cached_input=1, cache_write=4, output=10)
    assert full.cost_usd(tokens) == pytest.approx((50 * 2 + 40 * 1 + 10 * 4 + 20 * 10) / 1e6)


@pytest.mark.parametrize("name", ["tiny", "policy_model"])
def test_a_price_holds_for_a_server_by_its_name_or_by_the_name_of_its_model(name: str) -> None:
    prices = prices_of(config({name: {"input": 1, "output": 2}}))

    assert prices.of("policy_model", "whatever-it-says") == Price(input=1, output=2)


@pytest.mark.parametrize(
    "model_type",
    [
        *("anthropic_model", "azure_openai_model", "inference_provider", "litellm_model", "openai_model"),
        *("transformers_model", "vllm_model"),
    ],
)
def test_every_model_server_with_a_model_is_priced_by_its_name(model_type: str) -> None:
    given = {"policy_model_name": "tiny", "policy_base_url": "http://host/v1", "prices": {"tiny": PRICE}}

    prices = prices_of(configure(model_type=model_type, settings=given))

    assert prices.by_server == {"policy_model": Price(**PRICE)}


def test_another_model_is_priced_by_the_name_that_it_answers_with() -> None:
    prices = prices_of(config({"judge-1": {"input": 3, "output": 4}}))

    assert prices.of("judge_model", "judge-1") == Price(input=3, output=4)
    assert prices.of("policy_model", "tiny") is None
    assert prices.of("policy_model", ["no", "name"]) is None


def test_without_prices_there_are_none() -> None:
    assert not prices_of(config(None)).by_name


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "prices: must be a mapping"),
        ({"tiny": {"input": 1}}, "prices.tiny: output: Field required"),
        ({"tiny": {"input": -1, "output": 1}}, "prices.tiny: input"),
        ({"tiny": {"input": 1, "output": 1, "inptu": 1}}, "prices.tiny: inptu"),
        ({"tiny": 2}, "prices.tiny"),
    ],
)
def test_wrong_prices_are_named(given: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        prices_of(config(given))


def test_a_model_server_without_a_price_cannot_be_held_to_a_cost() -> None:
    found = config({"other": {"input": 1, "output": 1}})

    with pytest.raises(ConfigError, match=r"no price for policy_model.*prices: \{tiny: \{input"):
        check_prices(prices_of(found), found.instances.values())
