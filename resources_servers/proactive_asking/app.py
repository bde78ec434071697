"""Errands for a customer who has left something out: ask for what is missing, and only for that; then act, once."""

import datetime
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from polygym import JsonObject, ResourcesServer, RolloutView, Session, TaskFields, ToolError, Verification, tool
from polygym.kit.answers import readable
from polygym.protocol.items import is_message, text_of
from resources_servers.proactive_asking.asking import Question, understand
from resources_servers.proactive_asking.facts import ERRANDS, KINDS, Fact

PATIENCE: Final = 4
"""Turns without a question for something missing that the customer puts up with."""
DONE: Final = '{"done":true}'
"""What a tool that does an errand gives."""
MOST_KNOWN: Final = 2
"""Facts that were known and asked for all the same; further ones cost nothing more."""


class ErrandTask(TaskFields):
    """One errand, everything there is to know about it, and what the request leaves out."""

    errand: Literal["book_table", "order_taxi", "send_parcel", "order_cake", "book_repair", "transfer_money"]
    """The tool that does it."""
    facts: dict[str, Fact]
    """By argument of the tool."""
    missing: list[str]
    """Arguments that neither the request nor the profile says; the customer tells them when asked."""
    replies: dict[str, str]
    """How the customer tells them."""
    profile: dict[str, str] = Field(default_factory=dict)
    """What `get_profile` gives."""

    @model_validator(mode="after")
    def _is_whole(self) -> "ErrandTask":
        wanted = ERRANDS[self.errand].facts
        if self.facts.keys() != wanted.keys():
            raise ValueError(f"'facts' must hold the arguments of {self.errand}: {', '.join(wanted)}")
        if not self.facts.keys() >= set(self.missing) or not self.replies.keys() >= set(self.missing):
            raise ValueError("'missing' must name arguments, each with a reply")
        return self

    def asks(self, text: str, told: set[str]) -> Question:
        """What a message asks for when the customer has told those facts besides their request."""
        return understand(text, ERRANDS[self.errand].facts, self.facts, set(self.missing) - told)


@dataclass(frozen=True)
class Action:
    """The one call that did an errand."""

    tool: str
    arguments: JsonObject
    told: frozenset[str]
    """What the customer had told by then, besides their request."""


@dataclass
class Talk:
    """What was asked and told so far."""

    told: set[str] = field(default_factory=set)
    known_asked: set[str] = field(default_factory=set)
    """Facts that were asked for although they were known."""
    wasted: int = 0
    """Turns that asked for nothing that was missing."""
    questions: int = 0
    """Turns in which the customer was spoken to before the errand was done."""

    def hear(self, question: Question) -> None:
        """Count a turn; what is wanted is told."""
        self.questions += 1
        self.told |= question.wanted
        self.known_asked |= question.known
        self.wasted += not question.wanted


@dataclass
class ErrandState:
    """One rollout's conversation and action."""

    action: Action | None = None
    talk: Talk = field(default_factory=Talk)
    has_scripted_user: bool = False
    """Whether the customer's answers come from here, not from a user model."""


ErrandSession = Session[ErrandTask, ErrandState]


