"""Levels 1 and 2: questions. Nothing is to be changed, and the answer is checked."""

from datetime import timedelta

from resources_servers.workplace_assistant import words
from resources_servers.workplace_assistant.templates.scene import (
    Draft,
    Scene,
    act,
    day_answer,
    items,
    last_week,
    month_before,
    next_monday,
    number,
    template,
    written,
)


@template(1, "calendar", "directory")
def when_next_meeting(scene: Scene) -> Draft | None:
    """The day of the next meeting with somebody."""
    person = scene.colleague()
    events = scene.coming_meetings_with(person.email)
    if not events:
        return None
    who = scene.who(person)
    prompt = scene.say(f"On which day do I meet {who} next?", f"When is my next meeting with {who}? I need the day.")
    search = act("calendar_search", participant=person.email, first_day=scene.today)
    look_ups = [act("directory_find", query=person.role), search]
    return Draft(prompt, answer=day_answer(events[0].day), look_ups=look_ups)


@template(1, "calendar", "directory")
def count_meetings(scene: Scene) -> Draft:
    """How often somebody was met since a day."""
    person, since = scene.colleague(), scene.today - timedelta(scene.rng.randint(30, 58))
    events = [event for event in scene.meetings_with(person.email) if since <= event.day < scene.today]
    who = scene.who(person)
    prompt = scene.say(
        f"How many meetings with {who} have I had from {written(since)} up to and including yesterday?",
        f"Count the meetings that {who} took part in, from {since} until yesterday.",
    )
    search = act("calendar_search", participant=person.email, first_day=since, last_day=scene.today - timedelta(1))
    look_ups = [act("directory_find", query=person.role), search]
    return Draft(prompt, answer=number(len(events)), look_ups=look_ups)


@template(1, "analytics")
def visits_of_month(scene: Scene) -> Draft:
    """The visits of a month from one source."""
    source, (first, last) = scene.pick(words.SOURCES), month_before(scene.today, scene.rng.randint(1, 14))
    total = sum(row.visits for row in scene.company.visits if row.source == source and _within(row.day, first, last))
    prompt = scene.say(
        f'How many visits did our website get from the source "{source}" in {first:%B %Y}?',
        f'Tell me the number of visits with the source "{source}" for the whole of {first:%B %Y}.',
    )
    look_up = act("analytics_visits", first_day=first, last_day=last, source=source)
    return Draft(prompt, answer=number(total), look_ups=[look_up])


@template(1, "projects", "directory")
def whose_task(scene: Scene) -> Draft | None:
    """Who does a task."""
    task = scene.pick(scene.company.tasks)
    if task.assignee == scene.company.user.email:
        return None
    name = scene.company.name_of[task.assignee]
    prompt = scene.say(f'Who works on the task "{task.title}"?', f'Whose task is "{task.title}"?')
    look_ups = [act("projects_search", query=task.title), act("directory_find", query=task.assignee)]
    return Draft(prompt, answer=items([name, task.assignee]), look_ups=look_ups)


@template(1, "customers", "directory")
def whose_customer(scene: Scene) -> Draft:
    """Who looks after a customer."""
    customer = scene.pick(scene.company.customers)
    name = scene.company.name_of[customer.assigned_to]
    prompt = scene.say(
        f"Who looks after our customer {customer.name} of {customer.organisation}?",
        f"To which of my colleagues is the customer {customer.name} assigned?",
    )
    look_ups = [act("customers_search", query=customer.name), act("directory_find", query=customer.assigned_to)]
    return Draft(prompt, answer=items([name, customer.assigned_to]), look_ups=look_ups)


@template(1, "contacts")
def phone_of_contact(scene: Scene) -> Draft:
    """The phone number of a contact."""
    contact = scene.pick(scene.company.contacts)
    prompt = scene.say(
        f"What is the phone number of {contact.name}, who is in my contacts?",
        f"I have to call {contact.name} from {contact.organisation}. Which number do my contacts have?",
    )
    forms = [contact.phone, contact.phone.replace(" ", ""), contact.phone.replace(" ", "-")]
    return Draft(prompt, answer=items(forms), look_ups=[act("contacts_search", query=contact.name)])


@template(1, "email", "directory")
def count_mails(scene: Scene) -> Draft:
    """How many mails somebody has sent."""
    person = scene.colleague()
    since = scene.today - timedelta(scene.rng.randint(20, 58))
    mails = [mail for mail in scene.mails_from(person.email) if mail.sent_at >= since.isoformat()]
    who = scene.who(person)
    prompt = scene.say(
        f"How many mails has {who} sent me since {written(since)}, that day included? Count all folders.",
        f"Count the mails in all my folders that came from {who} on {since} or later.",
    )
    search = act("email_search", sender=person.email, first_day=since)
    return Draft(prompt, answer=number(len(mails)), look_ups=[act("directory_find", query=person.role), search])


@template(2, "calendar")
def minutes_of_week(scene: Scene) -> Draft:
    """How long the meetings of next week take together."""
    monday = next_monday(scene.today)
    events = [event for event in scene.company.events if monday <= event.day < monday + timedelta(7)]
    prompt = scene.say(
        "How many minutes do all my meetings of next week take together?",
        "Add up the lengths of my meetings next week. How many minutes is that?",
    )
    search = act("calendar_search", first_day=monday, last_day=monday + timedelta(6))
    total = sum(event.minutes for event in events)
    return Draft(
        prompt, answer=number(total), look_ups=[search, {**search, "arguments": {**search["arguments"], "page": 2}}]
    )


