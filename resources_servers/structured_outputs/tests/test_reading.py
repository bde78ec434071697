"""From an answer to its document: forms, formats, and everything that is refused."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polygym import JsonObject
from resources_servers.structured_outputs.extraction import AnswerForm, document_in
from resources_servers.structured_outputs.parsers import PARSERS, SchemaType
from resources_servers.structured_outputs.parsers.base import UnreadableError, check_extent
from resources_servers.structured_outputs.writers import WRITERS

SCHEMA: JsonObject = {
    "type": "object",
    "xml": {"name": "note"},
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "size": {"type": "number"},
        "is_new": {"type": "boolean"},
        "end": {"type": ["string", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}},
        "owner": {"type": "object", "properties": {"zip": {"type": "string"}}},
    },
    "required": ["name", "parts"],
    "$defs": {"part": {"type": "object", "properties": {"id": {"type": "integer"}, "ok": {"type": "boolean"}}}},
}
ROWS: JsonObject = {"type": "array", "items": {**SCHEMA, "required": ["name"]}}
DOCUMENT: JsonObject = {
    "name": "Ada & <Bo>",
    "age": 36,
    "size": 1.5,
    "is_new": True,
    "tags": ["a b", "true"],
    "parts": [{"id": 1, "ok": False}, {"id": 2}],
    "owner": {"zip": "01234"},
}


def read(text: str, kind: SchemaType, schema: JsonObject = SCHEMA, form: AnswerForm = "raw_or_fenced") -> Any:
    document = PARSERS[kind](document_in(text, kind, form), schema)
    check_extent(document)
    return document


def why_not(text: str, kind: SchemaType = "json", form: AnswerForm = "raw_or_fenced") -> str:
    with pytest.raises(UnreadableError) as caught:
        read(text, kind, ROWS if kind == "csv" else SCHEMA, form)
    return caught.value.problem


@pytest.mark.parametrize("kind", ["json", "yaml", "xml", "toml"])
def test_what_is_written_in_a_format_is_read_again(kind: SchemaType) -> None:
    text = WRITERS[kind](DOCUMENT, "note")

    assert read(text, kind) == DOCUMENT
    assert read(f"\ufeff{text}".replace("\n", "\r\n"), kind) == DOCUMENT
    assert read(f"```{kind}\n{text}\n```", kind, form="fenced") == DOCUMENT


def test_csv_that_is_written_is_read_again() -> None:
    rows = [{"name": 'a, "b"\nc', "age": 3, "is_new": False}, {"name": "d", "age": 4, "is_new": True}]

    assert read(WRITERS["csv"](rows, ""), "csv", ROWS) == rows
    assert read(WRITERS["csv"](rows, "").replace("\n", "\r\n"), "csv", ROWS)[1] == rows[1]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("{}", "raw"),
        (" \n{} \n", "raw"),
        ("```\n{}\n```", "fenced"),
        ("~~~json\n{}\n~~~", "fenced"),
        ("````JSON\n{}\n````\n", "raw_or_fenced"),
        ("{}", "anywhere"),
        ("Here:\n\n```json\n{}\n```\n\nThat is all.", "anywhere"),
    ],
)
def test_a_document_is_found_in_the_form_that_is_asked_for(text: str, form: AnswerForm) -> None:
    assert read(text, "json", form=form) == {}


@pytest.mark.parametrize(
    ("text", "form", "problem"),
    [
        ("", "raw", "empty"),
        (" \n\ufeff", "anywhere", "empty"),
        ("```json\n{}\n```", "raw", "form"),
        ("{}", "fenced", "form"),
        ("Here:\n```\n{}\n```", "fenced", "form"),
        ("Here:\n```\n{}\n```", "raw_or_fenced", "form"),
        ("```\n{}\n```\n```\n{}\n```", "anywhere", "form"),
        ("```yaml\n{}\n```", "anywhere", "form"),
        ("```json\n{}", "raw_or_fenced", "form"),
        ("Here: {}", "anywhere", "syntax"),
        ("{} {}", "raw", "syntax"),
        ("{} ", "raw", ""),
        ("x" * 50_001, "raw", "too_long"),
    ],
)
def test_another_form_is_refused(text: str, form: AnswerForm, problem: str) -> None:
    if problem:
        assert why_not(text, form=form) == problem
    else:
        assert read(text, "json", form=form) == {}


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        ("json", '{"a": NaN}', "syntax"),
        ("json", '{"a": -Infinity}', "syntax"),
        ("json", '{"a": 1e999}', "syntax"),
        ("json", "{'a': 1}", "syntax"),
        ("json", '{"a": 1,}', "syntax"),
        ("json", '{"a": 1} // one', "syntax"),
        ("json", '{"a": \uff11}', "syntax"),
        ("json", '{"a"\u200b: 1}', "syntax"),
        ("json", '{"a": 1, "\\u0061": 2}', "duplicate_key"),
        ("json", "[" * 41 + "]" * 41, "nesting"),
        ("json", "[" * 20_000, "nesting"),
        ("json", f"[{'1,' * 5_000}1]", "too_long"),
        ("json", f'{{"a": {"9" * 5_000}}}', "syntax"),
        ("yaml", "a: &x 1\nb: *x", "syntax"),
        ("yaml", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "syntax"),
        ("yaml", "a: {<<: *x}", "syntax"),
        ("yaml", "a: !!python/object/apply:os.system ['true']", "syntax"),
        ("yaml", "a: !!int '3'", "syntax"),
        ("yaml", "a: .nan", "syntax"),
        ("yaml", "a: -.inf", "syntax"),
        ("yaml", "a: 1\na: 2", "duplicate_key"),
        ("yaml", "1: a", "syntax"),
        ("yaml", "a: 1\n---\na: 2", "syntax"),
        ("yaml", "# nothing", "empty"),
        ("yaml", "a: [", "syntax"),
        ("yaml", "[" * 41 + "]" * 41, "nesting"),
        ("yaml", "- " * 60 + "a", "nesting"),
        ("xml", "<note><name>a</name>", "syntax"),
        ("xml", "<memo><name>a</name></memo>", "syntax"),
        ("xml", '<!DOCTYPE note [<!ENTITY a "b">]><note><name>&a;</name></note>', "syntax"),
        ("xml", '<!DOCTYPE note SYSTEM "file:///etc/passwd"><note/>', "syntax"),
        ("xml", "<note><name>&nbsp;</name></note>", "syntax"),
        ("xml", "<note/><note/>", "syntax"),
        ("xml", "<note><name>a</name><name>b</name></note>", "duplicate_key"),
        ("xml", "<a>" * 41 + "</a>" * 41, "nesting"),
        ("xml", f"<note>{'<a/>' * 5_001}</note>", "too_long"),
        ("csv", "name,age\na,1,2", "syntax"),
        ("csv", "name,name\na,b", "duplicate_key"),
        ("csv", 'name\n"a', "syntax"),
        ("csv", '"a"b,c', "syntax"),
        ("toml", "a = 1\na = 2", "syntax"),
        ("toml", "a = nan", "syntax"),
        ("toml", "a = -inf", "syntax"),
        ("toml", "a = 'b", "syntax"),
        ("toml", f"a = {'[' * 41}{']' * 41}", "nesting"),
        ("toml", f"{'a.' * 60}b = 1", "nesting"),
    ],
)
def test_what_is_no_proper_document_is_refused(kind: SchemaType, text: str, problem: str) -> None:
    assert why_not(text, kind) == problem


def test_yaml_scalars_are_those_of_version_1_2() -> None:
    text = "a: no\nb: 2031-05-09\nc: 0o17\nd: 1_000\ne: ~\nf:\ng: 12:30\nh: 'true'\ni: .5\nj: |\n  x\n"
    expected = {"a": "no", "b": "2031-05-09", "c": 15, "d": "1_000", "e": None, "f": None}

    assert read(text, "yaml", {}) == {**expected, "g": "12:30", "h": "true", "i": 0.5, "j": "x"}
    assert read("is_new: yes\nname: no\nparts: []", "yaml") == {"is_new": True, "name": "no", "parts": []}
    assert type(read("name: no\nparts: []", "yaml")["name"]) is str


def test_xml_texts_get_their_types_from_the_schema() -> None:
    text = """<?xml version="1.0" encoding="ISO-8859-1"?><!-- so -->
    <note><name> 12 <![CDATA[<b>]]></name><age>12</age><size>1e1</size><is_new>yes</is_new><end/></note>"""

    assert read(text, "xml") == {"name": "12 <b>", "age": 12, "size": 10.0, "is_new": "yes", "end": None, "parts": []}
    assert read('<note a="1">x<name/><age>\uff11</age></note>', "xml") == {
        "@a": "1",
        "#text": "x",
        "name": "",
        "age": "\uff11",
        "parts": [],
    }


def test_empty_cells_are_null_or_nothing() -> None:
    assert read("name,age,end\n,,\na, 3 ,b\n", "csv", ROWS) == [
        {"name": "", "end": None},
        {"name": "a", "age": 3, "end": "b"},
    ]
    assert read("name\n", "csv", ROWS) == []


PIECES = st.sampled_from(
    [
        *(
            '{"',
            '"a": ',
            "[",
            "]",
            "}",
            ",",
            "a: ",
            "- ",
            "\n",
            "  ",
            "<note>",
            "<name>",
            "</name>",
            "</note>",
            "<a b='c'/>",
        ),
        *(
            "```\n",
            "```json\n",
            "&x ",
            "*x",
            "!!str ",
            "|\n",
            "a = ",
            "[[a]]\n",
            "1",
            "true",
            "null",
            '"',
            "'",
            "\\u00",
            "#",
        ),
        *("&amp;", "<![CDATA[", "\x00", "\ud800", "\u200b", "\u0301", "---\n", "? ", "%", ".", "e9", "\ufeff", "\r"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(text=st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=40))
def test_every_text_is_read_or_refused(text: str) -> None:
    for kind in PARSERS:
        with suppress(UnreadableError):
            read(text, kind, ROWS if kind == "csv" else SCHEMA, "anywhere")


@pytest.mark.parametrize("kind", PARSERS)
@pytest.mark.parametrize(
    "piece",
    [
        *(
            "[",
            "{",
            '{"a":',
            "[1,",
            "a: ",
            "- ",
            "? ",
            "&a ",
            "*a ",
            "<a>",
            "<a/>",
            "&amp;",
            "<![CDATA[",
            "a.b.",
            "[a]\n",
        ),
        *(
            "a,b\n",
            '"a""',
            "'",
            "|\n a\n",
            "#",
            "\\",
            "1",
            "\u0301",
            "```\n",
            "{a: ",
            "\ud800",
            "a = {b = ",
            "[[a.b]]\n",
        ),
    ],
)
def test_huge_texts_are_refused_at_once(kind: SchemaType, piece: str) -> None:
    """The test's own time limit is what a slow parser would meet."""
    for size in (49_000, 1_000_000):
        with suppress(UnreadableError):
            read(piece * (size // len(piece)), kind, ROWS if kind == "csv" else SCHEMA)
