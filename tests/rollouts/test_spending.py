"""What model calls take: counted by attempt and server, summed up, held against a budget."""

from typing import Any

import pytest

from polygym.protocol.json import JsonObject
from polygym.rollouts import spending
from polygym.rollouts.prices import Price, Prices
from polygym.rollouts.spending import Budget, Ledger, Spending, Spent, spent_by

PRICES = Prices({"m": Price(input=1, output=10)}, {"policy_model": Price(input=1, output=10)})


def answer(inputs: int = 90, outputs: int = 10, **fields: Any) -> JsonObject:
    return {"usage": {"input_tokens": inputs, "output_tokens": outputs}, **fields}


def test_an_attempt_is_told_what_its_calls_took_by_server_judges_included() -> None:
    ledger = Ledger(Spending(PRICES))
    ledger.spent("3-0", "policy_model", answer())
    ledger.spent("3-0", "policy_model", answer())
    ledger.spent("3-0.judge", "judge_model", answer(40, 2))
    ledger.spent("4-0", "policy_model", answer())

    taken = ledger.take("3-0", "agent")

    assert {name: (each["input"], each["calls"]) for name, each in taken["_ng_usage"].items()} == {
        "policy_model": (180, 2),
        "judge_model": (40, 1),
    }
    assert taken["_ng_cost_usd"] == pytest.approx(2 * (90 + 100) / 1e6)
    assert ledger.take("3-0", "agent") == {}
    assert ledger.total.tokens == 342


def test_an_attempt_whose_calls_nobody_saw_is_told_by_its_response() -> None:
    ledger = Ledger(Spending(PRICES, model_of={"agent": "policy_model"}))

    taken = ledger.take("0-0", "agent", {"response": answer(model="whatever")})
    unknown = ledger.take("1-0", "other", {"response": {"usage": None}})

    assert taken["_ng_usage"]["policy_model"]["output"] == 10
    assert taken["_ng_cost_usd"] == pytest.approx(190 / 1e6)
    assert (unknown, ledger.total.tokens) == ({}, 100)


def test_without_prices_only_tokens_are_told() -> None:
    ledger = Ledger(Spending())
    ledger.spent("0-0", "policy_model", answer())

    assert set(ledger.take("0-0", "agent")) == {"_ng_usage"}


@pytest.mark.parametrize(
    "usage", [None, "many", [], {}, {"input_tokens": "many"}, {"input_tokens": -5, "output_tokens": True}]
)
def test_a_usage_that_is_none_counts_nothing(usage: Any) -> None:
    ledger = Ledger(Spending(PRICES, Budget(tokens=1)))

    ledger.spent("0-0", "policy_model", {"usage": usage})

    assert ledger.total == Spent()
    assert ledger.exhausted is None


SAID: list[JsonObject] = [
    {"output": [{"type": "message"}]},
    {"content": [{"type": "text", "text": "hi"}]},
    {"choices": [{"message": {"content": None, "tool_calls": [{}]}}]},
]
NOTHING_SAID: list[JsonObject] = [{"output": []}, {"content": []}, {"choices": [{"message": {"content": ""}}]}]
"""What a refused conversation is answered with."""


@pytest.mark.parametrize("answer", SAID)
def test_a_server_that_tells_no_usage_is_named_once(answer: JsonObject, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(Spending())
    for _ in range(3):
        ledger.spent("0-0", "policy_model", answer)

    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["policy_model"]


@pytest.mark.parametrize("answer", NOTHING_SAID)
def test_a_conversation_that_was_refused_need_not_tell_its_usage(
    answer: JsonObject, caplog: pytest.LogCaptureFixture
) -> None:
    Ledger(Spending()).spent("0-0", "policy_model", answer)

    assert not caplog.records


@pytest.mark.parametrize(
    ("budget", "said"), [(Budget(tokens=200), "200 of 200 tokens"), (Budget(cost_usd=0.0003), "of $0.0003")]
)
def test_a_budget_is_told_to_be_used_up_once(budget: Budget, said: str) -> None:
    told: list[str] = []
    ledger = Ledger(Spending(PRICES, budget))
    ledger.on_exhausted = told.append

    ledger.spent("0-0", "policy_model", answer())
    assert told == []
    for _ in range(3):
        ledger.spent("0-0", "policy_model", answer())

    assert len(told) == 1 and said in told[0]


def test_what_was_taken_earlier_and_elsewhere_counts() -> None:
    told: list[str] = []
    ledger = Ledger(Spending(PRICES, Budget(tokens=1000)), earlier=Spent(500, 0.1))
    ledger.on_exhausted = told.append

    ledger.spent_elsewhere(Spent(300, 0.1))
    ledger.spent_elsewhere(Spent(399, 0.1))
    assert (ledger.total.tokens, told) == (899, [])
    ledger.spent("0-0", "policy_model", answer(101, 0))

    assert told == ["1000 of 1000 tokens (--max-total-tokens)"]


def test_calls_that_nobody_asks_for_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spending, "MOST_OPEN", 3)
    ledger = Ledger(Spending())
    for number in range(10):
        ledger.spent(f"{number}-0", "policy_model", answer())

    kept = [number for number in range(10) if ledger.take(f"{number}-0", "agent")]

    assert kept == [7, 8, 9]
    assert ledger.total.tokens == 1000


@pytest.mark.parametrize(
    ("record", "spent"),
    [
        ({"_ng_usage": {"a": {"input": 5, "output": 2}, "b": {"input": 1}}, "_ng_cost_usd": 0.5}, Spent(8, 0.5)),
        ({"response": answer(), "reward": 1.0}, Spent(100, 0.0)),
        ({"_ng_failure_class": "timeout"}, Spent()),
        ({"_ng_usage": {"a": "garbage"}, "_ng_cost_usd": "much"}, Spent()),
    ],
)
def test_a_record_says_what_it_took(record: JsonObject, spent: Spent) -> None:
    assert spent_by(record) == spent
