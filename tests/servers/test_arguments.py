# ruff: noqa: UP007, UP045
import asyncio
import dataclasses
import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, Optional, TypeVar, Union
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, StringConstraints
from typing_extensions import TypeAliasType, TypedDict

from polygym import Session, TaskFields, ToolError, tool
from polygym.protocol.awaiting import settled
from polygym.servers.tools import Tool, render, tools_of
from tests.servers.schema_strategies import fitting

SESSION = Session("0-0", TaskFields(), None)


class Colour(Enum):
    RED = "r"
    BLUE = "b"


class Mixed(Enum):
    ONE = 1
    OTHER = "x"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Movie(TypedDict):
    name: str
    year: NotRequired[int]


class Point(NamedTuple):
    x: float
    y: float = 0.0


@dataclasses.dataclass
class Tree:
    name: str
    below: "list[Tree]" = dataclasses.field(default_factory=list)


class Address(BaseModel):
    street: str = Field(description="Without the number.")
    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")] = "00000"
    tags: set[str] = set()


class Person(BaseModel):
    full_name: str = Field(alias="fullName")
    address: Address | None = None
    friends: "list[Person]" = []


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


boxed = TypeVar("boxed")


class Box(BaseModel, Generic[boxed]):
    content: boxed


UserId = NewType("UserId", int)
Numbers = TypeAliasType("Numbers", list[int])
Pet = Annotated[Cat | Dog, Field(discriminator="kind")]

TYPES: list[Any] = [
    *(str, int, float, bool, None, list, dict, Any, Colour, Mixed, Level, Literal["a", 1, None]),
    *(date, datetime, time, timedelta, UUID, Path, Decimal, Movie, Point, Tree, Address, Person, Cat, Pet, Box[int]),
    *(UserId, Numbers, Optional[int], Union[int, str, list[int]], int | None, list[list[float]], set[int]),
    *(frozenset[str], tuple[int, str], tuple[bool, ...], dict[str, list[Point]], dict[int, str], dict[Colour, int]),
    *(dict[date, int], list[Movie], dict[str, Address], Annotated[int, Field(ge=3, lt=9)]),
    *(Annotated[int, Field(gt=0, multiple_of=7)], Annotated[float, Field(gt=0, le=1)]),
    *(Annotated[str, Field(min_length=2, max_length=4)], Annotated[list[int], Field(min_length=1, max_length=2)]),
    *(Annotated[str, StringConstraints(pattern="^[a-c]+$")], Annotated[Decimal, Field(ge=1, le=5)]),
    Annotated[date, "The day."],
]


def offered(annotation: Any, **default: Any) -> Tool:
    """A tool `look` with the parameter `value`."""

    def look(self: Any, value: Any) -> Any:
        return value

    def look_or_not(self: Any, value: Any = default.get("default")) -> Any:  # noqa: B008 - what the test gives
        return value

    method = look_or_not if default else look
    method.__annotations__["value"] = annotation
    (found,) = tools_of(type("Server", (), {"look": tool(name="look")(method)})).values()
    return found


def call(found: Tool, arguments: dict[str, Any]) -> str:
    server = type("Server", (), {"look": lambda self, value=None: value})()
    return render(asyncio.run(settled(found.invoke(server, arguments, SESSION))))


def accept(found: Tool, arguments: dict[str, Any]) -> None:
    """Check that arguments which fit the schema are taken and come back as JSON, or as the text that they are."""
    jsonschema.validate(arguments, found.parameters, cls=jsonschema.Draft202012Validator)
    shown = call(found, arguments)
    if not isinstance(arguments["value"], str):
        json.loads(shown)


# Property tests


@pytest.mark.parametrize("annotation", TYPES, ids=str)
def test_arguments_that_fit_the_schema_are_accepted(annotation: Any) -> None:
    found = offered(annotation)

    @settings(max_examples=20, database=None)
    @given(fitting(json.loads(json.dumps(found.parameters, allow_nan=False))))
    def accept_all(arguments: dict[str, Any]) -> None:
        accept(found, arguments)

    accept_all()


nested = st.recursive(
    st.sampled_from([each for each in TYPES if each is not None]),
    lambda inner: st.one_of(
        inner.map(lambda one: list[one]),
        inner.map(lambda one: dict[str, one]),
        inner.map(lambda one: Optional[one]),
        st.tuples(inner, inner).map(lambda two: tuple[two]),
        st.tuples(inner, inner).map(lambda two: Union[two]),
    ),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None)
