"""A SQLite database for each session, at the price of what the session changes in it.

An `Image` holds a company's tables once, in memory. A `Database` reads from it. At its first change it becomes a
connection of its own, with the image attached, and takes in the rows that it changes. For each table that it changes it
has a view by the table's name, of the rows of the image that it has not taken in and of its own; SQLite finds a view of
the connection before it finds an attached table, so the same SELECT works before and after. Knows nothing of tools.
"""

import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_type_hints
from uuid import uuid4

from polygym import JsonObject
from resources_servers.workplace_assistant.company import (
    Company,
    Contact,
    Customer,
    Email,
    Event,
    Person,
    Task,
    Visits,
)

Value: TypeAlias = str | int
Table: TypeAlias = Literal["emails", "deliveries", "events", "tasks", "customers", "contacts", "plots"]
"""A table that tools change."""

FIRST_NEW_ID: Final = 10_001
"""Ids of rows that a session makes start here, above all that an image holds; none is given twice."""


class Delivery(NamedTuple):
    """A mail that has left. No tool takes it back."""

    id: int
    recipient: str
    subject: str
    body: str


class Plot(NamedTuple):
    """A chart that was asked for."""

    id: int
    metric: str
    kind: str
    first_day: str
    last_day: str


CHANGEABLE: Final[Mapping[Table, type[tuple[Any, ...]]]] = {
    "emails": Email,
    "deliveries": Delivery,
    "events": Event,
    "tasks": Task,
    "customers": Customer,
    "contacts": Contact,
    "plots": Plot,
}
FIXED: Final[Mapping[str, type[tuple[Any, ...]]]] = {"people": Person, "account": Person, "visits": Visits}
"""Tables that no tool changes. `account` holds one row: the user."""


def _create(table: str, row_class: type[tuple[Any, ...]]) -> str:
    """The statement that makes a table with the columns of a row class."""
    kinds = {str: "TEXT NOT NULL", int: "INTEGER NOT NULL"}
    columns = {name: kinds[kind] for name, kind in get_type_hints(row_class).items()}
    if "id" in columns:
        columns["id"] = "INTEGER PRIMARY KEY"
    return f"CREATE TABLE main.{table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})"


_CREATE: Final[Mapping[str, str]] = {
    **{table: _create(table, row_class) for table, row_class in CHANGEABLE.items()},
    **{table: _create(table, row_class) for table, row_class in FIXED.items()},
}


_CREATE_TAKEN: Final = "CREATE TABLE taken (from_table TEXT, id INTEGER, PRIMARY KEY (from_table, id)) WITHOUT ROWID"
"""Which rows of the image a session has taken in; also those that it has deleted since."""


def _view(table: str) -> str:
    """The statement that makes a table's view."""
    untouched = f"SELECT * FROM image.{table} WHERE id NOT IN (SELECT id FROM taken WHERE from_table = '{table}')"
    return f"CREATE TEMP VIEW {table} AS {untouched} UNION ALL SELECT * FROM main.{table}"


_VIEW: Final[Mapping[Table, str]] = {table: _view(table) for table in CHANGEABLE}


class Image:
    """A company's prepared tables, which any number of databases share and none changes."""

    def __init__(self, company: Company) -> None:
        self.uri = f"file:workplace-{uuid4().hex}?mode=memory&cache=shared"
        """How another connection of this process attaches it; it lives as long as `connection` is open."""
        self.open_databases = 0
        """Databases that are open on it."""
        self.connection = _connect(self.uri)
        rows: dict[str, list[Any]] = {
            "emails": company.emails,
            "events": company.events,
            "tasks": company.tasks,
            "customers": company.customers,
            "contacts": company.contacts,
            "people": company.people,
            "account": [company.user],
            "visits": company.visits,
        }
        for table, statement in _CREATE.items():
            self.connection.execute(statement)
            if table in rows:
                width = len(rows[table][0])
                values = f"INSERT INTO {table} VALUES ({', '.join('?' * width)})"
                self.connection.executemany(values, rows[table])
        self.connection.execute("CREATE UNIQUE INDEX visits_of_day ON visits (day, source)")
        self.connection.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        """Let go of it. Databases that are still open on it can only be closed."""
        self.connection.close()


class Content(NamedTuple):
    """What a row says: two rows have the same content when a user would not tell them apart."""

    table: Table
    values: tuple[str, ...]
    """Without the id, texts as `same_text` gives them."""


