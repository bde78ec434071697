"""Types of the tools' arguments, and what several toolkits do the same way."""

from datetime import date, datetime
from typing import Annotated, Final, TypeAlias

from pydantic import Field, StringConstraints

from polygym import JsonObject, ToolError
from resources_servers.workplace_assistant.company import TIME_FORMAT
from resources_servers.workplace_assistant.database import Database, Table, Value
from resources_servers.workplace_assistant.task import Desk

Id: TypeAlias = Annotated[int, Field(ge=1, le=999_999)]
Line: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""A title, a name, a subject."""
Detail: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
"""As a line, or empty."""
Text: TypeAlias = Annotated[str, StringConstraints(max_length=5000)]
Address: TypeAlias = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, max_length=120, pattern=r"^[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+\.[A-Za-z]+$"
    ),
]
"""A mail address."""

Words: TypeAlias = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=200),
    "Words that all have to occur, in whatever case. Empty: no such condition.",
]
FromDay: TypeAlias = Annotated[date | None, "Only those of this day (YYYY-MM-DD) or later."]
UntilDay: TypeAlias = Annotated[date | None, "Only those of this day (YYYY-MM-DD) or earlier."]
Page: TypeAlias = Annotated[int, Field(ge=1, le=1000), "Which page of the results; a page has 20."]

PAGE_SIZE: Final = 20
"""Rows that a search shows at once."""


class Search:
    """A SELECT that is put together condition by condition."""

    def __init__(self, columns: str, table: str) -> None:
        self._columns = columns
        self._table = table
        self._conditions: list[str] = []
        self._parameters: list[Value] = []

    def where(self, condition: str, parameter: Value | date | None) -> None:
        """Add a condition with one `?`; nothing when its parameter is None."""
        if parameter is not None:
            self._conditions.append(condition)
            self._parameters.append(stored(parameter))

    def words(self, query: str, *columns: str) -> None:
        """Every word of `query` has to be part of one of the columns, in whatever case."""
        text = " || ' ' || ".join(columns)
        for word in query.lower().split():
            self.where(f"instr(lower({text}), ?) > 0", word)

    def page(self, database: Database, page: int, *, order: str) -> JsonObject:
        """`{total, page, pages, results}`: one page of what fits, and how much fits."""
        condition = " AND ".join(self._conditions) or "TRUE"
        counted = database.query(f"SELECT count(*) AS n FROM {self._table} WHERE {condition}", *self._parameters)
        statement = f"SELECT {self._columns} FROM {self._table} WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?"
        results = database.query(statement, *self._parameters, PAGE_SIZE, PAGE_SIZE * (page - 1))
        total = int(counted[0]["n"])
        return {"total": total, "page": page, "pages": -(-total // PAGE_SIZE), "results": results}


def found(desk: Desk, table: Table, row_id: int) -> JsonObject:
    """The row of that id. Raises ToolError when there is none."""
    row = desk.state.get(table, row_id)
    if row is None:
        raise ToolError(f"There is no row with the id {row_id} among the {table}. Search for it first.")
    return row


def check_colleague(desk: Desk, email: str) -> None:
    """Raises ToolError for an address that is nobody's in the company."""
    if not desk.state.query("SELECT 1 FROM people WHERE email = ?", email):
        raise ToolError(f"Nobody in the company has the address '{email}'. Look it up in the directory.")


def stored(value: Value | date) -> Value:
    """A value as the database holds it: days as YYYY-MM-DD, points in time to the minute and without a time zone."""
    if isinstance(value, datetime):
        return value.strftime(TIME_FORMAT)
    return value.isoformat() if isinstance(value, date) else value


def settings(**given: Value | date | None) -> dict[str, Value]:
    """The columns to set: those that were given. Raises ToolError when there are none."""
    chosen = {name: stored(value) for name, value in given.items() if value is not None}
    if not chosen:
        raise ToolError("Give at least one field to change.")
    return chosen
