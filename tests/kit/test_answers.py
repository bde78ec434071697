"""Reading final answers out of free text."""

from decimal import Decimal

import pytest

from polygym.kit.answers import (
    TAIL_CHARS,
    boxes,
    final_number,
    final_statement,
    in_one_breath,
    marked,
    number_in,
    readable,
    statements,
)


def test_invisible_characters_go_and_white_space_becomes_plain() -> None:
    assert readable("\u200b4\u200d2\u202e\ufeff") == "42"
    assert readable("a\u00a0b\u2003c\td\r\ne\u2028f\x00") == "a b c d\n\ne\nf"
    assert readable("\u22125 \u2013 \u2014 \u2019") == "-5 -  -  '"
    assert readable("\uff21\uff11") == "A1"
    assert readable("\uff21\uff11", fold_width=False) == "\uff21\uff11"


def test_only_the_end_of_a_long_text_is_read() -> None:
    assert readable("a" * 10**6 + "b") == "a" * (TAIL_CHARS - 1) + "b"


@pytest.mark.parametrize(
    ("text", "contents"),
    [
        (r"\boxed{4}", ["4"]),
        (r"\boxed {\frac{1}{2}} and \fbox{x}", [r"\frac{1}{2}", "x"]),
        (r"\boxed{\boxed{4}}", [r"\boxed{4}"]),
        (r"{ \boxed{4} }}", ["4"]),
        (r"\boxed{\{1, 2\}}", [r"\{1, 2\}"]),
        (r"\boxed{4", []),
        (r"\boxed{ \boxed{4}", ["4"]),
        (r"\boxed 4", []),
        ("", []),
    ],
)
def test_boxes_are_found_with_their_braces_balanced(text: str, contents: list[str]) -> None:
    assert [box.content for box in boxes(text)] == contents


@pytest.mark.parametrize(
    ("text", "contents"),
    [
        ("Answer: 4", ["4"]),
        ("**Answer:** 4", ["4"]),
        ("The final answer is 4.", ["4."]),
        ("ANSWER = 4", ["4"]),
        ("Answer - 4", ["4"]),
        ("Answer:\n\n4\nBecause.", ["4"]),
        ("The answer to the question is: 4", ["4"]),
        ("Answer: 3. No, the answer is 4.", ["3. No, the", "4."]),
        ('{"answer": 4}', ["4}"]),
        ("I cannot answer that.", []),
        ("Answers vary", []),
        ("Answer:", []),
    ],
)
def test_marked_answers_are_the_rest_of_their_line(text: str, contents: list[str]) -> None:
    assert [each.content for each in marked(text)] == contents


def test_statements_in_one_breath_are_one_and_second_thoughts_are_two() -> None:
    assert [each.content for each in statements(r"\boxed{1} or \boxed{2}")] == ["1, 2"]
    assert [each.content for each in statements("Answer: 1\nAnswer: 2\nAnswer: 12")] == ["1, 2, 12"]
    assert [each.content for each in statements(r"\boxed{12} and \boxed{1}")] == ["12, 1"]
    assert [each.content for each in statements(r"\boxed{1}. Wait, no: \boxed{2}")] == ["1", "2"]
    assert [each.content for each in statements("Answer: 1\nFinal answer: 2")] == ["1", "2"]
    assert [each.content for each in statements(r"Answer: $\boxed{1}$")] == ["1"]
    assert [each.content for each in statements("One line.\nAnother **line**  ")] == ["Another **line"]
    assert statements(" \n ") == [] and in_one_breath("", []) == []


def test_the_final_statement_says_where_it_stands() -> None:
    text = "I think so.\nAnswer: Paris\n"
    found = final_statement(text)

    assert found is not None
    assert (found.content, found.kind, text[found.start : found.end]) == ("Paris", "marker", "Answer: Paris")
    assert final_statement("") is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", "7"),
        ("-7", "-7"),
        ("minus 7", "-7"),
        ("+7.50", "7.50"),
        ("1,234,567", "1234567"),
        ("1{,}234", "1234"),
        ("$7$", "7"),
        ("7km", "7"),
        ("7 (seven)", "7"),
        ("ninety-nine", "99"),
        ("Zero", "0"),
        ("3 + 4 = 7", "7"),
        ("7 of them, not more", "7"),
        ("", None),
        ("none", None),
        ("7 or 8", None),
        ("seven or eight", None),
        ("3-7", None),
        ("7/8", None),
        ("7^2", None),
        ("7:30", None),
        ("12,34", None),
        ("1.2.3", None),
        ("x7", None),
        ("K-7", None),
        ("7th", None),
        ("not 7", None),
        ("isn't 7", None),
        ("at least 7", None),
        ("more than 7", None),
        ("between 7 and 7", None),
        ("\u0667", None),
        ("7\u0667", None),
        ("1" * 60, None),
    ],
)
def test_one_clear_number_is_a_number(text: str, number: str | None) -> None:
    assert number_in(text) == (None if number is None else Decimal(number))


def test_the_final_number_is_that_of_the_last_statement_with_one() -> None:
    assert final_number("There are 3 left and 4 right.\n\nAnswer: 7") == 7
    assert final_number("Answer: 7\n\nI am sure that the answer is correct.") == 7
    assert final_number("\\boxed{7} Wait, that is wrong: the answer is 8") == 8
    assert final_number("\\boxed{7}\\boxed{8}") is None
    assert final_number("7\n8") == 8
    assert final_number("") is None


@pytest.mark.parametrize(
    "text",
    [
        *("\\boxed{" * 10**5, "answer: " * 10**5, "1" * 10**6, "1," * 10**6, "not " * 10**5, "{" * 10**6, "\n" * 10**6),
        *(
            "\\boxed{1}" * 10**5,
            "seven-" * 10**5,
            "answer" * 10**5,
            "\\" * 10**6,
            "\u200b" * 10**6,
            "Answer:\n" * 10**5,
        ),
    ],
)
def test_any_text_can_be_read(text: str) -> None:
    final_number(text)
    final_statement(readable(text))
