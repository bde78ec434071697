"""The companies that the environment plays: made from a number, always the same for the same number.

Rows refer to a company by its number, so what is made here must not change between versions. Knows no database.
"""

from datetime import date, datetime, time, timedelta
from functools import cached_property
from random import Random
from typing import NamedTuple

from resources_servers.workplace_assistant import words

COMPANIES = len(words.COMPANY_NAMES)
"""How many companies there are; their numbers start at 0."""
TIME_FORMAT = "%Y-%m-%d %H:%M"
"""How points in time are stored and shown; there are no time zones."""
WORKDAY = (9, 18)
"""Hours at which a working day begins and ends."""
DAYS_OF_ANALYTICS = 730


class Person(NamedTuple):
    """A colleague, as the company's directory lists them."""

    name: str
    email: str
    team: str
    role: str
    phone: str


class Email(NamedTuple):
    """A mail in one of the user's folders."""

    id: int
    folder: str
    sender: str
    recipient: str
    subject: str
    body: str
    sent_at: str


class Event(NamedTuple):
    """An entry of the user's calendar."""

    id: int
    title: str
    participants: str
    """Addresses besides the user's, sorted, separated by `, `."""
    start: str
    minutes: int

    @property
    def day(self) -> date:
        """The day it is on."""
        return date.fromisoformat(self.start[:10])

    @property
    def guests(self) -> list[str]:
        """The participants' addresses."""
        return self.participants.split(", ") if self.participants else []


class Task(NamedTuple):
    """A card on one of the project boards."""

    id: int
    title: str
    assignee: str
    board: str
    stage: str
    due: str


class Customer(NamedTuple):
    """A customer record."""

    id: int
    name: str
    organisation: str
    email: str
    phone: str
    status: str
    product: str
    assigned_to: str
    last_contact: str
    follow_up: str
    """Empty when nothing is planned."""
    notes: str


class Contact(NamedTuple):
    """An entry of the user's own address book: people outside who are not customers."""

    id: int
    name: str
    email: str
    phone: str
    organisation: str


class Visits(NamedTuple):
    """One day's visits to the company's website from one source."""

    day: str
    source: str
    visits: int
    engaged: int
    seconds: int
    """Average length of a visit."""


class Company:
    """Everything there is on the morning of `now`. Lists are in the order of their ids."""

    def __init__(self, number: int) -> None:
        rng = Random(f"workplace {number}")
        self.number = number
        self.name = words.COMPANY_NAMES[number]
        self.domain = f"{self.name.lower().replace(' ', '-')}.example"
        self.now = datetime.combine(_workday(date(2026, 1, 12) + timedelta(rng.randrange(300))), time(8, 30))
        self.people = _people(rng, self.domain)
        self.user = rng.choice([person for person in self.people if person.team == "Operations"])
        """Whose assistant the model is."""
        outsiders = _outsiders(rng, 260)
        self.customers = _customers(rng, outsiders[:200], self.team("Sales"), self.today)
        self.contacts = [Contact(1 + index, *outsider) for index, outsider in enumerate(outsiders[200:])]
        self.emails = self._emails(rng)
        self.events = self._events(rng)
        self.tasks = self._tasks(rng)
        self.visits = _visits(rng, self.today)

    @property
    def today(self) -> date:
        """The day of `now`, a working day."""
        return self.now.date()

    @cached_property
    def colleagues(self) -> list[Person]:
        """Everybody but the user."""
        return [person for person in self.people if person != self.user]

    @cached_property
    def name_of(self) -> dict[str, str]:
        """Names by address, of all people there are."""
        known: list[Person | Customer | Contact] = [*self.people, *self.customers, *self.contacts]
        return {person.email: person.name for person in known}

    def team(self, name: str) -> list[Person]:
        """The members of a team."""
        return [person for person in self.people if person.team == name]

    def _emails(self, rng: Random) -> list[Email]:
        """500 mails of the last 60 days, oldest first, no two in the same minute."""
        minutes = sorted(rng.sample(range(60 * 24 * 60), 500), reverse=True)
        partners = [person.email for person in self.colleagues] * 4
        partners += [customer.email for customer in rng.sample(self.customers, 40)]
        partners += [contact.email for contact in rng.sample(self.contacts, 15)]
        emails = []
        for index, before in enumerate(minutes):
            partner = rng.choice(partners)
            folder = rng.choices(("inbox", "sent", "archive"), (60, 30, 10))[0]
            sender, recipient = (self.user.email, partner) if folder == "sent" else (partner, self.user.email)
            subject = f"{rng.choice(words.SUBJECT_OPENINGS)} {rng.choice(words.SUBJECT_TOPICS)}"
            body = f"{rng.choice(words.BODY_OPENINGS)} {rng.choice(words.BODY_CLOSINGS)}"
            sent_at = (self.now - timedelta(minutes=1 + before)).strftime(TIME_FORMAT)
            emails.append(Email(1 + index, folder, sender, recipient, subject, body, sent_at))
        return emails

    def _events(self, rng: Random) -> list[Event]:
        """300 events on the working days from 60 days ago to 45 days ahead; no two at the same time."""
        days = [day for offset in range(-60, 46) if is_workday(day := self.today + timedelta(offset))]
        slots = [(day, hour) for day in days for hour in range(WORKDAY[0], WORKDAY[1])]
        events = []
        for index, (day, hour) in enumerate(sorted(rng.sample(slots, 300))):
            guests = sorted(person.email for person in rng.sample(self.colleagues, rng.choice((1, 1, 1, 2, 3))))
            minutes = rng.choice((30, 45, 60))
            start = datetime.combine(day, time(hour, 0)).strftime(TIME_FORMAT)
            events.append(Event(1 + index, rng.choice(words.EVENT_TITLES), ", ".join(guests), start, minutes))
        return events

    def _tasks(self, rng: Random) -> list[Task]:
        """200 tasks with different titles, due from 40 days ago to 40 days ahead."""
        titles = [f"{verb} {thing}" for verb in words.TASK_VERBS for thing in words.TASK_OBJECTS]
        tasks = []
        for index, title in enumerate(rng.sample(titles, 200)):
            assignee = rng.choice(self.people[:18]).email
            board, stage = rng.choice(words.BOARDS), rng.choice(words.STAGES)
            due = _workday(self.today + timedelta(rng.randint(-40, 40))).isoformat()
            tasks.append(Task(1 + index, title, assignee, board, stage, due))
        return tasks


