"""From an answer to its grade: parsed, held against the schema, held against what it should say."""

from typing import Any, Final, Literal, NamedTuple, TypeAlias

from polygym import JsonObject
from resources_servers.structured_outputs.content import accuracy
from resources_servers.structured_outputs.extraction import AnswerForm, document_in
from resources_servers.structured_outputs.parsers import PARSERS, SchemaType
from resources_servers.structured_outputs.parsers.base import LONGEST, UnreadableError, check_extent
from resources_servers.structured_outputs.schemas import Path, adherence, validator_of

GradingMode: TypeAlias = Literal["partial", "binary"]
_MOST_NAMED: Final = 5


class Grade(NamedTuple):
    """What was found. Without a document, schema and content score nothing."""

    is_parsed: bool
    schema_score: float
    content_score: float | None
    """None when nothing is expected."""
    error_type: str | None
    """`schema`, `content`, or why there is no document; None for a flawless one."""
    error_message: str | None

    @property
    def is_perfect(self) -> bool:
        """Whether schema and content are kept to throughout."""
        return self.schema_score == 1.0 and self.content_score in (None, 1.0)

    @property
    def share(self) -> float:
        """Schema times content, 1.0 for a flawless document only."""
        return self.schema_score * (1.0 if self.content_score is None else self.content_score)


def grade_text(answer: str, *, schema_str: str, schema_type: SchemaType, form: AnswerForm, expected: Any) -> Grade:
    """Grade an answer in text form. `expected` is the document it should stand for, None when any will do."""
    try:
        text = document_in(answer, schema_type, form)
        document = PARSERS[schema_type](text, validator_of(schema_str).schema)
        check_extent(document)
    except UnreadableError as error:
        return unreadable(error, expected)
    return grade_document(document, schema_str=schema_str, expected=expected)


def grade_document(document: Any, *, schema_str: str, expected: Any) -> Grade:
    """Grade a document, which has to be of a reasonable extent."""
    kept = adherence(document, schema_str)
    if expected is None:
        return Grade(True, kept.score, None, "schema" if kept.message else None, kept.message)
    said = accuracy(document, expected)
    if kept.message is not None:
        return Grade(True, kept.score, said.score, "schema", kept.message)
    if said.score < 1.0:
        return Grade(True, kept.score, said.score, "content", _differences(said.wrong, said.extra))
    return Grade(True, 1.0, 1.0, None, None)


def grade_arguments(arguments: str, *, payload_key: str | None, schema_str: str, expected: Any) -> Grade:
    """Grade an answer that is the arguments of a tool call, or one of them."""
    try:
        if len(arguments) > LONGEST:
            raise UnreadableError("too_long", f"the arguments have more than {LONGEST} characters")
        document = PARSERS["json"](arguments, {})
        check_extent(document)
        if payload_key is not None:
            if not isinstance(document, dict) or payload_key not in document:
                raise UnreadableError("form", f"the argument {payload_key} is missing")
            document = document[payload_key]
    except UnreadableError as error:
        return unreadable(error, expected)
    return grade_document(document, schema_str=schema_str, expected=expected)


def unreadable(error: UnreadableError, expected: Any) -> Grade:
    """The grade of an answer without a document."""
    return Grade(False, 0.0, None if expected is None else 0.0, error.problem, str(error))


def as_fields(grade: Grade) -> JsonObject:
    """A grade as fields of the output row."""
    fields: JsonObject = {
        "parsed": grade.is_parsed,
        "schema_valid": grade.schema_score == 1.0,
        "schema_score": grade.schema_score,
        "error_type": grade.error_type,
        "error_message": None if grade.error_message is None else _sendable(grade.error_message),
    }
    return fields if grade.content_score is None else {**fields, "content_score": grade.content_score}


def _differences(wrong: list[Path], extra: list[Path]) -> str:
    parts = [
        f"{label}: {_listed(paths)}" for label, paths in (("wrong or missing", wrong), ("made up", extra)) if paths
    ]
    return "; ".join(parts)


def _listed(paths: list[Path]) -> str:
    named = [".".join(str(part)[:40] for part in path) for path in paths[:_MOST_NAMED]]
    return ", ".join([*named, "…"] if len(paths) > _MOST_NAMED else named)


def _sendable(text: str) -> str:
    """A text without halves of characters, which JSON cannot carry."""
    return text.encode("utf-8", "replace").decode()
