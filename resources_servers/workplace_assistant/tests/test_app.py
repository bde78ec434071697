"""The workplace, played as the framework plays it: what counts as right, what does not, and 2,000 sessions at once."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from polygym import JsonObject, RolloutFailure
from polygym.kit import Environment, Playground, Script, ToolCall, call, generate_rows, load_environment
from polygym.protocol.errors import InputError
from resources_servers.workplace_assistant.app import WorkplaceServer
from resources_servers.workplace_assistant.company import Company

EXAMPLES = Path(__file__).parent.parent / "data" / "example.jsonl"
COMPANY = Company(0)
MAIL = next(mail for mail in COMPANY.emails if mail.folder == "inbox")
EVENT = COMPANY.events[-1]
SEND = {"recipient": "ada@example.com", "subject": "Figures", "body": "Here they are."}
HELLO = call("email_send", **SEND)
LATER = "2026-12-01 10:00"


class Office:
    """The environment, brought up once for a test module."""

    def __init__(self, environment: Environment) -> None:
        self._runner = asyncio.Runner()
        self.playground = Playground(environment)
        self.run(self.playground.__aenter__())

    def run(self, work: Any) -> Any:
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self.playground.__aexit__(None, None, None))
        self._runner.close()

    def play(self, row: JsonObject, *turns: Any) -> JsonObject:
        played: JsonObject = self.run(self.playground.play(row, turns))
        return played

    def rewards(self, *plays: tuple[JsonObject, Script]) -> list[float | None]:
        return [outcome.reward for outcome in self.run(self.playground.play_all(plays, concurrency=8))]

    @property
    def server(self) -> WorkplaceServer:
        server = self.playground.server
        assert type(server).__name__ == "WorkplaceServer"
        return server  # type: ignore[return-value]


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    office = Office(load_environment("workplace_assistant"))
    yield office
    office.close()


def row(*actions: ToolCall, **fields: Any) -> JsonObject:
    """A row about company 0 whose reference actions are these."""
    return {
        "responses_create_params": {"input": "Do it."},
        "id": 0,
        "category": "test",
        "company": 0,
        "now": COMPANY.now.isoformat(),
        "ground_truth": [{"name": action.name, "arguments": action.arguments} for action in actions],
        **fields,
    }


def move(event_id: int, start: str) -> ToolCall:
    return call("calendar_update", event_id=event_id, start=start)


def outputs(played: JsonObject) -> list[Any]:
    """What the tools gave back, decoded."""
    items = played["response"]["output"]
    return [json.loads(item["output"]) for item in items if item["type"] == "function_call_output"]


def test_the_reference_action_is_rewarded_and_explained(office: Office) -> None:
    played = office.play(row(HELLO), HELLO, "Sent.")

    assert played["reward"] == 1.0
    assert played["reward_components"] == {"state": 1.0}
    assert played["explanation"] == "As asked."


NEW_SUBJECT = {"recipient": MAIL.sender, "subject": f"Re: {MAIL.subject}", "body": "Thank you."}
OTHER_WAYS = {
    "a new mail that is like the reply": (
        [call("email_reply", email_id=MAIL.id, body="Thank you.")],
        [call("email_send", **NEW_SUBJECT)],
    ),
    "cancelled and made again instead of moved": (
        [move(EVENT.id, LATER)],
        [
            call("calendar_delete", event_id=EVENT.id),
            call(
                "calendar_create",
                title=EVENT.title,
                start=LATER,
                minutes=EVENT.minutes,
                participants=EVENT.guests,
            ),
        ],
    ),
    "in another order": (
        [HELLO, call("projects_delete", task_id=3), call("projects_delete", task_id=4)],
        [call("projects_delete", task_id=4), HELLO, call("projects_delete", task_id=3)],
    ),
    "after a look around": ([HELLO], [call("email_search", query="budget"), call("projects_boards"), HELLO]),
    "after a detour": (
        [move(EVENT.id, LATER)],
        [
            *(move(1, "2026-01-01 09:00"), move(1, COMPANY.events[0].start)),
            *(move(EVENT.id, "2026-11-30 08:00"), move(EVENT.id, LATER)),
        ],
    ),
    "after an error": ([HELLO], [call("email_send", **{**SEND, "recipient": "Ada"}), HELLO]),
    "with one update for each field": (
        [call("projects_update", task_id=9, stage="Done", due="2026-12-24")],
        [call("projects_update", task_id=9, stage="Done"), call("projects_update", task_id=9, due="2026-12-24")],
    ),
    "with a time in another form": ([move(EVENT.id, LATER)], [move(EVENT.id, "2026-12-01T10:00:00Z")]),
    "with an id as text": ([call("email_delete", email_id=7)], [call("email_delete", email_id="7")]),
    "with other spacing, case and quotation marks": (
        [call("email_send", recipient="ada@example.com", subject="Ada's figures", body="Here they are.")],
        [call("email_send", recipient=" Ada@Example.com", subject="ADA\u2019S FIGURES", body="Here  they are.\n")],
    ),
    "with the participants in another order": (
        [call("calendar_update", event_id=EVENT.id, participants=["a@example.com", "b@example.com"])],
        [call("calendar_update", event_id=EVENT.id, participants=["b@example.com", "A@example.com", "a@example.com"])],
    ),
    "with what was made put right": (
        [call("contacts_add", name="Ada", email="ada@example.com", phone="1")],
        [
            call("contacts_add", name="Ada", email="ada@example.com", phone="2"),
            call("contacts_update", contact_id=10_001, phone="1"),
        ],
    ),
}


@pytest.mark.parametrize("way", OTHER_WAYS)
def test_any_right_way_counts(office: Office, way: str) -> None:
    reference, taken = OTHER_WAYS[way]

    assert office.play(row(*reference), *taken, "Done.")["reward"] == 1.0


ADD = {"title": "Talk", "start": "2026-12-01 10:00", "minutes": 30, "participants": []}
WRONG_WAYS = {
    "nothing but words": ([HELLO], []),
    "the call written into the message": ([HELLO], [f"email_send({json.dumps(SEND)})"]),
    "another recipient": ([HELLO], [call("email_send", **{**SEND, "recipient": "bob@example.com"})]),
    "another text": ([HELLO], [call("email_send", **{**SEND, "body": "Here they were."})]),
    "a text with more in it": ([HELLO], [call("email_send", **{**SEND, "body": "Here they are. And more."})]),
    "a text with an invisible character": ([HELLO], [call("email_send", **{**SEND, "body": "Here they\u200b are."})]),
    "a text with a look-alike letter": ([HELLO], [call("email_send", **{**SEND, "body": "H\u0435re they are."})]),
    "a text with a direction mark": ([HELLO], [call("email_send", **{**SEND, "body": "\u202eHere they are."})]),
    "an address with a look-alike letter": (
        [HELLO],
        [call("email_send", **{**SEND, "recipient": "\u0430da@example.com"})],
    ),
    "a number in other digits": (
        [call("contacts_update", contact_id=1, phone="12")],
        [call("contacts_update", contact_id=1, phone="\uff11\uff12")],
    ),
    "twice": ([HELLO], [HELLO, HELLO]),
    "sent and deleted": ([], [HELLO, call("email_delete", email_id=10_002)]),
    "a wrong mail sent, deleted, and the right one": (
        [HELLO],
        [call("email_send", **{**SEND, "body": "?"}), call("email_delete", email_id=10_002), HELLO],
    ),
    "more than was asked for": ([HELLO], [HELLO, call("email_delete", email_id=MAIL.id)]),
    "half of it": ([HELLO, call("email_delete", email_id=5)], [HELLO]),
    "another row": ([call("email_delete", email_id=5)], [call("email_delete", email_id=6)]),
    "done and undone": (
        [call("calendar_create", **ADD)],
        [call("calendar_create", **ADD), call("calendar_delete", event_id=10_001)],
    ),
    "moved on": (
        [move(EVENT.id, LATER)],
        [move(EVENT.id, LATER), move(EVENT.id, "2026-12-01 11:00")],
    ),
    "arguments that are no JSON": ([HELLO], [ToolCall("email_send", '{"recipient": "ada@example.com", ')]),
    "a tool that does not exist": ([HELLO], [call("send_email", **SEND)]),
}


@pytest.mark.parametrize("way", WRONG_WAYS)
def test_wrong_ways_do_not_count(office: Office, way: str) -> None:
    reference, taken = WRONG_WAYS[way]
    asked = row(*reference, expected_answer=None if reference else {"kind": "number", "value": 4})

    played = office.play(asked, *taken, "Done.\nAnswer: 4")

    assert played["reward"] == 0.0
    assert played["explanation"] != "As asked."


def test_what_cancels_out_leaves_nothing_behind(office: Office) -> None:
    asked = row(expected_answer={"kind": "number", "value": 4})
    there, back = move(EVENT.id, LATER), move(EVENT.id, EVENT.start)
    made = call("calendar_create", **ADD)

    assert office.play(asked, there, back, "Answer: 4")["reward"] == 1.0
    assert office.play(asked, made, call("calendar_delete", event_id=10_001), "Answer: 4")["reward"] == 1.0
    assert office.play(asked, there, "Answer: 4")["reward_components"] == {"state": 0.0, "answer": 1.0}


def test_an_answer_does_not_make_up_for_a_missing_action_nor_the_other_way_round(office: Office) -> None:
    asked = row(HELLO, expected_answer={"kind": "number", "value": 12})

    assert office.play(asked, HELLO, "Answer: 12")["reward"] == 1.0
    assert office.play(asked, "Answer: 12")["reward_components"] == {"state": 0.0, "answer": 1.0}
    assert office.play(asked, HELLO, "Done.")["reward_components"] == {"state": 1.0, "answer": 0.0}


def test_the_explanation_says_what_is_missing_and_what_is_too_much(office: Office) -> None:
    played = office.play(row(call("email_delete", email_id=5)), HELLO, "Done.")

    assert "Not wanted in deliveries: ada@example.com, figures, here they are." in played["explanation"]
    assert played["unwanted_rows"] == 3
    assert played["missing_rows"] == 0


def test_a_session_sees_what_it_has_changed(office: Office) -> None:
    find = call("email_search", query="figures here", folder="sent")
    read = call("email_read", email_id=10_002)
    free = call("calendar_free", day="2027-01-04")
    book = call("calendar_create", title="Talk", start="2027-01-04 10:00", minutes=45, participants=[])

    played = office.play(row(HELLO), find, HELLO, find, read, free, book, free, "Done.")

    before, sent, after, mail, empty, _, booked = outputs(played)
    assert (before["total"], after["total"]) == (0, 1)
    assert after["results"][0]["id"] == sent["id"] == mail["id"]
    assert mail["sender"] == COMPANY.user.email
    assert mail["sent_at"] == COMPANY.now.strftime("%Y-%m-%d %H:%M")
    assert empty["free"] == [{"from": "09:00", "until": "18:00"}]
    assert booked["free"] == [{"from": "10:45", "until": "18:00"}, {"from": "09:00", "until": "10:00"}][::-1]


@pytest.mark.parametrize(
    ("turn", "hint"),
    [
        (call("email_read", email_id=9999), "no row with the id 9999 among the emails"),
        (call("projects_update", task_id=1), "at least one field"),
        (call("projects_update", task_id=1, assignee="nobody@example.com"), "Nobody in the company"),
        (call("projects_update", task_id=1, stage="Finished"), "'Backlog', 'In progress', 'In review' or 'Done'"),
        (call("calendar_update", event_id=1, start="tomorrow"), "start: "),
        (call("analytics_visits", first_day="2026-02-01", last_day="2026-01-01"), "begins on 2026-02-01"),
        (call("analytics_visits", first_day="2020-01-01", last_day="2020-01-02"), "There are figures from"),
        (call("contacts_add", name="Ada", email=COMPANY.contacts[0].email), "already"),
        (call("email_send", recipient="Ada", subject="Hi", body=""), "recipient: "),
        (call("calendar_serach", query="x"), "Meant 'calendar_search'"),
        (call("email_search", query="x" * 300), "query: "),
        (call("email_read", email_id=10**18), "email_id: "),
        (ToolCall("email_read", '{"email_id": 1000000000000000000000000000000}'), "email_id: "),
    ],
)
def test_wrong_calls_tell_the_model_what_to_do(office: Office, turn: ToolCall, hint: str) -> None:
    (said,) = outputs(office.play(row(HELLO), turn, "Oh."))

    assert hint in said["error"]


def test_a_row_decides_which_tools_are_offered_and_no_others_can_be_called(office: Office) -> None:
    asked = row(HELLO, toolkits=["email"])

    played = office.play(asked, call("calendar_delete", event_id=1), HELLO, "Done.")

    assert "There is no tool 'calendar_delete'" in outputs(played)[0]["error"]
    assert played["reward"] == 1.0
    assert len(office.server.tools) == 36
    (few,) = [each for each in generate_rows("workplace_assistant", 12, 0, 0.0) if each["category"] == "send_mail"][:1]
    assert {each["name"].split("_")[0] for each in few["responses_create_params"]["tools"]} == {"email"}


@pytest.mark.parametrize(
    "fields",
    [
        {"company": 32},
        {"ground_truth": []},
        {"toolkits": []},
        {"toolkits": ["fax"]},
        {"expected_answer": {"kind": "essay", "value": "x"}},
        {"now": "soon"},
    ],
)
def test_a_row_that_asks_for_nothing_or_for_something_unknown_is_refused(office: Office, fields: JsonObject) -> None:
    with pytest.raises(InputError):
        office.server.task_of(row(HELLO, **fields))


def test_a_reference_action_that_does_not_work_is_a_failure_and_no_reward(office: Office) -> None:
    with pytest.raises(RolloutFailure, match="reference action email_delete"):
        office.play(row(call("email_delete", email_id=9999)), "Done.")


def test_two_thousand_sessions_at_once_see_only_their_own_changes(office: Office) -> None:
    def session(number: int) -> tuple[JsonObject, Script]:
        subject = f"Number {number:04}"
        mail = call("email_send", recipient="ada@example.com", subject=subject, body="Hello.")
        event, neighbour = 1 + number % 299, 2 + number % 299
        cancel = call("calendar_delete", event_id=event)
        look = [call("calendar_read", event_id=event), call("calendar_read", event_id=neighbour)]
        look.append(call("email_search", recipient="ada@example.com"))

        def script() -> Script:
            yield mail
            yield cancel
            gone, there, mails = yield [*look]
            subjects = [each["subject"] for each in json.loads(mails)["results"]]
            own = "error" in json.loads(gone) and "title" in json.loads(there) and subjects == [subject]
            yield f"Answer: {number if own else -1}"

        answer = {"kind": "number", "value": number}
        asked = row(mail, cancel, company=number % 4, toolkits=["email", "calendar"], expected_answer=answer)
        return asked, script()

    plays = [session(number) for number in range(2000)]

    outcomes = office.run(office.playground.play_all(plays, concurrency=len(plays), pace=Random(0)))

    assert {outcome.reward for outcome in outcomes} == {1.0}
    assert office.server.open_databases == 0


def test_sessions_are_released_after_failures_and_errors_too(office: Office) -> None:
    plays = [(row(call("email_delete", email_id=9999)), iter_turns(HELLO, "Done.")) for _ in range(5)]

    assert office.rewards(*plays) == [None] * 5
    assert office.server.open_databases == 0


def iter_turns(*turns: Any) -> Script:
    for turn in turns:  # noqa: UP028 - a generator is what the kit takes
        yield turn


def test_example_rows_are_those_that_the_generator_makes() -> None:
    examples = [json.loads(line) for line in EXAMPLES.read_text(encoding="utf-8").splitlines()]

    assert examples == generate_rows("workplace_assistant", 5, seed=0, difficulty=0.5)
