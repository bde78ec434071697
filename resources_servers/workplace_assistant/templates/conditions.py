"""Level 3: something is to be done only if a condition holds; a figure that tells whether it does is asked for anyway.

So a policy that always acts, one that never does, and one that only guesses all fail.
"""

from datetime import timedelta

from polygym import JsonObject
from resources_servers.workplace_assistant import words
from resources_servers.workplace_assistant.templates.scene import (
    Draft,
    Scene,
    act,
    day_answer,
    last_week,
    month_before,
    number,
    template,
    written,
)


@template(3, "analytics", "email", "directory")
def if_visits_fell(scene: Scene) -> Draft:
    """A mail if there were fewer visits than the week before."""
    source, person, body = scene.pick(words.SOURCES), scene.colleague(), scene.message()
    first, last = last_week(scene.today)
    days = [(first, last), (first - timedelta(7), last - timedelta(7))]
    now, before = (
        sum(
            row.visits
            for row in scene.company.visits
            if row.source == source and begin.isoformat() <= row.day <= end.isoformat()
        )
        for begin, end in days
    )
    subject, who = f"Visits from {source}", scene.who(person)
    prompt = scene.say(
        f'If the visits from the source "{source}" were fewer last week (Monday to Sunday) than in the week before,'
        f" send"
        f' {who} a mail with the subject "{subject}" and the text "{body}" Otherwise send nothing. In either case tell'
        " me how many visits from that source there were last week.",
        f'How many visits from the source "{source}" did we have last week, Monday to Sunday? And if there were more in'
        f' the week before that, mail {who}: subject "{subject}", text "{body}"',
    )
    mail = act("email_send", recipient=person.email, subject=subject, body=body)
    look_ups = [act("analytics_visits", first_day=begin, last_day=end, source=source) for begin, end in days]
    look_ups.append(act("directory_find", query=person.role))
    return _conditional(prompt, now < before, [mail], number(now), look_ups)


@template(3, "projects", "calendar", "directory")
def if_busy(scene: Scene) -> Draft | None:
    """A meeting if somebody has more than so many open tasks."""
    person, title, time = scene.colleague(), scene.pick(words.NEW_EVENTS), scene.clock()
    day, limit = scene.workday(1, 10), scene.rng.randint(4, 8)
    tasks = [task for task in scene.company.tasks if task.assignee == person.email and task.stage != "Done"]
    if len(tasks) < 2:
        return None
    who = scene.who(person)
    prompt = scene.say(
        f'Count the tasks of {who} that are not "Done". If there are more than {limit}, put a 30-minute meeting'
        f' "{title}"'
        f" with them into my calendar, {scene.on(day)} at {time}. If not, change nothing. Tell me the count anyway.",
        f'How many tasks that are not "Done" does {who} have? Should it be more than {limit}, book "{title}" with'
        f" them {scene.on(day)} at {time} for 30 minutes.",
    )
    event = act("calendar_create", title=title, start=f"{day} {time}", minutes=30, participants=[person.email])
    look_ups = [act("directory_find", query=person.role), act("projects_search", assignee=person.email)]
    return _conditional(prompt, len(tasks) > limit, [event], number(len(tasks)), look_ups)


@template(3, "customers", "projects", "directory")
def if_won(scene: Scene) -> Draft:
    """A task if a customer has a certain status."""
    wanted, person, board = scene.pick(("Won", "Proposal")), scene.colleague(), scene.pick(words.BOARDS)
    fitting = [record for record in scene.company.customers if record.status == wanted]
    others = [record for record in scene.company.customers if record.status != wanted]
    customer, due = scene.pick(scene.pick((fitting, others))), scene.workday(5, 25)
    title = f"Set up {customer.name}"
    prompt = scene.say(
        f'If our customer {customer.name} has the status "{wanted}", add a task "{title}" for {scene.who(person)} to'
        f" the"
        f' backlog of the board "{board}", due {scene.on(due)}. Otherwise change nothing. Either way, tell me the'
        f" day of"
        " our last contact with that customer.",
        f"On which day did we last contact the customer {customer.name}? And should the status be"
        f' "{wanted}", then {person.name} needs a task "{title}" on the board "{board}", stage "Backlog", due'
        f" {scene.on(due)}.",
    )
    task = act("projects_create", title=title, assignee=person.email, board=board, due=due, stage="Backlog")
    look_ups = [act("customers_search", query=customer.name), act("directory_find", query=person.role)]
    answer = {"kind": "date", "value": customer.last_contact}
    return _conditional(prompt, customer.status == wanted, [task], answer, look_ups)


@template(3, "calendar", "directory")
def if_not_met_soon(scene: Scene) -> Draft | None:
    """A meeting if the next one with somebody is far away."""
    person, title, time = scene.colleague(), scene.pick(words.NEW_EVENTS), scene.clock()
    events, day = scene.coming_meetings_with(person.email), scene.workday(1, 6)
    if not events:
        return None
    limit = scene.today + timedelta(scene.rng.randint(3, 14))
    who = scene.who(person)
    prompt = scene.say(
        f"When do I meet {who} next? If it is later than {written(limit)}, book 45 minutes with them {scene.on(day)} at"
        f' {time}, title "{title}". Tell me in either case on which day the next meeting is that is already in my'
        " calendar.",
        f'Unless there is a meeting with {who} in my calendar up to and including {limit}, add one: "{title}",'
        f" {scene.on(day)}, {time}, 45 minutes. I also want to know the day of the next one that is there already.",
    )
    event = act("calendar_create", title=title, start=f"{day} {time}", minutes=45, participants=[person.email])
    search = act("calendar_search", participant=person.email, first_day=scene.today)
    look_ups = [act("directory_find", query=person.role), search]
    return _conditional(prompt, events[0].day > limit, [event], day_answer(events[0].day), look_ups)


