"""Makes rows: questions with a short answer that can be put in many ways, and explanations with a rubric."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from polygym import JsonObject
from resources_servers.equivalence_llm_judge.knowledge import (
    ATOMIC_NUMBERS,
    AUDIENCES,
    CAPITALS,
    EVENTS,
    SYMBOLS,
    TOPICS,
    WEEKDAYS,
    WORKS,
)

RUBRIC_SHARE = 0.4
"""Share of rows that have a rubric."""
MANNERS = (
    "Answer in a full sentence.",
    "Answer briefly.",
    "Think it over, then give your answer.",
    "Give the answer and one sentence about it.",
    "I need it for a quiz.",
    "",
)
EXPLAIN = ("Explain {task} to {audience}.", "How would you explain to {audience} {task}?", "Tell {audience} {task}.")


class Quiz(NamedTuple):
    """A question and its answer."""

    question: str
    answer: str


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """A row. The more difficult, the more questions come two at a time, and the more a rubric asks for."""
    if rng.random() < RUBRIC_SHARE:
        return _explanation(rng, difficulty)
    quizzes = [rng.choice(QUIZZES)(rng) for _ in range(1 + (rng.random() < difficulty))]
    question = " And: ".join(quiz.question for quiz in quizzes)
    return {
        "responses_create_params": {"input": [_user(f"{question} {rng.choice(MANNERS)}".strip())]},
        "expected_answer": "; ".join(quiz.answer for quiz in quizzes),
    }


def _explanation(rng: Random, difficulty: float) -> JsonObject:
    topic, audience = rng.choice(TOPICS), rng.choice(AUDIENCES)
    points = rng.sample(sorted(topic.points), min(len(topic.points), 2 + round(2 * difficulty)))
    rubric: list[JsonObject] = [
        {
            "criterion": f'It says that {topic.points[words]}, in words such as "{words}".',
            "weight": rng.choice((1.0, 2.0)),
        }
        for words in points
    ]
    if rng.random() < 0.3 + 0.6 * difficulty:
        rubric.append({"criterion": f'It uses the technical term "{topic.jargon}".', "weight": -1.0})
    sentences = rng.randint(3, 8)
    asked = rng.choice(EXPLAIN).format(task=topic.task, audience=audience)
    return {
        "responses_create_params": {"input": [_user(f"{asked} Take no more than {sentences} sentences.")]},
        "rubric": rubric,
    }


def _user(text: str) -> JsonObject:
    return {"role": "user", "content": text}


def _capital(rng: Random) -> Quiz:
    country = rng.choice(sorted(CAPITALS))
    if rng.random() < 0.3:
        return Quiz(f"Of which country is {CAPITALS[country]} the capital?", country)
    return Quiz(f"What is the capital of {country}?", CAPITALS[country])


def _element(rng: Random) -> Quiz:
    name = rng.choice(sorted(SYMBOLS))
    symbol, number = SYMBOLS[name], ATOMIC_NUMBERS[name]
    return rng.choice(
        (
            Quiz(f"What is the chemical symbol of {name}?", symbol),
            Quiz(f"Which chemical element has the symbol {symbol}?", name),
            Quiz(f"Which chemical element has the atomic number {number}?", name),
            Quiz(f"What is the atomic number of {name}?", number),
        )
    )


def _event(rng: Random) -> Quiz:
    event = rng.choice(sorted(EVENTS))
    return Quiz(f"In which year {event}?", str(EVENTS[event]))


def _work(rng: Random) -> Quiz:
    title = rng.choice(sorted(WORKS))
    return Quiz(f"Who wrote {title}?", WORKS[title])


def _weekday(rng: Random) -> Quiz:
    start, days = rng.randrange(7), rng.randint(8, 90)
    when = f"Today is {WEEKDAYS[start]}."
    return rng.choice(
        (
            Quiz(f"{when} Which day of the week is it in {days} days?", WEEKDAYS[(start + days) % 7]),
            Quiz(f"{when} Which day of the week was it {days} days ago?", WEEKDAYS[(start - days) % 7]),
        )
    )


def _duration(rng: Random) -> Quiz:
    hours, minutes = rng.randint(2, 30), rng.randint(1, 59)
    return Quiz(f"How many minutes are {hours} hours and {minutes} minutes?", f"{hours * 60 + minutes} minutes")


def _share(rng: Random) -> Quiz:
    percent, whole = rng.choice((5, 10, 15, 20, 25, 40, 60, 75)), rng.randint(2, 60) * 20
    return Quiz(f"How much is {percent} percent of {whole}?", str(percent * whole // 100))


def _length(rng: Random) -> Quiz:
    metres = rng.randint(11, 990) * 50
    return Quiz(f"How many kilometres are {metres} metres?", f"{metres / 1000:g} km")


QUIZZES: tuple[Callable[[Random], Quiz], ...] = (
    *(_capital, _element, _event, _work, _weekday, _duration, _share, _length),
)
