"""Random values that satisfy a JSON Schema: what a policy that knows nothing gives to a tool.

A value is made along the schema, then checked against it; what does not fit is thrown away and made again, within a
budget. Depends on nothing but the schema and the random numbers it is given.
"""

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from random import Random
from typing import Any

from polygym import JsonObject
from responses_api_models.random_model.random_strings import FORMATS, WORDS, random_match, random_text
from responses_api_models.random_model.schema_check import (
    Schema,
    UnsatisfiableError,
    accepts,
    bounds,
    dependencies,
    item_schemas,
    property_schemas,
    required,
    resolve,
    same,
    type_names,
)

ATTEMPTS = 24
"""Values made for one place before it counts as impossible."""
BUDGET = 6000
"""Steps for all arguments of one call."""
SHALLOW = 3
"""Depth from which on only what must be there is made."""
_WIDEST_INTEGER = 2**53


def random_arguments(schema: Schema | None, rng: Random) -> JsonObject:
    """A random object that satisfies `schema`, a tool's `parameters`; any object will do for None.

    Raises UnsatisfiableError when none is found, or when `schema` is no JSON Schema.
    """
    root = True if schema is None else schema
    try:
        arguments: JsonObject = _Generator(root, rng).value({"allOf": [root], "type": "object"}, 0)
    except UnsatisfiableError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise UnsatisfiableError(f"the schema cannot be read: {type(error).__name__}: {error}") from error
    return arguments


