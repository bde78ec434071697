"""JSON in and out."""

import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.protocol.json import dumps, dumps_indented, loads

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(values)
def test_a_value_comes_back_as_it_went(value: Any) -> None:
    assert loads(dumps(value)) == value
    assert loads(dumps_indented(value)) == value


@given(values)
def test_a_value_takes_one_line(value: Any) -> None:
    assert b"\n" not in dumps(value)


def test_for_people_it_is_indented_and_ends_with_a_line_break() -> None:
    assert dumps_indented({"a": [1]}) == b'{\n  "a": [\n    1\n  ]\n}\n'


@pytest.mark.parametrize("write", [dumps, dumps_indented])
def test_numbers_as_keys_become_texts(write: Any) -> None:
    assert loads(write({1: "a"})) == {"1": "a"}


@pytest.mark.parametrize("write", [dumps, dumps_indented])
def test_numbers_that_json_lacks_become_null(write: Any) -> None:
    assert loads(write([math.nan, math.inf])) == [None, None]


@pytest.mark.parametrize("data", [b"", b"{", b"NaN", b"\xff", '{"a": }'])
def test_what_is_not_json_is_a_value_error(data: bytes | str) -> None:
    with pytest.raises(ValueError, match="line 1 column"):
        loads(data)


@pytest.mark.parametrize("value", [{1, 2}, b"x", object(), 2**64, "\ud800"])
def test_what_json_cannot_hold_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        dumps(value)


def test_errors_keep_their_position() -> None:
    with pytest.raises(orjson.JSONDecodeError) as caught:
        loads(b'{"a": 1,\n "b": }')

    assert caught.value.lineno == 2
