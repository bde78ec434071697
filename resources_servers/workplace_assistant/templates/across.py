"""Level 3: what one toolkit shows decides what is to be done with another."""

from datetime import datetime, timedelta

from resources_servers.workplace_assistant import words
from resources_servers.workplace_assistant.company import TIME_FORMAT
from resources_servers.workplace_assistant.templates.scene import Draft, Scene, act, last_week, template


@template(3, "customers", "calendar", "directory")
def meet_about_customer(scene: Scene) -> Draft | None:
    """A meeting with whoever looks after a customer, and the follow-up on the same day."""
    customer, title = scene.pick(scene.company.customers), scene.pick(words.NEW_EVENTS)
    day, time = scene.workday(2, 14), scene.clock()
    if customer.follow_up == day.isoformat():
        return None
    prompt = scene.say(
        f"Book 30 minutes with the colleague who looks after our customer {customer.name}, {scene.on(day)} at {time},"
        f' title "{title}", and set the follow-up of that customer to the same day.',
        f'Our customer {customer.name} needs attention: put "{title}" into my calendar {scene.on(day)}, {time}, for 30'
        " minutes, with the colleague the customer is assigned to, and make that day the customer's follow-up.",
    )
    event = act("calendar_create", title=title, start=f"{day} {time}", minutes=30, participants=[customer.assigned_to])
    follow_up = act("customers_update", customer_id=customer.id, follow_up=day)
    return Draft(prompt, [event, follow_up], look_ups=[act("customers_search", query=customer.name)])


@template(3, "email", "customers")
def forward_to_seller(scene: Scene) -> Draft | None:
    """A customer's last mail, to whoever looks after the customer."""
    addresses = {mail.sender for mail in scene.company.emails}
    customer = scene.pick([record for record in scene.company.customers if record.email in addresses])
    mail = scene.mails_from(customer.email)[-1]
    status = scene.pick([status for status in words.STATUSES if status != customer.status])
    prompt = scene.say(
        f"Our customer {customer.name} has written to me. Forward the newest of these mails to the colleague who looks"
        f' after them, and set their status to "{status}".',
        f"Pass the last mail from the customer {customer.name} on to whoever in our company the customer is assigned"
        f" to."
        f' In the customer record, the status should be "{status}" from now on.',
    )
    forward = act("email_forward", email_id=mail.id, recipient=customer.assigned_to)
    update = act("customers_update", customer_id=customer.id, status=status)
    look_ups = [act("customers_search", query=customer.name), act("email_search", sender=customer.email)]
    return Draft(prompt, [forward, update], look_ups=look_ups)


@template(3, "calendar", "email")
def delay_and_tell(scene: Scene) -> Draft | None:
    """A meeting an hour later, and a mail to each of those who take part."""
    event = scene.pick([event for event in scene.company.events if event.day > scene.today and len(event.guests) > 1])
    if sum((other.title, other.day) == (event.title, event.day) for other in scene.company.events) > 1:
        return None
    start = datetime.fromisoformat(event.start) + timedelta(hours=scene.pick((1, 2)))
    hours = int(start.strftime("%H")) - int(event.start[11:13])
    delay = "an hour" if hours == 1 else f"{hours} hours"
    body = f"{event.title} begins {delay} later."
    prompt = scene.say(
        f'Move "{event.title}" {scene.on(event.day)} back by {delay}, and send each of the other participants a mail of'
        f' their own with the subject "{event.title}" and the text "{body}"',
        f'"{event.title}" {scene.on(event.day)} has to begin {delay} later than planned. Change it, and write to'
        f' everybody else who takes part, one mail each: subject "{event.title}", text "{body}"',
    )
    actions = [act("calendar_update", event_id=event.id, start=start.strftime(TIME_FORMAT))]
    actions += [act("email_send", recipient=guest, subject=event.title, body=body) for guest in event.guests]
    search = act("calendar_search", query=event.title, first_day=event.day, last_day=event.day)
    return Draft(prompt, actions, look_ups=[search])


