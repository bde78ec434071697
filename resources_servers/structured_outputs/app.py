"""Structured outputs: documents in JSON, YAML, XML, CSV or TOML that keep to a schema and say what a text says."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from polygym import (
    JsonObject,
    ResourcesServer,
    ResourcesServerConfig,
    RolloutView,
    Session,
    TaskFields,
    ToolError,
    Verification,
)
from resources_servers.structured_outputs.extraction import AnswerForm
from resources_servers.structured_outputs.grading import (
    Grade,
    GradingMode,
    as_fields,
    grade_arguments,
    grade_text,
    unreadable,
)
from resources_servers.structured_outputs.parsers import SchemaType
from resources_servers.structured_outputs.parsers.base import UnreadableError
from resources_servers.structured_outputs.schemas import adherence, validator_of


class StructuredConfig(ResourcesServerConfig):
    """How answers are read and graded, where the row does not say."""

    answer_form: AnswerForm = "raw_or_fenced"
    """`raw`, `fenced`, `raw_or_fenced` or `anywhere`: whether a code fence, and text around it, is allowed."""
    grading_mode: GradingMode = "partial"
    """`partial`: share of fields that fit the schema times share of right values. `binary`: all or nothing."""


class StructuredTask(TaskFields):
    """A schema, and the document that a right answer stands for."""

    schema_str: str
    """JSON Schema, as a text."""
    schema_type: SchemaType = "json"
    """Format of the answer."""
    expected: Any = None
    """The document that the answer should stand for; without it any valid document will do."""
    answer_form: AnswerForm | None = None
    grading_mode: GradingMode | None = None
    response_mode: Literal["text", "tool_call"] = "text"
    """`tool_call`: the answer is the arguments of a tool call."""
    tool_name: str | None = None
    """The tool whose arguments are the answer."""
    tool_payload_key: str | None = Field(default=None, min_length=1)
    """The argument that holds the document, when it is not all of them together."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        validator_of(self.schema_str)
        if self.expected is not None and (message := adherence(self.expected, self.schema_str).message):
            raise ValueError(f"'expected' does not fit the schema, so that no answer could be right: {message}")
        if self.response_mode == "tool_call" and not self.tool_name:
            raise ValueError("rows with response_mode 'tool_call' need 'tool_name'")
        return self


class StructuredServer(ResourcesServer[StructuredTask]):
    """Reads the document out of the answer and grades it. Keeps no state."""

    config: StructuredConfig

    def call_other_tool(self, name: str, arguments: JsonObject, session: Session[StructuredTask]) -> str:
        """Take in the answer of rows whose answer is a tool call."""
        task = session.task
        if task.response_mode == "tool_call" and name == task.tool_name:
            return "Received."
        raise ToolError(f"There is no tool '{name}' to call here.")

    def verify(self, rollout: RolloutView, session: Session[StructuredTask]) -> Verification:
        """Schema times content, 1.0 for a flawless document only; nothing for an answer that was cut off."""
        task = session.task
        grade = self._grade(rollout, task)
        is_binary = (task.grading_mode or self.config.grading_mode) == "binary"
        components = {"parsed": float(grade.is_parsed), "schema": grade.schema_score}
        if grade.content_score is not None:
            components["content"] = grade.content_score
        fields = as_fields(grade)
        return Verification(
            reward=float(grade.is_perfect) if is_binary else grade.share,
            components=components,
            fields=fields,
            explanation=fields["error_message"] or "The document is valid and says what it should.",
        )

    def _grade(self, rollout: RolloutView, task: StructuredTask) -> Grade:
        if task.response_mode == "tool_call":
            return _grade_call(rollout, task)
        if not rollout.is_complete:
            return unreadable(UnreadableError("empty", "the answer was cut off"), task.expected)
        return grade_text(
            rollout.final_text,
            schema_str=task.schema_str,
            schema_type=task.schema_type,
            form=task.answer_form or self.config.answer_form,
            expected=task.expected,
        )


def _grade_call(rollout: RolloutView, task: StructuredTask) -> Grade:
    """The grade of the first call's arguments: further calls would be further tries."""
    call = next((each for each in rollout.function_calls if each.name == task.tool_name), None)
    if call is None:
        return unreadable(UnreadableError("empty", f"the tool {task.tool_name} was not called"), task.expected)
    return grade_arguments(
        call.arguments_text,
        payload_key=task.tool_payload_key,
        schema_str=task.schema_str,
        expected=task.expected,
    )
