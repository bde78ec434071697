"""Faults of the user, and the names they may have meant."""

import pytest

from polygym.protocol.errors import ConfigError, InputError, OutputError, UserError, suggest


@pytest.mark.parametrize("kind", [ConfigError, InputError, OutputError])
def test_every_fault_of_the_user_can_be_caught_as_one(kind: type[UserError]) -> None:
    with pytest.raises(UserError, match="what, where"):
        raise kind("what, where")


@pytest.mark.parametrize(
    ("wrong", "known", "sentence"),
    [
        ("mat", ["math", "code"], "Meant 'math'?"),
        ("weather", ["math", "example_weather_agent"], "Meant 'example_weather_agent' or 'math'?"),
        ("agent_1", ["agent_2", "agent_3"], "Meant 'agent_3' or 'agent_2'?"),
        ("zzz", ["math", "code"], "There is: code, math."),
        ("", ["math", "code"], "There is: code, math."),
        ("math", [], "There are none."),
        ("zzz", ["math", "math"], "There is: math."),
    ],
)
def test_the_nearest_names_are_suggested(wrong: str, known: list[str], sentence: str) -> None:
    assert suggest(wrong, known) == sentence


def test_no_more_names_are_suggested_than_asked_for() -> None:
    assert suggest("agent", [f"agent_{number}" for number in range(9)], limit=2).count("'agent_") == 2


def test_of_many_names_the_first_are_shown() -> None:
    sentence = suggest("zzz", [f"name{number:02}" for number in range(15)])

    assert sentence.startswith("There is: name00, name01,")
    assert sentence.endswith("name11 and 3 more.")
