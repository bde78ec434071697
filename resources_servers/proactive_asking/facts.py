"""The facts that an errand needs: their values, how a customer says them, and the words in which one asks for them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

Value: TypeAlias = str | int | float
"""As a row holds it; a date as `2027-03-05`, a time as `19:30`."""


class Fact(NamedTuple):
    """One thing that the customer knows."""

    value: Value
    spoken: str
    """As the customer puts it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fact."""

    draw: Callable[[Random], Fact]
    in_request: str
    """The part of a request that says it; `{}` stands for the spoken value, here and below."""
    sentences: tuple[str, ...]
    """Sentences that say it."""
    decoy: str
    """A sentence with a value that no longer holds."""
    ignored: frozenset[str] = frozenset()
    """Words that may stand in a text value or be left out."""


def _text(*values: str) -> Callable[[Random], Fact]:
    def draw(rng: Random) -> Fact:
        value = rng.choice(values)
        return Fact(value, value)

    return draw


def _count(low: int, high: int, noun: str) -> Callable[[Random], Fact]:
    def draw(rng: Random) -> Fact:
        number = rng.randint(low, high)
        shown = NUMBER_WORDS[number] if number < len(NUMBER_WORDS) and rng.random() < 0.5 else str(number)
        return Fact(number, f"{shown} {noun}")

    return draw


def _date(rng: Random) -> Fact:
    day = FIRST_DAY + timedelta(days=rng.randrange(300))
    month = f"{day:%B}"
    spoken = (
        f"{day.day} {month} {day.year}",
        f"{month} {day.day}, {day.year}",
        f"the {day.day}th of {month} {day.year}",
    )
    return Fact(day.isoformat(), rng.choice(spoken[: 3 if 4 <= day.day <= 20 else 2]))


def _time(rng: Random) -> Fact:
    hour, minute = rng.randint(7, 21), rng.choice((0, 15, 30, 45))
    twelve = f"{(hour - 1) % 12 + 1}:{minute:02} {'am' if hour < 12 else 'pm'}"
    spoken = twelve if hour < 13 else rng.choice((f"{hour}:{minute:02}", twelve))
    return Fact(f"{hour:02}:{minute:02}", spoken)


def _weight(rng: Random) -> Fact:
    weight = rng.randint(3, 48) / 2
    return Fact(weight, f"{weight:g} kg")


def _amount(rng: Random) -> Fact:
    amount = rng.randint(20, 1800) + rng.choice((0, 0.5, 0.25))
    return Fact(amount, f"{amount:.2f} euros")


NUMBER_WORDS: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
FIRST_DAY: Final = date(2027, 1, 4)

_PEOPLE: Final = _text(
    *("Ada Obi", "Bruno Keller", "Carmen Vidal", "Dev Patel", "Elif Aydin", "Finn Larsen", "Grace Mwangi"),
    *("Hana Sato", "Ivo Novak", "Jo Brandt", "Kofi Mensah", "Lena Fischer", "Marta Rossi", "Nils Berg"),
)
_PLACES: Final = _text(
    *("the central station", "the airport", "the city theatre", "the harbour", "the exhibition hall"),
    *("the north clinic", "the old town hall", "the ice rink", "the university library", "the botanical garden"),
)
_ADDRESSES: Final = _text(
    *("12 Mill Lane", "7 Chestnut Avenue", "41 Harbour Road", "3 Station Square", "88 Orchard Street"),
    *("19 Canal Walk", "5 Bishop's Court", "26 Quarry Hill", "64 Linden Way", "150 Market Street"),
)

KINDS: Final[dict[str, Kind]] = {
    "restaurant": Kind(
        _text(
            *("Luigi's", "The Blue Door", "Casa Verde", "Mill House", "Golden Lotus", "Chez Odile"),
            *("Harbour Grill", "Saffron", "The Old Forge", "Little Lisbon", "Nordlicht", "Olive and Thyme"),
        ),
        "at {}",
        ("The restaurant is {}.", "We want to eat at {}.", "{} is where we want to go."),
        "Last time we were at {}, but we want to go somewhere else.",
        frozenset({"the", "restaurant"}),
    ),
    "date": Kind(
        _date,
        "on {}",
        ("It is for {}.", "The date is {}.", "{}, please."),
        "I had told somebody {} first, but that is off.",
    ),
    "time": Kind(
        _time,
        "at {}",
        ("At {}, please.", "The time is {}.", "{} would be right."),
        "Normally I would say {}, but not this time.",
    ),
    "guests": Kind(
        _count(2, 14, "people"),
        "for {}",
        ("There will be {}.", "We are {}.", "{} in all."),
        "Last month we were {}; this time it is another number.",
    ),
    "pickup": Kind(
        _PLACES,
        "from {}",
        ("Pick me up at {}.", "I start from {}."),
        "Yesterday I started from {}, today I do not.",
        frozenset({"the"}),
    ),
    "destination": Kind(
        _PLACES,
        "to {}",
        ("I want to go to {}.", "The destination is {}.", "To {}, please."),
        "Yesterday I went to {}; today I have to go elsewhere.",
        frozenset({"the"}),
    ),
    "passengers": Kind(
        _count(1, 7, "passengers"),
        "for {}",
        ("There are {}.", "{} in all.", "Please plan for {}."),
        "The last taxi was for {}, this one is not.",
    ),
    "recipient": Kind(
        _PEOPLE,
        "to {}",
        ("It is for {}.", "It goes to {}.", "The recipient is {}."),
        "The one before went to {}; this one is for somebody else.",
    ),
    "address": Kind(
        _ADDRESSES,
        "with the address {}",
        ("The address is {}.", "It has to be delivered at {}."),
        "The old address was {}, nobody lives there any more.",
    ),
    "weight_kg": Kind(
        _weight,
        "weighing {}",
        ("It weighs {}.", "The weight is {}."),
        "The last one weighed {}, this one is different.",
    ),
    "service": Kind(
        _text("standard", "express"),
        "by {} service",
        ("By {} service, please.", "{} service will do."),
        "I do not remember whether I took {} the last time.",
        frozenset({"service", "delivery"}),
    ),
    "flavour": Kind(
        _text("chocolate", "lemon", "carrot", "vanilla", "hazelnut", "coconut", "cherry", "coffee", "almond"),
        "with {} flavour",
        ("The flavour is {}.", "{} flavour, please.", "It should taste of {}."),
        "Last year it was {}, and nobody wants that again.",
        frozenset({"flavour", "flavor", "cake"}),
    ),
    "servings": Kind(
        _count(4, 40, "people"),
        "for {}",
        ("It has to be enough for {}.", "We are {}.", "{} will eat of it."),
        "The last one was enough for {}, which does not help here.",
    ),
    "inscription": Kind(
        _text(
            *("Happy Birthday Ada", "Congratulations Bruno", "Welcome Home", "Good Luck Hana", "Fifty and Fabulous"),
            *("Goodbye and Thank You", "Best Team Ever", "Well Done Jo", "Just Married", "Merry Christmas Lena"),
        ),
        'with the words "{}" on it',
        ('It should say "{}".', 'The words on it are "{}".', 'Write "{}" on it.'),
        'Do not write "{}" again as on the last one.',
    ),
    "appliance": Kind(
        _text("dishwasher", "washing machine", "fridge", "oven", "dryer", "freezer", "cooker hood", "water heater"),
        "for my {}",
        ("It is the {}.", "The {} is broken.", "It is about the {}."),
        "The {} was repaired last year and works well.",
        frozenset({"the", "my"}),
    ),
    "part_of_day": Kind(
        _text("morning", "afternoon", "evening"),
        "in the {}",
        ("In the {}, please.", "The {} suits me best."),
        "The {} was fine the last time, but I work other hours now.",
        frozenset({"the", "in"}),
    ),
    "phone": Kind(
        lambda rng: _same(f"0{rng.randint(20, 79)} {rng.randint(100, 999)} {rng.randint(1000, 9999)}"),
        "with the phone number {}",
        ("My number is {}.", "Call me on {}."),
        "Do not use {}, that number is no longer mine.",
    ),
    "amount": Kind(
        _amount,
        "of {}",
        ("It is {}.", "The amount is {}.", "Send {}."),
        "The last one was {}, this one is not the same.",
    ),
    "account": Kind(
        lambda rng: _same(f"account {rng.randint(1000, 9999)}"),
        "from my {}",
        ("Take it from my {}.", "From my {}, please."),
        "My {} is closed.",
        frozenset({"account", "my", "the", "number"}),
    ),
    "reference": Kind(
        _text(
            *("rent March", "invoice 2214", "birthday present", "piano lessons", "holiday flat", "membership fee"),
            *("invoice 3087", "camera repair", "school trip", "garden tools"),
        ),
        'with the reference "{}"',
        ('The reference is "{}".', 'Please write "{}" as reference.'),
        'Do not put "{}" as the last time.',
    ),
}
"""By name."""


def _same(value: str) -> Fact:
    return Fact(value, value)


def draw_profile(rng: Random) -> dict[str, str]:
    """What a customer's profile holds; nobody has to ask for it."""
    return {
        "home_address": str(_ADDRESSES(rng).value),
        "phone": str(KINDS["phone"].draw(rng).value),
        "main_account": str(KINDS["account"].draw(rng).value),
    }


