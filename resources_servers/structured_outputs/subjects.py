"""What documents are about: kinds of records, their fields, their parts, and sentences that tell of them."""

from dataclasses import dataclass
from typing import Final

from resources_servers.structured_outputs.values import (
    Kind,
    amount,
    city,
    clock,
    code,
    day,
    flag,
    mail,
    one_of,
    person,
    several,
    whole,
    words,
)


@dataclass(frozen=True)
class Field:
    """A field of a record."""

    name: str
    label: str
    """What a list of items calls it."""
    kind: Kind
    sentences: tuple[str, ...]
    """Ways to tell of it; `{}` stands for the value's words."""


@dataclass(frozen=True)
class Record:
    """A kind of record. Its first field is always there."""

    name: str
    title: str
    """As in "the notes on …"."""
    fields: tuple[Field, ...]
    part_name: str = ""
    part: tuple[Field, ...] = ()
    """Fields of an object within the record."""
    items_name: str = ""
    items: tuple[Field, ...] = ()
    """Fields of each entry of a list within the record."""
    items_lead: str = ""


def _field(name: str, kind: Kind, *sentences: str) -> Field:
    return Field(name, name.replace("_", " "), kind, sentences)


_WHOLE_SENTENCE: Final = "{}"

RECORDS: Final[tuple[Record, ...]] = (
    Record(
        "order",
        "an order",
        (
            _field("order_id", code("ORD", 5), "The order number is {}.", "It is filed under {}."),
            _field("placed_on", day(), "It was placed on {}.", "The date of the order is {}."),
            _field("currency", one_of("EUR", "GBP", "SEK", "CHF"), "All prices are in {}.", "It is billed in {}."),
            _field("express", flag("It goes by express.", "Normal delivery will do."), _WHOLE_SENTENCE),
            _field("shipping_cost", amount(3, 20), "Shipping costs {}.", "For shipping, {} is charged."),
            _field(
                "channel", one_of("web_shop", "phone", "market_stall"), "It came in by {}.", "The channel was the {}."
            ),
        ),
        "customer",
        (
            _field("name", person(), "The customer is {}.", "It was ordered by {}."),
            _field("city", city(), "The customer lives in {}.", "It is shipped to {}."),
            _field("email", mail(), "The customer can be reached at {}.", "Updates go to {}."),
        ),
        "items",
        (
            _field(
                "title", words("garden lamp", "oak stool", "tin kettle", "wool rug", "wall clock", "bread knife"), ""
            ),
            _field("quantity", whole(1, 9), ""),
            _field("unit_price", amount(4, 90), ""),
            _field("gift_wrapped", flag("gift wrapped", "not gift wrapped"), ""),
        ),
        "These things were ordered:",
    ),
    Record(
        "ticket",
        "a support ticket",
        (
            _field("ticket_id", code("TCK", 6), "The ticket has the number {}.", "It is ticket {}."),
            _field("opened_on", day(), "It was opened on {}.", "Since {} it has been open."),
            _field("priority", one_of("low", "normal", "high"), "Its priority is {}.", "It was given {} priority."),
            _field("status", one_of("new", "in_progress", "waiting"), "It is {} at the moment.", "Its status: {}."),
            _field(
                "affected_users", whole(1, 60), "The number of people affected is {}.", "It affects {} of the staff."
            ),
            _field(
                "reproducible",
                flag("The fault can be reproduced.", "Nobody could reproduce the fault."),
                _WHOLE_SENTENCE,
            ),
            _field("tags", several("printer", "network", "login", "billing", "email"), "It is tagged {}.", "Tags: {}."),
        ),
        "reporter",
        (
            _field("name", person(), "It was reported by {}.", "The reporter is {}."),
            _field("email", mail(), "Answers go to {}.", "The reporter writes from {}."),
            _field("floor", whole(1, 12), "The reporter sits on floor {}.", "It is about a desk on floor {}."),
        ),
        "steps",
        (
            _field(
                "action",
                words("restarted the machine", "changed the cable", "cleared the cache", "called the vendor"),
                "",
            ),
            _field("minutes", whole(2, 55), ""),
            _field("done_by", person(), ""),
            _field("helped", flag("it helped", "it did not help"), ""),
        ),
        "What has been tried so far:",
    ),
    Record(
        "recipe",
        "a recipe",
        (
            _field(
                "name",
                words("lentil soup", "plum cake", "potato gratin", "rye bread", "pear tart"),
                "This is a recipe for {}.",
            ),
            _field("servings", whole(2, 11), "It makes {} servings.", "It is enough for {} people."),
            _field("minutes", whole(15, 180), "It takes {} minutes in all.", "Plan {} minutes for it."),
            _field("difficulty", one_of("easy", "medium", "demanding"), "It is {} to make.", "The level is {}."),
            _field("vegan", flag("It is vegan.", "It is not vegan."), _WHOLE_SENTENCE),
            _field("first_cooked_on", day(), "It was first cooked on {}.", "The notebook dates it {}."),
        ),
        "author",
        (
            _field("name", person(), "It was written down by {}.", "The recipe is by {}."),
            _field("city", city(), "The author comes from {}.", "It was collected in {}."),
            _field("email", mail(), "Questions go to {}.", "The author reads mail at {}."),
        ),
        "ingredients",
        (
            _field("name", words("butter", "rye flour", "brown sugar", "salt", "red lentils", "cream", "plums"), ""),
            _field("grams", whole(5, 900), ""),
            _field("optional", flag("optional", "needed"), ""),
            _field("shop_section", one_of("dairy", "bakery", "fresh_food", "dry_goods"), ""),
        ),
        "You need:",
    ),
    Record(
        "booking",
        "a hotel booking",
        (
            _field("booking_code", code("BKG", 4), "The booking code is {}.", "It is kept as {}."),
            _field("arrival", day(), "The guests arrive on {}.", "Arrival is on {}."),
            _field("nights", whole(1, 14), "The number of nights is {}.", "They stay for {} nights."),
            _field("arrival_time", clock(), "They expect to be there at {}.", "The desk expects them at {}."),
            _field(
                "room_type",
                one_of("single", "double", "family_suite"),
                "They booked a {} room.",
                "The room is of the type {}.",
            ),
            _field("breakfast", flag("Breakfast is included.", "They take no breakfast."), _WHOLE_SENTENCE),
            _field("price_per_night", amount(60, 240), "A night costs {}.", "The rate per night is {}."),
        ),
        "contact",
        (
            _field("name", person(), "It was booked by {}.", "The booking is in the name of {}."),
            _field("email", mail(), "The confirmation went to {}.", "Mail reaches them at {}."),
            _field("city", city(), "They travel from {}.", "Their home is in {}."),
        ),
        "extras",
        (
            _field("service", words("airport transfer", "bicycle", "late checkout", "extra bed", "parking space"), ""),
            _field("price", amount(5, 60), ""),
            _field("count", whole(1, 5), ""),
            _field("paid", flag("paid", "not paid yet"), ""),
        ),
        "Besides the room they asked for:",
    ),
    Record(
        "concert",
        "a concert",
        (
            _field(
                "title",
                words("Night of Strings", "Songs for May", "Brass at Dawn", "The Long Echo"),
                "It is called {}.",
            ),
            _field("date", day(), "It takes place on {}.", "The evening of {} is set."),
            _field("doors_open", clock(), "Doors open at {}.", "You can go in from {}."),
            _field("seats", whole(80, 900), "There are {} seats.", "The hall holds {} people."),
            _field("ticket_price", amount(8, 70), "A ticket costs {}.", "Tickets are {} each."),
            _field(
                "setting",
                one_of("open_air", "concert_hall", "old_factory"),
                "The setting is the {}.",
                "One plays at the {}.",
            ),
            _field("sold_out", flag("It is sold out.", "There are tickets left."), _WHOLE_SENTENCE),
        ),
        "venue",
        (
            _field("name", words("Harbour Hall", "Mill Stage", "Garden Room"), "It is held at {}.", "The venue is {}."),
            _field("city", city(), "The venue is in {}.", "One travels to {} for it."),
            _field("manager", person(), "The manager there is {}.", "{} runs the venue."),
        ),
        "pieces",
        (
            _field("title", words("First Light", "Canon in Blue", "River Dance", "Slow March", "Bird Calls"), ""),
            _field("minutes", whole(3, 40), ""),
            _field("composer", person(), ""),
            _field("encore", flag("an encore", "part of the programme"), ""),
        ),
        "The pieces, in order:",
    ),
    Record(
        "repair",
        "a repair job",
        (
            _field("job_id", code("REP", 5), "The job is number {}.", "It runs as {}."),
            _field(
                "device",
                words("washing machine", "bicycle", "radio", "coffee grinder"),
                "It is about a {}.",
                "A {} was brought in.",
            ),
            _field("brought_on", day(), "It was brought in on {}.", "The slip says {}."),
            _field(
                "state", one_of("waiting_for_parts", "in_work", "finished"), "It is {} now.", "The state of it: {}."
            ),
            _field("estimate", amount(20, 300), "The estimate is {}.", "It should cost {}."),
            _field("warranty", flag("It is under warranty.", "The warranty has run out."), _WHOLE_SENTENCE),
        ),
        "owner",
        (
            _field("name", person(), "It belongs to {}.", "The owner is {}."),
            _field("email", mail(), "The owner asked to be told at {}.", "News go to {}."),
            _field("city", city(), "The owner lives in {}.", "It has to go back to {}."),
        ),
        "parts",
        (
            _field("part", words("drive belt", "switch", "cable", "bearing", "door seal"), ""),
            _field("pieces", whole(1, 8), ""),
            _field("price", amount(2, 80), ""),
            _field("in_stock", flag("in stock", "has to be ordered"), ""),
        ),
        "Parts that are needed:",
    ),
    Record(
        "course",
        "an evening course",
        (
            _field("course_code", code("CRS", 3), "The course has the code {}.", "It is listed as {}."),
            _field(
                "subject",
                words("pottery", "beginner's Danish", "bookbinding", "astronomy"),
                "The subject is {}.",
                "One learns {}.",
            ),
            _field("begins_on", day(), "It begins on {}.", "The first evening is {}."),
            _field("begins_at", clock(), "It starts at {}.", "Each evening begins at {}."),
            _field("places", whole(6, 30), "There are {} places.", "Up to {} people can take part."),
            _field("fee", amount(30, 200), "The fee is {}.", "It costs {}."),
            _field(
                "level", one_of("beginner", "intermediate", "open_to_all"), "The level is {}.", "It is meant as {}."
            ),
        ),
        "teacher",
        (
            _field("name", person(), "The teacher is {}.", "{} teaches it."),
            _field("email", mail(), "The teacher answers at {}.", "Sign up with a note to {}."),
            _field(
                "years_of_practice", whole(1, 40), "The teacher has {} years of practice.", "Years in the trade: {}."
            ),
        ),
        "evenings",
        (
            _field("topic", words("basics", "tools and care", "first project", "a day outside", "show and tell"), ""),
            _field("date", day(), ""),
            _field("minutes", whole(45, 180), ""),
            _field("homework", flag("with homework", "without homework"), ""),
        ),
        "The plan of the evenings:",
    ),
)
"""All kinds of records. CSV rows are about the lists of them."""

ASIDES: Final = (
    "The office plant has been watered.",
    "Somebody left a blue umbrella, number 17, in the hall.",
    "The old file from 2019 has nothing to do with this.",
    "Lunch was soup again, at 6.50.",
    "Please ignore the draft that said 99 and was thrown away.",
    "The printer on floor 3 is out of paper.",
    "Next year's calendar has arrived.",
    "Our neighbours have moved to Utrecht.",
)
"""Sentences that no document is about."""
