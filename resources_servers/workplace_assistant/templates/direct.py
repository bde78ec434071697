"""Level 0: one action, and the request gives all values."""

from datetime import timedelta

from resources_servers.workplace_assistant import words
from resources_servers.workplace_assistant.company import address
from resources_servers.workplace_assistant.templates.scene import Draft, Scene, act, template


@template(0, "email")
def send_mail(scene: Scene) -> Draft:
    """A mail to an address."""
    to, subject, body = scene.colleague().email, scene.pick(words.MESSAGE_SUBJECTS), scene.message()
    prompt = scene.say(
        f'Send a mail to {to} with the subject "{subject}" and the text "{body}"',
        f'Please write to {to}. Subject: "{subject}". Text: "{body}"',
        f'{to} should get a mail from me, subject "{subject}", saying "{body}"',
    )
    return Draft(prompt, [act("email_send", recipient=to, subject=subject, body=body)])


@template(0, "email")
def forward_by_id(scene: Scene) -> Draft:
    """A known mail to an address."""
    mail, to = scene.pick(scene.company.emails), scene.colleague().email
    prompt = scene.say(f"Forward mail {mail.id} to {to}.", f"Please pass the mail with the id {mail.id} on to {to}.")
    return Draft(prompt, [act("email_forward", email_id=mail.id, recipient=to)])


@template(0, "email")
def delete_mail_by_id(scene: Scene) -> Draft:
    """A known mail away."""
    mail = scene.pick(scene.company.emails)
    prompt = scene.say(f"Delete the mail with the id {mail.id}.", f"Mail {mail.id} can go. Please delete it.")
    return Draft(prompt, [act("email_delete", email_id=mail.id)])


@template(0, "calendar")
def create_event(scene: Scene) -> Draft:
    """An event with all its fields."""
    title, guest, time = scene.pick(words.NEW_EVENTS), scene.colleague().email, scene.clock()
    day, minutes = scene.workday(1, 30), scene.pick((30, 45, 60, 90))
    prompt = scene.say(
        f'Put "{title}" into my calendar, on {day} at {time}, for {minutes} minutes, with {guest}.',
        f'I need a meeting called "{title}" with {guest}: {day}, {time}, {minutes} minutes.',
    )
    action = act("calendar_create", title=title, start=f"{day} {time}", minutes=minutes, participants=[guest])
    return Draft(prompt, [action])


@template(0, "calendar")
def cancel_event_by_id(scene: Scene) -> Draft:
    """A known event away."""
    event = scene.pick([event for event in scene.company.events if event.day > scene.today])
    prompt = scene.say(f"Cancel event {event.id}.", f"Take the event with the id {event.id} out of my calendar.")
    return Draft(prompt, [act("calendar_delete", event_id=event.id)])


@template(0, "calendar")
def move_event_by_id(scene: Scene) -> Draft:
    """A known event to another time."""
    event = scene.pick([event for event in scene.company.events if event.day > scene.today])
    day, time = event.day + timedelta(7), scene.clock()
    prompt = scene.say(
        f"Move event {event.id} to {day}, {time}.", f"Event {event.id} has to be on {day} at {time} instead."
    )
    return Draft(prompt, [act("calendar_update", event_id=event.id, start=f"{day} {time}")])


@template(0, "projects")
def create_task(scene: Scene) -> Draft:
    """A task with all its fields."""
    title, person, board = scene.pick(words.NEW_TASKS), scene.colleague().email, scene.pick(words.BOARDS)
    stage, due = scene.pick(("Backlog", "In progress")), scene.workday(3, 40)
    prompt = scene.say(
        f'Add a task "{title}" for {person} to the board "{board}", stage "{stage}", due on {due}.',
        f'New task on the board "{board}": "{title}". Assignee {person}, stage "{stage}", due {due}.',
    )
    action = act("projects_create", title=title, assignee=person, board=board, due=due, stage=stage)
    return Draft(prompt, [action])


@template(0, "projects")
def move_task_by_id(scene: Scene) -> Draft:
    """A known task to another stage."""
    task = scene.pick(scene.company.tasks)
    stage = scene.pick([stage for stage in words.STAGES if stage != task.stage])
    prompt = scene.say(f'Move task {task.id} to "{stage}".', f'Task {task.id} belongs into "{stage}" now.')
    return Draft(prompt, [act("projects_update", task_id=task.id, stage=stage)])


@template(0, "customers")
def add_customer(scene: Scene) -> Draft:
    """A customer record with all its fields."""
    name = f"{scene.pick(words.STAFF_FIRST_NAMES)} {scene.pick(words.OUTSIDE_LAST_NAMES)}"
    email, product = address(name, "meadow-labs.example"), scene.pick(words.PRODUCTS)
    status, seller = scene.pick(("Lead", "Qualified")), scene.pick(scene.company.team("Sales")).email
    prompt = scene.say(
        f'Add {name} ({email}) as a customer with the status "{status}", interested in "{product}", looked after by'
        f" {seller}. Leave everything else as it comes.",
        f'New customer: {name}, {email}, status "{status}", product "{product}", assigned to {seller}. Nothing more is'
        " known yet.",
    )
    fields = {"name": name, "email": email, "assigned_to": seller, "status": status, "product": product}
    return Draft(prompt, [act("customers_create", **fields)])


@template(0, "customers")
def customer_status_by_id(scene: Scene) -> Draft:
    """A known customer to another status."""
    customer = scene.pick(scene.company.customers)
    status = scene.pick([status for status in words.STATUSES if status != customer.status])
    prompt = scene.say(
        f'Set the status of customer {customer.id} to "{status}".',
        f'The customer with the id {customer.id} is "{status}" from today on.',
    )
    return Draft(prompt, [act("customers_update", customer_id=customer.id, status=status)])


@template(0, "contacts")
def add_contact(scene: Scene) -> Draft:
    """An entry of the address book with all its fields."""
    name = f"{scene.pick(words.STAFF_FIRST_NAMES)} {scene.pick(words.OUTSIDE_LAST_NAMES)}"
    email, phone = address(name, "copper-press.example"), f"+44 20 7946 0{scene.rng.randrange(1000):03}"
    prompt = scene.say(
        f'Put {name} of "Copper Press" into my contacts: {email}, {phone}.',
        f'Please save a contact: {name}, {email}, phone {phone}, organisation "Copper Press".',
    )
    fields = {"name": name, "email": email, "phone": phone, "organisation": "Copper Press"}
    return Draft(prompt, [act("contacts_add", **fields)])


@template(0, "analytics")
def make_plot(scene: Scene) -> Draft:
    """A chart of a given period."""
    metric, words_for_it = scene.pick((("visits", "visits"), ("engaged_visits", "engaged visits")))
    kind = scene.pick(("bar", "line"))
    first = scene.today - timedelta(scene.rng.randint(40, 400))
    last = first + timedelta(scene.rng.randint(6, 30))
    prompt = scene.say(
        f"Make a {kind} chart of the {words_for_it} from {first} to {last}.",
        f"I would like to have the {words_for_it} of {first} to {last} as a {kind} chart.",
    )
    return Draft(prompt, [act("analytics_plot", metric=metric, kind=kind, first_day=first, last_day=last)])


TEMPLATES = (
    send_mail,
    forward_by_id,
    delete_mail_by_id,
    create_event,
    cancel_event_by_id,
    move_event_by_id,
    create_task,
    move_task_by_id,
    add_customer,
    customer_status_by_id,
    add_contact,
    make_plot,
)
