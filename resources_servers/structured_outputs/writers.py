"""Documents written out in each format; the other way round from parsers/."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

import yaml

from polygym import JsonObject
from resources_servers.structured_outputs.parsers import SchemaType


def to_json(document: Any, root: str) -> str:
    """Indented JSON."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def to_yaml(document: Any, root: str) -> str:
    """YAML in block style."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)


def to_xml(document: Any, root: str) -> str:
    """XML below an element `root`: an element for each property, one for each item of a list."""
    return "\n".join(_elements(root, document, ""))


def to_csv(document: Any, root: str) -> str:
    """CSV of flat objects, the keys of all of them in its header."""
    header = list(dict.fromkeys(key for row in document for key in row))
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(row.get(key)) for key in header] for row in document)
    return written.getvalue()


def to_toml(document: Any, root: str) -> str:
    """TOML; nulls are left out, for TOML has none."""
    return "\n".join(_tables(document, ()))


WRITERS: Final[Mapping[SchemaType, Callable[[Any, str], str]]] = {
    "json": to_json,
    "yaml": to_yaml,
    "xml": to_xml,
    "csv": to_csv,
    "toml": to_toml,
}
"""Each takes a document and the name of the root element, which only XML has."""


def _elements(tag: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield f"{indent}<{tag}>"
        for key, part in value.items():
            for each in part if isinstance(part, list) else [part]:
                yield from _elements(key, each, indent + "  ")
        yield f"{indent}</{tag}>"
    else:
        yield f"{indent}<{tag}>{escape(_cell(value))}</{tag}>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, bool | int | float) else str(value)


def _tables(document: JsonObject, path: tuple[str, ...]) -> Iterator[str]:
    below: list[tuple[str, Any]] = []
    for key, value in document.items():
        if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            below.append((key, value))
        elif value is not None:
            yield f"{key} = {json.dumps(value, ensure_ascii=False)}"
    for key, value in below:
        name = ".".join([*path, key])
        for part in value if isinstance(value, list) else [value]:
            yield f"\n[[{name}]]" if isinstance(value, list) else f"\n[{name}]"
            yield from _tables(part, (*path, key))