@given(annotation=nested, data=st.data())
def test_arguments_of_types_within_types_that_fit_the_schema_are_accepted(annotation: Any, data: st.DataObject) -> None:
    found = offered(annotation)
    accept(found, data.draw(fitting(found.parameters), label="arguments"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


ALL = [offered(annotation) for annotation in TYPES]


@settings(max_examples=60)
@given(arguments=st.dictionaries(st.just("value") | st.text(max_size=3), JSON, max_size=3))
def test_any_arguments_are_taken_or_refused_with_a_text(arguments: dict[str, Any]) -> None:
    for found in ALL:
        try:
            call(found, arguments)
        except ToolError as error:
            said = str(error)
        else:
            continue
        assert said.startswith("Invalid arguments for look: ")
        assert len(said) < 10_000


# What the method gets


def test_nested_arguments_arrive_as_what_the_annotations_say() -> None:
    class Server:
        @tool
        def introduce(
            self, person: Person, pets: list[Pet], colour: Colour, kinds: list[tuple[Mixed, Point]]
        ) -> list[Any]:
            (friend,), (cat, dog), found = person.friends, pets, dict(kinds)
            assert friend.address is not None
            return [
                *(person.full_name, friend.full_name, friend.address.street, sorted(friend.address.tags)),
                *(cat.lives, dog.tricks, colour is Colour.BLUE, found[Mixed.ONE].y, found[Mixed.OTHER].x),
            ]

    arguments = {
        "person": {
            "fullName": "Ada",
            "friends": [{"fullName": "Bo", "address": {"street": "Main", "tags": ["b", "a", "b"]}}],
        },
        "pets": [{"kind": "cat", "lives": 9}, {"kind": "dog", "tricks": ["roll"]}],
        "colour": "b",
        "kinds": [[1, [1, 2]], ["x", {"x": 3}]],
    }

    introduced = asyncio.run(settled(tools_of(Server)["introduce"].invoke(Server(), arguments, SESSION)))

    assert introduced == ["Ada", "Bo", "Main", ["a", "b"], 9, ["roll"], True, 2.0, 3.0]


# Defaults


@pytest.mark.parametrize(
    ("annotation", "default", "shown"),
    [
        (int, 3, 3),
        (Colour, Colour.RED, "r"),
        (Level, Level.HIGH, 2),
        (date, date(2020, 1, 31), "2020-01-31"),
        (Address, Address(street="Main"), {"street": "Main", "code": "00000", "tags": []}),
        (list[Address], [], []),
        (Tree, Tree("oak"), {"name": "oak", "below": []}),
        (Point, Point(1.0), [1.0, 0.0]),
        (Movie, {"name": "Alien"}, {"name": "Alien"}),
        (Optional[Address], None, None),
        (Decimal, Decimal("1.5"), "1.5"),
        (tuple[int, ...], (1, 2), [1, 2]),
    ],
    ids=str,
)
def test_defaults_are_in_the_schema_and_stand_in_for_what_is_left_out(
    annotation: Any, default: Any, shown: Any
) -> None:
    found = offered(annotation, default=default)

    assert "required" not in found.parameters
    assert json.loads(json.dumps(found.parameters["properties"]["value"]["default"])) == shown
    rendered = call(found, {})
    assert (rendered if isinstance(shown, str) and rendered == shown else json.loads(rendered)) == shown


@pytest.mark.parametrize("default", [[1], {"name": "Alien"}, Address(street="Main"), Tree("oak")], ids=str)
def test_a_default_that_a_tool_changes_is_itself_again_at_the_next_call(default: Any) -> None:
    class Server:
        @tool
        def change(self, value: Any = default) -> str:
            before = repr(value)
            if isinstance(value, list):
                value.append(2)
            elif isinstance(value, dict):
                value.clear()
            else:
                setattr(value, next(iter(vars(value))), "changed")
            return before

    found = tools_of(Server)["change"]

    assert [asyncio.run(settled(found.invoke(Server(), {}, SESSION))) for _ in range(2)] == [repr(default)] * 2


def test_a_default_that_json_has_no_number_for_is_left_out_of_the_schema() -> None:
    found = offered(float, default=float("inf"))

    assert found.parameters["properties"]["value"] == {"type": "number"}


# What the model sees


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (int | str, [1], "value: Input should be a valid integer or a valid string (got [1])"),
        (Optional[Cat], {"kind": "cat"}, "value.lives: Field required"),
        (
            int | Cat,
            {"kind": "cat"},
            "value: Input should be a valid integer (got {'kind': 'cat'}); value.lives: Field",
        ),
        (Pet, {"kind": "dog", "tricks": "roll"}, "value.tricks: Input should be a valid list (got 'roll')"),
        (Pet, {"kind": "bird"}, "value: Input tag 'bird' found using 'kind' does not match any of the expected tags"),
        (Address, 3, "value: Input should be a valid object (got 3)"),
        (Tree, "x", "value: Input should be a valid object (got 'x')"),
        (dict[str, int], [1], "value: Input should be a valid object (got [1])"),
        (Tree, {"name": "a", "blow": 1}, "value.blow: Extra inputs are not permitted (got 1)"),
        (Tree, {"below": [{}]}, "value.name: Field required; value.below.0.name: Field required"),
        (tuple[int, str], [1], "value.1: Field required"),
        (dict[int, str], {"x": "a"}, "value.x.[key]: Input should be a valid integer"),
        (date, "tomorrow", "value: Input should be a date: YYYY-MM-DD (got 'tomorrow')"),
        (datetime, "now", "value: Input should be a date and time: YYYY-MM-DDTHH:MM:SS (got 'now')"),
        (time, "noon", "value: Input should be a time of day: HH:MM:SS (got 'noon')"),
        (timedelta, "long", "value: Input should be a duration in ISO 8601, as PT1H30M (got 'long')"),
        (Colour, "green", "value: Input should be 'r' or 'b' (got 'green')"),
    ],
)
def test_a_refusal_says_which_argument_what_was_expected_and_what_came(annotation: Any, value: Any, said: str) -> None:
    with pytest.raises(ToolError) as refusal:
        call(offered(annotation), {"value": value})

    assert str(refusal.value).startswith(f"Invalid arguments for look: {said}")


def test_huge_arguments_make_short_refusals() -> None:
    for arguments in (
        {"value": ["x"] * 100_000},
        {"value": "x" * 1_000_000},
        {f"{number}": number for number in range(10_000)},
        {"x" * 1_000_000: 1},
    ):
        with pytest.raises(ToolError) as refusal:
            call(offered(list[int]), arguments)
        assert len(str(refusal.value)) < 5_000


# What cannot be a tool


@pytest.mark.parametrize("annotation", [Callable[[int], int], type, asyncio.Lock])
def test_a_type_that_json_has_nothing_for_is_refused_with_its_parameter(annotation: Any) -> None:
    with pytest.raises(TypeError, match="tool look: 'value' cannot be an argument"):
        offered(annotation)
