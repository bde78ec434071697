"""A library desk where customers want several things at once, change their minds, and come back with more."""

import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from polygym import JsonObject, ResourcesServer, RolloutView, Session, TaskFields, Verification, tool
from polygym.protocol.items import text_of
from resources_servers.multi_intent.answers import is_right, labelled
from resources_servers.multi_intent.library import Change, Library, World

STRAY_COST: Final = 0.5
"""Share of the reward that each change costs which nobody has asked for."""
Day = Annotated[datetime.date, "YYYY-MM-DD"]
Hour = Annotated[int, "Full hour, 0 to 23"]


class Intent(BaseModel):
    """One thing that the customer wants in the end."""

    name: str
    changes: list[list[str | int]] = Field(default_factory=list)
    """Changes of the library that it takes, see `Library.changes`."""
    answers: dict[str, float | str] = Field(default_factory=dict)
    """Answers that it takes, by the word they are labelled with."""


class DeskTask(TaskFields):
    """A customer's visit."""

    world: World
    intents: list[Intent] = Field(min_length=1)


DeskSession = Session[DeskTask, Library]


class DeskServer(ResourcesServer[DeskTask, Library]):
    """The library, for one customer. Compares what has changed and what was answered with what was wanted."""

    def seed_session(self, session: DeskSession) -> None:
        """Open the library as the row describes it."""
        session.state.open(session.task.world)

    @tool
    def search_books(self, session: DeskSession, words: str = "") -> list[JsonObject]:
        """Find books whose title or author holds the words; without words, all of them."""
        wanted = words.lower()
        return [
            {**book.model_dump(exclude={"copies_free"}), "copies_free": session.state.copies_free(book)}
            for book in session.state.books.values()
            if wanted in f"{book.title} {book.author}".lower()
        ]

    @tool
    def reserve_book(self, book_id: str, session: DeskSession) -> str:
        """Put a copy of a book aside for the customer."""
        session.state.reserve(book_id)
        return f"{book_id} is reserved."

    @tool
    def cancel_reservation(self, book_id: str, session: DeskSession) -> str:
        """Cancel a reservation of the customer."""
        session.state.cancel_reservation(book_id)
        return f"{book_id} is no longer reserved."

    @tool
    def list_loans(self, session: DeskSession) -> list[JsonObject]:
        """List the books that the customer has on loan, and when they are due."""
        state = session.state
        return [
            {"book_id": book_id, "title": state.books[book_id].title, "due": day.isoformat()}
            for book_id, day in state.due.items()
        ]

    @tool
    def renew_loan(self, book_id: str, session: DeskSession) -> str:
        """Extend a loan by 14 days. It cannot be taken back."""
        return f"{book_id} is now due on {session.state.renew(book_id)}."

    @tool
    def list_rooms(self, day: Day, session: DeskSession) -> dict[str, list[int]]:
        """List the study rooms with the hours at which they are free on a day."""
        hours = session.state.free_hours
        return {room: sorted(free) for (room, when), free in hours.items() if when == day}

    @tool
    def book_room(self, room: str, day: Day, hour: Hour, session: DeskSession) -> str:
        """Book a study room for one hour."""
        session.state.book_room(room, day, hour)
        return f"{room} is booked on {day} at {hour}:00."

    @tool
    def cancel_room(self, room: str, day: Day, hour: Hour, session: DeskSession) -> str:
        """Cancel a booking of a study room."""
        session.state.cancel_room(room, day, hour)
        return f"{room} is no longer booked on {day} at {hour}:00."

    @tool
    def get_account(self, session: DeskSession) -> JsonObject:
        """Look up the customer's unpaid fees, reservations, bookings and contact details."""
        state = session.state
        bookings = [{"room": room, "day": day.isoformat(), "hour": hour} for room, day, hour in sorted(state.bookings)]
        return {
            "unpaid_fees": [fee.model_dump() for fee in state.unpaid.values()],
            "reservations": sorted(state.reserved),
            "bookings": bookings,
            "contact": state.contact,
        }

    @tool
    def pay_fee(self, fee_id: str, session: DeskSession) -> str:
        """Pay one fee from the customer's deposit. It cannot be taken back."""
        session.state.pay(fee_id)
        return f"{fee_id} is paid."

    @tool
    def change_contact(self, entry: Literal["email", "phone", "branch"], value: str, session: DeskSession) -> str:
        """Change one of the customer's contact details."""
        session.state.change_contact(entry, value)
        return f"{entry} is now {value}."

    def verify(self, rollout: RolloutView, session: DeskSession) -> Verification:
        """The share of the intents that are met, less half of it for each change that nobody has asked for."""
        intents = session.task.intents
        changed = session.state.changes()
        answers = labelled(text_of(message.get("content")) for message in rollout.messages)
        met = {intent.name: _is_met(intent, changed, answers) for intent in intents}
        stray = sorted(changed - {change for intent in intents for change in _changes_of(intent)}, key=str)
        share = sum(met.values()) / len(met)
        missed = [name for name, is_met in met.items() if not is_met]
        return Verification(
            reward=share * max(0.0, 1.0 - STRAY_COST * len(stray)),
            components={name: float(is_met) for name, is_met in met.items()},
            fields={
                "intents_met": sum(met.values()),
                "num_intents": len(met),
                "stray_changes": [list(change) for change in stray],
                "num_stray_changes": len(stray),
            },
            explanation=f"missed: {', '.join(missed) or 'nothing'}; not asked for: {stray or 'nothing'}",
        )


def _is_met(intent: Intent, changed: set[Change], answers: dict[str, str]) -> bool:
    return _changes_of(intent) <= changed and all(
        is_right(expected, answers.get(word)) for word, expected in intent.answers.items()
    )


def _changes_of(intent: Intent) -> set[Change]:
    return {tuple(change) for change in intent.changes}
