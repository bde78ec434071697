"""Level 2: several actions of one kind, or one for which something has to be worked out."""

from datetime import date, timedelta

from polygym import JsonObject
from resources_servers.workplace_assistant import words
from resources_servers.workplace_assistant.company import WORKDAY
from resources_servers.workplace_assistant.templates.scene import (
    Draft,
    Scene,
    act,
    month_before,
    next_monday,
    template,
    written,
)


@template(2, "email", "directory")
def mail_team(scene: Scene) -> Draft:
    """The same mail to each member of a team."""
    team = scene.pick([team for team in words.TEAMS if team != scene.company.user.team])
    subject, body = scene.pick(words.MESSAGE_SUBJECTS), scene.message()
    prompt = scene.say(
        f'Send everybody in the {team} team a mail of their own with the subject "{subject}" and the text "{body}"',
        f'Each member of {team} should get this from me, one mail a person. Subject: "{subject}". Text: "{body}"',
    )
    members = scene.company.team(team)
    actions = [act("email_send", recipient=person.email, subject=subject, body=body) for person in members]
    return Draft(prompt, actions, look_ups=[act("directory_team", team=team)])


@template(2, "calendar", "directory")
def cancel_week_with(scene: Scene) -> Draft | None:
    """All meetings with somebody in the coming weeks, away."""
    person, monday = scene.colleague(), next_monday(scene.today)
    weeks = scene.rng.randint(1, 3)
    last = monday + timedelta(7 * weeks - 1)
    events = [event for event in scene.meetings_with(person.email) if monday <= event.day <= last]
    if not 2 <= len(events) <= 6:
        return None
    who, span = scene.who(person), "next week" if weeks == 1 else f"in the {weeks} weeks that begin next Monday"
    prompt = scene.say(
        f"{who} is away {span}. Cancel all meetings {span} that they take part in.",
        f"Take all meetings with {who} {span} out of my calendar.",
    )
    search = act("calendar_search", participant=person.email, first_day=monday, last_day=last)
    actions = [act("calendar_delete", event_id=event.id) for event in events]
    return Draft(prompt, actions, look_ups=[act("directory_find", query=person.role), search])


@template(2, "projects", "directory")
def hand_over_tasks(scene: Scene) -> Draft | None:
    """Somebody's open tasks on a board, to somebody else."""
    person, board = scene.colleague(), scene.pick(words.BOARDS)
    heir = scene.colleague(person)
    tasks = [
        task
        for task in scene.company.tasks
        if (task.assignee, task.board) == (person.email, board) and task.stage != "Done"
    ]
    if not 2 <= len(tasks) <= 6:
        return None
    prompt = scene.say(
        f'Give all tasks of {person.name} on the board "{board}" that are not "Done" to {scene.who(heir)}.',
        f'{person.name} leaves the "{board}" project. {heir.name} takes over the tasks there, except for those in'
        f' "Done".',
    )
    actions = [act("projects_update", task_id=task.id, assignee=heir.email) for task in tasks]
    look_ups = [act("directory_find", query=person.name), act("directory_find", query=heir.role)]
    look_ups.append(act("projects_search", assignee=person.email, board=board))
    return Draft(prompt, actions, look_ups=look_ups)


@template(2, "projects", "directory")
def postpone_overdue(scene: Scene) -> Draft | None:
    """A new day for somebody's overdue tasks."""
    person, day = scene.colleague(), scene.workday(2, 14)
    tasks = [
        task
        for task in scene.company.tasks
        if task.assignee == person.email and task.due < scene.today.isoformat() and task.stage != "Done"
    ]
    if not 2 <= len(tasks) <= 6:
        return None
    who = scene.who(person)
    prompt = scene.say(
        f'Tasks of {who} that were due before today and are not "Done" yet should all be due {scene.on(day)}.',
        f'Find the overdue tasks of {who} (due before today, not "Done") and make each of them due {scene.on(day)}.',
    )
    actions = [act("projects_update", task_id=task.id, due=day) for task in tasks]
    search = act("projects_search", assignee=person.email, due_until=scene.today - timedelta(1))
    return Draft(prompt, actions, look_ups=[act("directory_find", query=person.role), search])


