"""The environment as a whole: schema and content, partial credit, generated rows and their solutions."""

import json
from pathlib import Path
from typing import Any

import pytest

from polygym import JsonObject, RolloutView, Session, Verification, function_call, new_response, output_message
from polygym.kit import Environment, call, generate_rows, load_environment, play
from polygym.protocol.errors import InputError
from resources_servers.structured_outputs.app import StructuredServer
from resources_servers.structured_outputs.formats import format_checker
from resources_servers.structured_outputs.reference import solve, wrong_answers

FOLDER = Path(__file__).parent.parent
SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^A-[0-9]+$"},
        "day": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "price": {"type": "number"},
        "note": {"type": ["string", "null"]},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}, "uniqueItems": True},
    },
    "required": ["id", "day", "price", "items"],
    "additionalProperties": False,
    "$defs": {
        "item": {
            "type": "object",
            "properties": {"title": {"type": "string"}, "count": {"type": "integer"}},
            "required": ["title", "count"],
            "additionalProperties": False,
        }
    },
}
EXPECTED: JsonObject = {
    "id": "A-17",
    "day": "2031-05-09",
    "price": 12.5,
    "items": [{"title": "café lamp", "count": 3}, {"title": "stool", "count": 1}],
}
ROW: JsonObject = {
    "responses_create_params": {"input": "…"},
    "schema_str": json.dumps(SCHEMA),
    "schema_type": "json",
    "expected": EXPECTED,
}


@pytest.fixture(scope="module")
def environment() -> Environment:
    return load_environment(FOLDER)


@pytest.fixture(scope="module")
def generated(environment: Environment) -> list[JsonObject]:
    return [row for difficulty in (0.0, 0.5, 1.0) for row in generate_rows(environment, 25, 11, difficulty)]


def make(**fields: Any) -> StructuredServer:
    return StructuredServer("so", StructuredServer.parse_config(fields, "test"), None)  # type: ignore[arg-type]


def verify(answer: Any, row: JsonObject = ROW, server: StructuredServer | None = None, **fields: Any) -> Verification:
    """What the verifier says of an answer, which is written out when it is no text."""
    server = server or make()
    text = answer if isinstance(answer, str) else json.dumps(answer)
    response = {**new_response({}, [output_message(text, message_id="m1")], model="m"), **fields}
    session: Session[Any, Any] = server.new_session(server.task_of(row), "0-0")
    return server.verify(RolloutView(row["responses_create_params"], response), session)


def changed(**fields: Any) -> JsonObject:
    return {**EXPECTED, **fields}


def test_the_right_document_is_rewarded(environment: Environment) -> None:
    verified = play(environment, ROW, f"```json\n{json.dumps(EXPECTED)}\n```")

    assert verified["reward"] == 1.0
    assert verified["reward_components"] == {"parsed": 1.0, "schema": 1.0, "content": 1.0}
    assert verified["schema_valid"] is True
    assert verified["error_type"] is None


@pytest.mark.parametrize(
    "answer",
    [
        changed(note=None),
        changed(price=12.50000000001),
        {**dict(reversed(EXPECTED.items()))},
        changed(items=[{"count": 3.0, "title": "cafe\u0301  lamp"}, {"title": " stool", "count": 1}]),
    ],
)
def test_the_same_said_otherwise_is_rewarded(answer: JsonObject) -> None:
    assert verify(answer).reward == 1.0, verify(answer).explanation


def test_instants_are_compared_across_time_zones() -> None:
    row = {**ROW, "expected": changed(at="2031-05-09T18:30:00Z")}

    assert verify(changed(at="2031-05-09T20:30:00+02:00"), row).reward == 1.0
    assert verify(changed(at="2031-05-09T18:30:00+02:00"), row).reward < 1.0


