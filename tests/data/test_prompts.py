"""Rows filled into prompts."""

from pathlib import Path

import pytest

from polygym.data.prompts import PromptTemplate, read_template
from polygym.protocol.errors import ConfigError, InputError


def template(tmp_path: Path, text: str) -> PromptTemplate:
    (tmp_path / "prompts").mkdir(exist_ok=True)
    (tmp_path / "prompts" / "p.yaml").write_text(text)
    return read_template("prompts/p.yaml", [tmp_path], "here")


def test_a_row_is_filled_in_and_keeps_its_other_fields(tmp_path: Path) -> None:
    prompt = template(tmp_path, "system: Be brief.\nuser: '{question} Write {{x}}.'\n")
    row = {"question": "2+2?", "answer": 4, "responses_create_params": {"temperature": 0.5}}

    filled = prompt.fill(row, "in.jsonl:1")

    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2? Write {x}."}]
    assert filled == {**row, "responses_create_params": {"temperature": 0.5, "input": messages}}
    assert row["responses_create_params"] == {"temperature": 0.5}


def test_a_row_without_params_gets_them(tmp_path: Path) -> None:
    filled = template(tmp_path, "user: '{q}'\n").fill({"q": "?"}, "in.jsonl:1")

    assert filled["responses_create_params"] == {"input": [{"role": "user", "content": "?"}]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"answer": 4}, r"in.jsonl:3: the prompt .*p.yaml needs the field 'q'. The row has: answer"),
        (
            {"q": 1, "responses_create_params": {"input": "x"}},
            "in.jsonl:3: has 'responses_create_params.input' already",
        ),
        ({"q": 1}, "in.jsonl:3: cannot be filled into the prompt"),
    ],
)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, row: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        template(tmp_path, "user: '{q.text}'\n").fill(row, "in.jsonl:3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("system: only\n", "a mapping with 'user' and perhaps 'system'"),
        ("user: [a]\n", "a mapping with 'user' and perhaps 'system'"),
        ("user: 'a { b'\n", "Double the braces"),
    ],
)
def test_what_is_no_prompt_is_refused_when_it_is_read(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        template(tmp_path, text)


def test_a_prompt_that_is_nowhere_is_named_with_who_wants_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml:3: there is no prompt 'absent\.yaml'"):
        read_template("absent.yaml", [tmp_path], "c.yaml:3")
