import asyncio
import dataclasses
import json
from collections.abc import Callable
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import jsonschema
import pytest
from pydantic import BaseModel, Field

from polygym import Session, TaskFields, ToolContent, ToolError, input_image, input_text, tool
from polygym.protocol.awaiting import settled
from polygym.servers.tools import Tool, result_of, tools_of

SESSION = Session("0-0", TaskFields(), None)


class Unit(StrEnum):
    CELSIUS = "c"
    FAHRENHEIT = "f"


class Aliased(BaseModel):
    city: str = Field(alias="cityName")


class Level(Enum):
    LOW = 1
    HIGH = 2


class Place(BaseModel):
    """A place on earth."""

    city: str = Field(description="Name of the city.")
    title: str = ""


@dataclasses.dataclass
class Span:
    start: int
    end: int = 10


def offered(method: Callable[..., Any], **options: Any) -> Tool:
    """The one tool of a server class that has `method`."""
    marked = tool(**options)(method) if options else tool(method)
    (found,) = tools_of(type("Server", (), {method.__name__: marked})).values()
    return found


def properties(method: Callable[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = offered(method).parameters["properties"]
    return found


def call(method: Callable[..., Any], arguments: dict[str, Any]) -> str:
    found = offered(method)
    server = type("Server", (), {found.attribute: method})()
    return result_of(asyncio.run(settled(found.invoke(server, arguments, SESSION)))).output


def refusal(method: Callable[..., Any], arguments: dict[str, Any]) -> str:
    with pytest.raises(ToolError) as caught:
        call(method, arguments)
    return str(caught.value)


# Schemas


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (int, {"type": "integer"}),
        (str, {"type": "string"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (list[list[int]], {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}),
        (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045
        (str | None, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (Annotated[str, "The text."], {"type": "string", "description": "The text."}),
        (Annotated[int, Field(ge=0)], {"type": "integer", "minimum": 0}),
        (Annotated[int, Field(ge=0), "Or more."], {"type": "integer", "minimum": 0, "description": "Or more."}),
        (Annotated[int, Field(description="By Field.")], {"type": "integer", "description": "By Field."}),
        (Any, {}),
    ],
)
def test_a_parameters_schema_comes_from_its_annotation(annotation: Any, schema: dict[str, Any]) -> None:
    def look(self: Any, value: None) -> str:
        return ""

    look.__annotations__["value"] = annotation

    assert properties(look) == {"value": schema}


def test_a_definition_has_the_form_of_create_params() -> None:
    def get_weather(self: Any, city: str, days: int = 1) -> str:
        """Look the weather up."""
        return ""

    assert offered(get_weather).definition() == {
        "type": "function",
        "name": "get_weather",
        "description": "Look the weather up.",
        "strict": False,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 1}},
            "required": ["city"],
            "additionalProperties": False,
        },
    }


def test_models_dataclasses_and_enums_are_described_in_definitions() -> None:
    def plan(self: Any, places: list[Place], span: Span, unit: Unit, level: Level = Level.LOW) -> str:
        return ""

    schema = offered(plan).parameters

    assert schema["$defs"]["Place"]["properties"]["city"] == {"type": "string", "description": "Name of the city."}
    assert schema["$defs"]["Place"]["properties"]["title"] == {"type": "string", "default": ""}
    assert schema["$defs"]["Place"]["description"] == "A place on earth."
    assert schema["$defs"]["Span"]["required"] == ["start"]
    assert schema["$defs"]["Unit"] == {"enum": ["c", "f"], "type": "string"}
    assert schema["properties"]["level"]["default"] == 1
    assert schema["required"] == ["places", "span", "unit"]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"places": [{"city": "Rome"}], "span": {"start": 1}, "unit": "f", "level": 2}, schema)


def test_a_parameter_may_have_any_name() -> None:
    def look(self: Any, schema: str, json: int, _x: int, title: str, model_dump: str, copy: str = "c") -> list[Any]:
        return [schema, json, _x, title, model_dump, copy]

    assert list(properties(look)) == ["schema", "json", "_x", "title", "model_dump", "copy"]
    arguments = {"schema": "s", "json": 1, "_x": 2, "title": "t", "model_dump": "m"}
    assert json.loads(call(look, arguments)) == ["s", 1, 2, "t", "m", "c"]


def test_generated_titles_are_left_out_but_not_data_called_title() -> None:
    def look(self: Any, title: Annotated[dict[str, str], "Headline."] = {"title": "none"}) -> str:  # noqa: B006
        return ""

    schema = offered(look).parameters

    assert "title" not in schema
    assert schema["properties"]["title"]["default"] == {"title": "none"}
    assert "title" not in schema["properties"]["title"]


def test_the_session_is_handed_in_and_not_the_models_to_give() -> None:
    def look(self: Any, city: str, session: Session[TaskFields, None]) -> str:
        return f"{city} in {session.rollout_id}"

    assert list(properties(look)) == ["city"]
    assert call(look, {"city": "Rome"}) == "Rome in 0-0"
    assert "session: Extra inputs are not permitted" in refusal(look, {"city": "Rome", "session": {}})


# Descriptions


