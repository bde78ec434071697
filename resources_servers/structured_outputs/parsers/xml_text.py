"""XML as a document: a child element for each property, one for each item of a list. No DTD, so no entities of its own.

Elements have no types; what a text means is read off the schema. Attributes count as properties that nobody asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat

from polygym import JsonObject
from resources_servers.structured_outputs.parsers.base import (
    DEEPEST,
    MOST_VALUES,
    UnreadableError,
    resolved,
    scalar_of,
    too_deep,
    types_of,
)


@dataclass
class _Element:
    tag: str
    attributes: dict[str, str]
    children: list["_Element"] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


def parse(text: str, schema: Any) -> Any:
    """The document below the root element. Raises UnreadableError."""
    root = _tree(text)
    wanted = _root_name(schema)
    if wanted is not None and root.tag != wanted:
        raise UnreadableError("syntax", f"the root element is {root.tag[:60]!a}, not {wanted!a}")
    return _value(root, schema, schema)


def _root_name(schema: Any) -> str | None:
    """What the schema calls the root element, in the way of OpenAPI: `"xml": {"name": "order"}`."""
    told = resolved(schema, schema).get("xml")
    name = told.get("name") if isinstance(told, dict) else None
    return name if isinstance(name, str) else None


def _tree(text: str) -> _Element:
    above: list[_Element] = []
    roots: list[_Element] = []
    count = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MOST_VALUES:
            raise UnreadableError("too_long", f"the document has more than {MOST_VALUES} elements")
        if len(above) >= DEEPEST:
            raise too_deep()
        element = _Element(tag, {name: value for name, value in attributes.items() if not name.startswith("xmlns")})
        (above[-1].children if above else roots).append(element)
        above.append(element)

    def end(_: str) -> None:
        above.pop()

    def characters(data: str) -> None:
        if above:
            above[-1].text.append(data)

    parser = expat.ParserCreate("utf-8")
    handlers: dict[str, Callable[..., None]] = {
        "StartElementHandler": start,
        "EndElementHandler": end,
        "CharacterDataHandler": characters,
        "StartDoctypeDeclHandler": _refuse_doctype,
    }
    for name, handler in handlers.items():
        setattr(parser, name, handler)
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise UnreadableError("syntax", f"not XML: {error}") from None
    return roots[0]


def _refuse_doctype(*_: Any) -> NoReturn:
    raise UnreadableError("syntax", "a document type declaration is not allowed")


def _value(element: _Element, schema: Any, root: Any) -> Any:
    plain = resolved(schema, root)
    types = types_of(plain, root)
    text = "".join(element.text).strip()
    if "array" in types and "object" not in types:
        return [_value(child, plain.get("items"), root) for child in element.children]
    if "object" in types or element.children or element.attributes:
        if not element.children and not element.attributes and (text or "null" in types):
            return scalar_of(text, types)
        return _object(element, plain, root, text)
    return scalar_of(text, types)


def _object(element: _Element, schema: JsonObject, root: Any, text: str) -> JsonObject:
    properties = schema.get("properties")
    known: JsonObject = properties if isinstance(properties, dict) else {}
    found: JsonObject = {f"@{name}": value for name, value in element.attributes.items()}
    lists = {name for name, each in known.items() if "array" in types_of(each, root)}
    for child in element.children:
        below = known.get(child.tag)
        if child.tag in lists:
            found.setdefault(child.tag, []).append(_value(child, resolved(below, root).get("items"), root))
        elif child.tag in found:
            raise UnreadableError("duplicate_key", f"the element {child.tag[:60]!a} is there twice")
        else:
            found[child.tag] = _value(child, below, root)
    for name in lists & set(schema.get("required") or ()):
        found.setdefault(name, [])
    return {**found, "#text": text} if text else found
