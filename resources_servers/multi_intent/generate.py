"""Makes rows: a library, and a customer's visit of several messages with several wishes each."""

from datetime import date, timedelta
from random import Random
from typing import Any, Final

from polygym import JsonObject
from resources_servers.multi_intent.intents import (
    BRANCHES,
    ENTANGLED,
    PLAIN,
    SECOND_THOUGHTS,
    Call,
    Visit,
    Wish,
    ask_owed,
    drop_book,
    drop_room,
    spoken,
)
from resources_servers.multi_intent.library import Library, World

INSTRUCTION: Final = """You are the desk of a small library, and you serve one customer. Today is {today}.

Customers want several things at once, some of which depend on each other, and they change their minds: what they \
said last counts. Do with your tools everything that they want, and nothing that they do not want. When you have done \
it, tell them so in a few words.

Where a question has a word in capital letters behind it, such as (DUE), give its answer on a line of its own: the \
word, a colon, the answer and nothing else. Amounts are in euros."""
FIRST: Final = ("Hello.", "Good morning!", "Hi there.", "I have a few things for you.", "")
NEXT: Final = ("Thanks.", "One more thing.", "Sorry, there is something else.", "I have thought about it.", "")
LINKS: Final = ("", "", "Also, ", "Then ", "And ", "Besides, ", "By the way, ")
ADJECTIVES: Final = ("Silent", "Broken", "Last", "Hidden", "Golden", "Distant", "Paper", "Northern", "Hollow", "Second")
NOUNS: Final = (
    "Orchard",
    "Lighthouse",
    "Winter",
    "Garden",
    "Bridge",
    "Letter",
    "Mountain",
    "Harvest",
    "Mirror",
    "Tide",
)
AUTHORS: Final = ("Mara Quist", "Tobias Renn", "Ines Falk", "Oskar Delgado", "Ruth Amadi", "Pavel Lind")
REASONS: Final = ("a late return", "a lost card", "photocopies", "a damaged cover", "an interlibrary loan")
MONDAY: Final = date(2027, 3, 1)


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """A row. The more difficult, the more messages and wishes, and the more of them depend on something or change."""
    world = _world(rng)
    library = Library()
    library.open(World.model_validate(world))
    visit = Visit(library, rng)
    turns = [_message(visit, 2 + round(2 * difficulty), difficulty, is_first=True)]
    turns += [
        _message(visit, 1 + (rng.random() < difficulty), difficulty, is_first=False)
        for _ in range(1 + (rng.random() < difficulty))
    ]
    instruction = INSTRUCTION.format(today=f"{spoken(MONDAY)} {MONDAY.year}")
    return {
        "responses_create_params": {
            "input": [{"role": "system", "content": instruction}, {"role": "user", "content": turns[0]["message"]}]
        },
        "user": {"script": [turn["message"] for turn in turns[1:]]},
        "world": world,
        "intents": _intents(visit.wishes),
        "reference": [{"calls": turn["calls"], "answers": turn["answers"]} for turn in turns],
    }


def _message(visit: Visit, count: int, difficulty: float, *, is_first: bool) -> JsonObject:
    """What the customer says next, the calls that fulfil it and the answers that it takes."""
    rng = visit.rng
    spoken_of: list[Wish] = []
    calls: list[Call] = []
    if not is_first and rng.random() < 0.4 + 0.5 * difficulty:
        spoken_of += _second_thought(visit)
    while len(spoken_of) < count:
        makers = ENTANGLED if rng.random() < 0.2 + 0.6 * difficulty else PLAIN
        wish = rng.choice(makers)(visit)
        if wish is not None:
            visit.wishes.append(wish)
            spoken_of.append(wish)
    if rng.random() < 0.2 + 0.4 * difficulty and (wish := ask_owed(visit)) is not None:
        visit.wishes.append(wish)
        spoken_of.append(wish)
    for wish in spoken_of:
        calls += wish.calls
    answers = {word: answer for wish in spoken_of for word, answer in wish.answers.items()}
    opening = rng.choice(FIRST if is_first else NEXT)
    sentences = [_sentence(wish.text, rng.choice(LINKS) if place else "") for place, wish in enumerate(spoken_of)]
    return {"message": " ".join(filter(None, [opening, *sentences])), "calls": calls, "answers": answers}


def _second_thought(visit: Visit) -> list[Wish]:
    """A wish of an earlier message that is changed or dropped, if there is one; at least two stay."""
    candidates = [wish for wish in visit.wishes if wish.kind in SECOND_THOUGHTS and wish.changes]
    if not candidates:
        return []
    wish = visit.rng.choice(candidates)
    thought = visit.rng.choice(SECOND_THOUGHTS[wish.kind])
    if thought in (drop_book, drop_room) and len(_intents(visit.wishes)) < 3:
        return []
    wish.calls = []
    return [wish] if thought(visit, wish) else []


def _intents(wishes: list[Wish]) -> list[JsonObject]:
    """The wishes that stand, as the verifier looks at them."""
    found: list[JsonObject] = []
    counts: dict[str, int] = {}
    for wish in wishes:
        if wish.changes or wish.answers:
            counts[wish.kind] = counts.get(wish.kind, 0) + 1
            changes = [list(change) for change in sorted(wish.changes, key=str)]
            found.append({"name": f"{wish.kind}_{counts[wish.kind]}", "changes": changes, "answers": wish.answers})
    return found


def _sentence(text: str, link: str) -> str:
    whole = link + text
    return whole[0].upper() + whole[1:] + ("" if whole.endswith("?") else ".")


def _world(rng: Random) -> dict[str, Any]:
    """A library with about twenty books, of which the customer has some."""
    titles = rng.sample([f"The {adjective} {noun}" for adjective in ADJECTIVES for noun in NOUNS], 20)
    authors = rng.sample(AUTHORS, 5)
    years, pages = rng.sample(range(1950, 2026), 20), rng.sample(range(90, 700), 20)
    books = [
        {
            "id": f"B{number:02}",
            "title": title,
            "author": authors[number % 5] if number < 15 else rng.choice(authors),
            "year": years[number],
            "pages": pages[number],
            "copies_free": rng.choice((0, 1, 1, 2)),
        }
        for number, title in enumerate(titles)
    ]
    rng.shuffle(books)
    days = [MONDAY + timedelta(days=ahead) for ahead in range(1, 8)]
    lent = rng.sample([book["id"] for book in books], rng.randint(3, 5))
    dues = rng.sample(days + [day + timedelta(days=7) for day in days], len(lent))
    return {
        "today": MONDAY.isoformat(),
        "books": books,
        "loans": [{"book_id": book_id, "due": due.isoformat()} for book_id, due in zip(lent, dues, strict=True)],
        "rooms": {
            room: {day.isoformat(): sorted(rng.sample(range(9, 18), rng.randint(2, 5))) for day in days}
            for room in ("Oak", "Elm", "Birch")
        },
        "fees": [
            {"id": f"F{number}", "reason": reason, "amount": amount}
            for number, (reason, amount) in enumerate(
                zip(rng.sample(REASONS, 3), rng.sample([0.5 * half for half in range(1, 40)], 3), strict=True), 1
            )
        ],
        "contact": {
            "email": f"reader{rng.randint(100, 999)}@example.org",
            "phone": f"0{rng.randint(80, 99)} {rng.randint(100, 999)} {rng.randint(1000, 9999)}",
            "branch": rng.choice(BRANCHES),
        },
    }
