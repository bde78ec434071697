"""Makes rows: a text about some record, and a document to be made of it after a schema."""

import json
from random import Random
from typing import Final

from polygym import JsonObject
from resources_servers.structured_outputs.composing import Composer, Composition
from resources_servers.structured_outputs.extraction import AnswerForm
from resources_servers.structured_outputs.parsers import SchemaType

_NAMES: Final[dict[SchemaType, str]] = {"json": "JSON", "yaml": "YAML", "xml": "XML", "csv": "CSV", "toml": "TOML"}
_REQUESTS: Final = (
    "Turn the notes on {title} into {format} that keeps to the schema.",
    "Below are notes on {title}. Write down what they say as {format}, after the JSON Schema given here.",
    "Our system takes {title} as {format} only. Convert the notes so that they are valid under the schema.",
    "Extract the data from the notes on {title}. The result is {format} and has to fit the JSON Schema.",
)
_RULES: Final = (
    "Take each value from the notes. What they do not tell is left out if the schema allows it, and null if they say "
    "that it is not known.",
    "Invent nothing: leave out properties that the notes are silent about, and use null for what they call unknown.",
)
_FORMATS: Final[dict[SchemaType, str]] = {
    "json": "Keep entries of lists in the order of the notes.",
    "yaml": "Keep entries of lists in the order of the notes. Do not use anchors or aliases.",
    "xml": "The root element is <{root}>. A property is a child element of the same name, without attributes; a list "
    "is one such element per entry, one after another, in the order of the notes. An empty element is null.",
    "csv": "The first line is the header with the names of the properties, separated by commas. One line per entry "
    "follows, in the order of the notes.",
    "toml": "Lists of objects are arrays of tables, in the order of the notes. Dates are strings.",
}
_FORMS: Final[dict[AnswerForm, tuple[str, ...]]] = {
    "raw": ("Answer with the {format} alone, without a code fence and without further text.",),
    "fenced": ("Put the {format} into one Markdown code fence and write nothing around it.",),
    "raw_or_fenced": ("Answer with nothing but the {format}.", "No text besides the {format}, please."),
    "anywhere": ("You may comment on it, but the {format} has to stand in one Markdown code fence, the only one.",),
}


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """A row; a greater difficulty brings more fields, nesting, other formats than JSON, and wordier texts."""
    schema_type = _draw_type(rng, difficulty)
    composition = Composer(rng, difficulty, schema_type).compose()
    form: AnswerForm = rng.choice(("raw", "fenced", "raw_or_fenced", "anywhere"))
    return {
        "id": index,
        "responses_create_params": {"input": _messages(rng, composition, schema_type, form)},
        "schema_str": json.dumps(composition.schema, ensure_ascii=False),
        "schema_type": schema_type,
        "expected": composition.document,
        "answer_form": form,
        "grading_mode": "partial",
    }


def _draw_type(rng: Random, difficulty: float) -> SchemaType:
    others: tuple[SchemaType, ...] = ("yaml", "xml", "csv", "toml")
    return rng.choice(others) if rng.random() < 0.3 + 0.4 * difficulty else "json"


def _messages(rng: Random, task: Composition, schema_type: SchemaType, form: AnswerForm) -> list[JsonObject]:
    name = _NAMES[schema_type]
    root = task.schema.get("xml", {}).get("name", "")
    request = rng.choice(_REQUESTS).format(title=task.record.title, format=name)
    rules = [rng.choice(_RULES), _FORMATS[schema_type].format(root=root), rng.choice(_FORMS[form]).format(format=name)]
    schema = f"Schema:\n{json.dumps(task.schema, indent=rng.choice((None, 2)), ensure_ascii=False)}"
    notes = f"Notes:\n{task.text}"
    if rng.random() < 0.3:
        system = "\n\n".join([" ".join(rules), schema])
        return [{"role": "system", "content": system}, {"role": "user", "content": f"{request}\n\n{notes}"}]
    middle = [schema, notes] if rng.random() < 0.5 else [notes, schema]
    return [{"role": "user", "content": "\n\n".join([request, *middle, " ".join(rules)])}]