class Database:
    """One session's tables. Made closed; `open` it before use, `close` it afterwards."""

    def __init__(self) -> None:
        self._image: Image | None = None
        self._own: sqlite3.Connection | None = None
        self._changed: list[Table] = []
        self._next_id = FIRST_NEW_ID

    def open(self, image: Image) -> None:
        """Begin with what `image` holds."""
        image.open_databases += 1
        self._image = image

    def close(self) -> None:
        """Let go of everything. Does nothing when it is closed already."""
        if self._image is not None:
            self._image.open_databases -= 1
            self._image = None
        if self._own is not None:
            self._own.close()
            self._own = None

    def query(self, statement: str, *parameters: Value) -> list[JsonObject]:
        """The rows that a SELECT gives, each as column → value."""
        cursor = (self._own or self._opened().connection).execute(statement, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def get(self, table: Table, row_id: int) -> JsonObject | None:
        """The row of that id, or None."""
        found = self.query(f"SELECT * FROM {table} WHERE id = ?", row_id)
        return found[0] if found else None

    def insert(self, table: Table, **values: Value) -> int:
        """Add a row; the id it got."""
        row_id, self._next_id = self._next_id, self._next_id + 1
        names, marks = ", ".join(values), ", ".join("?" * (len(values) + 1))
        statement = f"INSERT INTO main.{table} (id, {names}) VALUES ({marks})"
        self._changing(table).execute(statement, (row_id, *values.values()))
        return row_id

    def update(self, table: Table, row_id: int, **values: Value) -> None:
        """Set columns of a row."""
        settings = ", ".join(f"{name} = ?" for name in values)
        self._take(table, row_id)
        self._changing(table).execute(f"UPDATE main.{table} SET {settings} WHERE id = ?", (*values.values(), row_id))

    def delete(self, table: Table, row_id: int) -> None:
        """Remove a row."""
        self._take(table, row_id)
        self._changing(table).execute(f"DELETE FROM main.{table} WHERE id = ?", (row_id,))

    def changes(self) -> dict[Content, int]:
        """How many rows more (or, negative, fewer) of each content there are than in the image."""
        counts: Counter[Content] = Counter()
        for table in self._changed:
            taken = f"SELECT id FROM taken WHERE from_table = '{table}'"
            counts.update(self._contents(table, f"SELECT * FROM main.{table}"))
            counts.subtract(self._contents(table, f"SELECT * FROM image.{table} WHERE id IN ({taken})"))
        return {content: count for content, count in counts.items() if count}

    def _contents(self, table: Table, statement: str) -> list[Content]:
        return [
            Content(table, tuple(same_text(str(value)) for name, value in row.items() if name != "id"))
            for row in self.query(statement)
        ]

    def _changing(self, table: Table) -> sqlite3.Connection:
        """The session's own connection, with a place for rows of that table."""
        if self._own is None:
            self._own = _connect(":memory:")
            self._own.execute("PRAGMA page_size = 1024")
            self._own.execute("PRAGMA temp_store = MEMORY")
            self._own.execute("ATTACH ? AS image", (self._opened().uri,))
            self._own.execute(_CREATE_TAKEN)
        if table not in self._changed:
            self._own.execute(_CREATE[table])
            self._own.execute(_VIEW[table])
            self._changed.append(table)
        return self._own

    def _take(self, table: Table, row_id: int) -> None:
        """Take a row of the image in, if that has not happened yet."""
        own = self._changing(table)
        note = f"INSERT OR IGNORE INTO taken SELECT '{table}', id FROM image.{table} WHERE id = ?"
        if own.execute(note, (row_id,)).rowcount:
            own.execute(f"INSERT INTO main.{table} SELECT * FROM image.{table} WHERE id = ?", (row_id,))

    def _opened(self) -> Image:
        if self._image is None:
            raise RuntimeError("the database is closed")
        return self._image


def _connect(place: str) -> sqlite3.Connection:
    """A connection without implicit transactions. Any thread may use it, one at a time."""
    return sqlite3.connect(place, uri=True, isolation_level=None, check_same_thread=False)


def same_text(text: str) -> str:
    """`text` in the form in which two texts are compared: case, spacing and the kind of quotation mark don't count.

    Everything else does; look-alike letters, other digits and invisible characters make another text.
    """
    return " ".join(unicodedata.normalize("NFC", text).translate(_PLAIN).lower().split())


_PLAIN: Final = {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'}
"""Typographic quotation marks."""