class ErrandServer(ResourcesServer[ErrandTask, ErrandState]):
    """Does errands, plays the customer, and looks at who asked for what before acting."""

    @tool
    def get_profile(self, session: ErrandSession) -> dict[str, str]:
        """Look up what the customer has left in their profile: home address, phone number, main account."""
        return session.task.profile

    @tool
    def book_table(
        self,
        restaurant: str,
        date: Annotated[datetime.date, "YYYY-MM-DD"],
        time: Annotated[str, "HH:MM, 24 hours"],
        guests: int,
        session: ErrandSession,
    ) -> str:
        """Book a table in a restaurant. It cannot be undone."""
        return _do(session, "book_table", restaurant=restaurant, date=date, time=time, guests=guests)

    @tool
    def order_taxi(
        self,
        pickup: Annotated[str, "Where the ride begins: a place or an address"],
        destination: str,
        time: Annotated[str, "HH:MM, 24 hours"],
        passengers: int,
        session: ErrandSession,
    ) -> str:
        """Order a taxi for today. It cannot be undone."""
        return _do(session, "order_taxi", pickup=pickup, destination=destination, time=time, passengers=passengers)

    @tool
    def send_parcel(
        self,
        recipient: Annotated[str, "Full name"],
        address: Annotated[str, "Street and number"],
        weight_kg: float,
        service: Literal["standard", "express"],
        session: ErrandSession,
    ) -> str:
        """Have a parcel collected and sent. It cannot be undone."""
        return _do(session, "send_parcel", recipient=recipient, address=address, weight_kg=weight_kg, service=service)

    @tool
    def order_cake(
        self,
        flavour: str,
        servings: Annotated[int, "Number of people"],
        pickup_date: Annotated[datetime.date, "YYYY-MM-DD"],
        inscription: Annotated[str, "The words on the cake"],
        session: ErrandSession,
    ) -> str:
        """Order a cake. It cannot be undone."""
        return _do(
            session,
            "order_cake",
            flavour=flavour,
            servings=servings,
            pickup_date=pickup_date,
            inscription=inscription,
        )

    @tool
    def book_repair(
        self,
        appliance: str,
        date: Annotated[datetime.date, "YYYY-MM-DD"],
        part_of_day: Literal["morning", "afternoon", "evening"],
        phone: Annotated[str, "Number on which the technician can call"],
        session: ErrandSession,
    ) -> str:
        """Book a technician who repairs an appliance. It cannot be undone."""
        return _do(session, "book_repair", appliance=appliance, date=date, part_of_day=part_of_day, phone=phone)

    @tool
    def transfer_money(
        self,
        amount: Annotated[float, "Euros"],
        recipient: Annotated[str, "Full name"],
        account: Annotated[str, "The customer's account that pays"],
        reference: Annotated[str, "What the recipient reads on the statement"],
        session: ErrandSession,
    ) -> str:
        """Transfer money. It cannot be undone."""
        return _do(session, "transfer_money", amount=amount, recipient=recipient, account=account, reference=reference)

    def next_user_message(self, rollout: RolloutView, session: ErrandSession) -> str | None:
        """The customer tells what is asked for and missing; None once the errand is done, or they have had enough."""
        state, task = session.state, session.task
        state.has_scripted_user = True
        if state.action is not None or state.talk.wasted >= PATIENCE:
            return None
        question = task.asks(_last_turn(rollout), state.talk.told)
        state.talk.hear(question)
        if question.wanted:
            told = " ".join(task.replies[name] for name in task.missing if name in question.wanted)
            return f"{told} The rest you know already." if question.known else told
        if question.known:
            return "You know that already."
        return "What exactly do you want to know?" if question.is_asked else "Please go ahead."

    def verify(self, rollout: RolloutView, session: ErrandSession) -> Verification:
        """The product of `action` and `asking`; see the README."""
        state, task = session.state, session.task
        talk, action = state.talk, state.action
        if not state.has_scripted_user:
            talk = _talk_in(rollout, task)
        told = talk.told if action is None or not state.has_scripted_user else action.told
        guessed = [name for name in task.missing if name not in told]
        wrong = _wrong_arguments(action, task)
        faults = talk.wasted + min(len(talk.known_asked), MOST_KNOWN)
        asking = 0.0 if guessed else 0.5**faults
        done = action is not None and not wrong
        return Verification(
            reward=float(done) * asking,
            components={"action": float(done), "asking": asking},
            fields={
                "num_questions": talk.questions,
                "wasted_questions": talk.wasted,
                "known_facts_asked": sorted(talk.known_asked),
                "facts_not_asked": guessed,
                "wrong_arguments": wrong,
            },
            explanation=_explain(action, task, wrong, guessed, talk),
        )


