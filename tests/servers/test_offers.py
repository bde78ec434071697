import asyncio
from typing import Any

import pytest

from polygym import JsonObject, ResourcesServer, RolloutView, Session, ToolError, blocking, tool
from polygym.protocol.calls import ToolResult
from polygym.servers.sessions import TaskFields
from tests.servers.notebook import Notebook, made, row
from tests.servers.shelf import LEND, Shelf


def opened(server: ResourcesServer[Any, Any], **fields: Any) -> tuple[Session[Any, Any], JsonObject]:
    """A seeded session for a row with those fields, and what seeding answered."""
    session = server.new_session(server.task_of({"responses_create_params": {"input": "x"}, **fields}), "0-0")
    return session, asyncio.run(server.seed(session))


def call(name: str, arguments: JsonObject, **fields: Any) -> ToolResult:
    """A call in a session of the shelf."""
    server = made(Shelf)
    return asyncio.run(server.call_tool(name, arguments, opened(server, **fields)[0]))


class Plain(ResourcesServer):
    def verify(self, rollout: RolloutView, session: Session) -> float:
        return 0.0


# What seeding answers


def test_a_row_without_tools_gets_those_of_the_environment_from_seeding() -> None:
    server = made(Notebook)
    session = server.new_session(server.task_of(row("a")), "0-0")

    assert asyncio.run(server.seed(session)) == {"first": "write a", "tools": server.tool_definitions()}
    assert session.offered is None


@pytest.mark.parametrize("tools", [[], [{"type": "function", "name": "own", "parameters": {}}]])
def test_a_row_that_says_what_it_offers_gets_none_from_seeding(tools: list[JsonObject]) -> None:
    server = made(Notebook)
    session = server.new_session(server.task_of(row("a", tools=tools)), "0-0")

    assert asyncio.run(server.seed(session)) == {"first": "write a"}


def test_an_environment_without_tools_answers_nothing() -> None:
    assert opened(made(Plain))[1] == {}


def test_methods_and_definitions_of_the_task_are_offered_in_their_order() -> None:
    server = made(Shelf)

    session, seed = opened(server, methods=["dust"], catalogue=[LEND, {"name": "ring"}])

    assert seed["tools"] == [
        server.tools["dust"].definition(),
        {"type": "function", "strict": False, **LEND},
        {
            "type": "function",
            "name": "ring",
            "description": "",
            "strict": False,
            "parameters": {"type": "object", "properties": {}},
        },
    ]
    assert session.offered is not None and list(session.offered) == ["dust", "lend", "ring"]


def test_a_row_that_brings_its_tools_is_still_held_to_what_the_environment_offers() -> None:
    server = made(Shelf)
    params = {"input": "x", "tools": []}

    session, seed = opened(server, methods=["dust"], responses_create_params=params)

    assert seed == {}
    assert asyncio.run(server.call_tool("count", {}, session)).is_error


@pytest.mark.parametrize("kind", ["async", "blocking"])
def test_tools_may_be_chosen_async_or_in_a_thread_and_after_seeding(kind: str) -> None:
    class Later(Plain):
        def seed_session(self, session: Session) -> None:
            session.state = [LEND]

        async def choose(self, session: Session) -> Any:
            await asyncio.sleep(0)
            return session.state

        def call_other_tool(self, name: str, arguments: JsonObject, session: Session) -> str:
            return name

        offered_tools = choose if kind == "async" else blocking(lambda self, session: session.state)  # type: ignore[assignment]

    assert [each["name"] for each in opened(made(Later))[1]["tools"]] == ["lend"]


def test_choosing_no_tools_offers_none() -> None:
    server = made(Shelf)
    session, seed = opened(server)

    assert seed == {}
    assert asyncio.run(server.call_tool("dust", {"shelf": 1}, session))[:2] == (
        """{"error":"There is no tool 'dust'. There are none."}""",
        True,
    )


def test_a_seeding_that_answers_tools_itself_is_told_where_they_belong() -> None:
    class Both(Plain):
        def seed_session(self, session: Session) -> JsonObject:
            return {"tools": []}

    with pytest.raises(TypeError, match="choose them in offered_tools"):
        opened(made(Both))