@template(3, "projects", "email", "directory")
def rescue_oldest(scene: Scene) -> Draft | None:
    """The most overdue task of a board to somebody else, and a mail to the one who had it."""
    board, heir, body = scene.pick(words.BOARDS), scene.colleague(), scene.message()
    late = sorted(
        (
            task
            for task in scene.company.tasks
            if task.board == board and task.stage != "Done" and task.due < scene.today.isoformat()
        ),
        key=lambda task: task.due,
    )
    if len(late) < 2 or late[0].due == late[1].due or late[0].assignee in (heir.email, scene.company.user.email):
        return None
    task = late[0]
    subject = f"Task {task.id}"
    prompt = scene.say(
        f'Of the tasks on the board "{board}" that are not "Done", take the one with the earliest due day. Give it to'
        f' {scene.who(heir)} and send a mail to the colleague who had it until now, with the subject "Task "'
        f" followed by"
        f' the id of the task and the text "{body}"',
        f'On the board "{board}", which open task (not "Done") is due first? {heir.name} shall have it. Tell the former'
        f' assignee by mail: the subject is "Task" and the id of the task, like "Task 1", the text is "{body}"',
    )
    actions = [act("projects_update", task_id=task.id, assignee=heir.email)]
    actions.append(act("email_send", recipient=task.assignee, subject=subject, body=body))
    search = act("projects_search", board=board, due_until=scene.today - timedelta(1))
    return Draft(prompt, actions, look_ups=[search, act("directory_find", query=heir.role)])


@template(3, "email", "projects", "directory")
def mail_to_task(scene: Scene) -> Draft | None:
    """A task that is called like somebody's last mail, which is then filed."""
    sender, person, board = scene.colleague(), scene.colleague(), scene.pick(words.BOARDS)
    mails, due = scene.mails_from(sender.email), scene.workday(3, 20)
    if not mails or mails[-1].folder != "inbox":
        return None
    mail, who = mails[-1], scene.who(sender)
    prompt = scene.say(
        f"Make a task out of the newest mail from {who}: its title is the subject of the mail, {scene.who(person)}"
        f" is to"
        f' do it, it is due {scene.on(due)}, and it belongs into the backlog of the board "{board}". Archive the mail.',
        f'Add a task to the board "{board}", stage "Backlog", due {scene.on(due)}, for {person.name}. The title is the'
        f" subject of the last mail that {who} sent me. Then move that mail to the archive.",
    )
    title = mail.subject
    actions = [act("projects_create", title=title, assignee=person.email, board=board, due=due, stage="Backlog")]
    actions.append(act("email_move", email_id=mail.id, folder="archive"))
    look_ups = [act("directory_find", query=sender.role), act("email_search", sender=sender.email)]
    look_ups.append(act("directory_find", query=person.role))
    return Draft(prompt, actions, look_ups=look_ups)


@template(3, "customers", "calendar", "directory")
def revive_customer(scene: Scene) -> Draft | None:
    """A meeting with a seller about the customer who has waited longest."""
    seller, status = scene.pick(scene.company.team("Sales")), scene.pick(("Lead", "Qualified", "Proposal"))
    records = sorted(
        (record for record in scene.company.customers if (record.assigned_to, record.status) == (seller.email, status)),
        key=lambda record: record.last_contact,
    )
    if len(records) < 3 or records[0].last_contact == records[1].last_contact:
        return None
    day, time = scene.workday(1, 12), scene.clock()
    if records[0].follow_up == day.isoformat():
        return None
    prompt = scene.say(
        f'Which "{status}" customer of {seller.name} have we not contacted for the longest time? Set the follow-up of'
        f" that customer so that it falls {scene.on(day)}, and book half an hour with {seller.name} on the same day at"
        f" {time}; the title of the meeting is the name of the customer.",
        f'Take the customer of {seller.name} with the status "{status}" whose last contact is the longest ago. Put a'
        f" meeting with {seller.name} into my calendar, {scene.on(day)}, {time}, 30 minutes, called like the customer,"
        " and make that day the customer's follow-up.",
    )
    event = act(
        "calendar_create", title=records[0].name, start=f"{day} {time}", minutes=30, participants=[seller.email]
    )
    follow_up = act("customers_update", customer_id=records[0].id, follow_up=day)
    search = act("customers_search", assigned_to=seller.email, status=status)
    return Draft(prompt, [event, follow_up], look_ups=[act("directory_find", query=seller.name), search])


