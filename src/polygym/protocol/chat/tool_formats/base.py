"""What a way of writing tool calls in text is, and the pieces that several of them are read with."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from polygym.protocol.json import JsonObject, dumps
from polygym.protocol.responses import new_id

Tools: TypeAlias = Mapping[str, JsonObject]
"""JSON Schemas of the parameters of the tools that were offered, by name."""


class Call(NamedTuple):
    """A tool call that stands in a text."""

    name: str
    arguments: str
    """JSON text."""


class Parsed(NamedTuple):
    """What is left of a text without its calls, and the calls in order."""

    text: str
    calls: list[Call]


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """How the models of a family write tool calls."""

    name: str
    parse: Callable[[str, Tools], Parsed]
    """Takes the calls out of an answer. What is no complete, well-formed call stays text."""
    is_used_in: Callable[[str], bool]
    """Whether a chat template shows models to write them so."""
    markers: tuple[str, ...] = ()
    """Texts of special tokens that the calls are told by."""
    new_call_id: Callable[[], str] = field(default=partial(new_id, "call"))
    """Makes an id that the family's chat templates accept."""

    def as_chat(self, calls: Iterable[Call]) -> list[JsonObject]:
        """The `tool_calls` of a chat message, each with a new id."""
        return [
            {
                "id": self.new_call_id(),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in calls
        ]


def tools_of(request: JsonObject) -> Tools:
    """The functions that the model may call in a chat request. Raises ValueError for tools that are none."""
    if request.get("tool_choice") == "none":
        return {}
    tools = request.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise ValueError("'tools' must be a list of objects")
    others = [tool.get("type") for tool in tools if not isinstance(tool.get("function"), dict)]
    if others:
        raise ValueError(f"a tool of type {others[0]!r} cannot be offered in a prompt, only functions can")
    return {str(tool["function"].get("name")): _schema(tool["function"].get("parameters")) for tool in tools}


def _schema(given: Any) -> JsonObject:
    return given if isinstance(given, dict) else {}


class Found(NamedTuple):
    """Calls at a place of a text, and where the text goes on."""

    calls: list[Call]
    end: int


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


_DECODER: Final = json.JSONDecoder(strict=False, parse_constant=_refuse)
"""Accepts line breaks in strings, as models write them."""


def read_json(text: str, start: int) -> tuple[Any, int] | None:
    """The JSON value at `start`, after whitespace, and where it ends; None when there is none."""
    try:
        value, end = _DECODER.raw_decode(text, skip_space(text, start))
    except (ValueError, RecursionError):
        return None
    return value, end


def skip_space(text: str, start: int) -> int:
    """The next place from `start` that holds no whitespace."""
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def call_of(value: Any) -> Call | None:
    """The call that a JSON value stands for: an object with `name` and `arguments` or `parameters`."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("function"), dict):
        value = value["function"]
    name = value.get("name")
    arguments = value.get("arguments", value.get("parameters"))
    if not isinstance(name, str) or not name or not _is_unicode(name):
        return None
    if arguments is None:
        arguments = {}
    if isinstance(arguments, str):
        return Call(name, arguments) if _is_unicode(arguments) else None
    if not isinstance(arguments, dict):
        return None
    return Call(name, as_json(arguments))


def calls_of(value: Any) -> list[Call] | None:
    """The calls that a JSON object or list stands for; None when any part of it is none."""
    values = value if isinstance(value, list) else [value]
    calls = [call for call in map(call_of, values) if call is not None]
    return calls if calls and len(calls) == len(values) else None


def as_json(value: Any) -> str:
    """A decoded JSON value as text."""
    try:
        return dumps(value).decode()
    except TypeError:  # a number beyond 64 bits, half of a surrogate pair
        return json.dumps(value, separators=(",", ":"))


def _is_unicode(text: str) -> bool:
    """Whether a text decoded from JSON can be written again: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def take_calls(text: str, openings: Iterable[str], read: Callable[[str, int], Found | None]) -> Parsed:
    """Take out what `read` finds behind each opening; an opening behind which it finds nothing stays text."""
    rest, calls, position = [], [], 0
    openings = tuple(openings)
    while True:
        places = [(place, opening) for opening in openings if (place := text.find(opening, position)) >= 0]
        if not places:
            break
        place, opening = min(places)
        found = read(text, place + len(opening))
        end = place + len(opening) if found is None else found.end
        rest.append(text[position:place] if found is not None else text[position:end])
        calls += found.calls if found is not None else []
        position = end
    rest.append(text[position:])
    return parsed("".join(rest), calls)


def parsed(text: str, calls: list[Call]) -> Parsed:
    """Text and calls; text that is only the space around calls is none."""
    return Parsed("" if calls and not text.strip() else text, calls)


def end_of(text: str, position: int, closing: str) -> int:
    """Behind `closing`, if that is what comes next in the text; else `position`."""
    after_space = skip_space(text, position)
    return after_space + len(closing) if text.startswith(closing, after_space) else position
