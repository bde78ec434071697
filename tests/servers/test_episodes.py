import pytest

from polygym import Action, FunctionCall, Step, function_call, output_message
from polygym.servers.episodes import Episode, actions_of, return_of, shown


def text(said: str) -> Action:
    return Action(said)


@pytest.mark.parametrize(
    "said",
    [
        "hit",
        " Hit. ",
        "**HIT**",
        '"hit!"',
        "\u201chit\u201d",
        "<action>hit</action>",
        "<ACTION> hit </ACTION>",
        "First <action>stand</action>, no: <action>hit</action> it is.",
        "I want another card: <action>hit",
        "\uff48\uff49\uff54",
        "h\u200bit",
        "\u202ehit\u202c",
    ],
)
def test_an_option_is_recognised_however_it_is_written(said: str) -> None:
    assert text(said).choose(["hit", "stand"]) == "hit"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "   ",
        "hit stand",
        "hit or stand",
        "<action></action>",
        "<action>hit stand</action>",
        "hit <action>fold</action>",
        "I hit",
        "h\u0456t",
        "hit" * 100_000,
    ],
)
def test_what_is_no_option_is_not_taken_for_one(said: str) -> None:
    assert text(said).choose(["hit", "stand"]) is None


def test_a_tool_call_is_the_option_of_its_name() -> None:
    assert Action("<action>stand</action>", FunctionCall("c1", "hit", "{}")).choose(["hit", "stand"]) == "hit"


def test_the_option_comes_back_as_it_was_given() -> None:
    assert text("move left").choose(["Move  Left"]) == "Move  Left"


def test_a_tags_content_may_have_several_lines_and_another_name() -> None:
    assert text("so: <move>a\nb</move>").tagged("move") == "a\nb"
    assert text("so: a").tagged("move") is None


def test_large_texts_are_read_at_once() -> None:
    assert text("<action>" * 100_000).tagged() == ""
    assert text("<" * 1_000_000).tagged() is None


def test_a_turn_is_its_tool_calls_or_else_its_text() -> None:
    said = output_message("well", message_id="m1")
    calls = [function_call(name, '{"a": 1}', call_id=name, item_id=name) for name in ("up", "down")]

    first, second = actions_of({"output": [said, *calls]})
    (only,) = actions_of({"output": [{"type": "reasoning", "summary": []}, said]})

    assert (first.name, first.arguments, first.text) == ("up", {"a": 1}, "well")
    assert second.name == "down"
    assert (only.name, only.arguments, only.text, only.call) == ("", {}, "well", None)
    assert [action.text for action in actions_of({"output": []})] == [""]


@pytest.mark.parametrize(
    ("kind", "discount", "expected"),
    [("sum", 0.5, 3.0), ("last", 0.5, 2.0), ("discounted", 0.5, 1 + 0 + 0.5), ("discounted", 0.0, 1.0)],
)
def test_a_return_is_the_sum_the_last_or_the_discounted_sum(kind: str, discount: float, expected: float) -> None:
    assert return_of([1.0, 0.0, 2.0], kind, discount) == expected  # type: ignore[arg-type]
    assert return_of([], kind, discount) == 0.0  # type: ignore[arg-type]


def test_named_parts_of_rewards_have_returns_of_their_own() -> None:
    episode = Episode()
    episode.record(Step("a", 1.0, info={"reward_components": {"speed": 1.0}}))
    episode.record(Step("b", 2.0, info={"reward_components": {"speed": 0.5, "style": 2}}))
    episode.record(Step("c", 0.0, terminated=True))

    assert episode.returned_components("sum", 1.0) == {"speed": 1.5, "style": 2.0}
    assert episode.returned_components("last", 1.0) == {"speed": 0.0, "style": 0.0}
    assert (episode.steps, episode.is_over) == (3, True)


def test_parts_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(TypeError, match="reward_components"):
        Episode().record(Step("a", 1.0, info={"reward_components": {"speed": "high"}}))


def test_observations_are_texts_content_parts_or_values_shown_as_json() -> None:
    parts = [{"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": "data:image/png;base64,"}]

    assert shown("wall") == "wall"
    assert shown(parts) == parts
    assert shown([1, 2]) == "[1,2]"
    assert shown({"x": 1.5}) == '{"x":1.5}'
    assert shown(None) is None
