"""Arguments of typed tools: their JSON Schema, and what is wrong with those that do not fit, in words for the model."""

import math
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from polygym.protocol.json import JsonObject
from polygym.servers.base import join_problems, shorten


def arguments_schema(model: type[BaseModel]) -> JsonObject:
    """The JSON Schema of a tool's arguments. Raises pydantic's errors for a type that JSON has nothing for."""
    schema: JsonObject = _tidy(model.model_json_schema(schema_generator=_ArgumentsSchema))
    return schema


def explain_arguments(error: ValidationError, arguments: JsonObject, model: type[BaseModel]) -> str:
    """What pydantic found wrong with `arguments`, in one line: `argument.path: what was expected (got …); …`.

    The branches of a union are one problem: they are joined by `or`, and do not show in the path.
    """
    if error.error_count() > _MANY:
        error = _first_errors(error, arguments, model)
    problems: dict[str, tuple[dict[str, None], str]] = {}
    for detail in error.errors(include_url=False):
        is_missing = detail["type"] in _MISSING
        path = ".".join(shorten(str(part)) for part in _path(detail["loc"], arguments, is_missing=is_missing))
        given = "" if is_missing else f" (got {shorten(repr(detail['input']))})"
        sayings, _ = problems.setdefault(path, ({}, given))
        sayings[_SAYINGS.get(detail["type"], detail["msg"])] = None
    return join_problems(
        f"{path}: {_either(sayings)}{given}" if path else f"{_either(sayings)}{given}"
        for path, (sayings, given) in problems.items()
    )


_MANY: Final = 500


def _first_errors(error: ValidationError, arguments: JsonObject, model: type[BaseModel]) -> ValidationError:
    """The errors of the first entries of every list and object: pydantic takes seconds to write all of them down."""
    try:
        model.model_validate(_shortened(arguments))
    except ValidationError as shorter:
        return shorter
    return error


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(entry) for key, entry in islice(value.items(), 100)}
    return [_shortened(entry) for entry in value[:30]] if isinstance(value, list) else value


def _either(sayings: Iterable[str]) -> str:
    first, *others = sayings
    return " or ".join([first, *(saying.removeprefix("Input should be ") for saying in others)])


_MISSING: Final = frozenset({"missing", "missing_argument", "missing_keyword_only_argument"})
_OBJECT: Final = "Input should be a valid object"
_SAYINGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(_MISSING, "Field required"),
    **dict.fromkeys(("model_type", "model_attributes_type", "dataclass_type", "dict_type", "mapping_type"), _OBJECT),
    "unexpected_keyword_argument": "Extra inputs are not permitted",
    **dict.fromkeys(("date_parsing", "date_from_datetime_parsing", "date_type"), "Input should be a date: YYYY-MM-DD"),
    **dict.fromkeys(
        ("datetime_parsing", "datetime_from_date_parsing", "datetime_type"),
        "Input should be a date and time: YYYY-MM-DDTHH:MM:SS",
    ),
    **dict.fromkeys(("time_parsing", "time_type"), "Input should be a time of day: HH:MM:SS"),
    **dict.fromkeys(("time_delta_parsing", "time_delta_type"), "Input should be a duration in ISO 8601, as PT1H30M"),
}
"""Kinds of errors for which pydantic speaks of Python; a model knows JSON."""


def _path(location: tuple[int | str, ...], arguments: JsonObject, *, is_missing: bool) -> Iterable[int | str]:
    """The keys and indices in pydantic's location, without the names of the union branches that it took."""
    given: Any = arguments
    for place, part in enumerate(location):
        entry = _entry(given, part)
        if entry is not _ABSENT:
            given = entry
            yield part
        elif part == "[key]" or (is_missing and place == len(location) - 1):
            yield part


_ABSENT: Final = object()


def _entry(given: Any, part: int | str) -> Any:
    if isinstance(given, dict):
        return given.get(part, _ABSENT)
    return given[part] if isinstance(given, list) and isinstance(part, int) and part < len(given) else _ABSENT


class _ArgumentsSchema(GenerateJsonSchema):
    """Closes gaps between what pydantic's schemas allow and what it takes."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """A number, or its digits as text where no bound is set, which JSON Schema has for numbers only."""
        if schema.keys() & {"ge", "gt", "le", "lt", "multiple_of"}:
            branches = super().decimal_schema(schema).get("anyOf", ())
            return next((branch for branch in branches if branch.get("type") == "number"), {"type": "number"})
        return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[+-]?[0-9]+(\.[0-9]+)?$"}]}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """An object; names that stand for integers say so."""
        found = super().dict_schema(schema)
        if schema.get("keys_schema", {}).get("type") == "int":
            found["propertyNames"] = {"pattern": "^[+-]?[0-9]+$"}
        return found


_DATA = frozenset({"default", "const", "enum", "examples"})
"""Keywords of JSON Schema that hold values, not schemas."""


def _tidy(schema: Any, *, is_name_map: bool = False) -> Any:
    """The schema without pydantic's generated titles, and without defaults that JSON has no number for.

    A property may itself be called `title`; that stays.
    """
    if isinstance(schema, list):
        return [_tidy(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if is_name_map:
        return {name: _tidy(value) for name, value in schema.items()}
    return {
        key: value if key in _DATA else _tidy(value, is_name_map=key in ("properties", "$defs"))
        for key, value in schema.items()
        if key != "title" and not (key == "default" and isinstance(value, float) and not math.isfinite(value))
    }
