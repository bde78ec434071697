"""Makes rows: problems whose answers are computed exactly, and a wish where the answer should stand."""

from random import Random
from typing import Final

from polygym import JsonObject
from resources_servers.math_equivalence.problems import algebra, calculus, chance, matrices, numbers

TOPICS: Final = {
    "algebra": (0.0, algebra.PROBLEMS),
    "numbers": (0.0, numbers.PROBLEMS),
    "probability": (0.1, chance.PROBLEMS),
    "linear_algebra": (0.2, matrices.PROBLEMS),
    "calculus": (0.3, calculus.PROBLEMS),
}
"""Difficulty from which on a topic is taken, and its problems."""
WISHES: Final = (
    "{question} Put your final answer into \\boxed{{}}.",
    "{question}\n\nThink step by step and put the answer into \\boxed{{}}.",
    "Put the answer to the following problem, and nothing else, into \\boxed{{}}.\n\n{question}",
    "{question} End with a line 'Answer: ' followed by the answer.",
    "{question} The last line of your reply should be 'Answer: ' and the answer.",
)


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """Numbers and algebra when it is easy; with difficulty more topics, longer numbers, and more steps."""
    topic = rng.choice([name for name, (begin, _) in TOPICS.items() if difficulty >= begin])
    make_problem = rng.choice(TOPICS[topic][1])
    problem = make_problem(rng, difficulty)
    row: JsonObject = {
        "responses_create_params": {
            "input": [{"role": "user", "content": rng.choice(WISHES).format(question=problem.question)}]
        },
        "question": problem.question,
        "expected_answer": problem.answer,
        "topic": topic,
        "kind": make_problem.__name__,
    }
    if problem.answer_type is not None:
        row["answer_type"] = problem.answer_type
    return row
