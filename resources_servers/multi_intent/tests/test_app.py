"""Visits at the library desk, played with the real agent: every intent counts, and so does everything else."""

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from polygym import JsonObject
from polygym.kit import Playground, ToolCall, Turn, call, generate_rows, load_environment, play
from polygym.protocol.errors import InputError
from polygym.protocol.items import user_message
from resources_servers.multi_intent.app import DeskServer
from resources_servers.multi_intent.library import Library, World
from resources_servers.multi_intent.reference import solve, wrong_answers

FOLDER = Path(__file__).parent.parent
EXAMPLES = [json.loads(line) for line in (FOLDER / "data" / "example.jsonl").read_text().splitlines()]
ENVIRONMENT = load_environment(FOLDER)

WORLD: JsonObject = {
    "today": "2027-03-01",
    "books": [
        {"id": "B1", "title": "The Last Tide", "author": "Ada Obi", "year": 1999, "pages": 300, "copies_free": 1},
        {"id": "B2", "title": "The Paper Bridge", "author": "Ada Obi", "year": 2005, "pages": 120, "copies_free": 0},
        {"id": "B3", "title": "The Hollow Winter", "author": "Ivo Lind", "year": 2010, "pages": 210, "copies_free": 2},
    ],
    "loans": [{"book_id": "B2", "due": "2027-03-04"}],
    "rooms": {"Oak": {"2027-03-04": [10, 11, 15]}, "Elm": {"2027-03-04": []}},
    "fees": [{"id": "F1", "reason": "photocopies", "amount": 2.5}, {"id": "F2", "reason": "a lost card", "amount": 10}],
    "contact": {"email": "a@example.org", "phone": "030 111 2222", "branch": "Harbour"},
}
ROW: JsonObject = {
    "responses_create_params": {"input": "Reserve The Last Tide, book Oak on Thursday at 10, what do I owe (OWED)?"},
    "user": {"script": ["Make the room an hour later.", "Not The Last Tide, The Hollow Winter. Pay the photocopies."]},
    "world": WORLD,
    "intents": [
        {"name": "reserve_1", "changes": [["reserved", "B3"]]},
        {"name": "room_1", "changes": [["room", "Oak", "2027-03-04", 11]]},
        {"name": "pay_1", "changes": [["paid", "F1"]]},
        {"name": "ask_owed_1", "answers": {"OWED": 12.5}},
    ],
}


def room(tool: str, hour: int) -> ToolCall:
    return call(tool, room="Oak", day="2027-03-04", hour=hour)


FIRST: list[Turn] = [call("reserve_book", book_id="B1"), room("book_room", 10), "Done.\nOWED: 12.50"]
SECOND: list[Turn] = [[room("cancel_room", 10), room("book_room", 11)], "Done."]
THIRD: list[Turn] = [
    *(call("cancel_reservation", book_id="B1"), call("reserve_book", book_id="B3"), call("pay_fee", fee_id="F1")),
    "Done.",
]


def played(*turns: Turn, row: JsonObject = ROW) -> JsonObject:
    return play(ENVIRONMENT, row, list(turns))


def rewards(plays: list[tuple[JsonObject, Any]]) -> list[float | None]:
    """The rewards of many rollouts."""

    async def run() -> list[float | None]:
        async with Playground(ENVIRONMENT) as playground:
            return [outcome.reward for outcome in await playground.play_all(plays, concurrency=16)]

    return asyncio.run(run())


def outputs(verified: JsonObject) -> list[str]:
    return [item["output"] for item in verified["response"]["output"] if item.get("type") == "function_call_output"]


def test_a_visit_in_which_everything_is_done_gets_everything() -> None:
    verified = played(*FIRST, *SECOND, *THIRD)

    assert verified["reward"] == 1.0
    assert verified["reward_components"] == {"reserve_1": 1.0, "room_1": 1.0, "pay_1": 1.0, "ask_owed_1": 1.0}
    assert (verified["intents_met"], verified["num_intents"], verified["num_turns"]) == (4, 4, 3)
    assert [item for item in verified["response"]["output"] if item.get("role") == "user"] == [
        user_message(text) for text in ROW["user"]["script"]
    ]


def test_any_way_that_leads_there_is_right() -> None:
    waits: list[Turn] = ["One moment.", "One moment."]
    detour = [call("reserve_book", book_id="B1"), call("cancel_reservation", book_id="B1")]
    end = [*detour, room("book_room", 11), call("reserve_book", book_id="B3"), call("pay_fee", fee_id="F1")]

    assert played(*waits, *end, "OWED: 12.5")["reward"] == 1.0


@pytest.mark.parametrize(
    ("turns", "reward", "stray"),
    [
        (["Done.", "Done.", "Done."], 0.0, []),
        (["Done.\nOWED: 12.5", "Done.", "Done."], 0.25, []),
        ([*FIRST, *SECOND, "Done."], 0.25, [["reserved", "B1"]]),
        ([*FIRST, "Done.", *THIRD], 0.375, [["room", "Oak", "2027-03-04", 10]]),
        ([*FIRST, *SECOND, *THIRD[:-1], call("pay_fee", fee_id="F2"), "Done."], 0.5, [["paid", "F2"]]),
        (
            [*FIRST, *SECOND, *THIRD[:-1], call("pay_fee", fee_id="F2"), call("renew_loan", book_id="B2"), "Done."],
            0.0,
            [["due", "B2", "2027-03-18"], ["paid", "F2"]],
        ),
        (["", "", ""], 0.0, []),
    ],
)
def test_what_is_left_undone_and_what_nobody_has_asked_for_costs(
    turns: list[Turn], reward: float, stray: list[Any]
) -> None:
    verified = played(*turns)

    assert verified["reward"] == reward
    assert verified["stray_changes"] == stray
    assert verified["num_stray_changes"] == len(stray)


