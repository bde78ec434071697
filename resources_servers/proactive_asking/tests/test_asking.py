"""The scripted customer understands which facts a message asks for, however it is put."""

import pytest

from resources_servers.proactive_asking.asking import NAMED_BY, understand
from resources_servers.proactive_asking.facts import ERRANDS, KINDS, Fact

FACTS = {
    "book_table": {
        "restaurant": Fact("Luigi's", "Luigi's"),
        "guests": Fact(6, "six people"),
        "date": Fact("2027-03-05", "5 March 2027"),
        "time": Fact("19:30", "7:30 pm"),
    },
    "order_taxi": {
        "pickup": Fact("the airport", "the airport"),
        "destination": Fact("the harbour", "the harbour"),
        "passengers": Fact(3, "3 passengers"),
        "time": Fact("08:15", "8:15 am"),
    },
    "send_parcel": {
        "recipient": Fact("Ada Obi", "Ada Obi"),
        "address": Fact("12 Mill Lane", "12 Mill Lane"),
        "weight_kg": Fact(2.5, "2.5 kg"),
        "service": Fact("express", "express"),
    },
    "order_cake": {
        "flavour": Fact("lemon", "lemon"),
        "servings": Fact(12, "12 people"),
        "pickup_date": Fact("2027-03-05", "5 March 2027"),
        "inscription": Fact("Welcome Home", "Welcome Home"),
    },
    "book_repair": {
        "appliance": Fact("fridge", "fridge"),
        "date": Fact("2027-03-05", "5 March 2027"),
        "part_of_day": Fact("morning", "morning"),
        "phone": Fact("030 123 4567", "030 123 4567"),
    },
    "transfer_money": {
        "amount": Fact(120.5, "120.50 euros"),
        "recipient": Fact("Ada Obi", "Ada Obi"),
        "account": Fact("account 1234", "account 1234"),
        "reference": Fact("rent March", "rent March"),
    },
}
LISTED = """Here's what I have so far:
- Restaurant: Luigi's
- Date: 5 March 2027
- Time: 7:30 pm

What I still need:
- Number of guests"""
ASKED: list[tuple[str, str, str]] = [
    ("book_table", "guests", "How many people will there be?"),
    ("book_table", "guests", "For how many?"),
    ("book_table", "guests", "how many ppl"),
    ("book_table", "guests", "Guests?"),
    ("book_table", "guests", "Is it for four people?"),
    ("book_table", "guests", "What's your party size?"),
    ("book_table", "guests", "**How many people** will be joining you at Luigi's?"),
    ("book_table", "guests", "\uff28\uff4f\uff57 \uff4d\uff41\uff4e\uff59 people?"),
    ("book_table", "guests", "How m\u200bany peo\u200bple?"),
    ("book_table", "guests", "Could you tell me the number of guests?"),
    ("book_table", "guests", "I'd be happy to book that. Just one thing: how many of you are coming?"),
    ("book_table", "guests", "Please let me know how big your group is."),
    ("book_table", "guests", "To book Luigi's on 5 March 2027 at 19:30, I need to know the number of people."),
    ("book_table", "guests", "Before I book: number of guests?"),
    ("book_table", "guests", "I have the restaurant, the date and the time. How many people?"),
    ("book_table", "guests", "Since you've already told me the date, time and restaurant, what is the headcount?"),
    ("book_table", "guests", "Thanks for the date and the time! How many will be dining?"),
    ("book_table", "guests", "I can't complete the booking without the number of guests."),
    ("book_table", "guests", "I'm missing the party size."),
    ("book_table", "guests", LISTED),
    ("book_table", "date", "On which date would you like the table?"),
    ("book_table", "date", "What day would you like to go?"),
    ("book_table", "date", "When would you like to dine?"),
    ("book_table", "date", "When should I book it for? I've got 7:30 pm for six people at Luigi's."),
    ("book_table", "date", "Please provide the date of your reservation."),
    ("book_table", "date", "And the date?"),
    ("book_table", "time", "At what time?"),
    ("book_table", "time", "What time on that date would suit you?"),
    ("book_table", "time", "How late should it be?"),
    ("book_table", "time", "When on 5 March would you like to eat?"),
    ("book_table", "restaurant", "Which restaurant do you have in mind?"),
    ("book_table", "restaurant", "Where would you like to eat?"),
    ("book_table", "restaurant", "At which restaurant should I book for six people on 5 March 2027 at 7:30 pm?"),
    ("book_table", "restaurant,time", "Which restaurant would you like, and at what time should I book?"),
    ("book_table", "date,time", "When should I book the table?"),
    ("book_table", "date,time", "I need two more details:\n1. The date\n2. The time"),
    ("order_taxi", "destination", "Where are you going?"),
    ("order_taxi", "destination", "Where to?"),
    ("order_taxi", "destination", "Where should the taxi drop you off?"),
    ("order_taxi", "destination", "Got it: the airport at 8:15 for 3 passengers. Where do you need to go?"),
    ("order_taxi", "time", "What time are you going to need it?"),
    ("order_taxi", "time", "At what time should the taxi pick you up?"),
    ("order_taxi", "passengers", "How many people need to be picked up?"),
    ("send_parcel", "recipient", "Who is it for?"),
    ("send_parcel", "recipient", "To whom should I send it?"),
    ("send_parcel", "address", "Where should it be sent?"),
    ("send_parcel", "address", "Could you give me the recipient's address?"),
    ("send_parcel", "weight_kg", "How heavy is the parcel?"),
    ("send_parcel", "weight_kg", "How much does the parcel weigh (in kg)?"),
    ("send_parcel", "service", "Standard or express?"),
    ("send_parcel", "service", "How fast should it arrive?"),
    ("order_cake", "flavour", "What kind of cake would you like?"),
    ("order_cake", "flavour", "Which flavor should the cake have?"),
    ("order_cake", "servings", "How large should the cake be?"),
    ("order_cake", "pickup_date", "When would you like to collect the cake?"),
    ("order_cake", "inscription", "What should the cake say?"),
    ("order_cake", "inscription", "Would you like an inscription?"),
    ("book_repair", "appliance", "What needs fixing?"),
    ("book_repair", "date", "What day works best for you in the morning?"),
    ("book_repair", "part_of_day", "What time of day works for you?"),
    ("book_repair", "part_of_day", "Which part of the day suits you best?"),
    ("transfer_money", "amount", "How much should I transfer?"),
    ("transfer_money", "recipient", "Who is the payee?"),
    ("transfer_money", "reference", "What is the payment for?"),
    ("transfer_money", "amount,reference", "How much, and with what reference?"),
]


