"""What customers want: each intent with its words, the calls that fulfil it and the answers that it takes.

An intent is made against the library as it will be by then, and carried out on it at once.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any, Final

from resources_servers.multi_intent.library import Book, Change, Library

Call = list[Any]
"""`[tool, arguments]`."""


@dataclass
class Wish:
    """One intent, as it stands by now."""

    kind: str
    text: str
    """The last words about it, a clause without a full stop."""
    changes: set[Change] = field(default_factory=set)
    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    """Of the turn in which it was spoken of last."""


@dataclass
class Visit:
    """A visit under way: the library as it will be, and what has been wished for."""

    library: Library
    rng: Random
    wishes: list[Wish] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    """Books, fees, rooms and words that wishes are about; no other wish may be about them."""

    def touch(self, *names: str) -> None:
        """Keep other wishes away from them."""
        self.touched |= set(names)

    def free(self, names: Iterable[str]) -> list[str]:
        """Those that no wish is about."""
        return [name for name in names if name not in self.touched]

    def do(self, wish: Wish, tool: str, **arguments: Any) -> None:
        """Carry out a call of a wish; what it changes is what the wish is about."""
        before = self.library.changes()
        method, given = _METHODS[tool], [_plain(value) for value in arguments.values()]
        getattr(self.library, method)(*arguments.values())
        after = self.library.changes()
        wish.changes = (wish.changes - (before - after)) | (after - before)
        wish.calls.append([tool, dict(zip(arguments, given, strict=True))])


_METHODS: Final = {
    "reserve_book": "reserve",
    "cancel_reservation": "cancel_reservation",
    "renew_loan": "renew",
    "book_room": "book_room",
    "cancel_room": "cancel_room",
    "pay_fee": "pay",
    "change_contact": "change_contact",
}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def spoken(day: date) -> str:
    """A day as people say it."""
    return f"{day:%A}, {day.day} {day:%B}"


# New wishes. Each gives None when the library has nothing for it.


def reserve_title(visit: Visit) -> Wish | None:
    """A book by its title."""
    book = _pick(visit, _available(visit))
    if book is None:
        return None
    wish = Wish("reserve", f"please reserve {book.title} for me")
    visit.do(wish, "reserve_book", book_id=book.id)
    return wish


def reserve_fallback(visit: Visit) -> Wish | None:
    """A book that is out, or another one."""
    wanted = _pick(visit, [book for book in _books(visit) if book.copies_free == 0])
    other = _pick(visit, _available(visit))
    if wanted is None or other is None:
        return None
    wish = Wish("reserve", f"I would like {wanted.title} put aside, or {other.title} if all copies of that are out")
    visit.do(wish, "reserve_book", book_id=other.id)
    return wish


def reserve_superlative(visit: Visit) -> Wish | None:
    """The shortest or newest available book of an author."""
    by_author: dict[str, list[Book]] = {}
    for book in visit.library.books.values():
        by_author.setdefault(book.author, []).append(book)
    authors = [
        author
        for author, books in sorted(by_author.items())
        if len(books) > 2
        and len(visit.free(book.id for book in books)) == len(books)
        and any(visit.library.copies_free(book) for book in books)
    ]
    if not authors:
        return None
    author = visit.rng.choice(authors)
    word, key = visit.rng.choice(_SUPERLATIVES)
    free = [book for book in by_author[author] if visit.library.copies_free(book)]
    wish = Wish("reserve", f"reserve the {word} book by {author} of those that are not out")
    visit.touch(*(book.id for book in by_author[author]))
    visit.do(wish, "reserve_book", book_id=min(free, key=key).id)
    return wish


_SUPERLATIVES: Final[tuple[tuple[str, Callable[[Book], int]], ...]] = (
    ("shortest", lambda book: book.pages),
    ("longest", lambda book: -book.pages),
    ("newest", lambda book: -book.year),
    ("oldest", lambda book: book.year),
)


def renew_title(visit: Visit) -> Wish | None:
    """One loan."""
    book_id = _pick_name(visit, sorted(visit.library.due))
    if book_id is None:
        return None
    wish = Wish("renew", f"I want to keep {visit.library.books[book_id].title} for longer")
    visit.do(wish, "renew_loan", book_id=book_id)
    return wish


def renew_before(visit: Visit) -> Wish | None:
    """All loans that are due before a day."""
    due = sorted(visit.library.due.items(), key=lambda item: item[1])
    if len(due) < 3 or len(visit.free(book_id for book_id, _ in due)) < len(due) or due[1][1] == due[2][1]:
        return None
    wish = Wish("renew", f"extend every loan of mine that is due before {spoken(due[2][1])}")
    visit.touch(*(book_id for book_id, _ in due))
    for book_id, _ in due[:2]:
        visit.do(wish, "renew_loan", book_id=book_id)
    return wish


def room_at(visit: Visit) -> Wish | None:
    """A room, day and hour; the hour sometimes corrected in the same breath."""
    slot = _pick_slot(visit)
    if slot is None:
        return None
    room, day, hour = slot
    other = visit.rng.choice([each for each in range(9, 18) if each != hour])
    at = f"at {other}:00, no, sorry, at {hour}:00" if visit.rng.random() < 0.3 else f"at {hour}:00"
    wish = Wish("room", f"book the {room} room for me on {spoken(day)} {at}")
    visit.do(wish, "book_room", room=room, day=day, hour=hour)
    return wish


def room_first(visit: Visit) -> Wish | None:
    """A room on a day, as early as it is free."""
    slot = _pick_slot(visit)
    if slot is None:
        return None
    room, day, _ = slot
    wish = Wish("room", f"I need the {room} room on {spoken(day)}, at the first hour that it is free")
    visit.do(wish, "book_room", room=room, day=day, hour=min(visit.library.free_hours[room, day]))
    return wish


def room_due(visit: Visit) -> Wish | None:
    """A room on the day when a book is due."""
    slots = [
        (book_id, room, day)
        for book_id in visit.free(sorted(visit.library.due))
        for (room, day), hours in sorted(visit.library.free_hours.items())
        if day == visit.library.due[book_id] and hours and room not in visit.touched
    ]
    if not slots or any(wish.kind == "room" for wish in visit.wishes):
        return None
    book_id, room, day = visit.rng.choice(slots)
    hour = visit.rng.choice(sorted(visit.library.free_hours[room, day]))
    visit.touch(book_id, room)
    title = visit.library.books[book_id].title
    wish = Wish("room", f"book the {room} room at {hour}:00 on the day when {title} is due, I shall bring it back then")
    visit.do(wish, "book_room", room=room, day=day, hour=hour)
    return wish


def pay_reason(visit: Visit) -> Wish | None:
    """One fee."""
    fee_id = _pick_name(visit, sorted(visit.library.unpaid))
    if fee_id is None:
        return None
    wish = Wish("pay", f"pay my fee for {visit.library.unpaid[fee_id].reason}")
    visit.do(wish, "pay_fee", fee_id=fee_id)
    return wish


def pay_smallest(visit: Visit) -> Wish | None:
    """The smallest fee."""
    fees = sorted(visit.library.unpaid.values(), key=lambda fee: fee.amount)
    if len(fees) < 2 or len(visit.free(fee.id for fee in fees)) < len(fees):
        return None
    wish = Wish("pay", "pay the smallest of my fees, but only that one")
    visit.touch(*(fee.id for fee in fees))
    visit.do(wish, "pay_fee", fee_id=fees[0].id)
    return wish


def contact(visit: Visit) -> Wish | None:
    """Another e-mail address, phone number or branch."""
    entry = _pick_name(visit, ["email", "phone", "branch"])
    if entry is None:
        return None
    rng = visit.rng
    value, words = {
        "email": (f"{rng.choice(_NAMES)}{rng.randint(10, 99)}@example.org", "my e-mail address"),
        "phone": (f"0{rng.randint(20, 79)} {rng.randint(100, 999)} {rng.randint(1000, 9999)}", "my phone number"),
        "branch": (rng.choice([each for each in BRANCHES if each != visit.library.contact["branch"]]), "my branch"),
    }[entry]
    wish = Wish("contact", f"change {words} to {value}")
    visit.do(wish, "change_contact", entry=entry, value=value)
    return wish


_NAMES: Final = ("ada", "bruno", "carmen", "dev", "elif", "finn", "grace", "hana")
BRANCHES: Final = ("Harbour", "Old Town", "Northgate", "Riverside")


def ask_due(visit: Visit) -> Wish | None:
    """When a loan is due that nothing else is about."""
    book_id = _pick_name(visit, sorted(visit.library.due)) if _may_ask(visit, "DUE") else None
    if book_id is None:
        return None
    answer = visit.library.due[book_id].isoformat()
    return Wish("ask_due", f"when is {visit.library.books[book_id].title} due (DUE)?", answers={"DUE": answer})


def ask_count(visit: Visit) -> Wish | None:
    """How many books of an author there are."""
    if not _may_ask(visit, "COUNT"):
        return None
    author = visit.rng.choice(sorted({book.author for book in visit.library.books.values()}))
    count = sum(book.author == author for book in visit.library.books.values())
    text = f"how many books by {author} are there in the catalogue (COUNT)?"
    return Wish("ask_count", text, answers={"COUNT": count})


def ask_pages(visit: Visit) -> Wish | None:
    """How long the longest book of the catalogue is."""
    if not _may_ask(visit, "PAGES"):
        return None
    pages = max(book.pages for book in visit.library.books.values())
    return Wish("ask_pages", "how many pages has the longest book that you have (PAGES)?", answers={"PAGES": pages})


def ask_owed(visit: Visit) -> Wish | None:
    """What is owed when everything else is done. Has to be the last wish of a message."""
    if not visit.library.unpaid or not _may_ask(visit, "OWED"):
        return None
    text = "when all of that is done, how much do I still owe in all (OWED)?"
    return Wish("ask_owed", text, answers={"OWED": visit.library.owed()})


# Second thoughts about a wish of an earlier message.


def swap_book(visit: Visit, wish: Wish) -> bool:
    """Another book in place of the reserved one; whether that is possible."""
    (change,) = wish.changes
    other = _pick(visit, _available(visit))
    if other is None:
        return False
    book_id = str(change[1])
    visit.do(wish, "cancel_reservation", book_id=book_id)
    visit.do(wish, "reserve_book", book_id=other.id)
    title = visit.library.books[book_id].title
    wish.text = f"I have changed my mind about {title}: let it go and reserve {other.title} instead"
    return True


def drop_book(visit: Visit, wish: Wish) -> bool:
    """No book after all."""
    (change,) = wish.changes
    book_id = str(change[1])
    visit.do(wish, "cancel_reservation", book_id=book_id)
    wish.text = f"I do not need {visit.library.books[book_id].title} any more"
    return True


def move_room(visit: Visit, wish: Wish) -> bool:
    """The same room at another hour; whether there is one."""
    ((_, room, day, hour),) = wish.changes
    when = date.fromisoformat(str(day))
    hours = sorted(visit.library.free_hours[str(room), when] - {hour})
    if not hours:
        return False
    other = visit.rng.choice(hours)
    visit.do(wish, "cancel_room", room=room, day=when, hour=hour)
    visit.do(wish, "book_room", room=room, day=when, hour=other)
    wish.text = f"the room does not suit me at that hour, make it {other}:00 on the same day"
    return True


def drop_room(visit: Visit, wish: Wish) -> bool:
    """No room after all."""
    ((_, room, day, hour),) = wish.changes
    visit.do(wish, "cancel_room", room=room, day=date.fromisoformat(str(day)), hour=hour)
    wish.text = "forget about the room, I cannot come that day"
    return True


PLAIN: Final = (reserve_title, renew_title, room_at, pay_reason, contact, ask_due, ask_count)
"""Wishes that say which thing they are about."""
ENTANGLED: Final = (reserve_fallback, reserve_superlative, renew_before, room_first, room_due, pay_smallest, ask_pages)
"""Wishes for which something has to be found out first."""
SECOND_THOUGHTS: Final = {"reserve": (swap_book, drop_book), "room": (move_room, drop_room)}
"""By the kind of wish they are about."""


def _may_ask(visit: Visit, word: str) -> bool:
    if word in visit.touched:
        return False
    visit.touch(word)
    return True


def _books(visit: Visit) -> list[Book]:
    return [book for book in visit.library.books.values() if book.id not in visit.touched | set(visit.library.due)]


def _available(visit: Visit) -> list[Book]:
    return [book for book in _books(visit) if visit.library.copies_free(book)]


def _pick(visit: Visit, books: list[Book]) -> Book | None:
    book = visit.rng.choice(books) if books else None
    if book is not None:
        visit.touch(book.id)
    return book


def _pick_name(visit: Visit, names: list[str]) -> str | None:
    free = visit.free(names)
    name = visit.rng.choice(free) if free else None
    if name is not None:
        visit.touch(name)
    return name


def _pick_slot(visit: Visit) -> tuple[str, date, int] | None:
    if any(wish.kind == "room" for wish in visit.wishes):
        return None  # "the room" would have two meanings
    slots = [
        (room, day, hour)
        for (room, day), hours in sorted(visit.library.free_hours.items())
        for hour in sorted(hours)
        if room not in visit.touched
    ]
    slot = visit.rng.choice(slots) if slots else None
    if slot is not None:
        visit.touch(slot[0])
    return slot
