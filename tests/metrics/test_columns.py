"""Numbers read column by column are those that are read record by record."""

import math
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.metrics.columns import columns_of
from polygym.metrics.records import numbers_of

VALUES = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(), st.text(max_size=2), st.just([1.0]))
COUNTS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("input_tokens", "output_tokens", "total_tokens"), st.integers(0, 9) | st.floats(0, 9))
)
NAMES = st.sampled_from(["reward", "accuracy", "score", "_ng_task_index", "total_tokens", "name"])
RECORDS = st.builds(
    lambda fields, parts, usage: fields | parts | {"response": {"usage": usage}},
    st.dictionaries(NAMES, VALUES),
    st.just({}) | st.fixed_dictionaries({"reward_components": st.dictionaries(NAMES, VALUES)}),
    COUNTS | st.none(),
)


def one_by_one(records: list[dict[str, Any]]) -> dict[str, list[float]]:
    columns: dict[str, list[float]] = defaultdict(list)
    for record in records:
        for name, number in numbers_of(record).items():
            columns[name].append(number)
    return {name: sorted(column) for name, column in columns.items()}


@given(st.lists(RECORDS, max_size=6))
def test_columns_hold_what_the_records_say(records: list[dict[str, Any]]) -> None:
    columns = columns_of(records)

    assert {name: sorted(column) for name, column in columns.items()} == one_by_one(records)
    assert all(type(number) is float for column in columns.values() for number in column)


@pytest.mark.parametrize("broken", [{"accuracy": math.nan}, {"response": {"usage": {"input_tokens": 1}}}, {}])
def test_one_record_that_differs_does_not_change_how_the_others_are_read(broken: dict[str, Any]) -> None:
    usage = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
    good = {"reward": 1.0, "accuracy": True, "_ng_task_index": 3, "response": {"usage": usage}}

    columns = columns_of([good, {**good, **broken}, good])

    assert columns == one_by_one([good, {**good, **broken}, good])
    assert columns["reward"] == [1.0] * 3