def test_what_cannot_be_done_is_said_so() -> None:
    calls = [
        call("reserve_book", book_id="B2"),
        call("reserve_book", book_id="The Last Tide"),
        call("renew_loan", book_id="B1"),
        call("book_room", room="oak", day="2027-03-04", hour=10),
        call("book_room", room="Oak", day="2027-03-04", hour=12),
        call("cancel_room", room="Oak", day="2027-03-04", hour=10),
        call("cancel_reservation", book_id="B1"),
        call("pay_fee", fee_id="F9"),
        call("change_contact", entry="fax", value="1"),
    ]

    verified = played(calls, "Sorry.", "Sorry.", "Sorry.")

    errors = [json.loads(output)["error"] for output in outputs(verified)]
    for error, said in zip(
        errors,
        [
            *("all copies are out", "Use search_books", "On loan: B2", "Rooms: Elm, Oak", "Free hours: 10, 11, 15"),
            *("is not booked", "Reserved: none", "Unpaid: F1, F2", "Input should be 'email', 'phone' or 'branch'"),
        ],
        strict=True,
    ):
        assert said in error
    assert verified["stray_changes"] == []


def test_the_tools_tell_what_there_is() -> None:
    first = [
        call("search_books", words="ada"),
        call("list_loans"),
        call("list_rooms", day="2027-03-04"),
        call("reserve_book", book_id="B1"),
        room("book_room", 15),
        call("search_books", words="tide"),
        call("get_account"),
        call("renew_loan", book_id="B2"),
    ]

    said = outputs(played(first, "Done.", "Done.", "Done."))

    assert [book["id"] for book in json.loads(said[0])] == ["B1", "B2"]
    assert json.loads(said[1]) == [{"book_id": "B2", "title": "The Paper Bridge", "due": "2027-03-04"}]
    assert json.loads(said[2]) == {"Oak": [10, 11, 15], "Elm": []}
    assert json.loads(said[5])[0]["copies_free"] == 0
    account = json.loads(said[6])
    assert account["reservations"] == ["B1"]
    assert account["bookings"] == [{"room": "Oak", "day": "2027-03-04", "hour": 15}]
    assert [fee["id"] for fee in account["unpaid_fees"]] == ["F1", "F2"]
    assert said[7] == "B2 is now due on 2027-03-18."


@pytest.mark.parametrize(
    ("entry", "wanted", "given"),
    [
        ("phone", "0301239999", "030 123-9999"),
        ("email", "b@example.org", " B@example.org"),
        ("branch", "oldtown", "Old Town"),
    ],
)
def test_contact_details_count_in_any_usual_form(entry: str, wanted: str, given: str) -> None:
    row = {**ROW, "user": {}, "intents": [{"name": "contact_1", "changes": [["contact", entry, wanted]]}]}

    assert played(call("change_contact", entry=entry, value=given), "Done.", row=row)["reward"] == 1.0


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_the_reference_gets_the_top_reward_and_no_wrong_policy_does(difficulty: float) -> None:
    rows = generate_rows(FOLDER, 8, seed=3, difficulty=difficulty)
    wrong = [(row, name, script) for row in rows for name, script in wrong_answers(row).items()]

    assert rewards([(row, solve(row)) for row in rows]) == [1.0] * len(rows)
    assert rewards([(row, ["Done."] * len(row["reference"])) for row in rows]) == [0.0] * len(rows)
    for (_, name, _), reward in zip(wrong, rewards([(row, script) for row, _, script in wrong]), strict=True):
        assert reward is not None and reward < 0.9, name


def test_the_example_rows_are_those_that_are_generated() -> None:
    assert generate_rows(FOLDER, 5) == EXAMPLES


def test_rows_differ_and_hold_more_when_they_are_more_difficult() -> None:
    easy, hard = (generate_rows(FOLDER, 150, seed=1, difficulty=difficulty) for difficulty in (0.0, 1.0))

    assert len({row["responses_create_params"]["input"][1]["content"] for row in easy}) > 140
    for rows, messages, least in ((easy, 2, 2), (hard, 3, 2)):
        assert {len(row["reference"]) for row in rows} == {messages}
        assert all(len(row["intents"]) >= least for row in rows)
        assert all(len(row["user"]["script"]) == messages - 1 for row in rows)
    assert sum(len(row["intents"]) for row in easy) * 1.5 < sum(len(row["intents"]) for row in hard)


def test_no_intent_is_met_by_the_library_as_it_is() -> None:
    for row in generate_rows(FOLDER, 100, seed=2):
        library = Library()
        library.open(World.model_validate(row["world"]))
        assert library.changes() == set()
        assert all(intent["changes"] or intent["answers"] for intent in row["intents"])


def test_what_was_dropped_is_no_intent_but_is_in_the_reference() -> None:
    rows = [
        row
        for row in generate_rows(FOLDER, 200, seed=4, difficulty=1.0)
        if any("any more" in text or "Forget about" in text for text in row["user"]["script"])
    ]

    assert rows
    for row in rows:
        made = [tool for turn in row["reference"] for tool, _ in turn["calls"]]
        assert {"cancel_room", "cancel_reservation"} & set(made)


@pytest.mark.parametrize("path", ["world", "intents"])
def test_a_row_without_its_fields_is_refused(path: str) -> None:
    row = copy.deepcopy(ROW)
    row[path] = []
    server = DeskServer("it", DeskServer.parse_config({}, "test"), None)  # type: ignore[arg-type]

    with pytest.raises(InputError, match=path):
        server.task_of(row)
