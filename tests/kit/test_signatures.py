"""Tool definitions as people read them."""

from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel

from polygym import tool
from polygym.kit.signatures import described
from polygym.servers.tools import tools_of


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Place(BaseModel):
    city: str
    number: int | None = None


class Server:
    @tool
    def order(
        self,
        places: list[Place],
        size: Size,
        unit: Literal["C", "F"] = "C",
        note: Annotated[str | None, "For the kitchen."] = None,
        marks: dict[str, Any] | None = None,
    ) -> None:
        """Order something.

        Slowly.
        """

    @tool
    def look(self) -> None: ...


def test_a_tool_is_shown_with_types_defaults_and_descriptions() -> None:
    tools = tools_of(Server)

    assert list(described(tools["order"].definition())) == [
        'order(places: {city: string, number: integer | null}[], size: "small" | "large", unit?: "C" | "F",'
        " note?: string | null, marks?: object | null)",
        "    Order something. Slowly.",
        '    unit: default "C"',
        "    note: For the kitchen.; default null",
        "    marks: default null",
    ]
    assert list(described(tools["look"].definition())) == ["look()"]


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        {"properties": {"a": True, "b": {"$ref": "#/$defs/Gone"}, "c": {"type": "array"}, "d": {"allOf": []}}},
        {"properties": {"a": {"$ref": "#/properties/a"}}},
        {"properties": {"a": {"type": ["string", "null"]}, "b": {"const": 1}, "c": {"enum": [None, {"x": 1}]}}},
    ],
)
def test_any_schema_can_be_shown(parameters: Any) -> None:
    lines = list(described({"name": "odd", "parameters": parameters}))

    assert lines[0].startswith("odd(")
