"""What sessions cost: `python -m resources_servers.workplace_assistant.measure` from the repository's root.

Opens so many sessions at once, has each of them call tools, and prints time and memory for one. Each line is measured
in a process of its own. For comparison, the ways in which SQLite copies a whole database. Needs Linux: memory is what
/proc says.
"""

import argparse
import asyncio
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from resource import getpagesize
from statistics import median
from time import perf_counter
from typing import NamedTuple

from polygym import JsonObject, ResourcesServer, new_response
from polygym.kit import Playground, load_environment
from resources_servers.workplace_assistant.company import Company
from resources_servers.workplace_assistant.database import Image

SEND: JsonObject = {"recipient": "a@b.example", "subject": "Hello", "body": "How are you?"}
WRITES: dict[str, JsonObject] = {
    "email_send": SEND,
    "calendar_delete": {"event_id": 1},
    "projects_delete": {"task_id": 1},
    "customers_delete": {"customer_id": 1},
    "contacts_delete": {"contact_id": 1},
}
READS: dict[str, JsonObject] = {
    "email_search": {"query": "budget"},
    "calendar_search": {"query": "review"},
    "analytics_visits": {"first_day": "2025-12-01", "last_day": "2025-12-31"},
}
CALLS: dict[str, dict[str, JsonObject]] = {
    "seeding only": {},
    "three look-ups": READS,
    "one mail sent": {"email_send": SEND},
    "one event deleted": {"calendar_delete": {"event_id": 1}},
    "a change in every table": WRITES,
}


class Cost(NamedTuple):
    """Of one session among many."""

    seeding_us: float
    """Median."""
    calls_us: float
    """Of one tool call; median."""
    verify_us: float
    """Median; the reference action is one deleted event."""
    memory_kib: float
    """Mean, once all sessions have made their calls."""


def cost_of(calls: dict[str, JsonObject], sessions: int) -> Cost:
    """Seed so many sessions, make the same calls in all of them, verify and close them."""

    async def measure() -> Cost:
        async with Playground(load_environment("workplace_assistant")) as playground:
            return await _cost_of(playground.server, calls, sessions)

    return asyncio.run(measure())


async def _cost_of(server: ResourcesServer, calls: dict[str, JsonObject], count: int) -> Cost:
    action = {"name": "calendar_delete", "arguments": {"event_id": 1}}
    row: JsonObject = {"id": 0, "category": "", "company": 0, "now": "2026-07-21 08:30", "ground_truth": [action]}
    task = server.task_of(row)
    await server.seed(server.new_session(task, "first"))  # makes the image
    sessions = [server.new_session(task, str(index)) for index in range(count)]
    before = _memory_kib()
    seeding, calling, verifying = [], [], []
    for session in sessions:
        started = perf_counter()
        await server.seed(session)
        seeding.append(perf_counter() - started)
    for name, arguments in calls.items():
        for session in sessions:
            started = perf_counter()
            result = await server.call_tool(name, arguments, session)
            calling.append(perf_counter() - started)
            assert not result.is_error, result.output
    memory_kib = (_memory_kib() - before) / count
    for session in sessions:
        started = perf_counter()
        await server.verify_response(row, new_response({}, [], model=""), session)
        verifying.append(perf_counter() - started)
        server.close_session(session)
    seeding_us, calls_us, verify_us = (1e6 * median(each or [0.0]) for each in (seeding, calling, verifying))
    return Cost(seeding_us, calls_us, verify_us, memory_kib)


def cost_of_copies(way: str, count: int) -> Cost:
    """The same with a copy of the whole image for each session, as `deserialize` or `backup` makes it."""
    image = Image(Company(0))
    content = image.connection.serialize()
    before = _memory_kib()
    copies, copying = [], []
    for _ in range(count):
        started = perf_counter()
        copy = sqlite3.connect(":memory:")
        if way == "deserialize":
            copy.deserialize(content)
        else:
            image.connection.backup(copy)
        copying.append(perf_counter() - started)
        copy.execute("SELECT count(*) FROM emails WHERE instr(body, 'agree')").fetchall()
        copies.append(copy)
    cost = Cost(1e6 * median(copying), 0.0, 0.0, (_memory_kib() - before) / count)
    for copy in copies:
        copy.close()
    return cost


def cost_of_image() -> tuple[float, float]:
    """Milliseconds that a company's image takes to make, and its size in KiB."""
    started = perf_counter()
    image = Image(Company(0))
    taken_ms = 1000 * (perf_counter() - started)
    return taken_ms, len(image.connection.serialize()) / 1024


def _memory_kib() -> float:
    resident_pages = int(Path("/proc/self/statm").read_text().split()[1])
    return resident_pages * getpagesize() / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure what sessions of workplace_assistant cost.")
    parser.add_argument("--sessions", type=int, default=2000, help="how many are open at once")
    count = parser.parse_args().sessions
    kinds: dict[str, Callable[[], Cost]] = {name: partial(cost_of, calls, count) for name, calls in CALLS.items()}
    kinds |= {f"whole copy: {way}": partial(cost_of_copies, way, count) for way in ("deserialize", "backup")}
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as fresh:
        taken_ms, size_kib = fresh.submit(cost_of_image).result()
        sys.stdout.write(f"image: {size_kib:.0f} KiB, made in {taken_ms:.0f} ms, once a company\n")
        sys.stdout.write(f"{count} sessions at once, each   seeding µs   call µs   verify µs   memory KiB\n")
        for name, kind in kinds.items():
            cost = fresh.submit(kind).result()
            times = f"{cost.seeding_us:12.0f}{cost.calls_us:10.0f}{cost.verify_us:12.0f}"
            sys.stdout.write(f"{name:27}{times}{cost.memory_kib:13.0f}\n")


if __name__ == "__main__":
    main()
