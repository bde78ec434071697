"""What a model call took: the tokens that its answer's `usage` reports, in the words of any of the APIs."""

import math
from typing import Any, NamedTuple


class Tokens(NamedTuple):
    """Tokens of one call, or of several together."""

    input: int = 0
    """Of the prompt, the cached ones included."""
    cached: int = 0
    """Of the prompt, those that were read from a cache."""
    cache_written: int = 0
    """Of the prompt, those that were written to a cache, where that is billed apart."""
    output: int = 0
    """Generated, reasoning included."""
    calls: int = 1
    """Model calls that reported them."""

    @property
    def total(self) -> int:
        """Input and output."""
        return self.input + self.output

    def plus(self, other: "Tokens") -> "Tokens":
        """Both together."""
        return Tokens(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NO_TOKENS = Tokens(calls=0)


def tokens_of(usage: Any) -> Tokens | None:
    """The tokens that the usage of a Response, a ChatCompletion or a Message reports, None when it reports none.

    Counts come from outside: one that is no number from 0 counts as 0, and nothing raises.
    """
    if not isinstance(usage, dict):
        return None
    if "prompt_tokens" in usage or "completion_tokens" in usage:
        prompt, details, output = "prompt_tokens", usage.get("prompt_tokens_details"), "completion_tokens"
    elif "input_tokens" in usage or "output_tokens" in usage:
        prompt, details, output = "input_tokens", usage.get("input_tokens_details"), "output_tokens"
    else:
        return None
    asked = count_of(usage.get(prompt))
    details = details if isinstance(details, dict) else {}
    cached, written = count_of(details.get("cached_tokens")), count_of(details.get("cache_write_tokens"))
    if "cache_read_input_tokens" in usage:  # Anthropic's, where the prompt's count is of the rest
        cached = count_of(usage["cache_read_input_tokens"])
        written = count_of(usage.get("cache_creation_input_tokens"))
        asked += cached + written
    cached = min(asked, cached)
    return Tokens(asked, cached, min(asked - cached, written), count_of(usage.get(output)))


def count_of(value: Any) -> int:
    """`value` as a count; 0 for what is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return int(value) if is_number and value > 0 else 0
