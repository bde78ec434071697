"""Makes rows: an errand, what the customer says about it, and what they leave out."""

from random import Random

from polygym import JsonObject
from resources_servers.proactive_asking.facts import (
    ERRANDS,
    FROM_PROFILE,
    KINDS,
    Errand,
    Fact,
    draw_profile,
    json_fact,
)

INSTRUCTION = (
    "You run errands for a customer with the tools that you have. One call of a tool does an errand, and it cannot be"
    " undone. What a tool needs to know, the customer has said, or it is in their profile, or you have to ask them."
    " Never guess. Do not ask for what you know or can look up: the customer has little time. When the errand is done,"
    " say so.",
    "You are a concierge. Carry out what the customer asks with one call of the right tool; calls are final. Some"
    " details may be missing from the request. Look into the profile, and ask the customer for what is still missing,"
    " for nothing else and only once. Never make a detail up. Finish with a short confirmation.",
    "Do the customer's errand. You get one attempt at the tool that does it, so every argument must be what the"
    " customer wants. If the request and the profile do not say it, ask. If they do, do not ask. Afterwards tell the"
    " customer that it is done.",
)
SMALL_TALK = (
    "I am in a meeting until noon.",
    "Thanks a lot in advance.",
    "It has been a long week.",
    "I hope this is not too much trouble.",
    "My phone battery is nearly empty.",
    "I am writing from the train.",
    "You were a great help the other day.",
    "It is raining again.",
)
COMPLETE = 0.25
"""Share of rows in which nothing is missing."""


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """A row. The more difficult, the more often two facts are missing, the profile has one, and old values mislead."""
    name = rng.choice(sorted(ERRANDS))
    errand = ERRANDS[name]
    profile = draw_profile(rng)
    facts = {argument: KINDS[kind].draw(rng) for argument, kind in errand.facts.items()}
    looked_up = [argument for argument in facts if argument in FROM_PROFILE and rng.random() < 0.2 + 0.6 * difficulty]
    facts |= {argument: _in_profile(argument, profile) for argument in looked_up}
    may_miss = [argument for argument in facts if argument not in FROM_PROFILE]
    count = 0 if rng.random() < COMPLETE else 1 + (rng.random() < 0.8 * difficulty)
    missing = sorted(rng.sample(may_miss, count), key=list(facts).index)
    replies = {argument: _sentence(errand, argument, facts[argument], rng) for argument in missing}
    request = _request(errand, facts, missing, looked_up, rng, difficulty)
    return {
        "responses_create_params": {
            "input": [{"role": "system", "content": rng.choice(INSTRUCTION)}, {"role": "user", "content": request}]
        },
        "errand": name,
        "facts": {argument: json_fact(fact) for argument, fact in facts.items()},
        "missing": missing,
        "replies": replies,
        "profile": profile,
        "user": {
            "persona": "a customer with little time, who answers what is asked and volunteers nothing",
            "goal": _goal(request, replies),
        },
    }


def _in_profile(argument: str, profile: dict[str, str]) -> Fact:
    value = profile[FROM_PROFILE[argument][0]]
    return Fact(value, value)


def _goal(request: str, replies: dict[str, str]) -> str:
    told = " ".join(replies.values())
    secret = f" You left out, and tell only when asked for exactly that: {told}" if told else " You left out nothing."
    return f'to have this done, which you have asked for: "{request}"{secret}'


def _request(
    errand: Errand, facts: dict[str, Fact], missing: list[str], looked_up: list[str], rng: Random, difficulty: float
) -> str:
    """The customer's first message: some facts in its first sentence, some in sentences of their own."""
    told = [argument for argument in facts if argument not in missing]
    parts, sentences = [], []
    for argument in told:
        if argument in looked_up:
            parts.append(FROM_PROFILE[argument][1])
        elif rng.random() < 0.65:
            parts.append(KINDS[errand.facts[argument]].in_request.format(facts[argument].spoken))
        else:
            sentences.append(_sentence(errand, argument, facts[argument], rng))
    sentences += [
        _decoy(errand, argument, facts[argument], rng) for argument in missing if rng.random() < 0.2 + 0.7 * difficulty
    ]
    sentences += rng.sample(SMALL_TALK, rng.randint(0, round(3 * difficulty)))
    rng.shuffle(sentences)
    opening = rng.choice(errand.requests)
    end = "?" if opening.startswith("Could") else "."
    return " ".join([" ".join([opening, *parts]) + end, *sentences])


def _sentence(errand: Errand, argument: str, fact: Fact, rng: Random) -> str:
    return _capitalised(rng.choice(KINDS[errand.facts[argument]].sentences).format(fact.spoken))


def _decoy(errand: Errand, argument: str, fact: Fact, rng: Random) -> str:
    kind = KINDS[errand.facts[argument]]
    other = next(drawn for drawn in iter(lambda: kind.draw(rng), None) if drawn.value != fact.value)
    return _capitalised(kind.decoy.format(other.spoken))


def _capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