FROM_PROFILE: Final[dict[str, tuple[str, str]]] = {
    "pickup": ("home_address", "from home"),
    "phone": ("phone", "with the number from my profile"),
    "account": ("main_account", "from my main account"),
}
"""Facts that a request may leave to the profile: the profile's field and what the request then says."""


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that one tool call does."""

    facts: dict[str, str]
    """Argument of the tool and the kind of fact it takes, in the order in which a request says them."""
    requests: tuple[str, ...]
    """How a request begins."""


ERRANDS: Final[dict[str, Errand]] = {
    "book_table": Errand(
        {"restaurant": "restaurant", "guests": "guests", "date": "date", "time": "time"},
        ("Please book a table", "Could you book us a table", "We need a table", "I would like you to reserve a table"),
    ),
    "order_taxi": Errand(
        {"pickup": "pickup", "destination": "destination", "passengers": "passengers", "time": "time"},
        ("Please order a taxi", "I need a taxi", "Could you get us a taxi", "Send a taxi for today"),
    ),
    "send_parcel": Errand(
        {"recipient": "recipient", "address": "address", "weight_kg": "weight_kg", "service": "service"},
        ("Please send a parcel", "I want to send a parcel", "Could you have a parcel sent", "There is a parcel to go"),
    ),
    "order_cake": Errand(
        {"flavour": "flavour", "servings": "servings", "pickup_date": "date", "inscription": "inscription"},
        ("Please order a cake", "We need a cake", "Could you order a cake", "I would like a cake"),
    ),
    "book_repair": Errand(
        {"appliance": "appliance", "date": "date", "part_of_day": "part_of_day", "phone": "phone"},
        ("Please book a repair", "I need a repair", "Could you send somebody for a repair", "Arrange a repair"),
    ),
    "transfer_money": Errand(
        {"amount": "amount", "recipient": "recipient", "account": "account", "reference": "reference"},
        ("Please make a transfer", "I have to make a transfer", "Could you make a transfer", "Arrange a transfer"),
    ),
}
"""By the name of the tool."""


def json_fact(fact: Fact) -> dict[str, Any]:
    """A fact as a row holds it."""
    return fact._asdict()
