"""Level 1: one action, for which something has to be looked up first."""

from datetime import timedelta

from resources_servers.workplace_assistant import words
from resources_servers.workplace_assistant.templates.scene import (
    Draft,
    Scene,
    act,
    month_before,
    template,
    written,
)


@template(1, "email", "directory")
def mail_colleague(scene: Scene) -> Draft:
    """A mail to somebody whose address is in the directory."""
    person, subject, body = scene.colleague(), scene.pick(words.MESSAGE_SUBJECTS), scene.message()
    who = scene.who(person)
    prompt = scene.say(
        f'Send {who} a mail with the subject "{subject}" and the text "{body}"',
        f'Write to {who}: subject "{subject}", text "{body}"',
    )
    find = act("directory_find", query=person.name if who == person.name else person.role)
    return Draft(prompt, [act("email_send", recipient=person.email, subject=subject, body=body)], look_ups=[find])


@template(1, "email", "directory")
def reply_to_latest(scene: Scene) -> Draft | None:
    """An answer to the last mail of somebody."""
    person, body = scene.colleague(), scene.message()
    mails = scene.mails_from(person.email)
    if not mails:
        return None
    who = scene.who(person)
    prompt = scene.say(
        f'Reply to the last mail that {who} sent me: "{body}"',
        f'Answer the newest mail from {who} with "{body}"',
    )
    look_ups = [act("directory_find", query=person.role), act("email_search", sender=person.email)]
    return Draft(prompt, [act("email_reply", email_id=mails[-1].id, body=body)], look_ups=look_ups)


@template(1, "email", "directory")
def forward_by_subject(scene: Scene) -> Draft | None:
    """A mail that is known by sender and subject, to a colleague."""
    mail = scene.pick([mail for mail in scene.company.emails if mail.folder == "inbox"])
    if sum(other.subject == mail.subject for other in scene.mails_from(mail.sender)) > 1:
        return None
    to, sender = scene.colleague(), scene.company.name_of[mail.sender]
    prompt = scene.say(
        f'Forward the mail "{mail.subject}" from {sender} to {scene.who(to)}.',
        f'{scene.who(to)} should see what {sender} wrote me under the subject "{mail.subject}". Please forward it.',
    )
    look_ups = [act("directory_find", query=to.role), act("email_search", query=mail.subject, sender=mail.sender)]
    return Draft(prompt, [act("email_forward", email_id=mail.id, recipient=to.email)], look_ups=look_ups)


@template(1, "email")
def delete_by_subject(scene: Scene) -> Draft | None:
    """A mail that is known by sender and subject, away."""
    mail = scene.pick([mail for mail in scene.company.emails if mail.folder == "inbox"])
    if sum(other.subject == mail.subject for other in scene.mails_from(mail.sender)) > 1:
        return None
    sender = scene.company.name_of[mail.sender]
    prompt = scene.say(
        f'Delete the mail "{mail.subject}" that {sender} sent me.',
        f'I do not need the mail from {sender} about "{mail.subject}" any more. Delete it.',
    )
    search = act("email_search", query=f"{mail.subject} {sender.split()[0]}")
    return Draft(prompt, [act("email_delete", email_id=mail.id)], look_ups=[search])


@template(1, "email", "directory")
def archive_latest(scene: Scene) -> Draft | None:
    """The last mail of somebody in the inbox, into the archive."""
    person = scene.colleague()
    mails = [mail for mail in scene.mails_from(person.email) if mail.folder == "inbox"]
    if not mails:
        return None
    who = scene.who(person)
    prompt = scene.say(
        f"Move the newest mail from {who} out of my inbox into the archive.",
        f"Archive the last mail of {who} that is in my inbox.",
    )
    search = act("email_search", sender=person.email, folder="inbox")
    look_ups = [act("directory_find", query=person.role), search]
    return Draft(prompt, [act("email_move", email_id=mails[-1].id, folder="archive")], look_ups=look_ups)


