"""What an item that a policy sampled carries for training: all three token fields, or none."""

from typing import Any, NotRequired, TypeAlias

from pydantic import BaseModel
from typing_extensions import TypedDict

RoutedExperts: TypeAlias = str | list[list[list[int]]]
"""Experts chosen per token, [tokens, layers, top-k], or a trainer's own encoding of them; passed on unread."""


class TokenIDLogProbMixin(BaseModel):
    """Fields of a sampled item."""

    prompt_token_ids: list[int]
    generation_token_ids: list[int]
    generation_log_probs: list[float]
    routed_experts: RoutedExperts | None = None


class TokenIDLogProbTypedDictMixin(TypedDict):
    """Fields of a sampled message that is a plain dict."""

    prompt_token_ids: list[int]
    generation_token_ids: list[int]
    generation_log_probs: list[float]
    routed_experts: NotRequired[RoutedExperts]


REQUIRED_TOKEN_METADATA_FIELDS = frozenset(
    name for name, info in TokenIDLogProbMixin.model_fields.items() if info.is_required()
)
TOKEN_METADATA_FIELDS = frozenset(TokenIDLogProbMixin.model_fields)


def require_whole_tokens(value: Any) -> Any:
    """`value` itself. Raises ValueError when it is a dict with some of the token fields, or with wrong ones."""
    if isinstance(value, dict) and (given := TOKEN_METADATA_FIELDS & value.keys()):
        absent = sorted(REQUIRED_TOKEN_METADATA_FIELDS - given)
        if absent:
            raise ValueError(f"Token metadata must include all required fields; missing: {', '.join(absent)}")
        TokenIDLogProbMixin.model_validate({name: value[name] for name in given})
    return value