@pytest.mark.parametrize(
    ("answer", "reward", "error"),
    [
        (changed(price=13), 6 / 7, "content"),
        (changed(id="A-18", day="2031-05-10"), 5 / 7, "content"),
        (changed(note="made up"), 7 / 8, "content"),
        (changed(items=EXPECTED["items"][::-1]), 3 / 7, "content"),
        (changed(items=EXPECTED["items"][:1]), 5 / 7, "content"),
        (changed(items=[]), 3 / 7, "content"),
        (changed(price="12.5"), 6 / 7 * 6 / 7, "schema"),
        (changed(price=True), 6 / 7 * 6 / 7, "schema"),
        (changed(day="9 May 2031"), 6 / 7 * 6 / 7, "schema"),
        (changed(day="2031-02-30"), 6 / 7 * 6 / 7, "schema"),
        (changed(id="\uff21-17"), 6 / 7 * 6 / 7, "schema"),
        (changed(extra=1), 7 / 8 * 7 / 8, "schema"),
        ({"id": "A-17", "day": "2031-05-09"}, 2 / 4 * 2 / 7, "schema"),
        (changed(items=[EXPECTED["items"][0]] * 2), 3 / 4 * 5 / 7, "schema"),
        ({}, 0.0, "schema"),
        ([], 0.0, "schema"),
        ([EXPECTED], 0.0, "schema"),
        ("null", 0.0, "schema"),
        (json.dumps(SCHEMA), 0.0, "schema"),
        (json.dumps(EXPECTED)[:-1], 0.0, "syntax"),
        ('{"id": "A-17", "id": "A-18"}', 0.0, "duplicate_key"),
        (f"Sure! {json.dumps(EXPECTED)}", 0.0, "syntax"),
    ],
)
def test_what_is_partly_right_gets_its_share(answer: Any, reward: float, error: str) -> None:
    verified = verify(answer)

    assert verified.reward == pytest.approx(reward)
    assert verified.fields["error_type"] == error
    assert verified.fields["error_message"] == verified.explanation
    assert verify(answer, {**ROW, "grading_mode": "binary"}).reward == 0.0
    assert verify(answer, server=make(grading_mode="binary")).reward == 0.0


def test_documents_that_are_valid_and_made_up_score_nothing() -> None:
    made_up = {"id": "A-1", "day": "2000-01-01", "price": 1, "items": [{"title": "x", "count": 9}]}
    verified = verify(made_up)

    assert verified.components == {"parsed": 1.0, "schema": 1.0, "content": 0.0}
    assert verified.reward == 0.0


def test_without_expected_values_the_schema_decides() -> None:
    row = {key: value for key, value in ROW.items() if key != "expected"}

    assert verify(changed(price=1), row).reward == 1.0
    assert "content" not in verify(changed(price=1), row).components
    assert 0.0 < verify(changed(price="1"), row).reward < 1.0


def test_the_configuration_says_what_rows_leave_open() -> None:
    fenced = f"```\n{json.dumps(EXPECTED)}\n```"

    assert verify(fenced, server=make(answer_form="raw")).fields["error_type"] == "form"
    assert verify(fenced, {**ROW, "answer_form": "fenced"}, make(answer_form="raw")).reward == 1.0


def test_an_answer_that_was_cut_off_is_not_rewarded() -> None:
    assert verify(EXPECTED, incomplete_details={"reason": "max_output_tokens"}).reward == 0.0


@pytest.mark.parametrize(("key", "arguments"), [(None, EXPECTED), ("result", {"result": EXPECTED})])
def test_the_answer_may_be_a_tool_call(environment: Environment, key: str | None, arguments: JsonObject) -> None:
    tool = {"type": "function", "name": "hand_in", "parameters": {"type": "object"}}
    params = {"input": "…", "tools": [tool]}
    row = {**ROW, "responses_create_params": params, "response_mode": "tool_call", "tool_name": "hand_in"}
    row |= {"tool_payload_key": key}

    assert play(environment, row, [call("hand_in", **arguments), "Done."])["reward"] == 1.0
    assert play(environment, row, [call("hand_in", wrong=1), call("hand_in", **arguments), "Done."])["reward"] == 0.0
    assert play(environment, row, [json.dumps(arguments)])["reward"] == 0.0
    broken = function_call("hand_in", '{"result": ', call_id="c", item_id="i")
    assert play(environment, row, [[broken], "Done."])["error_type"] == "syntax"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schema_str": "{"}, "no JSON Schema"),
        ({"schema_str": "[]"}, "a schema is an object"),
        ({"schema_str": '{"type": "thing"}'}, "no valid JSON Schema"),
        ({"schema_str": '{"$ref": "https://example.com/schema"}'}, "refers to https://example.com/schema"),
        ({"schema_str": '{"$ref": "#/$defs/none"}'}, "refers to"),
        ({"expected": {"id": 3}}, "'expected' does not fit the schema"),
        ({"schema_type": "html"}, "schema_type"),
        ({"answer_form": "any"}, "answer_form"),
        ({"response_mode": "tool_call"}, "need 'tool_name'"),
    ],
)
def test_a_row_that_cannot_be_graded_is_refused(fields: JsonObject, message: str) -> None:
    with pytest.raises(InputError) as caught:
        make().task_of({**ROW, **fields})

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        ({"uniqueItems": True}, [{"a": number} for number in range(2_000)]),
        (
            {"oneOf": [{"type": "array", "items": {"$ref": "#"}}, {"items": {"$ref": "#"}, "minItems": 1}]},
            "[" * 35 + "]" * 35,
        ),
        ({"$ref": "#"}, 1),
    ],
)
def test_no_schema_takes_for_ever(schema: JsonObject, document: Any) -> None:
    row = {**ROW, "schema_str": json.dumps(schema), "expected": None}

    assert verify(document, row).fields["parsed"] is True


