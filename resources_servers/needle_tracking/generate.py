"""Makes rows: facts that are told once, changed, corrected and taken back, in a long text about other things."""

from random import Random
from typing import Final

from polygym import JsonObject
from resources_servers.needle_tracking import filler
from resources_servers.needle_tracking.questions import ask
from resources_servers.needle_tracking.themes import THEMES
from resources_servers.needle_tracking.world import World

SHORTEST_TOKENS: Final = 400
LONGEST_TOKENS: Final = 200_000
CHARS_PER_TOKEN: Final = 4.5
"""Of English prose with names and numbers, roughly; tokenizers differ."""
EVENT_CHARS: Final = 95
"""Characters of a sentence, roughly."""

RULES: Final = (
    "The record below is told in the order in which things happened, among much else that does not matter. What is told"
    " later replaces what was told before. Plans, rumours and memories change nothing. Where one thing is given as many"
    " as another has, that means at that moment."
)
WISHES: Final = {
    "number": (
        "End with a line 'Answer: ' followed by the number.",
        "Put the number into \\boxed{}.",
        "Reply with the number alone.",
    ),
    "name": (
        "End with a line 'Answer: ' followed by the name.",
        "Put the full name into \\boxed{}.",
        "Reply with the full name alone.",
    ),
}


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """About 400 tokens at difficulty 0, 9,000 at 0.5, 200,000 at 1; with more things, changes and traps."""
    tokens = SHORTEST_TOKENS * (LONGEST_TOKENS / SHORTEST_TOKENS) ** difficulty
    world = World(
        rng.choice(THEMES),
        rng,
        families=1 + round(11 * difficulty),
        siblings=2 + round(2 * difficulty),
        tricks=0.6 * difficulty,
    )
    target = rng.choice(world.things)
    told = world.introduce()
    room = max(6, round(0.3 * tokens * CHARS_PER_TOKEN / EVENT_CHARS) - len(told))
    relatives = next(family for family in world.families if target in family)
    for _ in range(min(room, 6 + round(200 * difficulty**2))):
        thing = target if rng.random() < 0.25 else rng.choice(relatives if rng.random() < 0.4 else world.things)
        told.append(world.happen(thing))
    question = ask(world, target, rng, difficulty)
    text = _bury(told, round(tokens * CHARS_PER_TOKEN), rng)
    answer_type = "name" if question.candidates else "number"
    return {
        "responses_create_params": {
            "input": [
                {"role": "system", "content": RULES},
                {"role": "user", "content": f"{text}\n\n{question.text} {rng.choice(WISHES[answer_type])}"},
            ]
        },
        "question_kind": question.kind,
        "answer_type": answer_type,
        "expected_answer": question.answer,
        "candidates": question.candidates,
        "names": [thing.name for thing in world.things],
        "tokens": round(len(text) / CHARS_PER_TOKEN),
    }


def _bury(told: list[str], chars: int, rng: Random) -> str:
    """The sentences, in order, spread over a text of about `chars` characters."""
    prose: list[str] = []
    missing = chars - sum(len(sentence) + 1 for sentence in told)
    for sentence in filler.sentences(rng):
        missing -= len(sentence) + 1
        if missing < 0:
            break
        prose.append(sentence)
    places = sorted(rng.randint(0, len(prose)) for _ in told)
    sentences: list[str] = []
    done = 0
    for place, sentence in zip(places, told, strict=True):
        sentences += prose[done:place]
        sentences.append(sentence)
        done = place
    sentences += prose[done:]
    paragraphs = []
    begin = 0
    while begin < len(sentences):
        end = begin + rng.randint(3, 9)
        paragraphs.append(" ".join(sentences[begin:end]))
        begin = end
    return "\n\n".join(paragraphs)