def test_descriptions_come_from_the_docstring() -> None:
    def look(
        self: Any,
        city: str,
        unit: str = "c",
        days: Annotated[int, "From the annotation."] = 1,
        hours: Annotated[int, Field(description="From the annotation, too.")] = 1,
    ) -> str:
        """Look the weather up,
        wherever it is.

        Works for every city.

        Args:
            city (str): The city's name:
                in English, Latin letters: please.
            unit (Literal["c", "f"], optional): c or f.
            days: From the docstring.
            hours: From the docstring.

        Returns:
            unit: not a parameter's description.
        """
        return ""

    found = offered(look)

    assert found.description == "Look the weather up, wherever it is. Works for every city."
    described = {name: schema.get("description") for name, schema in found.parameters["properties"].items()}
    assert described == {
        "city": "The city's name: in English, Latin letters: please.",
        "unit": "c or f.",
        "days": "From the annotation.",
        "hours": "From the annotation, too.",
    }


def test_a_description_may_stand_below_its_name_and_be_indented_by_two() -> None:
    def look(self: Any, city: str, days: int) -> str:
        """Look.

        Args:
          city:
            The name,
            with country: code.
          days: How many.
        """
        return ""

    described = {name: schema["description"] for name, schema in properties(look).items()}
    assert described == {"city": "The name, with country: code.", "days": "How many."}


def test_name_and_description_can_be_given() -> None:
    def look(self: Any) -> str:
        """Not this."""
        return ""

    found = offered(look, name="look-up", description="This.")

    assert (found.name, found.description, found.attribute) == ("look-up", "This.", "look")


# Calls


def test_arguments_arrive_as_the_annotated_types() -> None:
    def look(self: Any, place: Place, span: Span, unit: Unit, level: Level, numbers: list[float]) -> str:
        return repr((place, span, unit, level, numbers))

    arguments = {"place": {"city": "Rome"}, "span": {"start": 3}, "unit": "f", "level": 2, "numbers": [1, 2.5]}

    expected = (Place(city="Rome"), Span(3), Unit.FAHRENHEIT, Level.HIGH, [1.0, 2.5])
    assert call(look, arguments) == repr(expected)


def test_sync_and_async_tools_are_called_alike() -> None:
    def look(self: Any, city: str) -> str:
        return city

    async def look_later(self: Any, city: str) -> str:
        await asyncio.sleep(0)
        return city

    assert call(look, {"city": "Rome"}) == call(look_later, {"city": "Rome"}) == "Rome"


def test_static_and_class_methods_can_be_tools() -> None:
    class Server:
        @staticmethod
        @tool
        def double(number: int) -> int:
            return 2 * number

        @classmethod
        @tool
        def own(cls, text: str) -> str:
            return f"{cls.__name__} {text}"

    found = tools_of(Server)

    assert asyncio.run(settled(found["double"].invoke(Server(), {"number": 4}, SESSION))) == 8
    assert asyncio.run(settled(found["own"].invoke(Server(), {"text": "x"}, SESSION))) == "Server x"


def test_arguments_that_do_not_fit_are_answered_with_what_is_wrong() -> None:
    def look(self: Any, city: str, unit: Literal["c", "f"] = "c", days: Annotated[int, Field(ge=1)] = 1) -> str:
        return ""

    text = refusal(look, {"cty": "Rome", "unit": "k", "days": 0})

    assert text.startswith("Invalid arguments for look: ")
    assert "city: Field required" in text
    assert "cty: Extra inputs are not permitted (got 'Rome')" in text
    assert "unit: Input should be 'c' or 'f' (got 'k')" in text
    assert "days: Input should be greater than or equal to 1 (got 0)" in text


def test_a_wrong_value_deep_inside_is_named_by_its_path() -> None:
    def look(self: Any, places: list[Place]) -> str:
        return ""

    assert "places.1.city: Input should be a valid string (got 3)" in refusal(
        look, {"places": [{"city": "Rome"}, {"city": 3}]}
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        ("", ""),
        ("Zürich 🌍", "Zürich 🌍"),
        ("un\udcffsent", "un?sent"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        ([1.5, "x"], '[1.5,"x"]'),
        ((1, 2), "[1,2]"),
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (2**80, str(2**80)),
        ({1: "a"}, '{"1":"a"}'),
        (Place(city="Rome"), '{"city":"Rome","title":""}'),
        ([Place(city="Rome")], '[{"city":"Rome","title":""}]'),
        (Span(1), '{"start":1,"end":10}'),
        ({"span": Span(1)}, '{"span":{"start":1,"end":10}}'),
        (Unit.CELSIUS, "c"),
        (Level.HIGH, "2"),
        (Path("/a/b"), '"/a/b"'),
        (Aliased(cityName="Rome"), '{"cityName":"Rome"}'),
        ([Aliased(cityName="Rome")], '[{"cityName":"Rome"}]'),
    ],
)
def test_a_string_stays_as_it_is_and_other_values_become_json(value: Any, text: str) -> None:
    def give(self: Any) -> Any:
        return value

    assert call(give, {}) == text


def test_content_parts_stay_parts_and_their_text_is_the_output() -> None:
    parts = [input_text("a red dot: "), input_image(b"\x89PNG"), input_text("un\udcffsent")]

    shown = result_of(ToolContent(parts))

    assert shown.output == "a red dot: un?sent"
    assert shown.for_model() == parts
    assert parts[1] == {"type": "input_image", "image_url": "data:image/png;base64,iVBORw==", "detail": "auto"}
    assert result_of("text").for_model() == "text"