@template(2, "customers", "directory")
def hand_over_customers(scene: Scene) -> Draft | None:
    """Some of a seller's customers, to another seller."""
    seller, heir = scene.rng.sample(scene.company.team("Sales"), 2)
    status, product = scene.pick(words.STATUSES), scene.pick(words.PRODUCTS)
    wanted = (seller.email, status, product)
    records = [
        record for record in scene.company.customers if (record.assigned_to, record.status, record.product) == wanted
    ]
    if not 2 <= len(records) <= 6:
        return None
    prompt = scene.say(
        f'{heir.name} takes over the customers of {seller.name} who are interested in "{product}" and have the status'
        f' "{status}".',
        f'Assign all "{status}" customers of {seller.name} with the product "{product}" to {heir.name}.',
    )
    actions = [act("customers_update", customer_id=record.id, assigned_to=heir.email) for record in records]
    look_ups = [act("directory_team", team="Sales")]
    look_ups.append(act("customers_search", assigned_to=seller.email, status=status, product=product))
    return Draft(prompt, actions, look_ups=look_ups)


@template(2, "customers", "directory")
def drop_lost(scene: Scene) -> Draft | None:
    """The records of customers who were lost long ago, away."""
    seller, day = scene.pick(scene.company.team("Sales")), scene.today - timedelta(scene.rng.randint(50, 100))
    records = [
        record
        for record in scene.company.customers
        if (record.assigned_to, record.status) == (seller.email, "Lost") and record.last_contact < day.isoformat()
    ]
    if not 2 <= len(records) <= 6:
        return None
    prompt = scene.say(
        f'Delete the customers of {seller.name} with the status "Lost" whose last contact was before {written(day)}.',
        f'Clean up: remove all "Lost" customers that {seller.name} looks after and that nobody contacted on {day} or'
        " later.",
    )
    actions = [act("customers_delete", customer_id=record.id) for record in records]
    search = act("customers_search", assigned_to=seller.email, status="Lost", last_contact_until=day - timedelta(1))
    return Draft(prompt, actions, look_ups=[act("directory_find", query=seller.name), search])


@template(2, "email", "directory")
def archive_old(scene: Scene) -> Draft | None:
    """Somebody's older mails, from the inbox into the archive."""
    person, day = scene.colleague(), scene.today - timedelta(scene.rng.randint(15, 45))
    mails = [
        mail for mail in scene.mails_from(person.email) if mail.folder == "inbox" and mail.sent_at < day.isoformat()
    ]
    if not 2 <= len(mails) <= 6:
        return None
    who = scene.who(person)
    prompt = scene.say(
        f"Archive all mails from {who} in my inbox that are from before {written(day)}.",
        f"Everything in my inbox that {who} sent before {day} should go into the archive.",
    )
    actions = [act("email_move", email_id=mail.id, folder="archive") for mail in mails]
    search = act("email_search", sender=person.email, folder="inbox", last_day=day - timedelta(1))
    return Draft(prompt, actions, look_ups=[act("directory_find", query=person.role), search])


@template(2, "calendar", "directory")
def book_first_gap(scene: Scene) -> Draft | None:
    """A meeting at the first free time of a day."""
    person, day = scene.colleague(), scene.workday(1, 14)
    minutes, title = scene.pick((60, 90)), scene.pick(words.NEW_EVENTS)
    start = first_gap(scene, day, minutes)
    if start is None:
        return None
    prompt = scene.say(
        f"Find the earliest time {scene.on(day)} between 09:00 and 18:00 at which I am free for {minutes} minutes, and"
        f' book "{title}" with {scene.who(person)} for exactly that long, starting as soon as I am free.',
        f'I want to have "{title}" with {person.name} {scene.on(day)}, {minutes} minutes, as early as my calendar'
        f" allows"
        " between 09:00 and 18:00.",
    )
    action = act("calendar_create", title=title, start=f"{day} {start}", minutes=minutes, participants=[person.email])
    look_ups = [act("calendar_free", day=day, minutes=minutes), act("directory_find", query=person.role)]
    return Draft(prompt, [action], look_ups=look_ups)