@template(3, "analytics", "email", "directory")
def if_engaged(scene: Scene) -> Draft:
    """A chart and a mail if engaged visits have reached a number."""
    first, last = month_before(scene.today, scene.rng.randint(1, 4))
    engaged = sum(row.engaged for row in scene.company.visits if first.isoformat() <= row.day <= last.isoformat())
    limit = 100 * round(engaged * scene.pick((0.85, 0.95, 1.05, 1.15)) / 100)
    head = next(person for person in scene.company.team("Marketing") if person.role == "Head of Marketing")
    subject, body = f"Engaged visits in {first:%B}", scene.message()
    prompt = scene.say(
        f"If we had at least {limit} engaged visits in {first:%B %Y}, make a line chart of them for the whole month and"
        f' send the head of Marketing a mail, subject "{subject}", text "{body}" If we had fewer, do neither. How many'
        " were there?",
        f"How many engaged visits were there in {first:%B %Y}? For {limit} or more I want a line chart of that month's"
        f' engaged visits and a mail to {head.name} with the subject "{subject}" and the text "{body}" For less than'
        " that, nothing.",
    )
    plot = act("analytics_plot", metric="engaged_visits", kind="line", first_day=first, last_day=last)
    mail = act("email_send", recipient=head.email, subject=subject, body=body)
    look_ups = [act("analytics_engaged", first_day=first, last_day=last), act("directory_team", team="Marketing")]
    return _conditional(prompt, engaged >= limit, [plot, mail], number(engaged), look_ups)


@template(3, "calendar", "directory")
def if_free(scene: Scene) -> Draft | None:
    """A meeting at a given time if nothing else is there."""
    person, day, title = scene.colleague(), scene.workday(1, 12), scene.pick(words.NEW_EVENTS)
    hour = scene.rng.randint(9, 17)
    events = [event for event in scene.company.events if event.day == day]
    is_free = all(event.start != f"{day} {hour:02}:00" for event in events)
    if len(events) < 2:
        return None
    prompt = scene.say(
        f'If my calendar is empty {scene.on(day)} from {hour}:00 to {hour + 1}:00, book "{title}" with'
        f" {scene.who(person)} there, for the whole hour. If it is not, leave the calendar as it is. And how many"
        " minutes do the meetings take together that are in my calendar on that day now?",
        f"Add up the minutes of the meetings I have {scene.on(day)}. Then, only if nothing of it is between {hour}:00"
        f' and {hour + 1}:00, add "{title}" with {person.name} for that hour. The sum without it is what I want to'
        f" know.",
    )
    event = act("calendar_create", title=title, start=f"{day} {hour:02}:00", minutes=60, participants=[person.email])
    look_ups = [act("calendar_search", first_day=day, last_day=day), act("directory_find", query=person.role)]
    return _conditional(prompt, is_free, [event], number(sum(each.minutes for each in events)), look_ups)


@template(3, "email", "directory")
def if_written(scene: Scene) -> Draft:
    """An answer if somebody has written lately, a mail if not, and how much has been written."""
    person, body, subject = scene.colleague(), scene.message(), scene.pick(words.MESSAGE_SUBJECTS)
    since = scene.today - timedelta(scene.rng.randint(4, 25))
    mails = scene.mails_from(person.email)
    recent = [mail for mail in mails if mail.sent_at >= since.isoformat()]
    who = scene.who(person)
    prompt = scene.say(
        f'If {who} has sent me anything on {written(since)} or later, answer the newest of these mails with "{body}" If'
        f' not, write them a new mail with the subject "{subject}" and the same text. How many mails have I had from'
        " them in all folders altogether?",
        f"How many mails from {who} are there in all my folders? Should the newest of them be from {since} or later,"
        f' reply to it: "{body}" Should it be older, or should there be none, send them a new one, subject "{subject}",'
        " same text.",
    )
    new = act("email_send", recipient=person.email, subject=subject, body=body)
    action = act("email_reply", email_id=recent[-1].id, body=body) if recent else new
    look_ups = [act("directory_find", query=person.role), act("email_search", sender=person.email)]
    return Draft(prompt, [action], number(len(mails)), look_ups, [new] if recent else [])


def _conditional(
    prompt: str, holds: bool, actions: list[JsonObject], answer: JsonObject, look_ups: list[JsonObject]
) -> Draft:
    """A draft whose actions are wanted only if the condition holds, and tempting if not."""
    return Draft(prompt, actions if holds else [], answer, look_ups, [] if holds else actions)


TEMPLATES = (
    if_visits_fell,
    if_busy,
    if_won,
    if_not_met_soon,
    if_engaged,
    if_free,
    if_written,
)
