"""A small library with one customer at the desk: what there is, what can be done, and what has changed since."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from polygym import ToolError

RENEWAL: Final = timedelta(days=14)
Change: TypeAlias = tuple[str | int, ...]
"""Something that is now as it was not at first: `("reserved", "B3")`, `("room", "Oak", "2027-03-04", 15)` …"""


class Book(BaseModel):
    """A book of the catalogue."""

    id: str
    title: str
    author: str
    year: int
    pages: int
    copies_free: int


class Loan(BaseModel):
    """A book that the customer has at home."""

    book_id: str
    due: date


class Fee(BaseModel):
    """Something the customer owes."""

    id: str
    reason: str
    amount: float
    """Euros."""


class World(BaseModel):
    """The library as the customer finds it."""

    today: date
    books: list[Book]
    loans: list[Loan]
    rooms: dict[str, dict[date, list[int]]]
    """Free hours by room and day."""
    fees: list[Fee]
    contact: dict[str, str]


@dataclass
class Library:
    """The library while it changes. What cannot be done raises ToolError, which says why."""

    books: dict[str, Book] = field(default_factory=dict)
    due: dict[str, date] = field(default_factory=dict)
    """By book, of the customer's loans."""
    free_hours: dict[tuple[str, date], set[int]] = field(default_factory=dict)
    unpaid: dict[str, Fee] = field(default_factory=dict)
    contact: dict[str, str] = field(default_factory=dict)
    reserved: set[str] = field(default_factory=set)
    bookings: set[tuple[str, date, int]] = field(default_factory=set)
    world: World | None = None

    def open(self, world: World) -> None:
        """Begin with `world`."""
        self.world = world
        self.books = {book.id: book for book in world.books}
        self.due = {loan.book_id: loan.due for loan in world.loans}
        self.free_hours = {(room, day): set(hours) for room, days in world.rooms.items() for day, hours in days.items()}
        self.unpaid = {fee.id: fee for fee in world.fees}
        self.contact = dict(world.contact)

    def copies_free(self, book: Book) -> int:
        """Copies that can be reserved now."""
        return book.copies_free - (book.id in self.reserved)

    def owed(self) -> float:
        """Euros."""
        return round(sum(fee.amount for fee in self.unpaid.values()), 2)

    def reserve(self, book_id: str) -> None:
        """Put a copy aside."""
        book = self._book(book_id)
        if book_id in self.reserved:
            raise ToolError(f"{book.title} is reserved for this customer already.")
        if book.copies_free < 1:
            raise ToolError(f"{book.title}: all copies are out.")
        self.reserved.add(book_id)

    def cancel_reservation(self, book_id: str) -> None:
        """Put it back."""
        if book_id not in self.reserved:
            raise ToolError(f"{book_id!r} is not reserved. Reserved: {_listed(self.reserved)}.")
        self.reserved.remove(book_id)

    def renew(self, book_id: str) -> date:
        """Let the customer keep a book for two more weeks; the new day it is due."""
        if book_id not in self.due:
            raise ToolError(f"{book_id!r} is not on loan to this customer. On loan: {_listed(self.due)}.")
        self.due[book_id] += RENEWAL
        return self.due[book_id]

    def book_room(self, room: str, day: date, hour: int) -> None:
        """Book a room for one hour."""
        hours = self._hours(room, day)
        if hour not in hours:
            raise ToolError(f"{room} is not free on {day} at {hour}:00. Free hours: {_listed(hours)}.")
        hours.remove(hour)
        self.bookings.add((room, day, hour))

    def cancel_room(self, room: str, day: date, hour: int) -> None:
        """Give a booked room back."""
        if (room, day, hour) not in self.bookings:
            raise ToolError(f"{room} is not booked on {day} at {hour}:00.")
        self.bookings.remove((room, day, hour))
        self.free_hours[room, day].add(hour)

    def pay(self, fee_id: str) -> None:
        """Pay a fee."""
        if fee_id not in self.unpaid:
            raise ToolError(f"There is no unpaid fee {fee_id!r}. Unpaid: {_listed(self.unpaid)}.")
        del self.unpaid[fee_id]

    def change_contact(self, name: str, value: str) -> None:
        """Change an entry of the customer's contact details."""
        if name not in self.contact:
            raise ToolError(f"There is no entry {name!r}. There is: {_listed(self.contact)}.")
        self.contact[name] = value

    def changes(self) -> set[Change]:
        """What is not as it was."""
        assert self.world is not None
        contact, known = _comparable(self.contact), _comparable(self.world.contact)
        before = {loan.book_id: loan.due for loan in self.world.loans}
        return {
            *(("reserved", book_id) for book_id in self.reserved),
            *(("due", book_id, day.isoformat()) for book_id, day in self.due.items() if day != before[book_id]),
            *(("room", room, day.isoformat(), hour) for room, day, hour in self.bookings),
            *(("paid", fee.id) for fee in self.world.fees if fee.id not in self.unpaid),
            *(("contact", name, value) for name, value in contact.items() if value != known[name]),
        }

    def _book(self, book_id: str) -> Book:
        if book_id not in self.books:
            raise ToolError(f"There is no book {book_id!r}. Use search_books to find its id.")
        return self.books[book_id]

    def _hours(self, room: str, day: date) -> set[int]:
        if (room, day) not in self.free_hours:
            known = sorted({room for room, _ in self.free_hours})
            raise ToolError(f"There is no room {room!r} on {day}. Rooms: {_listed(known)}.")
        return self.free_hours[room, day]


def _comparable(contact: dict[str, str]) -> dict[str, str]:
    """Contact details without what makes no difference: case, blanks, the punctuation of phone numbers."""
    return {name: re.sub(r"[^\d+]" if name == "phone" else r"\s", "", value.lower()) for name, value in contact.items()}


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, sorted(values))) or "none"
