"""Arguments checked against JSON Schema, for tools that are defined by data and not by a signature."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.protocol.json import JsonObject, dumps, loads
from polygym.servers.base import join_problems, shorten

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator


def explain_mismatch(tool_name: str, arguments: JsonObject, schema: JsonObject) -> str | None:
    """What in `arguments` does not fit `schema`, in the form of typed tools; None when everything does.

    Raises RolloutFailure `tool_error` for a schema that is none: that is not the model's doing.
    """
    from jsonschema.exceptions import SchemaError
    from referencing.exceptions import Unresolvable

    try:
        validator = _validator(dumps(schema))
        if validator.is_valid(arguments):
            return None
        return join_problems(line for error in validator.iter_errors(arguments) for line in _lines(error))
    except RecursionError:
        return "Input is nested too deeply"
    except (SchemaError, Unresolvable, re.error) as error:
        message = f"the parameters of tool {tool_name} are no valid JSON Schema: {shorten(str(error), 400)}"
        raise RolloutFailure(FailureClass.TOOL_ERROR, Stage.TOOL, message) from error


_UNIQUE = "uniqueItems"


def _check_unique(validator: Any, is_asked: Any, given: Any, schema: Any) -> Iterator["ValidationError"]:
    """`uniqueItems` in linear time; jsonschema's takes seconds for some thousand objects."""
    from jsonschema.exceptions import ValidationError

    if is_asked and isinstance(given, list) and len({json.dumps(item, sort_keys=True) for item in given}) < len(given):
        yield ValidationError("")


@cache
def _with_quick_rules(validator_class: type["Validator"]) -> type["Validator"]:
    from jsonschema.validators import extend

    quick: type[Validator] = extend(validator_class, {_UNIQUE: _check_unique})  # type: ignore[no-untyped-call]
    return quick


@lru_cache(maxsize=2048)
def _validator(schema: bytes) -> "Validator":
    """A schema, ready for use. References lead to places inside of it only: nothing is fetched."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from referencing import Registry

    decoded = loads(schema)
    validator_class = validator_for(decoded, default=Draft202012Validator)
    validator_class.check_schema(decoded)
    return _with_quick_rules(validator_class)(decoded, registry=Registry())


def _lines(error: "ValidationError") -> Iterator[str]:
    """The problems that one error stands for."""
    path = ".".join(str(part) for part in error.absolute_path)
    given: Any = error.instance
    rule: Any = error.validator_value
    if error.validator == "required":  # one error for each missing name, of which only the message speaks
        name = next(name for name in rule if error.message.startswith(repr(name)))
        yield f"{_below(path, name)}: Field required"
    elif error.validator == "additionalProperties" and rule is False:
        for name in _extra_names(given, error.schema):
            yield f"{_below(path, name)}: Extra inputs are not permitted{_got(given[name])}"
    elif error.validator in ("anyOf", "oneOf") and error.context:
        from jsonschema.exceptions import best_match

        yield from _lines(best_match(error.context))
    else:
        say = _SAYINGS.get(str(error.validator))
        said = f"Input does not fit {error.validator} {shorten(repr(rule))}" if say is None else say(rule)
        yield f"{path}: {said}{_got(given)}" if path else f"{said}{_got(given)}"


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _got(value: Any) -> str:
    return f" (got {shorten(repr(value))})"


def _extra_names(instance: JsonObject, schema: Any) -> list[str]:
    patterns = schema.get("patternProperties", {})
    known = schema.get("properties", {})
    return [name for name in instance if name not in known and not any(re.search(each, name) for each in patterns)]


def _one_of(values: list[Any]) -> str:
    *others, last = (repr(value) for value in values)
    return f"{', '.join(others)} or {last}" if others else last


_SAYINGS: Mapping[str, Callable[[Any], str]] = {
    "type": lambda kinds: f"Input should be a valid {kinds if isinstance(kinds, str) else ' or '.join(kinds)}",
    "enum": lambda values: f"Input should be {shorten(_one_of(values), 400)}",
    "const": lambda value: f"Input should be {shorten(repr(value), 400)}",
    "minimum": "Input should be greater than or equal to {}".format,
    "maximum": "Input should be less than or equal to {}".format,
    "exclusiveMinimum": "Input should be greater than {}".format,
    "exclusiveMaximum": "Input should be less than {}".format,
    "multipleOf": "Input should be a multiple of {}".format,
    "minLength": "String should have at least {} characters".format,
    "maxLength": "String should have at most {} characters".format,
    "pattern": "String should match pattern '{}'".format,
    "minItems": "List should have at least {} items".format,
    "maxItems": "List should have at most {} items".format,
    _UNIQUE: lambda _: "List should have no item twice",
}
"""What a broken rule is called, by its keyword in the schema; worded as pydantic does, with the rule's value."""
