"""Token counts in the words of each API, and what is none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.protocol.usage import NO_TOKENS, Tokens, tokens_of


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (
            {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 10},
                "output_tokens": 20,
            },
            Tokens(100, 40, 10, 20),
        ),
        (
            {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 40}, "completion_tokens": 20},
            Tokens(100, 40, 0, 20),
        ),
        (
            {
                "input_tokens": 50,
                "cache_read_input_tokens": 40,
                "cache_creation_input_tokens": 10,
                "output_tokens": 20,
            },
            Tokens(100, 40, 10, 20),
        ),
        ({"input_tokens": 3, "input_tokens_details": {"cached_tokens": 9}, "output_tokens": 1}, Tokens(3, 3, 0, 1)),
        ({"output_tokens": 7}, Tokens(0, 0, 0, 7)),
        ({}, None),
        (None, None),
        ("ten", None),
    ],
)
def test_tokens_are_read_in_each_api_s_words(usage: Any, tokens: Tokens | None) -> None:
    assert tokens_of(usage) == tokens


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda each: st.lists(each, max_size=2)
)
NAMES = ("input_tokens", "output_tokens", "prompt_tokens", "cache_read_input_tokens", "input_tokens_details")


@given(st.dictionaries(st.sampled_from(NAMES), JSON | st.dictionaries(st.just("cached_tokens"), JSON)))
def test_whatever_an_endpoint_reports_gives_counts_that_fit_together(usage: dict[str, Any]) -> None:
    tokens = tokens_of(usage) or NO_TOKENS

    assert min(tokens) >= 0
    assert tokens.cached + tokens.cache_written <= tokens.input
