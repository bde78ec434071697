"""The synonym environment, driven as the framework drives it: tools, verifier, rows, configuration."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from polygym import JsonObject, function_call, new_response, output_message
from polygym.kit import generate_rows, load_environment, play
from polygym.protocol.errors import InputError
from resources_servers.example_multi_step.app import SynonymServer, synonym_value
from resources_servers.example_multi_step.generate import SYNONYMS
from resources_servers.example_multi_step.reference import solve, wrong_answers

FOLDER = Path(__file__).parent.parent
EXAMPLES = FOLDER / "data" / "example.jsonl"
ROWS = [json.loads(line) for line in EXAMPLES.read_text(encoding="utf-8").splitlines()]
ROW: JsonObject = {
    "responses_create_params": {"input": "which?"},
    "id": 7,
    "expected_synonyms": ["quick", "rapid", "swift"],
    "expected_synonym_values": [541, 528, 557],
    "minefield_label": "fast",
    "minefield_label_value": 430,
}


def make() -> SynonymServer:
    return SynonymServer("example_multi_step", SynonymServer.parse_config({}, "test"), None)  # type: ignore[arg-type]


def hand_in(values: Any) -> JsonObject:
    return call("extract_synonym_values", json.dumps({"synonym_values": values}))


def call(name: str, arguments: str) -> JsonObject:
    return function_call(name, arguments, call_id="c1", item_id="fc_1")


def verify(*items: JsonObject) -> JsonObject:
    """The verified row of a rollout that consists of `items`."""

    async def run() -> JsonObject:
        server = make()
        session = server.new_session(server.task_of(ROW), "0-0")
        await server.seed(session)
        return await server.verify_response(ROW, new_response({}, list(items), model="m"), session)

    return asyncio.run(run())


def use_tool(name: str, arguments: JsonObject) -> tuple[Any, bool]:
    """What the tool gives the model, decoded, and whether that is an error."""

    async def run() -> tuple[Any, bool]:
        server = make()
        session = server.new_session(server.task_of(ROW), "0-0")
        await server.seed(session)
        result = await server.call_tool(name, arguments, session)
        return json.loads(result.output), result.is_error

    return asyncio.run(run())


def metrics_of(verified: JsonObject) -> JsonObject:
    names = (
        "reward",
        "parsed_synonym_values",
        "accuracy",
        "set_overlap",
        "original_term_minefield_hit",
        "order_instruction_following_failure",
    )
    return {name: verified[name] for name in names}


def test_a_words_value_is_the_sum_of_its_code_points() -> None:
    assert use_tool("get_synonym_value", {"synonym": "quick"}) == ({"synonym_value": 541}, False)
    assert use_tool("get_synonym_value", {"synonym": "é"}) == ({"synonym_value": 233}, False)
    assert use_tool("get_synonym_value", {"synonym": ""}) == ({"synonym_value": 0}, False)


def test_values_are_taken_in() -> None:
    assert use_tool("extract_synonym_values", {"synonym_values": [1, 2]}) == ({"success": True}, False)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_synonym_value", {}),
        ("get_synonym_value", {"synonym": 5}),
        ("extract_synonym_values", {"synonym_values": 5}),
        ("extract_synonym_values", {"synonym_values": ["many"]}),
        ("extract_synonym_value", {"synonym_values": []}),
    ],
)
def test_wrong_calls_come_back_to_the_model(name: str, arguments: JsonObject) -> None:
    said, is_error = use_tool(name, arguments)

    assert is_error
    assert said["error"]


def test_the_expected_values_in_order_are_rewarded() -> None:
    verified = verify(hand_in([541, 528, 557]), output_message("done", message_id="m1"))

    assert metrics_of(verified) == {
        "reward": 1.0,
        "parsed_synonym_values": [541, 528, 557],
        "accuracy": True,
        "set_overlap": 1.0,
        "original_term_minefield_hit": False,
        "order_instruction_following_failure": False,
    }
    assert ROW.items() <= verified.items()


def test_the_last_values_handed_in_count() -> None:
    assert verify(hand_in([1]), hand_in([541, 528, 557]))["reward"] == 1.0
    assert verify(hand_in([541, 528, 557]), hand_in([1]))["reward"] == 0.0


def test_the_right_values_in_another_order_are_an_order_failure() -> None:
    verified = verify(hand_in([557, 541, 528]))

    assert verified["reward"] == 0.0
    assert verified["set_overlap"] == 1.0
    assert verified["order_instruction_following_failure"] is True


def test_some_of_the_values_overlap_in_part() -> None:
    verified = verify(hand_in([541, 9]))

    assert verified["reward"] == 0.0
    assert verified["set_overlap"] == pytest.approx(1 / 3)
    assert verified["order_instruction_following_failure"] is False


@pytest.mark.parametrize("mine", [430, "fast"])
def test_handing_in_the_term_itself_hits_the_minefield(mine: Any) -> None:
    verified = verify(hand_in([541, 528, 557, mine]))

    assert verified["reward"] == 0.0
    assert verified["original_term_minefield_hit"] is True


@pytest.mark.parametrize(
    "items",
    [
        [],
        [output_message("541, 528, 557", message_id="m1")],
        [call("get_synonym_value", '{"synonym_values": [541, 528, 557]}')],
        [call("extract_synonym_values", '{"synonym_values": [541, 528')],
        [call("extract_synonym_values", "{}")],
        [call("extract_synonym_values", "[541, 528, 557]")],
        [hand_in(None)],
        [hand_in("541")],
        [hand_in({"541": 528})],
        [hand_in([[541, 528, 557]])],
        [hand_in([541, 528, 557, None])],
        [hand_in([True])],
        [{"type": "function_call", "name": "extract_synonym_values"}],
    ],
)
def test_without_values_there_is_no_reward(items: list[JsonObject]) -> None:
    verified = verify(*items)

    assert verified["reward"] == 0.0
    assert verified["parsed_synonym_values"] == []
    assert verified["set_overlap"] == 0.0


def test_values_as_texts_are_not_the_values() -> None:
    assert verify(hand_in(["541", "528", "557"]))["reward"] == 0.0


@pytest.mark.parametrize("field", ["expected_synonym_values", "minefield_label_value", "id"])
def test_a_row_without_its_fields_is_refused(field: str) -> None:
    row = {key: value for key, value in ROW.items() if key != field}

    with pytest.raises(InputError, match=f"{field}: Field required"):
        make().task_of(row)


def test_the_example_rows_are_those_that_are_generated() -> None:
    assert generate_rows(FOLDER, 5) == ROWS


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_a_row_expects_what_its_list_says(difficulty: float) -> None:
    for row in generate_rows(FOLDER, 20, seed=1, difficulty=difficulty):
        params = row["responses_create_params"]
        assert params["tools"] == make().tool_definitions()
        listed = [line[2:].split(": ") for line in params["input"][0]["content"].splitlines() if line.startswith("- ")]
        expected = [synonym for term, synonym in listed if term == row["minefield_label"]]
        assert len({term for term, _ in listed}) == {0.0: 2, 0.5: 7, 1.0: 12}[difficulty]
        assert row["expected_synonyms"] == expected
        assert row["expected_synonym_values"] == [synonym_value(synonym) for synonym in expected]
        assert f"'{row['minefield_label']}'" in params["input"][1]["content"]


def test_only_the_reference_is_rewarded() -> None:
    environment, row = load_environment(FOLDER), ROWS[0]

    assert play(environment, row, solve(row))["reward"] == 1.0
    for name, script in wrong_answers(row).items():
        assert play(environment, row, script)["reward"] == 0.0, name


def test_no_two_words_of_a_term_have_the_same_value() -> None:
    for term, synonyms in SYNONYMS.items():
        for one, other in itertools.combinations([term, *synonyms], 2):
            assert synonym_value(one) != synonym_value(other)


def test_the_configuration_wires_agent_model_and_examples() -> None:
    config = yaml.safe_load((FOLDER / "configs" / "example_multi_step.yaml").read_text())

    server = config["example_multi_step"]["resources_servers"]["example_multi_step"]
    assert SynonymServer.unknown_fields(SynonymServer.parse_config(server, "test")) == []
    agent = config["example_multi_step_simple_agent"]["responses_api_agents"]["simple_agent"]
    assert agent["resources_server"] == {"type": "resources_servers", "name": "example_multi_step"}
    assert agent["model_server"] == {"type": "responses_api_models", "name": "policy_model"}
    assert (FOLDER.parent.parent / agent["datasets"][0]["jsonl_fpath"]).samefile(EXAMPLES)