def is_workday(day: date) -> bool:
    """Whether it is one of Monday to Friday."""
    return day.weekday() < 5


def _workday(day: date) -> date:
    """`day`, or the Monday after it."""
    return day if is_workday(day) else day + timedelta(7 - day.weekday())


def address(name: str, domain: str) -> str:
    """The mail address of a person."""
    return f"{name.lower().replace(' ', '.')}@{domain}"


def _phone(rng: Random) -> str:
    return f"+44 20 7946 0{rng.randrange(1000):03}"


def _people(rng: Random, domain: str) -> list[Person]:
    """28 people, four a team, the first of each team its head; no two share a first or a last name."""
    firsts, lasts = rng.sample(words.STAFF_FIRST_NAMES, 28), rng.sample(words.STAFF_LAST_NAMES, 28)
    people = []
    for index, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        team = words.TEAMS[index % len(words.TEAMS)]
        role = f"Head of {team}" if index < len(words.TEAMS) else f"{team} specialist"
        name = f"{first} {last}"
        people.append(Person(name, address(name, domain), team, role, _phone(rng)))
    return people


def _outsiders(rng: Random, count: int) -> list[tuple[str, str, str, str]]:
    """People of other organisations: name, address, phone, organisation; no two have the same name."""
    names = [f"{first} {last}" for first in words.OUTSIDE_FIRST_NAMES for last in words.OUTSIDE_LAST_NAMES]
    outsiders = []
    for name in rng.sample(names, count):
        organisation = rng.choice(words.ORGANISATIONS)
        domain = f"{organisation.lower().replace(' ', '-')}.example"
        outsiders.append((name, address(name, domain), _phone(rng), organisation))
    return outsiders


def _customers(
    rng: Random, outsiders: list[tuple[str, str, str, str]], sellers: list[Person], today: date
) -> list[Customer]:
    customers = []
    for index, (name, email, phone, organisation) in enumerate(outsiders):
        status, product = rng.choice(words.STATUSES), rng.choice(words.PRODUCTS)
        last_contact = (today - timedelta(rng.randint(1, 120))).isoformat()
        follow_up = (today + timedelta(rng.randint(1, 60))).isoformat() if rng.random() < 0.6 else ""
        seller, notes = rng.choice(sellers).email, rng.choice(words.CUSTOMER_NOTES)
        record = (name, organisation, email, phone, status, product, seller, last_contact, follow_up, notes)
        customers.append(Customer(1 + index, *record))
    return customers


def _visits(rng: Random, today: date) -> list[Visits]:
    """Two years up to yesterday, each source with a level, a trend and quieter weekends of its own."""
    levels = {source: (rng.randint(40, 220), rng.uniform(-0.05, 0.15)) for source in words.SOURCES}
    rows = []
    for index in range(DAYS_OF_ANALYTICS):
        day = today - timedelta(DAYS_OF_ANALYTICS - index)
        for source, (level, trend) in levels.items():
            usual = (level + trend * index) * (1.0 if is_workday(day) else 0.6)
            visits = max(5, round(usual * rng.uniform(0.75, 1.25)))
            engaged = round(visits * rng.uniform(0.2, 0.6))
            rows.append(Visits(day.isoformat(), source, visits, engaged, rng.randint(30, 240)))
    return rows