@template(3, "analytics", "email", "directory")
def report_visits(scene: Scene) -> Draft:
    """Last week's visits, by mail."""
    first, last = last_week(scene.today)
    source, person = scene.pick(words.SOURCES), scene.colleague()
    visits, engaged = (
        sum(
            getattr(row, column)
            for row in scene.company.visits
            if row.source == source and first.isoformat() <= row.day <= last.isoformat()
        )
        for column in ("visits", "engaged")
    )
    subject = f"Last week, {source}"
    prompt = scene.say(
        f'Mail {scene.who(person)} how last week (Monday to Sunday) went for the source "{source}". Subject:'
        f' "{subject}".'
        ' Text: "Visits: X, engaged: Y", with the numbers in place of X and Y.',
        f'{person.name} wants the figures of the source "{source}" for last week, Monday to Sunday. Send a mail with'
        f" the"
        f' subject "{subject}" and the text "Visits: X, engaged: Y", where X and Y are the numbers of visits and of'
        " engaged visits.",
    )
    body = f"Visits: {visits}, engaged: {engaged}"
    period = {"first_day": first, "last_day": last, "source": source}
    look_ups = [act("analytics_visits", **period), act("analytics_engaged", **period)]
    look_ups.append(act("directory_find", query=person.role))
    return Draft(prompt, [act("email_send", recipient=person.email, subject=subject, body=body)], look_ups=look_ups)


@template(3, "customers", "email", "directory")
def mail_customers(scene: Scene) -> Draft | None:
    """A mail to each of some customers."""
    seller, product = scene.pick(scene.company.team("Sales")), scene.pick(words.PRODUCTS)
    status, subject, body = scene.pick(words.STATUSES), scene.pick(words.MESSAGE_SUBJECTS), scene.message()
    wanted = (seller.email, status, product)
    records = [
        record for record in scene.company.customers if (record.assigned_to, record.status, record.product) == wanted
    ]
    if not 2 <= len(records) <= 5:
        return None
    prompt = scene.say(
        f'Write to each "{status}" customer of {seller.name} who is interested in "{product}", one mail each: subject'
        f' "{subject}", text "{body}" Then enter today as the day of the last contact with them.',
        f'All customers that {seller.name} looks after with the status "{status}" and the product "{product}" should'
        f" get a"
        f' mail of their own from me with the subject "{subject}" and the text "{body}" Note today as their last'
        " contact.",
    )
    actions = [act("email_send", recipient=record.email, subject=subject, body=body) for record in records]
    actions += [act("customers_update", customer_id=record.id, last_contact=scene.today) for record in records]
    look_ups = [act("directory_team", team="Sales")]
    look_ups.append(act("customers_search", assigned_to=seller.email, status=status, product=product))
    return Draft(prompt, actions, look_ups=look_ups)


@template(3, "directory", "calendar", "projects")
def hand_over_and_meet(scene: Scene) -> Draft | None:
    """Somebody's tasks in a stage to a colleague, and a meeting of both."""
    person, stage = scene.colleague(), scene.pick(("Backlog", "In progress", "In review"))
    heir, day, time = scene.colleague(person), scene.workday(1, 10), scene.clock()
    tasks = [task for task in scene.company.tasks if (task.assignee, task.stage) == (person.email, stage)]
    if not 2 <= len(tasks) <= 5:
        return None
    title = scene.pick(words.NEW_EVENTS)
    prompt = scene.say(
        f'All tasks of {scene.who(person)} in the stage "{stage}", on whatever board, go to {scene.who(heir)}. Book an'
        f' hour with the two of them {scene.on(day)} at {time} to talk about it, title "{title}".',
        f'{heir.name} takes over the tasks of {person.name} that are in "{stage}", on all boards. I want to meet'
        f" both of"
        f' them about this: "{title}", {scene.on(day)}, {time}, 60 minutes.',
    )
    actions = [act("projects_update", task_id=task.id, assignee=heir.email) for task in tasks]
    guests = [person.email, heir.email]
    actions.append(act("calendar_create", title=title, start=f"{day} {time}", minutes=60, participants=guests))
    look_ups = [act("directory_find", query=person.role), act("directory_find", query=heir.role)]
    look_ups.append(act("projects_search", assignee=person.email, stage=stage))
    return Draft(prompt, actions, look_ups=look_ups)


TEMPLATES = (
    meet_about_customer,
    forward_to_seller,
    delay_and_tell,
    rescue_oldest,
    mail_to_task,
    revive_customer,
    report_visits,
    mail_customers,
    hand_over_and_meet,
)
