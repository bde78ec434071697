"""Outputs of a model gone wrong: items dropped, doubled, swapped, mangled. Needs the packages of the extra `kit`."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from polygym.protocol.json import JsonObject

_ZERO_WIDTH: Final = "\N{ZERO WIDTH SPACE}"
_FULLWIDTH: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_HOMOGLYPHS: Final = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")  # noqa: RUF001

_NOISE: Final[Mapping[str, Callable[[str], str]]] = {
    "full width": lambda text: text.translate(_FULLWIDTH),
    "zero-width spaces between": _ZERO_WIDTH.join,
    "Cyrillic letters": lambda text: text.translate(_HOMOGLYPHS),
    "right to left": lambda text: f"\N{RIGHT-TO-LEFT OVERRIDE}{text}\N{POP DIRECTIONAL FORMATTING}",
    "a combining accent on each": lambda text: "".join(f"{char}\N{COMBINING ACUTE ACCENT}" for char in text[:5000]),
    "upper case": str.upper,
    "a null character before": lambda text: f"\0{text}",
    "five hundred times": lambda text: (text[:200] + "\n") * 500,
    "cut in half": lambda text: text[: len(text) // 2],
    "in a code block": lambda text: f"```\n{text}\n```",
}
"""What can happen to a text."""

_JUNK: Final[Mapping[str, Any]] = {
    "null": None,
    "an empty string": "",
    "a number": -1,
    "a huge number": 1e300,
    "true": True,
    "an empty list": [],
    "a list of null": [None],
    "an empty object": {},
    "an object": {"type": "output_text", "text": None},
    "a long string": "9" * 20_000,
    "nested lists": [[[[[[[[[[]]]]]]]]]],
}
"""What can stand in the place of any value."""

_ARGUMENTS: Final = (
    *("", " ", "{", "null", "[]", '"text"', "5", '{"a":', "{}}", "{'a': 1}", '{"a": NaN}', '{"a": 1e999}', "\0"),
    *('{"a": 1, "a": 2}', '{"": ""}', '{"__proto__": {}}', '{"a": ' * 200 + "1" + "}" * 200, '{"a": "' + "9" * 20_000),
)
"""Arguments of a call as no tool wants them."""

_ITEMS: Final[tuple[JsonObject, ...]] = (
    {"type": "function_call"},
    {"type": "function_call", "name": None, "arguments": None, "call_id": None},
    {"type": "function_call", "name": 5, "arguments": {"a": 1}, "call_id": ["c"]},
    {"type": "function_call_output"},
    {"type": "function_call_output", "call_id": 5, "output": None},
    {"type": "function_call_output", "call_id": "call_1_0", "output": [{"type": "input_text"}]},
    {"type": "message", "role": "assistant", "content": ""},
    {"type": "message", "role": "assistant", "content": []},
    {"type": "message", "role": "assistant", "content": [{}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": None}]},
    {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    {"type": "message", "role": "user", "content": "And now?"},
    {"type": "message", "role": None, "content": "Who is there?"},
    {"type": "message", "content": "Nobody."},
    {"type": "reasoning"},
    {"type": "reasoning", "summary": None, "content": None},
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
    {"type": "web_search_call", "id": "w"},
    {"type": ""},
)
"""Items that a model may produce where nobody expects them."""

_KINDS: Final = ("drop", "double", "swap", "insert", "noise", "junk", "junk", "junk", "arguments", "remove", "reverse")


class Mutation(NamedTuple):
    """One thing that goes wrong. The numbers choose where and what, whatever the output is."""

    kind: str
    where: int
    what: int

    def apply(self, items: list[JsonObject]) -> None:
        """Do it to a list of items, in place."""
        if self.kind == "insert":
            items.insert(self.where % (len(items) + 1), deepcopy(_ITEMS[self.what % len(_ITEMS)]))
        elif items:
            self._apply_to(items, self.where % len(items))

    def _apply_to(self, items: list[JsonObject], at: int) -> None:
        if self.kind == "drop":
            del items[at]
        elif self.kind == "double":
            items.insert(at, deepcopy(items[at]))
        elif self.kind == "swap":
            other = self.what % len(items)
            items[at], items[other] = items[other], items[at]
        elif self.kind == "reverse":
            items.reverse()
        elif self.kind == "arguments":
            items[at]["arguments"] = _ARGUMENTS[self.what % len(_ARGUMENTS)]
        else:
            self._mangle(items[at])

    def _mangle(self, item: JsonObject) -> None:
        """Change one of the item's values, or remove it; its type stays."""
        places = list(_places(item, is_text=self.kind == "noise"))
        if not places:
            return
        holder, key = places[self.what % len(places)]
        if self.kind == "remove":
            del holder[key]
        elif self.kind == "noise":
            holder[key] = _pick(_NOISE, self.where)(holder[key])
        else:
            holder[key] = deepcopy(_pick(_JUNK, self.where))


def mutated(items: list[JsonObject], mutations: list[Mutation]) -> list[JsonObject]:
    """A copy of `items` with all of it gone wrong."""
    copied = deepcopy(items)
    for mutation in mutations:
        mutation.apply(copied)
    return copied


NUMBERS: Final = st.integers(0, 997)
MUTATIONS: Final = st.lists(st.builds(Mutation, st.sampled_from(_KINDS), NUMBERS, NUMBERS), min_size=1, max_size=3)
"""Up to three things that go wrong with one output."""
NOISE: Final = st.lists(
    st.builds(Mutation, st.sampled_from(("double", "insert", "noise", "arguments")), NUMBERS, NUMBERS),
    min_size=1,
    max_size=3,
)
"""What makes no wrong output right."""


def _pick(table: Mapping[str, Any], number: int) -> Any:
    return list(table.values())[number % len(table)]


def _places(value: Any, *, is_text: bool, depth: int = 0) -> "list[tuple[Any, Any]]":
    """Where values stand in an item, `type` of the item left out; only those of texts, if that is asked for."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[tuple[Any, Any]] = []
    for key, below in entries:
        if (isinstance(below, str) or not is_text) and not (depth == 0 and key == "type"):
            found.append((value, key))
        found += _places(below, is_text=is_text, depth=depth + 1)
    return found