@pytest.mark.parametrize(("errand", "missing", "text"), ASKED)
def test_a_question_is_understood_and_taken_for_no_other(errand: str, missing: str, text: str) -> None:
    question = understand(text, ERRANDS[errand].facts, FACTS[errand], missing.split(","))

    assert question.wanted == set(missing.split(","))
    assert question.known == frozenset()
    assert question.is_asked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Okay.",
        "I'll book that for you now.",
        "I'm going to book a table at Luigi's.",
        "I will reserve a table for six people at Luigi's on 5 March 2027.",
        "Done! Your table for four people is booked.",
    ],
)
def test_a_statement_asks_for_nothing(text: str) -> None:
    question = understand(text, ERRANDS["book_table"].facts, FACTS["book_table"], ["guests"])

    assert question == (frozenset(), frozenset(), False)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Which restaurant, which date, what time and how many people?", {"restaurant", "date", "time"}),
        ("How many people, and could you confirm the date?", {"date"}),
        ("Please provide:\n- the number of guests\n- the time", {"time"}),
        ("For how many people? And when?", {"date"}),
    ],
)
def test_what_is_asked_for_although_it_is_known_is_noticed(text: str, known: set[str]) -> None:
    question = understand(text, ERRANDS["book_table"].facts, FACTS["book_table"], ["guests"])

    assert (question.wanted, question.known) == ({"guests"}, known)


@pytest.mark.parametrize(
    "text",
    [
        "Can you tell me more?",
        "Shall I go ahead?",
        "Anything else?",
        "Is Luigi's right?",
        "H\u043ew m\u0430ny pe\u043eple?",
    ],
)
def test_a_question_for_nothing_in_particular_is_only_a_question(text: str) -> None:
    question = understand(text, ERRANDS["book_table"].facts, FACTS["book_table"], ["guests"])

    assert question == (frozenset(), frozenset(), True)


@pytest.mark.parametrize("text", ["how many? " * 100_000, "what, " * 200_000, "- " * 500_000, "a" * 1_000_000])
def test_only_the_end_of_a_huge_message_is_heard(text: str) -> None:
    question = understand(text + "\nWhich date?", ERRANDS["book_table"].facts, FACTS["book_table"], ["date"])

    assert question.wanted == {"date"}


def test_every_kind_of_fact_has_its_words() -> None:
    assert KINDS.keys() == NAMED_BY.keys() >= {kind for errand in ERRANDS.values() for kind in errand.facts.values()}


@pytest.mark.parametrize(
    ("errand", "fact", "text"),
    [
        ("send_parcel", "recipient", "What is the recipient's full name?"),
        ("send_parcel", "recipient", "What is the recipient's name?"),
        ("send_parcel", "address", "What is the recipient's address?"),
        ("transfer_money", "reference", "What should appear on the statement?"),
        ("transfer_money", "reference", "What should I put as the reason for the transfer?"),
        ("transfer_money", "amount", "What's the transfer value?"),
        ("transfer_money", "account", "Where should the money come from?"),
        ("book_table", "date", "Which evening?"),
        ("order_taxi", "pickup", "Where are you now?"),
        ("order_taxi", "pickup", "Where should the driver come?"),
        ("order_taxi", "destination", "Where are you going?"),
        ("order_cake", "flavour", "Chocolate, vanilla or something else?"),
    ],
)
def test_short_and_roundabout_questions_are_understood(errand: str, fact: str, text: str) -> None:
    question = understand(text, ERRANDS[errand].facts, FACTS[errand], {fact})
    assert (question.wanted, question.known) == ({fact}, frozenset())