@pytest.mark.parametrize(
    ("catalogue", "message"),
    [
        (["lend"], "must give tools of `self.tools` or definitions, not str"),
        ([{"type": "function", "function": {"name": "lend"}}], "a definition is "),
        ([{"name": 3}], "a definition is "),
        ([LEND, LEND], "'lend' is offered twice"),
        ([{"name": "two words"}], "letters, digits"),
        ([{"name": "verify"}], "endpoint of every resources server"),
        ([{"name": "lend", "parameters": []}], "must be a JSON Schema, an object"),
    ],
)
def test_what_is_no_tool_cannot_be_offered(catalogue: list[Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        opened(made(Shelf), catalogue=catalogue)


def test_a_tool_of_another_server_cannot_be_offered() -> None:
    class Thief(Plain):
        def offered_tools(self, session: Session) -> Any:
            return made(Notebook).tools.values()

    with pytest.raises(TypeError, match="'write' is a tool of another server"):
        opened(made(Thief))


def test_a_definition_that_nothing_carries_out_cannot_be_offered() -> None:
    class Promising(Plain):
        def offered_tools(self, session: Session) -> Any:
            return [LEND]

    with pytest.raises(TypeError, match="nothing carries out 'lend'"):
        opened(made(Promising))


# Calls


def test_a_tool_defined_by_data_is_carried_out_by_the_catch_all() -> None:
    result = call("lend", {"book": "Emma", "days": 3}, catalogue=[LEND])

    assert result[:2] == ('{"done":"lend","book":"Emma","days":3}', False)


def test_what_the_catch_all_raises_is_shown_to_the_model() -> None:
    assert call("lend", {"book": "Ulysses"}, catalogue=[LEND])[:2] == ('{"error":"Ulysses is lent already"}', True)


def test_a_tool_that_this_task_does_not_offer_cannot_be_called() -> None:
    assert call("cuont", {}, methods=["dust"], catalogue=[LEND])[:2] == (
        """{"error":"There is no tool 'cuont'. There is: dust, lend."}""",
        True,
    )
    assert call("count", {}, methods=["dust"], catalogue=[LEND]).is_error
    assert "Meant 'lend'?" in call("lendd", {}, methods=["dust"], catalogue=[LEND]).output
    assert call("count", {}, methods=["count"])[:2] == ("0", False)


def test_a_made_up_name_of_a_million_letters_is_refused_in_a_short_text() -> None:
    for fields in ({"methods": ["dust"]}, {"catalogue": [LEND]}):
        result = call("l" * 1_000_000, {}, **fields)
        assert result.is_error and len(result.output) < 300


def test_wrong_arguments_of_a_tool_defined_by_data_are_answered_as_those_of_a_method() -> None:
    result = call("lend", {"bok": "Emma", "days": 0}, catalogue=[LEND])

    assert result.is_error
    assert result.output.startswith('{"error":"Invalid arguments for lend: ')
    for problem in (
        "book: Field required",
        "bok: Extra inputs are not permitted (got 'Emma')",
        "days: Input should be greater than or equal to 1 (got 0)",
    ):
        assert problem in result.output


def test_a_definition_with_a_methods_name_is_carried_out_by_the_method_and_may_narrow_it() -> None:
    schema = {"type": "object", "properties": {"shelf": {"enum": [1, 2]}}, "required": ["shelf"]}
    narrow = [{"name": "dust", "parameters": schema}]

    assert call("dust", {"shelf": 2}, catalogue=narrow)[:2] == ("dusted 2", False)
    assert "shelf: Input should be 1 or 2 (got 3)" in call("dust", {"shelf": 3}, catalogue=narrow).output
    assert "extra: Extra inputs are not permitted" in call("dust", {"shelf": 1, "extra": 1}, catalogue=narrow).output


def test_a_catch_all_alone_gets_every_name_that_is_no_method() -> None:
    class Anything(Plain):
        @tool
        def known(self) -> str:
            return "known"

        async def call_other_tool(self, name: str, arguments: JsonObject, session: Session) -> Any:
            await asyncio.sleep(0)
            if name == "nothing":
                raise ToolError("not that")
            return [name, arguments]

    server = made(Anything)
    session, seed = opened(server)

    async def results() -> list[ToolResult]:
        names = ("known", "made_up", "nothing")
        return [await server.call_tool(name, {"a": 1} if name != "known" else {}, session) for name in names]

    assert [result[:2] for result in asyncio.run(results())] == [
        ("known", False),
        ('["made_up",{"a":1}]', False),
        ('{"error":"not that"}', True),
    ]
    assert [each["name"] for each in seed["tools"]] == ["known"]


def test_hundreds_of_tools_are_offered_and_called() -> None:
    catalogue = [{**LEND, "name": f"lend_{number}"} for number in range(500)]
    server = made(Shelf)
    session, seed = opened(server, catalogue=catalogue)

    results = [asyncio.run(server.call_tool(f"lend_{number}", {"book": "Emma"}, session)) for number in (0, 250, 499)]

    assert len(seed["tools"]) == 500
    assert [result.is_error for result in results] == [False] * 3
    assert asyncio.run(server.call_tool("lend_500", {"book": "Emma"}, session)).is_error


def test_the_tools_of_one_rollout_say_nothing_about_anothers() -> None:
    server = made(Shelf)
    first, second = (opened(server, methods=[name])[0] for name in ("dust", "count"))

    assert not asyncio.run(server.call_tool("dust", {"shelf": 1}, first)).is_error
    assert asyncio.run(server.call_tool("dust", {"shelf": 1}, second)).is_error


def test_a_task_of_its_own_class_may_bring_no_params() -> None:
    server = made(Shelf)
    session = server.new_session(TaskFields(), "0-0")  # type: ignore[arg-type]
    session.task = server.task_of({"methods": ["count"]})

    assert [each["name"] for each in asyncio.run(server.seed(session))["tools"]] == ["count"]
