"""Answers in text: right ones in unusual forms count, and everything else does not."""

from datetime import date

import pytest

from resources_servers.workplace_assistant.answers import DateAnswer, ItemsAnswer, NumberAnswer

NUMBER = NumberAnswer(value=1234)
FEW = NumberAnswer(value=7)
DAY = DateAnswer(value=date(2026, 3, 5))
PERSON = ItemsAnswer(items=[["Ada Berg", "ada.berg@example.com"]])
THREE = ItemsAnswer(items=[["Check the map view"], ["Test the export job"], ["Tidy up the help centre"]])


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (NUMBER, "Answer: 1234"),
        (NUMBER, "I added them up.\n\n**Answer:** 1,234"),
        (NUMBER, "answer: **1234** visits."),
        (NUMBER, "1234"),
        (NUMBER, "Answer: \uff11\uff12\uff13\uff14"),
        (NUMBER, "The first month has 1000, the second 2234.\nAnswer: 1234"),
        (FEW, "Answer: seven"),
        (FEW, "Answer: 7 meetings"),
        (DAY, "Answer: 2026-03-05"),
        (DAY, "Answer: Thursday, 5 March 2026"),
        (DAY, "Answer: March 5th, 2026"),
        (DAY, "You meet on 2026-03-05 at 10:00."),
        (DAY, "Answer: 2026-03-05 (Thursday, 5 March)"),
        (PERSON, "Answer: Ada Berg"),
        (PERSON, "Answer: ADA BERG (ada.berg@example.com)."),
        (PERSON, "Answer: `ada.berg@example.com`"),
        (THREE, "Answer: Check the map view, Test the export job, Tidy up the help centre"),
        (THREE, 'Answer: "Tidy up the help centre"; "test the export job" and "Check the map view"'),
    ],
)
def test_right_answers_count(expected: NumberAnswer | DateAnswer | ItemsAnswer, message: str) -> None:
    assert expected.is_given_by(message)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (NUMBER, ""),
        (NUMBER, "Answer:"),
        (NUMBER, "Answer: 1235"),
        (NUMBER, "Answer: 1233, 1234, 1235"),
        (NUMBER, "Answer: -1234"),
        (NUMBER, "Answer: 12345"),
        (NUMBER, "Answer: not 1234"),
        (NUMBER, "Answer: 1234 or 1235"),
        (NUMBER, "Answer: 1234\nAnswer: 1235"),
        (NUMBER, "It was 1234 once.\nAnswer: I do not know."),
        (FEW, "Answer: 5, 6, 7, 8"),
        (FEW, "Answer: 7-8"),
        (DAY, "Answer: 2026-03-06"),
        (DAY, "Answer: 2026-03-05 or 2026-03-06"),
        (DAY, "Answer: 5 March 2025"),
        (DAY, "Answer: March"),
        (DAY, "Answer: 5 March 6"),
        (DAY, "Answer: 2026-03-05, 06.03.2026"),
        (PERSON, "Answer: Ida Berg"),
        (PERSON, "Answer: Ada Berg or Ida Berg"),
        (PERSON, "Answer: Ada Berglund"),
        (PERSON, "Answer: \u0410da Berg"),
        (PERSON, "Answer: Ada Berg, Bo Berg, Cy Berg, Di Berg"),
        (THREE, "Answer: Check the map view, Test the export job"),
        (THREE, "Answer: Check the map view, Test the export job, Tidy up the help centre, Migrate the help centre"),
        (PERSON, "Ada Berg, " * 500_000),
        (DAY, "2026-03-0" * 200_000),
        (NUMBER, "1" * 1_000_000),
        (THREE, "Answer: " + ", and" * 300_000),
    ],
)
def test_everything_else_does_not(expected: NumberAnswer | DateAnswer | ItemsAnswer, message: str) -> None:
    assert not expected.is_given_by(message)


PAIR = ItemsAnswer(items=[["Xenia Haas"], ["Bo Li"]])


@pytest.mark.parametrize(
    ("expected", "message", "right"),
    [
        (DAY, "Answer: not 2026-03-05", False),
        (DAY, "Answer: any day but 2026-03-05", False),
        (DAY, "Answer: before 2026-03-05", False),
        (DAY, "Answer: March 5 or the day after", False),
        (DAY, "Answer: 2026/03/05", True),
        (DAY, "Answer: 2026-3-5", True),
        (PAIR, "Answer:\n- Xenia Haas\n- Bo Li", True),
        (PAIR, "**Answer:**\n1. Xenia Haas\n2. Bo Li", True),
        (PAIR, "Answer: Xenia Haas | Bo Li", True),
        (PAIR, "Answer: Xenia Haas + Bo Li", True),
        (PAIR, "Answer:\n- Xenia Haas\n- Bo Li\n- Cy Ro", False),
        (PAIR, "Not:\n- Xenia Haas\n- Bo Li", False),
    ],
)
def test_lists_and_other_date_signs_count_and_denials_do_not(
    expected: DateAnswer | ItemsAnswer, message: str, right: bool
) -> None:
    assert expected.is_given_by(message) is right