class _Generator:
    def __init__(self, root: Schema, rng: Random) -> None:
        self._root = root
        self._rng = rng
        self._budget = BUDGET
        self._makers: dict[str, Callable[[JsonObject, int], Any]] = {
            "null": lambda plain, depth: None,
            "boolean": lambda plain, depth: rng.random() < 0.5,
            "integer": lambda plain, depth: self._integer(plain),
            "number": lambda plain, depth: self._number(plain),
            "string": lambda plain, depth: self._string(plain),
            "array": self._array,
            "object": self._object,
        }

    def value(self, schema: Schema, depth: int) -> Any:
        """A value that satisfies `schema`. Raises UnsatisfiableError."""
        for _ in range(ATTEMPTS):
            self._spend()
            try:
                candidate = self._candidate(self._plain(schema, depth), depth)
            except UnsatisfiableError:
                continue  # another branch, or another value further down, may do
            if accepts(candidate, schema, self._root):
                return candidate
        raise UnsatisfiableError(f"found no value for {schema}")

    def _spend(self) -> None:
        self._budget -= 1
        if self._budget < 0:
            raise UnsatisfiableError("the schema is too hard to satisfy by chance")

    def _plain(self, schema: Schema, depth: int) -> JsonObject:
        """One way to satisfy `schema`: its references followed, one branch taken of each choice, all of it merged."""
        pending = [schema]
        plain: JsonObject = {}
        while pending:
            self._spend()
            part = pending.pop()
            if isinstance(part, bool):
                if not part:
                    raise UnsatisfiableError("nothing satisfies the schema `false`")
                continue
            if "$ref" in part:
                pending.append(resolve(part["$ref"], self._root))
            pending += part.get("allOf", ())
            pending += [self._branch(part[choice], depth) for choice in ("anyOf", "oneOf") if part.get(choice)]
            if "if" in part:
                otherwise = [part.get("else", True)]
                pending += [part["if"], part.get("then", True)] if self._rng.random() < 0.5 else otherwise
            plain = merge(plain, {key: value for key, value in part.items() if key not in _COMBINING})
        return plain

    def _branch(self, branches: list[Schema], depth: int) -> Schema:
        """One of several alternatives; deep down one that does not go deeper, if there is any."""
        ends = [branch for branch in branches if not _nests(branch)] if depth >= SHALLOW else []
        return self._rng.choice(ends or branches)

    def _candidate(self, plain: JsonObject, depth: int) -> Any:
        if "enum" in plain:
            rest = {key: value for key, value in plain.items() if key != "enum"}
            fitting = [value for value in plain["enum"] if accepts(value, rest, self._root)]
            if not fitting:
                raise UnsatisfiableError("no value of the enum fits")
            return self._rng.choice(fitting)
        names = [name for name in type_names(plain.get("type", _likely_types(plain))) if name in self._makers]
        if depth >= SHALLOW:
            names = [name for name in names if name not in ("array", "object")] or names
        if not names:
            raise UnsatisfiableError("no type is left")
        return self._makers[self._rng.choice(names)](plain, depth)

    def _integer(self, plain: JsonObject) -> int:
        step = Fraction(str(plain.get("multipleOf", 1))).numerator
        low, high = _range(plain, span=100 * step)
        lowest, highest = math.ceil(low / step), math.floor(high / step)
        if lowest <= _WIDEST_INTEGER // step and highest >= -_WIDEST_INTEGER // step:
            lowest = max(lowest, -_WIDEST_INTEGER // step)
            highest = min(highest, _WIDEST_INTEGER // step)
        if lowest > highest:
            raise UnsatisfiableError("no integer in the range")
        return self._rng.randint(lowest, highest) * step

    def _number(self, plain: JsonObject) -> float:
        if "multipleOf" in plain:
            step = Fraction(str(plain["multipleOf"]))
            low, high = _range(plain, span=100 * step)
            lowest, highest = math.ceil(low / step), math.floor(high / step)
            if lowest > highest:
                raise UnsatisfiableError("no multiple in the range")
            exact = self._rng.randint(lowest, highest) * step
            return exact.numerator if exact.denominator == 1 else float(exact)
        lower, upper = map(float, _range(plain, span=Fraction(100)))
        share = self._rng.random()
        drawn = lower * (1 - share) + upper * share
        short = round(drawn, 2)
        return short if lower < short < upper else min(max(drawn, lower), upper)

    def _string(self, plain: JsonObject) -> str:
        low = plain.get("minLength", 0)
        high = plain.get("maxLength", low + 40)
        if "pattern" in plain:
            return random_match(plain["pattern"], self._rng, min(max(low, 6), high))
        make = FORMATS.get(plain.get("format", ""))
        return make(self._rng) if make is not None else random_text(self._rng, low, high)

    def _array(self, plain: JsonObject, depth: int) -> list[Any]:
        first, rest = item_schemas(plain)
        low = max(plain.get("minItems", 0), plain.get("minContains", 1) if "contains" in plain else 0)
        high = plain.get("maxItems", low + 3)
        if depth >= SHALLOW:
            high = min(high, low)
        elif "maxItems" in plain:
            high = min(high, low + 3)
        length = self._rng.randint(low, max(low, high, min(len(first), plain.get("maxItems", len(first)))))
        matching = (
            self._rng.sample(range(length), min(length, plain.get("minContains", 1))) if "contains" in plain else ()
        )
        made: list[Any] = []
        for index in range(length):
            schema = first[index] if index < len(first) else rest
            if index in matching:
                schema = {"allOf": [schema, plain["contains"]]}
            try:
                made.append(self._item(schema, depth + 1, made if plain.get("uniqueItems") else ()))
            except UnsatisfiableError:
                if len(made) < low:
                    raise
                break
        return made

    def _item(self, schema: Schema, depth: int, taken: Iterable[Any]) -> Any:
        """An item that is not yet among `taken`."""
        for _ in range(ATTEMPTS):
            item = self.value(schema, depth)
            if not any(same(item, other) for other in taken):
                return item
        raise UnsatisfiableError("no further unique item found")

    def _object(self, plain: JsonObject, depth: int) -> JsonObject:
        properties: JsonObject = plain.get("properties", {})
        needed = dict.fromkeys(required(plain))
        optional = [name for name in properties if name not in needed]
        self._rng.shuffle(optional)
        room = plain.get("maxProperties", len(properties) + len(needed)) - len(needed)
        wanted = max(0, plain.get("minProperties", 0) - len(needed))
        likely = 0 if depth >= SHALLOW else sum(self._rng.random() < 0.5 for _ in optional)
        chosen = set(optional[: min(room, max(wanted, likely))])
        made: JsonObject = {}
        for name in [name for name in properties if name in needed or name in chosen]:
            self._add(made, name, plain, depth, is_needed=name in needed)
        for name in needed:
            self._add(made, name, plain, depth, is_needed=True)
        for name in self._further_names(plain, made):
            self._add(made, name, plain, depth, is_needed=True)
        return made

    def _add(self, made: JsonObject, name: str, plain: JsonObject, depth: int, *, is_needed: bool) -> None:
        """Make one property; an optional one that cannot be made stays out."""
        if name in made:
            return
        try:
            made[name] = self.value({"allOf": property_schemas(name, plain)}, depth + 1)
        except UnsatisfiableError:
            if is_needed:
                raise

    def _further_names(self, plain: JsonObject, made: JsonObject) -> list[str]:
        """Names that the properties there are ask for, and made-up ones where the object is still too small."""
        asked = [
            other
            for name, others in dependencies(plain).items()
            if name in made and isinstance(others, list)
            for other in others
        ]
        names = dict.fromkeys(name for name in asked if name not in made)
        while len(made) + len(names) < plain.get("minProperties", 0):
            schema = {"allOf": [plain["propertyNames"]], "type": "string"} if "propertyNames" in plain else None
            name = self._rng.choice(WORDS) + str(self._rng.randint(0, 99))
            if plain.get("patternProperties") and not plain.get("additionalProperties", True):
                schema = {"type": "string", "pattern": self._rng.choice(list(plain["patternProperties"]))}
            name = self.value(schema, 0) if schema is not None else name
            self._spend()
            if name not in made:
                names[name] = None
        return list(names)


def _nests(schema: Schema) -> bool:
    if isinstance(schema, bool):
        return False
    named = type_names(schema.get("type", ()))
    return "$ref" in schema or "properties" in schema or "array" in named or "object" in named


_COMBINING = frozenset({"$ref", "allOf", "anyOf", "oneOf", "if", "then", "else", "not", "$defs", "definitions"})
_TELLING = (
    ("object", {"properties", "required", "additionalProperties", "minProperties", "patternProperties"}),
    ("array", {"items", "prefixItems", "minItems", "contains", "uniqueItems"}),
    ("string", {"minLength", "maxLength", "pattern", "format"}),
    ("number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
)


def _likely_types(plain: JsonObject) -> list[str]:
    """Types for a schema that names none, by the keywords it has."""
    told = [name for name, keywords in _TELLING if not keywords.isdisjoint(plain)]
    return told or ["string", "integer", "boolean"]


def _range(plain: JsonObject, span: Fraction | int) -> tuple[Fraction, Fraction]:
    """Lowest and highest number; an open side lies `span` away. What is excluded at the ends is sorted out later."""
    low, high, above, below = bounds(plain)
    lows = [Fraction(str(value)) for value in (low, above) if value is not None]
    highs = [Fraction(str(value)) for value in (high, below) if value is not None]
    lowest = max(lows) if lows else min(highs) - span if highs else Fraction(0)
    return lowest, min(highs) if highs else lowest + span


def merge(one: JsonObject, other: JsonObject) -> JsonObject:
    """A schema that asks for what both ask for, as far as the keywords allow; where they do not, the first one's."""
    if "const" in other:
        other = {**other, "enum": [other["const"]]}
    merged = dict(one)
    for key, value in other.items():
        if key not in merged:
            merged[key] = value
        elif key in _MERGERS:
            merged[key] = _MERGERS[key](merged[key], value)
    for closed, open_one in ((one, other), (other, one)):
        if closed.get("additionalProperties") is False and open_one and "patternProperties" not in closed:
            known = closed.get("properties", {})
            merged["properties"] = {key: part for key, part in merged.get("properties", {}).items() if key in known}
    return merged


def _both(one: Schema, other: Schema) -> Schema:
    return {"allOf": [one, other]}


def _common_types(one: str | list[str], other: str | list[str]) -> list[str]:
    names, others = type_names(one), type_names(other)
    if "number" in names and "integer" in others and "number" not in others:
        names, others = others, names
    return [name for name in names if name in others or (name == "integer" and "number" in others)]


def _common_multiple(one: float, other: float) -> float:
    return math.lcm(one, other) if isinstance(one, int) and isinstance(other, int) else one


_MERGERS: dict[str, Callable[[Any, Any], Any]] = {
    "type": _common_types,
    "enum": lambda one, other: [value for value in one if any(same(value, allowed) for allowed in other)],
    "properties": lambda one, other: {
        name: _both(one[name], other[name]) if name in one and name in other else one.get(name, other.get(name))
        for name in {**one, **other}
    },
    "required": lambda one, other: [*required({"required": one}), *required({"required": other})],
    "items": _both,
    "contains": _both,
    "propertyNames": _both,
    "additionalProperties": _both,
    "multipleOf": _common_multiple,
    "uniqueItems": lambda one, other: one or other,
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"), min),
}
