"""CSV as RFC 4180 has it, with a header line: a list of flat objects.

Cells have no types; what a text means is read off the schema. An empty cell is null, or else nothing.
"""

import csv
import io
from typing import Any

from polygym import JsonObject
from resources_servers.structured_outputs.parsers.base import UnreadableError, as_object, resolved, scalar_of, types_of


def parse(text: str, schema: Any) -> Any:
    """The rows as objects. Raises UnreadableError."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise UnreadableError("syntax", f"not CSV: {error}") from None
    if not rows:
        raise UnreadableError("empty", "there is no CSV header")
    header = [name.strip() for name in rows[0]]
    as_object((name, None) for name in header)
    items = resolved(resolved(schema, schema).get("items"), schema)
    found: list[JsonObject] = []
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise UnreadableError("syntax", f"row {number} has {len(row)} cells, the header has {len(header)}")
        found.append(_object(zip(header, row, strict=True), items, schema))
    return found


def _object(cells: Any, schema: JsonObject, root: Any) -> JsonObject:
    properties: JsonObject = schema.get("properties") or {}
    required = schema.get("required") or ()
    found: JsonObject = {}
    for name, cell in cells:
        types = types_of(properties.get(name, {}), root)
        if cell or name in required or "null" in types:
            found[name] = scalar_of(cell if "string" in types else cell.strip(), types)
    return found
