"""New tasks: a schema, the document that a text tells of, and the text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from polygym import JsonObject
from resources_servers.structured_outputs.parsers import SchemaType
from resources_servers.structured_outputs.subjects import ASIDES, RECORDS, Field, Record
from resources_servers.structured_outputs.values import camel_case

_WITHOUT_NULL: Final = frozenset({"toml", "csv"})
"""Formats that have no null of their own."""


@dataclass
class Told:
    """Properties, as the schema has them, the document and the text."""

    schemas: JsonObject = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    document: JsonObject = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)

    def schema(self) -> JsonObject:
        """The schema of an object with these properties and no others."""
        return {
            "type": "object",
            "properties": self.schemas,
            "required": self.required,
            "additionalProperties": False,
        }


@dataclass(frozen=True)
class Composition:
    """A task without its wording."""

    record: Record
    schema: JsonObject
    document: Any
    text: str


class Composer:
    """Composes one task. The difficulty sets how many fields there are, and how the text puts them."""

    def __init__(self, rng: Random, difficulty: float, schema_type: SchemaType) -> None:
        self._rng = rng
        self._difficulty = difficulty
        self._type = schema_type
        self._is_camel = rng.random() < 0.4

    def compose(self) -> Composition:
        """A task about some record; a list of flat objects for CSV."""
        record = self._rng.choice(RECORDS)
        if self._type == "csv":
            return self._table(record)
        told = self._fields(record.fields, 2 + round(4 * self._difficulty), may_lack=True)
        if self._rng.random() < 0.3 + self._difficulty:
            self._add_part(told, record)
        lists = self._add_items(told, record) if self._rng.random() < 2 * self._difficulty else []
        if self._rng.random() < self._difficulty - 0.3:
            self._nest(told, ["details", "more"] if self._difficulty > 0.8 else ["details"])
        self._rng.shuffle(told.sentences)
        text = "\n\n".join([self._with_asides(told.sentences), *lists])
        schema = self._finished(told.schema(), record.name)
        return Composition(record, schema, told.document, text)

    def _table(self, record: Record) -> Composition:
        count = 2 + round(2 * self._difficulty)
        fields = [record.items[0], *self._rng.sample(record.items[1:], min(count, len(record.items) - 1))]
        rows = [self._entry(fields) for _ in range(self._rng.randint(2, 3 + round(4 * self._difficulty)))]
        lines = [record.items_lead, *(f"- {'; '.join(row.sentences)}" for row in rows)]
        schema = {"type": "array", "items": rows[0].schema(), "minItems": 1}
        opening = [self._with_asides([f"This is about {record.title}."])]
        text = "\n\n".join([*opening, "\n".join(lines)])
        return Composition(record, self._finished(schema, record.items_name), [row.document for row in rows], text)

    def _fields(self, fields: Sequence[Field], count: int, *, may_lack: bool) -> Told:
        """The first field and some others, told in a sentence each."""
        told = Told()
        chosen = [fields[0], *self._rng.sample(fields[1:], min(count, len(fields) - 1))]
        for each in chosen:
            name, schema = self._named(each.name), dict(each.kind.schema)
            chance = self._rng.random()
            if may_lack and each is not fields[0] and chance < 0.2 * self._difficulty:
                self._leave_out(told, name, each, schema)
                continue
            drawn = each.kind.draw(self._rng, self._difficulty)
            told.schemas[name] = schema
            told.required.append(name)
            told.document[name] = drawn.value
            told.sentences.append(self._rng.choice(each.sentences).format(drawn.said))
        return told

    def _leave_out(self, told: Told, name: str, each: Field, schema: JsonObject) -> None:
        """A property that the text is silent about, and has to be left out; or one that it says there is none of."""
        if self._type in _WITHOUT_NULL or schema["type"] in ("boolean", "array") or self._rng.random() < 0.5:
            told.schemas[name] = schema
            return
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
        told.schemas[name] = {**schema, "type": [schema["type"], "null"]}
        told.required.append(name)
        told.document[name] = None
        told.sentences.append(f"Of {each.label} nothing is known.")

    def _add_part(self, told: Told, record: Record) -> None:
        part = self._fields(record.part, 1 + round(2 * self._difficulty), may_lack=False)
        name = self._named(record.part_name)
        told.schemas[name] = part.schema()
        told.required.append(name)
        told.document[name] = part.document
        told.sentences += part.sentences

    def _add_items(self, told: Told, record: Record) -> list[str]:
        """A list of objects; the lines that tell of it."""
        count = 1 + round(2 * self._difficulty)
        fields = [record.items[0], *self._rng.sample(record.items[1:], min(count, len(record.items) - 1))]
        entries = [self._entry(fields) for _ in range(self._rng.randint(2, 2 + round(4 * self._difficulty)))]
        name = self._named(record.items_name)
        told.schemas[name] = {"type": "array", "items": entries[0].schema(), "minItems": 1}
        told.required.append(name)
        told.document[name] = [entry.document for entry in entries]
        return ["\n".join([record.items_lead, *(f"- {'; '.join(entry.sentences)}" for entry in entries)])]

    def _nest(self, told: Told, names: list[str]) -> None:
        """Move some properties into an object of their own, and some of them further down."""
        keys = list(told.schemas)[1:]
        moved = keys[len(keys) // 2 :]
        if not moved:
            return
        below = Told(
            schemas={key: told.schemas.pop(key) for key in moved},
            required=[key for key in moved if key in told.required],
            document={key: told.document.pop(key) for key in moved if key in told.document},
        )
        if len(names) > 1:
            self._nest(below, names[1:])
        told.required = [key for key in told.required if key not in moved]
        told.schemas[names[0]] = below.schema()
        if below.document:
            told.required.append(names[0])
            told.document[names[0]] = below.document

    def _entry(self, fields: Sequence[Field]) -> Told:
        """An entry of a list, told in one line."""
        entry = Told()
        for each in fields:
            name = self._named(each.name)
            drawn = each.kind.draw(self._rng, self._difficulty)
            entry.schemas[name] = dict(each.kind.schema)
            entry.required.append(name)
            entry.document[name] = drawn.value
            is_clear = isinstance(drawn.value, bool) or each is fields[0]
            entry.sentences.append(drawn.said if is_clear else f"{each.label}: {drawn.said}")
        return entry

    def _finished(self, schema: JsonObject, name: str) -> JsonObject:
        """The schema with its dialect, the root's name, and for the hardest tasks its lists' objects set apart."""
        if self._difficulty > 0.6 and self._rng.random() < 0.5:
            schema = _with_definitions(schema)
        root = {"xml": {"name": self._named(name)}} if self._type == "xml" else {}
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, **schema}

    def _with_asides(self, sentences: Sequence[str]) -> str:
        told = list(sentences)
        for aside in self._rng.sample(ASIDES, round(3 * self._difficulty * self._rng.random())):
            told.insert(self._rng.randint(0, len(told)), aside)
        return " ".join(told)

    def _named(self, name: str) -> str:
        return camel_case(name) if self._is_camel else name


def _with_definitions(schema: JsonObject) -> JsonObject:
    """The schema, objects within it moved to `$defs`."""
    definitions: JsonObject = {}
    properties = dict(schema.get("properties") or {})
    for name, below in properties.items():
        if below.get("type") == "object":
            definitions[name] = below
            properties[name] = {"$ref": f"#/$defs/{name}"}
        elif below.get("type") == "array" and below["items"].get("type") == "object":
            definitions[f"{name}_entry"] = below["items"]
            properties[name] = {**below, "items": {"$ref": f"#/$defs/{name}_entry"}}
    return {**schema, "properties": properties, "$defs": definitions} if definitions else schema