@template(1, "calendar")
def move_meeting(scene: Scene) -> Draft | None:
    """A meeting that is known by title and day, to another time."""
    event = scene.pick([event for event in scene.company.events if event.day > scene.today])
    if sum((other.title, other.day) == (event.title, event.day) for other in scene.company.events) > 1:
        return None
    day, time = scene.workday(1, 30), scene.clock()
    prompt = scene.say(
        f'Move "{event.title}" {scene.on(event.day)} to {written(day)}, {time}.',
        f'The meeting "{event.title}" {scene.on(event.day)} has to take place {scene.on(day)} at {time} instead.',
    )
    search = act("calendar_search", query=event.title, first_day=event.day, last_day=event.day)
    return Draft(prompt, [act("calendar_update", event_id=event.id, start=f"{day} {time}")], look_ups=[search])


@template(1, "calendar", "directory")
def cancel_next_meeting(scene: Scene) -> Draft | None:
    """The next meeting with somebody, away."""
    person = scene.colleague()
    events = scene.coming_meetings_with(person.email)
    if not events:
        return None
    who = scene.who(person)
    prompt = scene.say(
        f"Cancel my next meeting with {who}.",
        f"I cannot make it to the next meeting that {who} takes part in. Take it out of my calendar.",
    )
    search = act("calendar_search", participant=person.email, first_day=scene.today)
    look_ups = [act("directory_find", query=person.role), search]
    return Draft(prompt, [act("calendar_delete", event_id=events[0].id)], look_ups=look_ups)


@template(1, "calendar", "directory")
def invite(scene: Scene) -> Draft | None:
    """One more participant for a meeting that is known by title and day."""
    event, person = scene.pick([event for event in scene.company.events if event.day > scene.today]), scene.colleague()
    if sum((other.title, other.day) == (event.title, event.day) for other in scene.company.events) > 1:
        return None
    if person.email in event.guests:
        return None
    prompt = scene.say(
        f'Invite {scene.who(person)} to "{event.title}" {scene.on(event.day)} as well.',
        f'{person.name} should also take part in "{event.title}" {scene.on(event.day)}. Add them; the others stay.',
    )
    search = act("calendar_search", query=event.title, first_day=event.day, last_day=event.day)
    action = act("calendar_update", event_id=event.id, participants=[*event.guests, person.email])
    return Draft(prompt, [action], look_ups=[search, act("directory_find", query=person.role)])


@template(1, "projects", "directory")
def reassign_task(scene: Scene) -> Draft | None:
    """A task that is known by its title, to somebody else."""
    task, person = scene.pick(scene.company.tasks), scene.colleague()
    if task.assignee == person.email:
        return None
    prompt = scene.say(
        f'Give the task "{task.title}" to {scene.who(person)}.',
        f'From now on {person.name} does "{task.title}". Change the task accordingly.',
    )
    look_ups = [act("projects_search", query=task.title), act("directory_find", query=person.role)]
    return Draft(prompt, [act("projects_update", task_id=task.id, assignee=person.email)], look_ups=look_ups)


@template(1, "projects")
def set_due_day(scene: Scene) -> Draft | None:
    """Another day for a task that is known by its title."""
    task, day = scene.pick(scene.company.tasks), scene.workday(1, 20)
    if task.due == day.isoformat():
        return None
    prompt = scene.say(
        f'"{task.title}" has to be done {scene.on(day)}. Change its due day.',
        f'Set the due day of the task "{task.title}" so that it is due {scene.on(day)}.',
    )
    action = act("projects_update", task_id=task.id, due=day)
    return Draft(prompt, [action], look_ups=[act("projects_search", query=task.title)])


@template(1, "customers")
def set_customer_status(scene: Scene) -> Draft:
    """Another status for a customer who is known by name."""
    customer = scene.pick(scene.company.customers)
    status = scene.pick([status for status in words.STATUSES if status != customer.status])
    prompt = scene.say(
        f'{customer.name} of {customer.organisation} is "{status}" now. Note that in the customer record.',
        f'Change the status of our customer {customer.name} to "{status}".',
    )
    action = act("customers_update", customer_id=customer.id, status=status)
    return Draft(prompt, [action], look_ups=[act("customers_search", query=customer.name)])