@template(2, "analytics")
def difference_of_months(scene: Scene) -> Draft:
    """By how much the visits of two months differ."""
    near = scene.rng.randint(1, 6)
    one, other = month_before(scene.today, near), month_before(scene.today, near + scene.rng.randint(1, 8))
    engaged = scene.rng.random() < 0.5
    totals = [
        sum(row.engaged if engaged else row.visits for row in scene.company.visits if _within(row.day, *period))
        for period in (one, other)
    ]
    what = "engaged visits" if engaged else "visits"
    prompt = scene.say(
        f"By how many {what} do {one[0]:%B %Y} and {other[0]:%B %Y} differ, all sources together?",
        f"Compare the {what} of {other[0]:%B %Y} and {one[0]:%B %Y}: how large is the difference, over all sources?",
    )
    tool = "analytics_engaged" if engaged else "analytics_visits"
    look_ups = [act(tool, first_day=first, last_day=last) for first, last in (one, other)]
    return Draft(prompt, answer=number(abs(totals[0] - totals[1])), look_ups=look_ups)


@template(2, "analytics")
def strongest_source(scene: Scene) -> Draft:
    """How many visits the source with the most visits had last week."""
    first, last = last_week(scene.today)
    by_source = dict.fromkeys(words.SOURCES, 0)
    for row in scene.company.visits:
        if _within(row.day, first, last):
            by_source[row.source] += row.engaged
    prompt = scene.say(
        "Which source brought us the most engaged visits last week, Monday to Sunday? Answer with their number only.",
        "Look at last week, Monday to Sunday: how many engaged visits came from the source that brought the most?",
    )
    look_up = act("analytics_engaged", first_day=first, last_day=last)
    return Draft(prompt, answer=number(max(by_source.values())), look_ups=[look_up])


@template(2, "projects", "directory")
def tasks_due(scene: Scene) -> Draft | None:
    """The titles of somebody's tasks that are due soon."""
    person, until = scene.colleague(), scene.workday(10, 25)
    due = [
        task
        for task in scene.company.tasks
        if task.assignee == person.email and scene.today.isoformat() <= task.due <= until.isoformat()
    ]
    if not 2 <= len(due) <= 5:
        return None
    who = scene.who(person)
    prompt = scene.say(
        f"Which tasks of {who} are due from today up to and including {written(until)}? Give me their titles.",
        f"List the titles of all tasks that {who} has to finish between today and {until}, both days included.",
    )
    search = act("projects_search", assignee=person.email, due_from=scene.today, due_until=until)
    look_ups = [act("directory_find", query=person.role), search]
    return Draft(prompt, answer=items(*([task.title] for task in due)), look_ups=look_ups)


@template(2, "calendar", "directory")
def who_takes_part(scene: Scene) -> Draft | None:
    """The participants of a meeting."""
    event = scene.pick([event for event in scene.company.events if event.day > scene.today and len(event.guests) > 1])
    if sum((other.title, other.day) == (event.title, event.day) for other in scene.company.events) > 1:
        return None
    prompt = scene.say(
        f'Who, besides me, takes part in "{event.title}" {scene.on(event.day)}?',
        f'Give me the names of the others who are invited to "{event.title}" {scene.on(event.day)}.',
    )
    search = act("calendar_search", query=event.title, first_day=event.day, last_day=event.day)
    look_ups = [search, *(act("directory_find", query=guest) for guest in event.guests)]
    answer = items(*([scene.company.name_of[guest], guest] for guest in event.guests))
    return Draft(prompt, answer=answer, look_ups=look_ups)


@template(2, "customers", "directory")
def longest_silence(scene: Scene) -> Draft | None:
    """The customer of somebody who has not been contacted for the longest time."""
    seller, status = scene.pick(scene.company.team("Sales")), scene.pick(words.STATUSES)
    records = [
        customer
        for customer in scene.company.customers
        if (customer.assigned_to, customer.status) == (seller.email, status)
    ]
    records.sort(key=lambda customer: customer.last_contact)
    if len(records) < 3 or records[0].last_contact == records[1].last_contact:
        return None
    prompt = scene.say(
        f'Of the customers of {seller.name} with the status "{status}", who has gone without contact for the longest?',
        f'Which customer that {seller.name} looks after, status "{status}", did we contact the longest ago?',
    )
    search = act("customers_search", assigned_to=seller.email, status=status)
    look_ups = [act("directory_find", query=seller.name), search]
    return Draft(prompt, answer=items([records[0].name, records[0].email]), look_ups=look_ups)


@template(2, "projects", "directory")
def busiest_member(scene: Scene) -> Draft | None:
    """Who of a team has the most tasks that are not done."""
    team = scene.pick(words.TEAMS)
    members = scene.company.team(team)
    counts = {
        person.email: sum(task.assignee == person.email and task.stage != "Done" for task in scene.company.tasks)
        for person in members
    }
    ranked = sorted(members, key=lambda person: -counts[person.email])
    if counts[ranked[0].email] == counts[ranked[1].email]:
        return None
    prompt = scene.say(
        f'Who in the {team} team has the most tasks that are not "Done", and how many? Answer with the number only.',
        f'Count the tasks that are not "Done" for each member of {team}. What is the largest number?',
    )
    look_ups = [act("directory_team", team=team)]
    look_ups += [act("projects_search", assignee=person.email) for person in members]
    return Draft(prompt, answer=number(counts[ranked[0].email]), look_ups=look_ups)


def _within(day: str, first: object, last: object) -> bool:
    """Whether a day of the figures lies in a period, both ends included."""
    return str(first) <= day <= str(last)


TEMPLATES = (
    when_next_meeting,
    count_meetings,
    visits_of_month,
    whose_task,
    whose_customer,
    phone_of_contact,
    count_mails,
    minutes_of_week,
    difference_of_months,
    strongest_source,
    tasks_due,
    who_takes_part,
    longest_silence,
    busiest_member,
)
