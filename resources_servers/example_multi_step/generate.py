"""Makes rows: which synonyms of a list is a question about?

`python -m resources_servers.example_multi_step.generate` from the repository's root writes the example rows;
`--count`, `--seed` and `--output` make larger datasets.
"""

import argparse
from pathlib import Path
from random import Random

from polygym import JsonObject, dumps
from polygym.servers.tools import tools_of
from resources_servers.example_multi_step.app import SynonymServer, synonym_value

EXAMPLES = Path(__file__).parent / "data" / "example.jsonl"
SYNONYMS = {
    "angry": ("cross", "furious", "irate", "livid"),
    "bright": ("brilliant", "gleaming", "luminous", "radiant"),
    "calm": ("composed", "placid", "serene", "tranquil"),
    "cold": ("chilly", "freezing", "frigid", "icy"),
    "difficult": ("arduous", "challenging", "thorny", "tough"),
    "fast": ("brisk", "quick", "rapid", "swift"),
    "happy": ("content", "glad", "jolly", "joyful"),
    "important": ("crucial", "essential", "key", "vital"),
    "old": ("aged", "ancient", "antique", "elderly"),
    "quiet": ("hushed", "muted", "noiseless", "silent"),
    "small": ("compact", "little", "miniature", "tiny"),
    "strange": ("curious", "odd", "peculiar", "weird"),
}
INSTRUCTION = """You give out values of synonyms.

Every line of the list below names a term and one synonym of it. Find all the lines whose term the user asks about. \
Look up the value of the synonym on each of them, one after another from top to bottom. Look up the synonyms, never \
the term itself. When you have all values, hand them in together, in the order of the list, and tell the user that \
you are done.

List:
"""
QUESTIONS = (
    "What else could I write instead of '{term}'?",
    "I have used the word '{term}' three times on one page. Which values do its alternatives have?",
    "Please hand in the values of everything that means '{term}'.",
)


def make_row(index: int, rng: Random) -> JsonObject:
    """A row about one term, with between four and seven other terms to get it mixed up with."""
    term, *others = rng.sample(sorted(SYNONYMS), rng.randint(5, 8))
    lines = [(term, synonym) for synonym in rng.sample(SYNONYMS[term], rng.randint(2, 4))]
    lines += [(other, synonym) for other in others for synonym in rng.sample(SYNONYMS[other], rng.randint(1, 3))]
    rng.shuffle(lines)
    expected = [synonym for owner, synonym in lines if owner == term]
    listed = "\n".join(f"- {owner}: {synonym}" for owner, synonym in lines)
    question = rng.choice(QUESTIONS).format(term=term)
    return {
        "id": index,
        "responses_create_params": {
            "input": [{"role": "system", "content": INSTRUCTION + listed}, {"role": "user", "content": question}],
            "tools": [offered.definition() for offered in tools_of(SynonymServer).values()],
        },
        "expected_synonyms": expected,
        "expected_synonym_values": [synonym_value(synonym) for synonym in expected],
        "minefield_label": term,
        "minefield_label_value": synonym_value(term),
    }


def make_rows(count: int, seed: int) -> list[JsonObject]:
    """`count` rows; the same seed gives the same rows."""
    rng = Random(seed)
    return [make_row(index, rng) for index in range(count)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write rows for example_multi_step.")
    parser.add_argument("--count", type=int, default=5, help="how many rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=EXAMPLES)
    given = parser.parse_args()
    given.output.write_bytes(b"".join(dumps(row) + b"\n" for row in make_rows(given.count, given.seed)))
