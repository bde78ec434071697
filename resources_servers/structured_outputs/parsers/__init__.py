"""From a text in some format to the document that it stands for, as JSON values. A file a format."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

from resources_servers.structured_outputs.parsers import csv_text, json_text, toml_text, xml_text, yaml_text

SchemaType: TypeAlias = Literal["json", "yaml", "xml", "csv", "toml"]
"""A format."""

PARSERS: Final[Mapping[SchemaType, Callable[[str, Any], Any]]] = {
    "json": json_text.parse,
    "yaml": yaml_text.parse,
    "xml": xml_text.parse,
    "csv": csv_text.parse,
    "toml": toml_text.parse,
}
"""Each takes a text and the schema, which says what texts without a type mean. All raise UnreadableError."""
