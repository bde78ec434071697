"""The reference solution, which writes out the expected document; and answers that must not be rewarded in full."""

import json
from collections.abc import Callable
from typing import Any

from polygym import JsonObject
from polygym.kit import Script
from resources_servers.structured_outputs.writers import WRITERS


def solve(row: JsonObject) -> Script:
    """The expected document, in the format and form that the row asks for."""
    yield _answer(row, row["expected"])


def wrong_answers(row: JsonObject) -> dict[str, Script]:
    """Valid documents that say something else, the schema itself, and right documents in a wrong form."""
    wrong = {
        "valid, but made up": _say(_answer(row, _changed(row["expected"], _other))),
        "nothing but empty texts and zeros": _say(_answer(row, _changed(row["expected"], _nothing))),
        "an empty document": _say(_answer(row, [] if row["schema_type"] == "csv" else {})),
        "the schema": _say(row["schema_str"]),
        "one value too many": _say(_answer(row, _with_extra(row["expected"]))),
        "twice": _say("\n".join([_answer(row, row["expected"])] * 2)),
    }
    if row["answer_form"] in ("raw", "fenced", "raw_or_fenced"):
        wrong["with a remark"] = _say(f"Here it is:\n\n```\n{_written(row, row['expected'])}\n```")
    return wrong


def _answer(row: JsonObject, document: Any) -> str:
    text = _written(row, document)
    return f"```{row['schema_type']}\n{text}\n```" if row["answer_form"] in ("fenced", "anywhere") else text


def _written(row: JsonObject, document: Any) -> str:
    root = json.loads(row["schema_str"]).get("xml", {}).get("name", "document")
    return WRITERS[row["schema_type"]](document, root).strip()


def _changed(document: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(document, dict):
        return {key: _changed(value, change) for key, value in document.items()}
    if isinstance(document, list):
        return [_changed(value, change) for value in document]
    return change(document)


def _other(value: Any) -> Any:
    """Another value of the same type, most often one that the schema allows."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return value[:-1] + ("1" if value[-1:] != "1" else "2") if isinstance(value, str) else value


def _nothing(value: Any) -> Any:
    return type(value)() if value is not None else None


def _with_extra(document: Any) -> Any:
    if isinstance(document, list):
        return [{**document[0], "remark": "none"}, *document[1:]]
    return {**document, "remark": "none"}


def _say(text: str) -> Script:
    yield text
