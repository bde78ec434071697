"""Makes rows: requests to the assistant of somebody in one of the companies.

Difficulty 0.0 gives requests that are one action with all values in them; 1.0 gives requests with conditions or over
several toolkits, people are named by their role and days relative to today, and all tools are offered.
"""

from functools import cache
from random import Random

from polygym import JsonObject
from resources_servers.workplace_assistant.company import COMPANIES, TIME_FORMAT, Company
from resources_servers.workplace_assistant.templates import (
    across,
    conditions,
    direct,
    looked_up,
    questions,
    several,
)
from resources_servers.workplace_assistant.templates.scene import Draft, Scene, Template, written

TEMPLATES: tuple[Template, ...] = (
    *direct.TEMPLATES,
    *looked_up.TEMPLATES,
    *questions.TEMPLATES,
    *several.TEMPLATES,
    *conditions.TEMPLATES,
    *across.TEMPLATES,
)

SYSTEM = """You are the assistant of {user.name} ({user.email}), {user.role} at {company.name}. It is {now}.

Use the tools to do what {user.name} asks for, and nothing else: a change that was not asked for counts against you. \
Nobody answers questions; everything that you need can be found. Texts in double quotation marks are to be used word \
for word, without the quotation marks. Weeks begin on Monday; next week is the one that begins on the coming Monday. \
When you have been asked something, end your last message with a line "Answer: " and what was asked for, with nothing \
after it: numbers in digits, days as YYYY-MM-DD, several names or titles separated by commas."""


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """A row about one of the companies, of a template whose level goes with the difficulty."""
    company = _company(rng.randrange(COMPANIES))
    level = min(3, int(3 * difficulty + rng.random()))
    template, draft = _draft(Scene(company, rng, difficulty), level)
    row: JsonObject = {
        "id": index,
        "category": template.name,
        "responses_create_params": {
            "input": [
                {"role": "system", "content": SYSTEM.format(user=company.user, company=company, now=_now(company))},
                {"role": "user", "content": draft.prompt},
            ]
        },
        "company": company.number,
        "now": company.now.strftime(TIME_FORMAT),
        "ground_truth": draft.actions,
        "expected_answer": draft.answer,
        "look_ups": draft.look_ups,
        "temptation": draft.temptation,
    }
    if rng.random() >= difficulty:
        row["toolkits"] = list(template.toolkits)
    return row


def _draft(scene: Scene, level: int) -> tuple[Template, Draft]:
    """A template of the level, and what it makes of the company; templates that find nothing there are passed over."""
    fitting = [template for template in TEMPLATES if template.level == level]
    while True:
        template = scene.pick(fitting)
        draft = template.make(scene)
        if draft is not None:
            return template, draft


def _now(company: Company) -> str:
    return f"{company.now:%A}, {written(company.today)}, {company.now:%H:%M}"


@cache
def _company(number: int) -> Company:
    return Company(number)
