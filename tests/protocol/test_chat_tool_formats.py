"""Tool calls in the text of an answer, family by family, and how a chat template tells which family it is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.protocol.chat.tool_formats import FORMATS, Call, Tools, format_of

TOOLS: Tools = {
    "get_weather": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "zip": {"type": ["string", "null"]},
            "units": {"anyOf": [{"type": "array"}, {"type": "null"}]},
            "mode": {"enum": ["1", "2"]},
            "any": {},
        },
    },
    "add": {},
}
WEATHER = '{"city":"Oslo"}'
TWO = '[{"name": "add", "arguments": {"a": 1}}, {"name": "add", "arguments": {"a": 2}}]'
B = "\uff5c"


def calls(name: str, text: str) -> list[tuple[str, Any]]:
    """Names and decoded arguments of the calls in a text."""
    return [(call.name, json.loads(call.arguments)) for call in FORMATS[name].parse(text, TOOLS).calls]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hermes", '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>'),
        ("hermes", '<tool_call>{"arguments": {"city": "Oslo"}, "name": "get_weather"}</tool_call>'),
        ("hermes", '<tool_call>{"name": "get_weather", "arguments": "{\\"city\\": \\"Oslo\\"}"}</tool_call>'),
        ("hermes", '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}'),
        (
            "qwen_xml",
            "<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n</function>\n</tool_call>",
        ),
        ("llama3", '{"name": "get_weather", "parameters": {"city": "Oslo"}}'),
        ("llama3", '<|python_tag|>{"type": "function", "name": "get_weather", "parameters": {"city": "Oslo"}}'),
        ("mistral", '[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Oslo"}, "id": "abc123def"}]'),
        ("mistral", '[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Oslo"}}]'),
        ("mistral", '[TOOL_CALLS]get_weather[ARGS]{"city": "Oslo"}'),
        ("mistral", '[TOOL_CALLS]get_weather[CALL_ID]abc123def[ARGS]{"city": "Oslo"}'),
        ("mistral", '[TOOL_CALLS]get_weather{"city": "Oslo"}'),
        (
            "deepseek",
            f"<{B}tool▁calls▁begin{B}><{B}tool▁call▁begin{B}>function<{B}tool▁sep{B}>get_weather\n"
            f'```json\n{{"city": "Oslo"}}\n```<{B}tool▁call▁end{B}><{B}tool▁calls▁end{B}>',
        ),
        (
            "deepseek",
            f"<{B}tool▁calls▁begin{B}><{B}tool▁call▁begin{B}>get_weather<{B}tool▁sep{B}>"
            f'{{"city": "Oslo"}}<{B}tool▁call▁end{B}><{B}tool▁calls▁end{B}>',
        ),
        ("generic", '{"name": "get_weather", "arguments": {"city": "Oslo"}}'),
        ("generic", '{"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Oslo"}}}'),
        ("generic", '```json\n{"name": "get_weather", "parameters": {"city": "Oslo"}}\n```'),
        ("generic", '<function_call>{"name": "get_weather", "arguments": {"city": "Oslo"}}</function_call>'),
        ("generic", '<tool_call>[{"name": "get_weather", "arguments": {"city": "Oslo"}}]</tool_call>'),
    ],
)
def test_a_call_in_each_family_s_way_of_writing_is_found_and_leaves_no_text(name: str, text: str) -> None:
    assert calls(name, text) == [("get_weather", {"city": "Oslo"})]
    assert FORMATS[name].parse(text, TOOLS).text == ""


@pytest.mark.parametrize(
    ("name", "text", "rest"),
    [
        (
            "hermes",
            'One:\n<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>\n'
            '<tool_call>{"name": "add", "arguments": {"a": 2}}</tool_call>done',
            "One:\n\ndone",
        ),
        (
            "qwen_xml",
            "Hm <tool_call><function=add><parameter=a>1</parameter></function></tool_call><tool_call><function=add>"
            "<parameter=a>2</parameter></function></tool_call>",
            "Hm ",
        ),
        ("llama3", '{"name": "add", "parameters": {"a": 1}}; {"name": "add", "parameters": {"a": 2}}', ""),
        (
            "llama3",
            'Hm<|python_tag|>{"name": "add", "parameters": {"a": 1}};{"name": "add", "parameters": {"a": 2}}',
            "Hm",
        ),
        ("mistral", f"Hm[TOOL_CALLS]{TWO}", "Hm"),
        ("mistral", 'Hm[TOOL_CALLS]add[ARGS]{"a": 1}[TOOL_CALLS]add[ARGS]{"a": 2}', "Hm"),
        (
            "deepseek",
            f'Hm<{B}tool▁calls▁begin{B}><{B}tool▁call▁begin{B}>add<{B}tool▁sep{B}>{{"a": 1}}<{B}tool▁call▁end{B}>\n'
            f'<{B}tool▁call▁begin{B}>add<{B}tool▁sep{B}>{{"a": 2}}<{B}tool▁call▁end{B}><{B}tool▁calls▁end{B}>',
            "Hm",
        ),
        ("generic", f"Hm\n```\n{TWO}\n```", "Hm\n"),
    ],
)
def test_several_calls_come_in_order_and_the_text_around_them_stays(name: str, text: str, rest: str) -> None:
    assert [arguments["a"] for _, arguments in calls(name, text)] in ([1, 2], ["1", "2"])
    assert FORMATS[name].parse(text, TOOLS).text == rest


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hermes", '<tool_call>{"name": "add", "arguments": {"a": 1}</tool_call>'),
        ("hermes", '<tool_call>{"name": "add", "arguments": [1]}</tool_call>'),
        ("hermes", '<tool_call>{"name": "add", "arguments": {"a": NaN}}</tool_call>'),
        ("hermes", '<tool_call>{"name": "\\ud800", "arguments": {}}</tool_call>'),
        ("hermes", "<tool_call>" + "[" * 100_000),
        ("hermes", '{"name": "add", "arguments": {}}'),
        ("qwen_xml", "<tool_call><function=add><parameter=a>1</parameter>"),
        ("llama3", '{"name": "Ada", "born": 1815}'),
        ("llama3", 'The call is {"name": "add", "parameters": {}}'),
        ("llama3", '{"name": "add", "parameters": {}} is what I would call'),
        ("llama3", '<|python_tag|>print({"name": "add", "parameters": {}})'),
        ("mistral", "[TOOL_CALLS]"),
        ("mistral", "[TOOL_CALLS]add[ARGS]none"),
        ("deepseek", f"<{B}tool▁calls▁begin{B}><{B}tool▁call▁begin{B}>add<{B}tool▁sep{B}>1"),
        ("generic", '{"name": "unknown", "arguments": {}}'),
        ("generic", '```json\n{"result": 4}\n```'),
        ("generic", ""),
    ],
)
def test_what_is_no_whole_call_stays_text(name: str, text: str) -> None:
    assert FORMATS[name].parse(text, TOOLS) == (text, [])


def test_values_in_xml_are_read_as_the_tool_s_schema_says() -> None:
    values = {"city": "7", "days": "7", "zip": "null", "units": '["C"]', "mode": "1", "any": "7", "new": "{"}
    parameters = "".join(f"<parameter={name}>\n{value}\n</parameter>\n" for name, value in values.items())
    text = f"<tool_call>\n<function=get_weather>\n{parameters}</function>\n</tool_call>"

    [(_, arguments)] = calls("qwen_xml", text)

    expected = {"city": "7", "days": 7, "zip": None, "units": ["C"], "mode": "1", "any": "7", "new": "{"}
    assert arguments == expected


def test_line_breaks_in_strings_and_numbers_beyond_64_bits_survive() -> None:
    text = '<tool_call>{"name": "add", "arguments": {"a": "x\ny", "b": 123456789012345678901234567890}}</tool_call>'
    assert calls("hermes", text) == [("add", {"a": "x\ny", "b": 123456789012345678901234567890})]


def test_mistral_s_call_ids_have_the_form_that_its_templates_demand() -> None:
    made = FORMATS["mistral"].new_call_id()
    assert len(made) == 9 and made.isalnum()


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("… within <tool_call></tool_call> XML tags: {{ tool | tojson }}", "hermes"),
        ("<tool_call>\n<function=example>\n<parameter=a>", "qwen_xml"),
        ("{{- '<|python_tag|>' + call }}<|eot_id|>", "llama3"),
        ('Respond with {"name": name, "parameters": {…}} <|eot_id|>', "llama3"),
        ("[AVAILABLE_TOOLS]…[TOOL_CALLS]", "mistral"),
        (f"<{B}tool▁calls▁begin{B}><{B}tool▁call▁begin{B}>", "deepseek"),
        ("{% for tool in tools %}{{ tool }}", "generic"),
        ("", "generic"),
    ],
)
def test_the_chat_template_tells_the_format(template: str, name: str) -> None:
    assert format_of(template).name == name


PIECES = [
    *("<tool_call>", "</tool_call>", "<function=", "add", ">", "<parameter=a>", "</parameter>", "</function>", "```"),
    *("[TOOL_CALLS]", "[ARGS]", "{", "}", "[", "]", '"name"', ":", ",", '"arguments"', '"', "1", "\n", "json", ";"),
    *(f"<{B}tool▁calls▁begin{B}>", f"<{B}tool▁call▁begin{B}>", f"<{B}tool▁sep{B}>", f"<{B}tool▁call▁end{B}>"),
    *("<|python_tag|>", WEATHER, '{"name": "add", "arguments": {}}', '{"name": "add", "parameters": {"a": 1}}'),
]


@given(st.sampled_from(sorted(FORMATS)), st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=20))
def test_no_text_makes_a_format_raise_and_every_call_has_json_arguments(name: str, pieces: list[str]) -> None:
    text = "".join(pieces)
    found = FORMATS[name].parse(text, TOOLS)
    assert found.calls or found.text == text
    for call in found.calls:
        assert isinstance(call, Call) and call.name