@template(2, "analytics")
def plots_of_months(scene: Scene) -> Draft:
    """Two charts each for two months."""
    months = scene.rng.sample(range(1, 9), 2)
    kind = scene.pick(("bar", "line"))
    (first, _), (second, _) = periods = [month_before(scene.today, back) for back in months]
    prompt = scene.say(
        f"Make {kind} charts of the visits and of the engaged visits, each for {first:%B %Y} and for {second:%B %Y}:"
        " four charts, each of a whole month.",
        f"For my report I need four {kind} charts: visits of {first:%B %Y}, visits of {second:%B %Y}, and engaged"
        f" visits"
        " of the same two months. Always the whole month.",
    )
    actions: list[JsonObject] = [
        act("analytics_plot", metric=metric, kind=kind, first_day=begin, last_day=end)
        for metric in ("visits", "engaged_visits")
        for begin, end in periods
    ]
    return Draft(prompt, actions, look_ups=[act("analytics_sources")])


@template(2, "email", "directory")
def reply_and_archive(scene: Scene) -> Draft | None:
    """An answer to somebody's last mail in the inbox, which is then filed."""
    person, body = scene.colleague(), scene.message()
    mails = [mail for mail in scene.mails_from(person.email) if mail.folder == "inbox"]
    if not mails or mails[-1] != scene.mails_from(person.email)[-1]:
        return None
    who = scene.who(person)
    prompt = scene.say(
        f'Answer the newest mail from {who} with "{body}" and put that mail into the archive.',
        f'Reply "{body}" to the last mail {who} sent me. Afterwards move the mail you answered from the inbox to the'
        " archive.",
    )
    actions = [act("email_reply", email_id=mails[-1].id, body=body)]
    actions.append(act("email_move", email_id=mails[-1].id, folder="archive"))
    look_ups = [act("directory_find", query=person.role), act("email_search", sender=person.email)]
    return Draft(prompt, actions, look_ups=look_ups)


@template(2, "calendar")
def swap_meetings(scene: Scene) -> Draft | None:
    """Two meetings of a day change places."""
    day = scene.workday(1, 14)
    events = [event for event in scene.company.events if event.day == day]
    if len({event.title for event in events}) < len(events) or len(events) < 2:
        return None
    one, other = scene.rng.sample(events, 2)
    prompt = scene.say(
        f'Let "{one.title}" and "{other.title}" {scene.on(day)} change places: each begins when the other one did.'
        " Their lengths stay.",
        f'Swap the starting times of my meetings "{one.title}" and "{other.title}" {scene.on(day)}, nothing else.',
    )
    actions = [act("calendar_update", event_id=one.id, start=other.start)]
    actions.append(act("calendar_update", event_id=other.id, start=one.start))
    return Draft(prompt, actions, look_ups=[act("calendar_search", first_day=day, last_day=day)])


def first_gap(scene: Scene, day: date, minutes: int) -> str | None:
    """The first time (HH:MM) of a working day at which the calendar is free for so long; None when there is none."""
    free_from, end = (60 * hour for hour in WORKDAY)
    busy = [
        (60 * int(event.start[11:13]) + int(event.start[14:16]), event.minutes)
        for event in scene.company.events
        if event.day == day
    ]
    for start, length in [*busy, (end, 0)]:
        if start - free_from >= minutes:
            return f"{free_from // 60:02}:{free_from % 60:02}"
        free_from = max(free_from, start + length)
    return None


TEMPLATES = (
    mail_team,
    cancel_week_with,
    hand_over_tasks,
    postpone_overdue,
    hand_over_customers,
    drop_lost,
    archive_old,
    book_first_gap,
    plots_of_months,
    reply_and_archive,
    swap_meetings,
)
