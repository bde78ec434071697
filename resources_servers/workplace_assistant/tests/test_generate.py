"""Rows: every kind of task can be solved with what its tools show, and with nothing less."""

import asyncio
import json
from collections import defaultdict
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import get_args

import pytest

from polygym import JsonObject, dumps
from polygym.kit import Environment, Playground, load_environment
from polygym.servers.tools import tools_of
from resources_servers.workplace_assistant import words
from resources_servers.workplace_assistant.app import WorkplaceServer
from resources_servers.workplace_assistant.company import COMPANIES, Company
from resources_servers.workplace_assistant.generate import TEMPLATES, make_row
from resources_servers.workplace_assistant.reference import solve, wrong_answers
from resources_servers.workplace_assistant.task import TOOLKITS, Toolkit
from resources_servers.workplace_assistant.toolkits import analytics, customers, directory, projects

EACH = 2
"""Rows that are played of every kind."""


@cache
def environment() -> Environment:
    return load_environment("workplace_assistant")


@cache
def rows() -> dict[str, list[JsonObject]]:
    """Rows by template."""
    found: dict[str, list[JsonObject]] = defaultdict(list)
    for difficulty in (0.0, 0.4, 0.7, 1.0):
        for index in range(400):
            row = make_row(index, Random(f"{difficulty} {index}"), difficulty)
            if len(found[row["category"]]) < EACH:
                found[row["category"]].append(row)
    return dict(found)


@cache
def solved() -> list[JsonObject]:
    """All of them, played as the reference plays them."""

    async def play() -> list[JsonObject]:
        async with Playground(environment()) as playground:
            plays = [(row, solve(row)) for each in rows().values() for row in each]
            return [outcome.record for outcome in await playground.play_all(plays, concurrency=16)]

    return asyncio.run(play())


def outputs(record: JsonObject) -> list[str]:
    """What the reference's look-ups gave."""
    items = record["response"]["output"]
    return [item["output"] for item in items if item["type"] == "function_call_output"][: len(record["look_ups"])]


def test_every_template_makes_rows() -> None:
    assert set(rows()) == {template.name for template in TEMPLATES}
    assert len(TEMPLATES) == len({template.name for template in TEMPLATES}) >= 30
    assert {toolkit for template in TEMPLATES for toolkit in template.toolkits} == set(TOOLKITS)


def test_the_readme_counts_what_there_is() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")

    assert f"the kind of task, one of {len(TEMPLATES)} " in readme
    assert f"one of {COMPANIES} made-up companies" in readme
    assert f"and {len(tools_of(WorkplaceServer))} tools" in readme


def test_the_reference_solves_every_kind_of_task() -> None:
    assert [(record["category"], record["explanation"]) for record in solved() if record["reward"] != 1.0] == []


def test_no_wrong_policy_solves_any_kind_of_task() -> None:
    async def play() -> set[tuple[str, str]]:
        async with Playground(environment()) as playground:
            named = [(made[0], *each) for made in rows().values() for each in wrong_answers(made[0]).items()]
            outcomes = await playground.play_all([(row, script) for row, _, script in named], concurrency=16)
            scored = zip(named, outcomes, strict=True)
            return {(row["category"], name) for (row, name, _), outcome in scored if outcome.reward != 0.0}

    assert asyncio.run(play()) == set()


def test_look_ups_work_and_show_what_the_actions_need() -> None:
    for record in solved():
        shown = " ".join(outputs(record))
        asked = record["responses_create_params"]["input"][1]["content"]
        assert '"error":' not in shown
        for action in record["ground_truth"] if record["look_ups"] else []:
            for name, value in action["arguments"].items():
                if name.endswith("_id"):
                    assert f'"id":{value},' in shown, record["category"]
                if name in ("assignee", "assigned_to", "recipient"):
                    assert value in shown + asked, record["category"]


def test_the_tools_give_the_figures_that_are_expected() -> None:
    totals = {"visits_of_month": 0, "if_visits_fell": 0, "if_engaged": 0, "count_meetings": 1, "count_mails": 1}
    checked = set()
    for record in solved():
        place = totals.get(record["category"])
        if place is not None:
            assert json.loads(outputs(record)[place])["total"] == record["expected_answer"]["value"]
            checked.add(record["category"])
        if record["category"] == "book_first_gap":
            start = record["ground_truth"][0]["arguments"]["start"]
            assert json.loads(outputs(record)[0])["free"][0]["from"] == start[-5:]
            checked.add(record["category"])
    assert checked == {*totals, "book_first_gap"}


def test_conditions_hold_now_and_then_and_are_always_asked_about() -> None:
    made = [make_row(index, Random(index), 1.0) for index in range(300)]
    conditional = [row for row in made if row["category"].startswith("if_")]

    assert all(row["expected_answer"] is not None for row in conditional)
    idle = sum(not row["ground_truth"] for row in conditional)
    assert 0.2 < idle / len(conditional) < 0.7
    assert all(row["temptation"] for row in conditional if not row["ground_truth"])


def test_difficulty_goes_from_one_given_action_to_several_toolkits_and_all_tools() -> None:
    level = {template.name: template.level for template in TEMPLATES}
    made = {
        difficulty: [make_row(index, Random(index), difficulty) for index in range(100)]
        for difficulty in (0.0, 0.5, 1.0)
    }

    assert {level[row["category"]] for row in made[0.0]} == {0}
    assert {level[row["category"]] for row in made[0.5]} == {1, 2}
    assert {level[row["category"]] for row in made[1.0]} == {3}
    assert all("toolkits" in row for row in made[0.0]) and not any("toolkits" in row for row in made[1.0])
    assert all(len(row["ground_truth"]) == 1 for row in made[0.0])


def test_of_thousands_of_rows_few_are_alike() -> None:
    asked = {dumps(make_row(0, Random(index), 0.5)["responses_create_params"]) for index in range(2000)}

    assert len(asked) > 1850


def test_a_company_never_changes_since_rows_refer_to_it() -> None:
    company = Company(0)
    tables = [company.people, company.emails, company.events, company.tasks, company.customers, company.contacts]

    assert [len(table) for table in tables] == [28, 500, 300, 200, 200, 60]
    assert len(company.visits) == 730 * len(words.SOURCES)
    content = json.dumps([*tables, company.visits, str(company.now)])
    assert sha256(content.encode()).hexdigest()[:16] == "8df35c574eb2ec4d"


@pytest.mark.parametrize("number", range(COMPANIES))
def test_in_every_company_names_and_addresses_are_unambiguous(number: int) -> None:
    company = Company(number)
    everybody = [*company.people, *company.customers, *company.contacts]

    assert len({person.name for person in everybody}) == len({person.email for person in everybody}) == len(everybody)
    assert len({task.title for task in company.tasks}) == len(company.tasks)
    assert len({event.start for event in company.events}) == len(company.events)
    assert len({mail.sent_at for mail in company.emails}) == len(company.emails)


def test_schemas_list_the_words_that_the_data_is_made_of() -> None:
    assert get_args(projects.Board) == words.BOARDS
    assert get_args(projects.Stage) == words.STAGES
    assert get_args(customers.Status) == words.STATUSES
    assert get_args(customers.Product) == words.PRODUCTS
    assert get_args(analytics.Source) == words.SOURCES
    assert get_args(directory.Team) == words.TEAMS
    assert get_args(Toolkit) == TOOLKITS
