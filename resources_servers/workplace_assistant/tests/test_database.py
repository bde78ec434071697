"""A session's database: changes stay its own, and what is compared is what rows say."""

import sqlite3
from collections.abc import Iterator

import pytest

from resources_servers.workplace_assistant.company import Company
from resources_servers.workplace_assistant.database import CHANGEABLE, Content, Database, Image, Table, same_text


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    image = Image(Company(1))
    yield image
    image.close()


@pytest.fixture
def database(image: Image) -> Iterator[Database]:
    database = Database()
    database.open(image)
    yield database
    database.close()


def titles(database: Database) -> list[str]:
    return [row["title"] for row in database.query("SELECT title FROM tasks ORDER BY id")]


def test_changes_are_seen_by_the_database_and_by_no_other(image: Image, database: Database) -> None:
    other = Database()
    other.open(image)
    before = titles(other)

    database.update("tasks", 1, title="Something else")
    database.delete("tasks", 2)
    new = database.insert("tasks", title="Last", assignee="a", board="b", stage="c", due="d")

    assert titles(database) == ["Something else", *before[2:], "Last"]
    assert database.get("tasks", new) is not None and database.get("tasks", 2) is None
    assert titles(other) == before
    other.delete("tasks", 1)
    assert titles(other) == before[1:]
    other.close()


def test_a_row_can_be_changed_again_and_again(database: Database) -> None:
    database.update("tasks", 5, title="One")
    database.update("tasks", 5, title="Two", stage="Done")
    assert database.get("tasks", 5) == {**(database.get("tasks", 5) or {}), "title": "Two", "stage": "Done"}

    database.delete("tasks", 5)
    database.delete("tasks", 5)
    database.update("tasks", 5, title="Three")
    assert database.get("tasks", 5) is None


def test_changes_are_counted_by_content(database: Database) -> None:
    task = database.get("tasks", 1)
    assert task is not None
    content = Content("tasks", tuple(same_text(str(value)) for name, value in task.items() if name != "id"))
    del task["id"]

    database.delete("tasks", 1)
    assert database.changes() == {content: -1}
    first = database.insert("tasks", **task)
    assert database.changes() == {}
    second = database.insert("tasks", **task)
    assert database.changes() == {content: 1}
    database.delete("tasks", first)
    assert database.insert("tasks", **task) > second


@pytest.mark.parametrize("table", CHANGEABLE)
def test_every_table_takes_changes_back(database: Database, table: Table) -> None:
    values = {name: 1 if name == "minutes" else "x" for name in CHANGEABLE[table].__annotations__ if name != "id"}

    row_id = database.insert(table, **values)
    assert len(database.changes()) == 1
    database.delete(table, row_id)

    assert database.changes() == {}


def test_a_database_is_open_until_it_is_closed(image: Image) -> None:
    before = image.open_databases
    database = Database()
    database.close()
    database.open(image)
    database.delete("emails", 1)
    assert image.open_databases == before + 1

    database.close()
    database.close()

    assert image.open_databases == before
    with pytest.raises(RuntimeError, match="closed"):
        database.query("SELECT 1")


def test_nobody_changes_the_image(image: Image, database: Database) -> None:
    database.delete("emails", 1)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        image.connection.execute("DELETE FROM emails")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Hello  there", "hello there\n"), ("Ada\u2019s", "Ada's"), ("Cafe\u0301", "caf\u00e9"), ("a\u00a0b", "A B")],
)
def test_texts_that_say_the_same_are_the_same(one: str, other: str) -> None:
    assert same_text(one) == same_text(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello", "Hell\u043e"),
        ("12", "\uff11\uff12"),
        ("a b", "ab"),
        ("a", "a\u200b"),
        ("a", "\u202ea"),
        ("s", "\u017f"),
    ],
)
def test_texts_that_only_look_the_same_are_not(one: str, other: str) -> None:
    assert same_text(one) != same_text(other)
