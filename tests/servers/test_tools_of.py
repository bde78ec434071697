import asyncio
from typing import Any

import pytest
from pydantic import Field

from polygym import tool
from polygym.protocol.awaiting import settled
from polygym.servers.tools import tools_of
from tests.servers.test_tools import SESSION, offered


class Base:
    @tool
    def first(self) -> str:
        """Base's first."""
        return "base first"

    @tool
    def second(self) -> str:
        return "base second"

    @tool
    def third(self) -> str:
        return "base third"

    def plain(self) -> str:
        return "not offered"


class Derived(Base):
    @tool
    def first(self) -> str:
        """Derived's first."""
        return "derived first"

    def second(self) -> str:
        return "no tool any more"

    @tool
    def fourth(self) -> str:
        return "derived fourth"


def test_tools_are_inherited_overridden_and_withdrawn() -> None:
    found = tools_of(Derived)

    assert list(found) == ["first", "third", "fourth"]
    assert found["first"].description == "Derived's first."
    assert asyncio.run(settled(found["first"].invoke(Derived(), {}, SESSION))) == "derived first"
    assert list(tools_of(Base)) == ["first", "second", "third"]


def test_two_methods_cannot_share_a_tools_name() -> None:
    class Server:
        @tool
        def look(self) -> str:
            return ""

        @tool(name="look")
        def peek(self) -> str:
            return ""

    with pytest.raises(TypeError, match=r"'look': 'look' and 'peek' both have it"):
        tools_of(Server)


@pytest.mark.parametrize("name", ["verify", "seed_session", "close_session", "aggregate_metrics"])
def test_a_tool_cannot_have_the_name_of_an_endpoint(name: str) -> None:
    with pytest.raises(TypeError, match="endpoint of every resources server"):
        offered(lambda self: "", name=name)


@pytest.mark.parametrize("name", ["two words", "a.b", "x" * 65, "ü"])
def test_a_name_that_model_endpoints_refuse_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="letters, digits"):
        offered(lambda self: "", name=name)


def test_parameters_that_cannot_be_given_by_name_are_refused() -> None:
    def anything(self: Any, **values: int) -> str:
        return ""

    def positional(self: Any, value: int, /) -> str:
        return ""

    for method in (anything, positional):
        with pytest.raises(TypeError, match="cannot be given by name"):
            offered(method)


def test_a_field_as_default_is_refused_with_the_way_to_write_it() -> None:
    def look(self: Any, days: int = Field(ge=1)) -> str:
        return ""

    with pytest.raises(TypeError, match=r"'days' must be Annotated\[<type>, Field"):
        offered(look)


def test_a_session_without_its_annotation_is_refused_and_not_left_to_the_model() -> None:
    def look(self, city: str, session) -> str:  # type: ignore[no-untyped-def]
        return ""

    with pytest.raises(TypeError, match="tool look: annotate 'session' with Session"):
        offered(look)


def test_an_annotation_that_does_not_exist_at_run_time_is_refused_with_its_name() -> None:
    def look(self: Any, city: "Missing") -> str:  # type: ignore[name-defined]  # noqa: F821
        return ""

    with pytest.raises(TypeError, match="tool look: name 'Missing' is not defined; annotations need names"):
        offered(look)
