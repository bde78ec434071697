"""What one of the two APIs has no place for: carried along by the other in a field of its own, and taken out again.

Knows no kind of block or item.
"""

from collections.abc import Set as AbstractSet
from typing import Final

from polygym.protocol.chat.shapes import require_object
from polygym.protocol.chat.tokens import ROUTED_EXPERTS, TOKEN_FIELDS
from polygym.protocol.json import JsonObject

MESSAGES_FIELDS: Final = "messages_fields"
"""Where a request, item, content part, tool or answer of the Responses API has what only the Messages API knows."""
RESPONSES_FIELDS: Final = "responses_fields"
"""Where a content block or an answer of the Messages API has what only the Responses API knows."""

PASSED: Final = (*TOKEN_FIELDS, ROUTED_EXPERTS)
"""Fields of a model call's tokens; they have the same name on an item and on a block."""


def carry_to_responses(converted: JsonObject, source: JsonObject, known: AbstractSet[str]) -> JsonObject:
    """`converted`, changed: it gets what the block or tool `source` has beyond `known`. Raises ValueError."""
    return _carry(converted, source, known, RESPONSES_FIELDS, MESSAGES_FIELDS)


def carry_to_messages(converted: JsonObject, source: JsonObject, known: AbstractSet[str]) -> JsonObject:
    """`converted`, changed: it gets what the item, part or tool `source` has beyond `known`. Raises ValueError."""
    return _carry(converted, source, known, MESSAGES_FIELDS, RESPONSES_FIELDS)


def take(source: JsonObject, holder: str, name: str) -> tuple[JsonObject, JsonObject]:
    """`source` without the object that its field `holder` has as `name`, and that object; {} where there is none.

    Raises ValueError when it is no object.
    """
    held = source.get(holder)
    if not isinstance(held, dict) or name not in held:
        return source, {}
    rest = {field: value for field, value in held.items() if field != name}
    without = {field: value for field, value in source.items() if field != holder}
    return {**without, holder: rest} if rest else without, require_object(held[name], f"{holder}.{name}")


def _carry(converted: JsonObject, source: JsonObject, known: AbstractSet[str], native: str, foreign: str) -> JsonObject:
    """Null is the same as absent. What `source` has in `native` is at home in `converted`."""
    if source.keys() <= known:
        return converted
    others: JsonObject = {}
    for name, value in source.items():
        if name in known or value is None:
            continue
        if name == native:
            for field, inner in require_object(value, native).items():
                converted.setdefault(field, inner)
        elif name in PASSED:
            converted[name] = value
        else:
            others[name] = value
    if others:
        converted[foreign] = others
    return converted
