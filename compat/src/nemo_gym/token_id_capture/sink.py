"""Capturing the call that is being answered. Nothing here makes the call fail; a loss marks the rollout instead."""

import logging
import time
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any, Final, Optional

from nemo_gym.token_id_capture.protocols import TokenSink
from nemo_gym.token_id_capture.records import (
    TokenEntry,
    extract_token_fields,
    response_to_output_items,
    strip_token_fields,
)

log: Final = logging.getLogger("nemo_gym.token_id_capture")


@dataclass
class CaptureContext:
    """The call that is being answered."""

    rollout_id: str
    model_call_id: str
    token_sink: Optional[TokenSink]
    """None where another process keeps the tokens: then it is theirs to know what was lost."""
    model: str = ""
    committed: bool = False
    """Whether it is kept already."""


_current: Final[ContextVar[Optional[CaptureContext]]] = ContextVar("token_capture", default=None)


def set_token_sink(context: CaptureContext) -> Token[Optional[CaptureContext]]:
    """Make it the call that is being answered, until `reset_token_sink` is given what this gives."""
    return _current.set(context)


def reset_token_sink(token: Token[Optional[CaptureContext]]) -> None:
    """Undo `set_token_sink`."""
    _current.reset(token)


def current_capture_context() -> Optional[CaptureContext]:
    """The call that is being answered, if it is to be captured."""
    return _current.get()


async def register_call_intent() -> None:
    """Tell a sink that wants to know that the call is about to be made. What the sink raises is raised."""
    context = _current.get()
    begin = getattr(context.token_sink, "begin_call", None) if context else None
    if context is not None and begin is not None:
        await begin(context.rollout_id, context.model_call_id)


async def capture_tokens(response: Any) -> None:
    """Keep the tokens of an answer: a pydantic model, or a dict. An answer without tokens is a loss."""
    context = _current.get()
    if context is None:
        return
    try:
        entry = _entry_of(context, response)
    except Exception as error:
        await _lose(context, f"its answer cannot be recorded: {type(error).__name__}: {error}")
        return
    if entry is not None:
        await commit_entry(entry)
    elif not context.committed and context.token_sink is not None:
        await _lose(context, "its answer has no token ids")


def _entry_of(context: CaptureContext, response: Any) -> Optional[TokenEntry]:
    payload = response.model_dump() if hasattr(response, "model_dump") else response
    tokens = extract_token_fields(payload) if isinstance(payload, dict) else None
    if tokens is None:
        return None
    items, index = strip_token_fields(response_to_output_items(payload))
    return TokenEntry(
        rollout_id=context.rollout_id,
        model_call_id=context.model_call_id,
        model=context.model or str(payload.get("model") or ""),
        output_items=items,
        token_item_index=index,
        created_at=time.time(),
        **tokens,
    )


async def commit_entry(entry: TokenEntry) -> None:
    """Keep a record of the call that is being answered, for those who have its tokens from elsewhere."""
    context = _current.get()
    if context is None:
        return
    if (entry.rollout_id, entry.model_call_id) != (context.rollout_id, context.model_call_id):
        await _lose(context, f"the record is of call {entry.model_call_id} of rollout {entry.rollout_id}")
        return
    if context.token_sink is not None:
        try:
            await context.token_sink.put(entry)
        except Exception as error:
            await _lose(context, f"its record cannot be written: {type(error).__name__}: {error}")
            return
    context.committed = True


async def _lose(context: CaptureContext, reason: str) -> None:
    log.warning("model call %s of rollout %s is not captured: %s", context.model_call_id, context.rollout_id, reason)
    sink = context.token_sink
    if sink is None:
        return
    if not callable(getattr(sink, "mark_incomplete", None)):
        log.error(
            "%s does not implement mark_incomplete: rollout %s may be trained on with a call missing",
            type(sink).__name__,
            context.rollout_id,
        )
        return
    try:
        await sink.mark_incomplete(context.rollout_id, context.model_call_id)
    except Exception as error:
        log.warning("rollout %s could not be marked as incomplete: %s", context.rollout_id, error)