def test_items_are_unique_as_json_has_it() -> None:
    row = {**ROW, "schema_str": '{"uniqueItems": true}', "expected": None}

    assert verify("[1, 1.0]", row).reward < 1.0
    assert verify('[1, true, "1", [1], {"a": 1}]', row).reward == 1.0
    assert verify('[{"a": 1, "b": 2}, {"b": 2, "a": 1.0}]', row).reward < 1.0


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("date", ["2032-02-29"], ["2031-02-29", "20310509", "2031-5-9", "\u0662031-05-09"]),
        (
            "date-time",
            ["2031-05-09T18:30:00Z", "2031-05-09t18:30:00.25+02:00"],
            ["2031-05-09 18:30:00Z", "2031-05-09T18:30:00"],
        ),
        ("time", ["18:30:00Z", "23:59:60+00:00"], ["18:30", "24:00:00Z", "18:30:00"]),
        ("duration", ["P1D", "PT2H30M", "P3W", "P1Y2M3DT4S"], ["P", "PT", "1D", "P1S"]),
        ("email", ["a.b+c@example.com"], ["a@", "@b.com", "a b@c.com", "a..b@c.com", "a@b_c.com"]),
        ("idn-email", ["größe@exämple.de"], ["größe", "a b@c.de"]),
        ("hostname", ["example.com", "a-1"], ["-a.com", "a..b", "a_b.com", "x" * 64]),
        ("idn-hostname", ["exämple.de"], ["ex ämple", "-ä"]),
        ("ipv4", ["192.0.2.1"], ["192.0.2", "192.0.2.256", "192.0.02.1"]),
        ("ipv6", ["2001:db8::1"], ["2001:db8", "::1%eth0"]),
        ("uri", ["https://example.com/a?b#c", "urn:a:b"], ["example.com", "https://a b", "https://a/%zz"]),
        ("uri-reference", ["/a/b", "#c"], ["a b", "\\a"]),
        ("iri", ["https://exämple.de/ü"], ["ü", "https://a b"]),
        ("iri-reference", ["/ü"], ["a b"]),
        ("uri-template", ["https://a/{id}{?q*}"], ["https://a/{id", "{a b}"]),
        ("uuid", ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567e89b12d3a456426614174000"]),
        ("json-pointer", ["", "/a/0/~1"], ["a", "/~2"]),
        ("relative-json-pointer", ["0", "1/a", "2#"], ["/a", "01", "-1"]),
        ("regex", ["^a+$"], ["("]),
    ],
)
def test_formats_of_texts_are_checked(name: str, right: list[str], wrong: list[str]) -> None:
    checker = format_checker()

    assert [text for text in right if not checker.conforms(text, name)] == []
    assert [text for text in wrong if checker.conforms(text, name)] == []
    assert checker.conforms(7, name)


def test_the_reference_is_rewarded_for_every_generated_row(generated: list[JsonObject]) -> None:
    for row in generated:
        (answer,) = solve(row)
        verified = verify(str(answer), row)
        assert verified.reward == 1.0, (verified.explanation, answer)


def test_no_wrong_answer_is_rewarded_in_full(generated: list[JsonObject]) -> None:
    for row in generated:
        for name, script in wrong_answers(row).items():
            verified = verify(str(next(script)), row)
            assert verified.reward < 1.0, name
            assert name not in ("valid, but made up", "an empty document", "the schema") or verified.reward == 0.0


def test_generated_rows_differ_and_grow_with_the_difficulty(environment: Environment) -> None:
    rows = {difficulty: generate_rows(environment, 40, 2, difficulty) for difficulty in (0.0, 0.5, 1.0)}
    sizes = [sum(len(row["schema_str"]) for row in each) for each in rows.values()]

    assert sizes == sorted(sizes)
    assert {row["schema_type"] for row in rows[0.5]} == {"json", "yaml", "xml", "csv", "toml"}
    assert {row["answer_form"] for row in rows[0.5]} == {"raw", "fenced", "raw_or_fenced", "anywhere"}
    assert len({json.dumps(row["expected"]) for row in rows[0.5]}) == 40


def test_the_example_rows_are_what_the_generator_makes(environment: Environment) -> None:
    lines = (FOLDER / "data" / "example.jsonl").read_text(encoding="utf-8").splitlines()

    assert [json.loads(line) for line in lines] == generate_rows(environment, 5, 0, 0.5)
