"""A document against its JSON Schema: which of its fields are right, and which required ones are missing."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from polygym import JsonObject
from polygym.protocol.json import loads
from resources_servers.structured_outputs.formats import format_checker
from resources_servers.structured_outputs.rules import TooMuchWorkError, begin_document, quick

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes that lead to a value."""
MOST_ERRORS: Final = 200
"""Faults of a document that are looked at."""


class Adherence(NamedTuple):
    """How well a document keeps to its schema."""

    score: float
    """1.0 when it is valid, else the share of its fields that are right; missing and unwanted ones count as wrong."""
    message: str | None
    """The first fault."""


class InvalidSchemaError(ValueError):
    """A schema that is none."""


@lru_cache(maxsize=4096)
def validator_of(schema_str: str) -> "Validator":
    """A schema, ready for use. References lead inside of it only. Raises InvalidSchemaError."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        decoded = loads(schema_str)
        if not isinstance(decoded, dict):
            raise ValueError("a schema is an object")
        validator_class = validator_for(decoded, default=Draft202012Validator)
        validator_class.check_schema(decoded)
        _check_references(decoded)
    except SchemaError as error:
        raise InvalidSchemaError(f"no valid JSON Schema: {error.message[:300]}") from error
    except Unresolvable as error:
        raise InvalidSchemaError(f"the JSON Schema refers to {error.ref}, which is not in it") from error
    except (ValueError, RecursionError) as error:
        raise InvalidSchemaError(f"no JSON Schema: {error}") from error
    return quick(validator_class)(decoded, registry=Registry(), format_checker=format_checker())


def _check_references(schema: Any) -> None:
    """Raises Unresolvable for a reference that leads out of the schema, or nowhere."""
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = Registry().with_resource("", resource).resolver(resource.id() or "")
    waiting: list[Any] = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if isinstance(each.get("$ref"), str):
                resolver.lookup(each["$ref"])
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def adherence(document: Any, schema_str: str) -> Adherence:
    """How well the document keeps to the schema."""
    begin_document()
    try:
        errors = list(islice(validator_of(schema_str).iter_errors(document), MOST_ERRORS))
    except (RecursionError, TooMuchWorkError):
        return Adherence(0.0, "the document cannot be checked: it leads the schema round in circles")
    if not errors:
        return Adherence(1.0, None)
    wrong = {place for error in errors for place in _places(error)}
    right = sum(not any(path[: len(place)] == place for place in wrong) for path in leaves(document))
    first = min(errors, key=lambda error: len(error.absolute_path))
    where = ".".join(map(str, first.absolute_path)) or "the document"
    return Adherence(right / (right + max(1, len(wrong))), f"{where}: {first.message}"[:400])


def leaves(document: Any) -> dict[Path, Any]:
    """The values that hold no others, by path. Empty containers are none."""
    found: dict[Path, Any] = {}
    waiting: list[tuple[Path, Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, key), part) for key, part in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, place), part) for place, part in enumerate(value)]
        else:
            found[path] = value
    return found


def _places(error: "ValidationError") -> Iterator[Path]:
    """The paths that one fault makes wrong: of what is missing, of what is too much, or of the value itself."""
    path: Path = tuple(error.absolute_path)
    instance: Any = error.instance
    if error.validator == "required":
        names: Any = error.validator_value
        yield from ((*path, name) for name in names if name not in instance)
    elif error.validator in ("additionalProperties", "unevaluatedProperties") and isinstance(instance, dict):
        known: JsonObject = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        yield from ((*path, name) for name in instance if name not in known)
    else:
        yield path
