"""Makes rows: a question, its options under letters, and the form in which the answer is wanted."""

from random import Random
from typing import Final

from polygym import JsonObject
from resources_servers.mcqa.questions import draw

FORMATS: Final = {
    "boxed": (
        "Put the letter of your choice into \\boxed{}.",
        "Give your final answer as a letter in \\boxed{}; you may think first.",
    ),
    "answer_line": (
        "End with a line of the form 'Answer: <letter>'.",
        "Think as long as you like. Your last line has to be 'Answer: ' and the letter of the right option.",
    ),
    "parenthesized": (
        "Write the letter in parentheses on a line of its own, as the last thing you write.",
        "The last line of your reply has to be the letter in parentheses, without anything else.",
    ),
    "json": (
        'Reply with nothing but a JSON object: {"answer": "<letter>"}.',
        'Your reply must be a JSON object with a single key, "answer", whose value is the right option\'s letter.',
    ),
    "option_text": (
        "On the last line, write out the text of the right option, without its letter.",
        "Finish with a line that repeats the right option word for word, without its letter.",
    ),
    "letter": (
        "Reply with the letter alone.",
        "Your whole reply must be one letter.",
    ),
}
"""Ways to ask for each form of an answer."""
LABELS: Final = ("{letter}) {text}", "{letter}. {text}", "({letter}) {text}", "{letter}: {text}")
OPENINGS: Final = (
    "{question}\n\n{options}\n\n{wish}",
    "{wish}\n\n{question}\n{options}",
    "Choose the right option.\n\n{question}\n\n{options}\n\n{wish}",
    "Question: {question}\nOptions:\n{options}\n\n{wish}",
)
FREELY: Final = ("Which option is right?", "Exactly one of these is right.", "Pick one.")


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """A question with three to ten options. Difficulty: more options, closer ones, longer calculations."""
    question = draw(rng, difficulty)
    count = min(2 + round(7 * difficulty), len(question.wrong))
    texts = [question.answer, *question.wrong[:count]]
    rng.shuffle(texts)
    options = dict(zip("ABCDEFGHIJ", texts, strict=False))
    label = rng.choice(LABELS)
    answer_format = rng.choice(sorted(FORMATS))
    if rng.random() < 0.2:
        wish, mode = rng.choice(FREELY), "lenient"
    else:
        wish, mode = rng.choice(FORMATS[answer_format]), rng.choice(("strict", "lenient"))
    prompt = rng.choice(OPENINGS).format(
        question=question.text,
        options="\n".join(label.format(letter=letter, text=text) for letter, text in options.items()),
        wish=wish,
    )
    return {
        "responses_create_params": {"input": [{"role": "user", "content": prompt}]},
        "options": [{letter: text} for letter, text in options.items()],
        "expected_answer": next(letter for letter, text in options.items() if text == question.answer),
        "grading_mode": mode,
        "answer_format": answer_format,
        "topic": question.topic,
    }
