"""Makes rows: which synonyms of a list is a question about?"""

from random import Random

from polygym import JsonObject
from resources_servers.example_multi_step.app import synonym_value

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


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """A row about one term. The more difficult, the more other terms the list has: from one to eleven."""
    term, *others = rng.sample(sorted(SYNONYMS), 2 + round((len(SYNONYMS) - 2) * difficulty))
    lines = [(term, synonym) for synonym in rng.sample(SYNONYMS[term], rng.randint(2, 4))]
    lines += [(other, synonym) for other in others for synonym in rng.sample(SYNONYMS[other], rng.randint(1, 3))]
    rng.shuffle(lines)
    expected = [synonym for owner, synonym in lines if owner == term]
    listed = "\n".join(f"- {owner}: {synonym}" for owner, synonym in lines)
    question = rng.choice(QUESTIONS).format(term=term)
    return {
        "id": index,
        "responses_create_params": {
            "input": [{"role": "system", "content": INSTRUCTION + listed}, {"role": "user", "content": question}]
        },
        "expected_synonyms": expected,
        "expected_synonym_values": [synonym_value(synonym) for synonym in expected],
        "minefield_label": term,
        "minefield_label_value": synonym_value(term),
    }
