"""Each kind of constraint, on the texts of `texts.yaml`: those that meet it and those that do not."""

from pathlib import Path

import pytest
import yaml

from polygym import JsonObject
from resources_servers.instruction_following.constraints import KINDS
from resources_servers.instruction_following.judging import judge, parse_constraints

CASES: list[JsonObject] = yaml.safe_load(Path(__file__).with_name("texts.yaml").read_text(encoding="utf-8"))


def follows(name: str, arguments: JsonObject, text: str) -> bool:
    """Whether a text meets the constraint with that id."""
    (constraint,) = parse_constraints([name], [arguments])
    return judge(text, [constraint], prompt="", must_mention=[], min_words=1).met[0]


def each(which: str) -> list[object]:
    return [
        pytest.param(case["id"], case["kwargs"], text, id=f"{number}-{case['id']}-{text[:16]!a}")
        for number, case in enumerate(CASES)
        for text in case[which]
    ]


@pytest.mark.parametrize(("name", "arguments", "text"), each("met"))
def test_a_text_that_does_what_is_asked_follows(name: str, arguments: JsonObject, text: str) -> None:
    assert follows(name, arguments, text)


@pytest.mark.parametrize(("name", "arguments", "text"), each("broken"))
def test_a_text_that_does_something_else_does_not_follow(name: str, arguments: JsonObject, text: str) -> None:
    assert not follows(name, arguments, text)


def test_every_kind_of_constraint_has_its_texts() -> None:
    assert {case["id"] for case in CASES} == set(KINDS)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_nothing_follows_from_an_empty_answer(name: str) -> None:
    arguments = next(case["kwargs"] for case in CASES if case["id"] == name)

    assert not any(follows(name, arguments, text) for text in ("", " \n", "\u200b", "\x00", "!?…", "\ud800", "\u2800"))


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_constraint_asks_for_the_arguments_that_it_needs(name: str) -> None:
    arguments = next(case["kwargs"] for case in CASES if case["id"] == name)
    unknown = {**arguments, "other": 1, "unused": None}

    assert parse_constraints([name], [unknown]) == parse_constraints([name], [arguments])
    assert parse_constraints([name], [arguments])[0].id == name


@pytest.mark.parametrize(
    ("ids", "arguments", "message"),
    [
        (["keywords:existance"], [{}], "Meant 'keywords:existence'"),
        (["keywords:existence"], [{}], "kwargs of 'keywords:existence': keywords: Field required"),
        (["keywords:existence"], [{"keywords": []}], "keywords"),
        (["length_constraints:number_words"], [{"num_words": "many"}], "num_words"),
        (["length_constraints:number_words"], [{"num_words": 3, "relation": "nearly"}], "relation"),
        (["language:response_language"], [{"language": "xx"}], "'xx' is none of the languages"),
        (["punctuation:no_comma"], [{}, {}], "kwargs has 2 entries for 1 instructions"),
    ],
)
def test_what_is_no_constraint_is_refused(ids: list[str], arguments: list[JsonObject], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_constraints(ids, arguments)

    assert message in str(caught.value)


def test_the_readme_names_every_constraint() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")

    assert [name for name in KINDS if f"`{name}`" not in readme] == []