def _do(session: ErrandSession, name: str, **arguments: Any) -> str:
    """Do the errand. Raises ToolError when one is done already."""
    state = session.state
    if state.action is not None:
        raise ToolError(f"{state.action.tool} has been carried out and cannot be undone; nothing else can be done.")
    given = {key: str(value) if isinstance(value, datetime.date) else value for key, value in arguments.items()}
    state.action = Action(name, given, frozenset(state.talk.told))
    return DONE


def _last_turn(rollout: RolloutView) -> str:
    """The text of the assistant's messages since the user spoke last."""
    said: list[str] = []
    for item in reversed(rollout.output):
        if is_message(item):
            if item["role"] == "user":
                break
            said.append(text_of(item.get("content")))
    return "\n".join(reversed(said))


def _talk_in(rollout: RolloutView, task: ErrandTask) -> Talk:
    """The talk with a user model, read from the rollout up to the call that does an errand.

    A fact counts as told when it was asked for and the user answered, or when the user's message holds it.
    """
    talk, said = Talk(), ""
    for item in rollout.output:
        if item.get("type") == "function_call_output" and item.get("output") == DONE:
            break
        if is_message(item):
            text = text_of(item.get("content"))
            if item["role"] != "user":
                said += f"\n{text}"
                continue
            question = task.asks(said, talk.told)
            told = {name for name in task.missing if task.facts[name].spoken.lower() in text.lower()} - talk.told
            talk.hear(question._replace(wanted=question.wanted | told))
            said = ""
    return talk


def _wrong_arguments(action: Action | None, task: ErrandTask) -> list[str]:
    """Arguments that are not as they should be; all of them when another errand was done, or none."""
    kinds = ERRANDS[task.errand].facts
    if action is None or action.tool != task.errand:
        return list(kinds)
    return [
        name for name, kind in kinds.items() if not is_same(kind, task.facts[name].value, action.arguments.get(name))
    ]


def is_same(kind: str, expected: Any, given: Any) -> bool:
    """Whether a tool was given the expected value, in whatever form."""
    if isinstance(expected, str):
        if kind == "time":
            return _minutes(expected) == _minutes(str(given))
        if kind == "phone":
            return re.sub(r"\D", "", expected) == re.sub(r"[ ()/.+-]", "", _plain(str(given)))
        ignored = KINDS[kind].ignored
        return _words(expected, ignored) == _words(str(given), ignored)
    return isinstance(given, int | float) and abs(given - expected) < 0.005


def _plain(text: str) -> str:
    return readable(text).lower().strip()


def _words(text: str, ignored: frozenset[str]) -> list[str]:
    words = re.findall(r"[^\W_]+", _plain(text).replace("'", "").replace("&", " and "))
    return [word for word in words if word not in ignored]


_CLOCK: Final = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?(?::00)?\s*(?:([ap])\.?m\.?)?")


def _minutes(text: str) -> int | None:
    """Minutes since midnight of `19:30`, `7:30 pm` and the like; None for anything else."""
    found = _CLOCK.fullmatch(_plain(text))
    if found is None:
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[3] == "p" else 0)
    return hour * 60 + minute if hour < 24 and minute < 60 else None


def _explain(action: Action | None, task: ErrandTask, wrong: list[str], guessed: list[str], talk: Talk) -> str:
    if action is None:
        return "nothing was done"
    if action.tool != task.errand:
        return f"{action.tool} was called, not {task.errand}"
    if wrong:
        return f"wrong arguments: {', '.join(wrong)}"
    if guessed:
        return f"acted without having asked for: {', '.join(guessed)}"
    faults = [f"{talk.wasted} turns asked for nothing that was missing"] if talk.wasted else []
    faults += [f"asked for what was known: {', '.join(sorted(talk.known_asked))}"] if talk.known_asked else []
    return "; ".join(faults) or "asked for what was missing, then acted"
