"""Blackjack, one hand an episode: the native example of an environment with reset and step, played by tool or text."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from polygym import Action, GymnasiumServer, JsonObject, Session, Step, TaskFields, ToolError, tool
from resources_servers.blackjack.game import REWARDS, Hand

ACTIONS = ("hit", "stand")


class BlackjackTask(TaskFields):
    """A deck, and how the model makes its moves."""

    deck: list[str] = Field(min_length=40)
    """Cards in the order in which they are drawn: two to the player, two to the dealer, then as they are asked for."""
    acts_by: Literal["text", "tool"] = "text"
    """Whether the model writes `<action>hit</action>` or calls the tool `hit`."""


class Table:
    """Where one hand is played."""

    def __init__(self) -> None:
        self.hand: Hand = Hand([])


class BlackjackServer(GymnasiumServer[BlackjackTask, Table]):
    """The model plays against a dealer who draws to 17."""

    def reset(self, session: Session[BlackjackTask, Table]) -> tuple[str, JsonObject]:
        """Deal."""
        session.state.hand = Hand(session.task.deck)
        return _seen(session), {}

    def offered_tools(self, session: Session[BlackjackTask, Table]) -> Iterable[Any]:
        """The two moves, where they are made by tool."""
        return self.tools.values() if session.task.acts_by == "tool" else ()

    @tool
    def hit(self, session: Session[BlackjackTask, Table]) -> Step:
        """Take another card."""
        card = session.state.hand.hit()
        if session.state.hand.is_bust:
            return _over(f"You drew {card}. Bust.", session)
        return Step(f"You drew {card}. {_seen(session)}")

    @tool
    def stand(self, session: Session[BlackjackTask, Table]) -> Step:
        """Take no more cards. The dealer plays, and the hand is over."""
        return _over("You stand.", session)

    def step(self, action: Action, session: Session[BlackjackTask, Table]) -> Step:
        """A move that was written."""
        choice = action.choose(ACTIONS) if session.task.acts_by == "text" else None
        if choice is None:
            wanted = "Call the tool hit or stand." if session.task.acts_by == "tool" else _HOW
            raise ToolError(f"That is no move. {wanted}")
        return self.hit(session) if choice == "hit" else self.stand(session)


_HOW = "Write <action>hit</action> or <action>stand</action>."


def _seen(session: Session[BlackjackTask, Table]) -> str:
    """What the player knows."""
    hand = session.state.hand
    return f"Your hand: {' '.join(hand.player)} = {hand.total}. The dealer shows {hand.dealer[0]}."


def _over(how: str, session: Session[BlackjackTask, Table]) -> Step:
    hand = session.state.hand
    result = hand.settle()
    text = f"{how} You have {hand.total}, the dealer has {' '.join(hand.dealer)}: {result}."
    return Step(text, REWARDS[result], terminated=True, info={"result": result})
