"""Labelled answers: one value, in any usual form."""

from typing import Any

import pytest

from resources_servers.multi_intent.answers import is_right, labelled


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("OWED: 12.50", {"OWED": "12.50"}),
        ("It is done.\n\n- **OWED:** 12.50 euros\n* `DUE`: 2027-03-04.", {"OWED": "12.50 euros", "DUE": "2027-03-04"}),
        ("OWED: 1\nOWED: 2", {"OWED": "2"}),
        ("Owed: 1", {"OWED": "1"}),
        ("OWED: 1\nOwed: 2", {"OWED": "1"}),
        ("You still owe this. OWED: 1", {}),
        ("OWED 1", {}),
        ("\uff2fWED\uff1a 1\u200b2", {"OWED": "12"}),
        ("", {}),
    ],
)
def test_an_answer_is_what_follows_its_word_on_a_line(text: str, found: dict[str, str]) -> None:
    assert labelled([text]) == found


def test_the_last_message_counts() -> None:
    assert labelled(["OWED: 1\nDUE: 2", "OWED: 3"]) == {"OWED": "3", "DUE": "2"}


@pytest.mark.parametrize(
    ("expected", "given", "right"),
    [
        (12.5, "12.50", True),
        (12.5, "12,50 euros", True),
        (12.5, "\u20ac12.5", True),
        (12.5, "EUR 12.50", True),
        (12.5, "12.5 or 13", False),
        (12.5, "1, 2.5, 12.5", False),
        (12.5, "112.5", False),
        (12.5, "12.55", False),
        (12.5, "", False),
        (12.5, "nothing", False),
        (4, "4 books", True),
        (4, "four", True),
        (4, "four or five", False),
        (4, "4.0", True),
        (4, "-4-", False),
        ("2027-03-04", "2027-03-04", True),
        ("2027-03-04", "Thursday, 4 March 2027", True),
        ("2027-03-04", "March 4th, 2027", True),
        ("2027-03-04", "4th of March 2027", True),
        ("2027-03-04", "2027-03-04 or 2027-03-05", False),
        ("2027-03-04", "2027-03-04 or the 5th", False),
        ("2027-03-04", "4 March", False),
        ("2027-03-04", "31 February 2027", False),
        ("2027-03-04", "04/03/2027", False),
        ("The Silent Orchard", "Silent orchard!", True),
        ("The Silent Orchard", "The Silent Orchard or The Last Tide", False),
        (4, "9" * 200, False),
    ],
)
def test_one_value_in_any_usual_form_is_right(expected: Any, given: str, right: bool) -> None:
    assert is_right(expected, given) is right


def test_no_answer_is_not_right() -> None:
    assert not is_right(4, None)


def test_a_huge_text_is_read_in_no_time() -> None:
    assert labelled(["OWED: " + "1" * 1_000_000 + "\nDUE: 2027-03-04"])["DUE"] == "2027-03-04"
    assert labelled(["A: " * 400_000 + "\n" + "*" * 400_000 + "\nCOUNT: 4"])["COUNT"] == "4"


@pytest.mark.parametrize(
    ("expected", "text", "right"),
    [
        *((28, f"OWED: {vague}", False) for vague in ("not 28", "more than 28", "at most 28", "28 or so")),
        ("2027-03-05", "OWED: not 2027-03-05", False),
        (1028, "OWED: 1,028", True),
        (28, "OWED:\n28", True),
        (28, "OWED = 28", True),
        (28, "OWED:\nDUE: 28", False),
        ("Mara Quist", "OWED: by Mara Quist", True),
    ],
)
def test_vague_values_are_wrong_and_usual_layouts_right(expected: Any, text: str, right: bool) -> None:
    assert is_right(expected, labelled([text]).get("OWED")) is right
