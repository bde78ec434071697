"""Tool calls as they are typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.kit import ToolCall, call
from polygym.kit.call_lines import CallLineError, call_line, read_call
from polygym.protocol.json import JsonObject

SCHEMA: JsonObject = {
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "zip": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "unit": {"enum": ["C", "F"]},
        "places": {"type": "array"},
    }
}
TOOLS: dict[str, JsonObject] = {"look": {}, "get-weather": SCHEMA}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("look", call("look")),
        ("  look  ", call("look")),
        ("look()", call("look")),
        ("look {}", call("look")),
        ("get-weather city=Paris days=3", call("get-weather", city="Paris", days=3)),
        ('get-weather city="New York"  days=3', call("get-weather", city="New York", days=3)),
        ("get-weather city='New York'", call("get-weather", city="New York")),
        ('get-weather(city="Paris", days=3)', call("get-weather", city="Paris", days=3)),
        ("get-weather(city=Paris, days=3)", call("get-weather", city="Paris", days=3)),
        ('get-weather {"city": "Paris", "days": 3}', call("get-weather", city="Paris", days=3)),
        ('get-weather places=["a b", "c"] city=X', call("get-weather", places=["a b", "c"], city="X")),
        ("get-weather city=12 zip=01234 unit=C", call("get-weather", city="12", zip="01234", unit="C")),
        ("get-weather zip=null", call("get-weather", zip=None)),
        ("get-weather days=many", call("get-weather", days="many")),
        ("get-weather other=true more=1.5 rest=words", call("get-weather", other=True, more=1.5, rest="words")),
        ("get-weather city=", call("get-weather", city="")),
    ],
)
def test_a_call_is_read_as_it_is_meant(line: str, wanted: ToolCall) -> None:
    assert read_call(line, TOOLS) == wanted


@pytest.mark.parametrize(
    "line", ["lookout", "It is 3 o'clock.", "", "look, there", "lo ok", '{"city": "Paris"}', "get-weathers", "f(x)"]
)
def test_what_begins_with_no_tools_name_is_no_call(line: str) -> None:
    assert read_call(line, TOOLS) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("look at this", "'at this' is not key=value"),
        ("get-weather city=New York", "'York' is not key=value; values with blanks go into quotes"),
        ("get-weather {city: Paris}", "no JSON"),
        ('get-weather {"city": "Paris"} please', "behind the JSON object: please"),
        ("get-weather city='New York", "a quote is not closed"),
        ('get-weather city="New York', "no JSON"),
        ("get-weather places=[1, 2", "no JSON"),
        ("get_weather city=Paris", "there is no tool 'get_weather', but 'get-weather'"),
        ("get-wether(city=Paris)", "there is no tool 'get-wether', but 'get-weather'"),
    ],
)
def test_a_call_that_goes_wrong_says_where(line: str, message: str) -> None:
    with pytest.raises(CallLineError) as caught:
        read_call(line, TOOLS)

    assert message in str(caught.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,10}", fullmatch=True)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_a_call_that_is_shown_can_be_typed(arguments: JsonObject) -> None:
    assert read_call(call_line("look", arguments), TOOLS) == ToolCall("look", arguments)


@given(st.text())
def test_whatever_is_typed_is_a_call_or_explained(text: str) -> None:
    try:
        read = read_call(f"look {text}", TOOLS)
    except CallLineError as error:
        read = ToolCall("look", str(error))

    assert read is not None and read.name == "look"
