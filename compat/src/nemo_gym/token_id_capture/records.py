"""What is kept of one model call for training: the tokens that the model was given and wrote, and what it said."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Optional

from pydantic import BaseModel, ConfigDict, Field, model_validator

TOKEN_FIELDS: Final = ("prompt_token_ids", "generation_token_ids", "generation_log_probs", "routed_experts")
NEEDED: Final = TOKEN_FIELDS[:3]
TOKEN_ENTRY_RECORD_SCHEMA_VERSION: Final = 1
"""Of the records that this package writes; older ones are read, newer ones refused."""


class TokenEntry(BaseModel):
    """One model call."""

    model_config = ConfigDict(extra="allow")

    schema_version: int = TOKEN_ENTRY_RECORD_SCHEMA_VERSION
    rollout_id: str
    model_call_id: str
    model: str = ""
    prompt_token_ids: list[int]
    generation_token_ids: list[int]
    generation_log_probs: list[float]
    """Natural logarithms, one for each generated token."""
    routed_experts: Optional[Any] = None
    output_items: list[dict[str, Any]] = Field(default_factory=list)
    """What the model said, without the token fields."""
    token_item_index: Optional[int] = None
    """Which of the items had the token fields."""
    created_at: float = 0.0
    """Seconds since the epoch, when the call was done."""

    @model_validator(mode="after")
    def _fits(self) -> "TokenEntry":
        if self.schema_version > TOKEN_ENTRY_RECORD_SCHEMA_VERSION:
            raise ValueError(
                f"the record has schema_version {self.schema_version}, and this reader understands up to "
                f"{TOKEN_ENTRY_RECORD_SCHEMA_VERSION}: a newer version of polygym-nemo is needed."
            )
        if len(self.generation_token_ids) != len(self.generation_log_probs):
            raise ValueError(
                "generation_token_ids and generation_log_probs need the same length, and have "
                f"{len(self.generation_token_ids)} and {len(self.generation_log_probs)}"
            )
        index = self.token_item_index
        if index is not None and not 0 <= index < len(self.output_items):
            raise ValueError(f"token_item_index is {index}, and there are {len(self.output_items)} output_items")
        return self


def response_to_output_items(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The items of an answer; messages of the Chat dialect as items."""
    items = [item for item in payload.get("output") or () if isinstance(item, dict)]
    return items or [{"type": "message", "role": "assistant", **message} for message in _messages(payload)]


def _messages(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for choice in payload.get("choices") or ():
        message = choice.get("message") if isinstance(choice, Mapping) else None
        if isinstance(message, dict):
            yield message


def strip_token_fields(items: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], Optional[int]]:
    """The items without their token fields, and which of them had generated tokens. Raises ValueError for several."""
    carriers = [index for index, item in enumerate(items) if item.get("generation_token_ids") is not None]
    if len(carriers) > 1:
        raise ValueError(f"multiple output items carry tokens: {carriers}")
    plain = [{name: value for name, value in item.items() if name not in TOKEN_FIELDS} for item in items]
    return plain, carriers[0] if carriers else None


def extract_token_fields(response_json: Mapping[str, Any]) -> Optional[dict[str, Any]]:
    """The token fields of an answer; None when it has none. Raises ValueError when it has a part of them, or two."""
    items: Iterable[Any] = [*(response_json.get("output") or ()), *_messages(response_json)]
    carriers = [item for item in items if isinstance(item, Mapping) and any(_given(item))]
    if not carriers:
        return None
    if len(carriers) > 1:
        raise ValueError("multiple response items carry tokens")
    if missing := [name for name, is_given in zip(NEEDED, _given(carriers[0]), strict=True) if not is_given]:
        raise ValueError(f"the answer's tokens are partial; missing: {', '.join(missing)}")
    return {name: carriers[0].get(name) for name in TOKEN_FIELDS}


def _given(item: Mapping[str, Any]) -> list[bool]:
    return [item.get(name) is not None for name in NEEDED]