@template(1, "customers")
def plan_follow_up(scene: Scene) -> Draft | None:
    """A day for the next contact with a customer who is known by name."""
    customer, day = scene.pick(scene.company.customers), scene.workday(1, 20)
    if customer.follow_up == day.isoformat():
        return None
    prompt = scene.say(
        f"We want to get back to our customer {customer.name} {scene.on(day)}. Set the follow-up day.",
        f"Set the follow-up of the customer {customer.name} so that it falls {scene.on(day)}.",
    )
    action = act("customers_update", customer_id=customer.id, follow_up=day)
    return Draft(prompt, [action], look_ups=[act("customers_search", query=customer.name)])


@template(1, "contacts")
def change_contact(scene: Scene) -> Draft:
    """Another phone number for a contact."""
    contact, phone = scene.pick(scene.company.contacts), f"+44 20 7946 1{scene.rng.randrange(1000):03}"
    prompt = scene.say(
        f"{contact.name} has a new phone number, {phone}. Change it in my contacts.",
        f"Set the phone number of {contact.name} of {contact.organisation} in my address book to {phone}.",
    )
    action = act("contacts_update", contact_id=contact.id, phone=phone)
    return Draft(prompt, [action], look_ups=[act("contacts_search", query=contact.name)])


@template(1, "contacts")
def remove_contact(scene: Scene) -> Draft:
    """A contact away."""
    contact = scene.pick(scene.company.contacts)
    prompt = scene.say(
        f"Remove {contact.name} from my contacts.",
        f"{contact.name} does not work for {contact.organisation} any more. Delete the contact.",
    )
    action = act("contacts_delete", contact_id=contact.id)
    return Draft(prompt, [action], look_ups=[act("contacts_search", query=contact.name)])


@template(1, "analytics")
def plot_period(scene: Scene) -> Draft:
    """A chart of a period that is given in words."""
    months = scene.rng.randint(1, 6)
    first, last = month_before(scene.today, months)
    metric, said = scene.pick(
        (("visits", "visits"), ("engaged_visits", "engaged visits"), ("visit_length", "visit length"))
    )
    kind = scene.pick(("bar", "line"))
    when = "last month" if months == 1 else f"{first:%B %Y}"
    prompt = scene.say(
        f"Make a {kind} chart of the {said} of {when}, from its first to its last day.",
        f"I need the {said} for the whole of {when} as a {kind} chart.",
    )
    action = act("analytics_plot", metric=metric, kind=kind, first_day=first, last_day=last)
    return Draft(prompt, [action], look_ups=[act("analytics_sources")])


@template(1, "email")
def reply_to_customer(scene: Scene) -> Draft | None:
    """An answer to the last mail of somebody outside the company."""
    outside = sorted({mail.sender for mail in scene.company.emails if not mail.sender.endswith(scene.company.domain)})
    sender, body = scene.pick(outside), scene.message()
    name, mails = scene.company.name_of[sender], scene.mails_from(sender)
    prompt = scene.say(
        f'{name} has written to me. Answer the last of these mails: "{body}"',
        f'Reply to the newest mail from {name} with "{body}"',
    )
    search = act("email_search", query=" ".join(name.lower().split()))
    return Draft(prompt, [act("email_reply", email_id=mails[-1].id, body=body)], look_ups=[search])


@template(1, "calendar")
def shorten_meeting(scene: Scene) -> Draft | None:
    """Another length for the first meeting of a day."""
    day = scene.workday(1, 14)
    events = [event for event in scene.company.events if event.day == day]
    if not events:
        return None
    minutes = scene.pick([length for length in (15, 20, 25, 40) if length < events[0].minutes])
    which = "tomorrow" if day == scene.today + timedelta(1) else scene.on(day)
    prompt = scene.say(
        f"My first meeting {which} should take {minutes} minutes only. Change that.",
        f"Shorten the earliest meeting that I have {which} to {minutes} minutes.",
    )
    search = act("calendar_search", first_day=day, last_day=day)
    return Draft(prompt, [act("calendar_update", event_id=events[0].id, minutes=minutes)], look_ups=[search])


TEMPLATES = (
    mail_colleague,
    reply_to_latest,
    forward_by_subject,
    delete_by_subject,
    archive_latest,
    move_meeting,
    cancel_next_meeting,
    invite,
    reassign_task,
    set_due_day,
    set_customer_status,
    plan_follow_up,
    change_contact,
    remove_contact,
    plot_period,
    reply_to_customer,
    shorten_meeting,
)
