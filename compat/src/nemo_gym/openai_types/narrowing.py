"""Which member of a large union a value must be, seen at a glance, where pydantic would try some twenty of them.

What cannot be told at a glance, and whatever is wrong, goes to the whole union, which decides and explains.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Protocol, TypeAlias

from openai.types.responses import FunctionToolParam
from pydantic import TypeAdapter, ValidationError, ValidatorFunctionWrapHandler, WrapValidator


class Member(Protocol):
    """Pydantic's validator of one member."""

    def validate_python(self, value: Any, /) -> Any:
        """`value` as that member. Raises ValidationError."""


Choose: TypeAlias = Callable[[dict[str, Any]], Member | None]
"""The member that a JSON object must be, None when that cannot be told."""


def narrowed(choose: Choose) -> WrapValidator:
    """A validator for `Annotated[Union[…], …]` that tries the member chosen by `choose` first."""

    def validate(value: Any, whole_union: ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, dict) and (member := choose(value)) is not None:
            try:
                return member.validate_python(value)
            except ValidationError:
                pass  # the whole union says what is wrong
        return whole_union(value)

    return WrapValidator(validate)


def function_tool(tool: dict[str, Any]) -> Member | None:
    """The member of the union of tools that a function is."""
    return _function_tools() if tool.get("type") == "function" else None


@cache
def _function_tools() -> Member:
    return TypeAdapter(FunctionToolParam)
