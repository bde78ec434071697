"""The rules of blackjack for one hand against the dealer, and the textbook's way of playing it. Knows no server."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

RANKS: Final = ("2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K", "A")
SUITS: Final = ("♠", "♥", "♦", "♣")
DECK: Final = tuple(f"{rank}{suit}" for suit in SUITS for rank in RANKS)
LIMIT: Final = 21
DEALER_STANDS_AT: Final = 17
Result: TypeAlias = Literal["win", "draw", "loss"]
REWARDS: Final[dict[Result, float]] = {"win": 1.0, "draw": 0.0, "loss": -1.0}


def rank_of(card: str) -> str:
    """`10` of `10♠`."""
    return card.rstrip("".join(SUITS))


def total_of(hand: Sequence[str]) -> tuple[int, bool]:
    """The best total of a hand, and whether an ace in it counts 11. Aces count 11 where that doesn't go over 21."""
    ranks = [rank_of(card) for card in hand]
    hard = sum(1 if rank == "A" else 10 if rank in "JQK" else int(rank) for rank in ranks)
    is_soft = "A" in ranks and hard + 10 <= LIMIT
    return (hard + 10 if is_soft else hard), is_soft


@dataclass(slots=True)
class Hand:
    """One hand: two cards each from the front of the deck, the player's first."""

    deck: Sequence[str]
    player: list[str] = field(default_factory=list)
    dealer: list[str] = field(default_factory=list)
    """The first card lies open."""

    def __post_init__(self) -> None:
        self.player, self.dealer = list(self.deck[0:2]), list(self.deck[2:4])

    @property
    def total(self) -> int:
        """Of the player's cards."""
        return total_of(self.player)[0]

    @property
    def is_bust(self) -> bool:
        """Whether the player has gone over 21."""
        return self.total > LIMIT

    def hit(self) -> str:
        """The player takes a card."""
        self.player.append(self._draw())
        return self.player[-1]

    def settle(self) -> Result:
        """The dealer draws to 17, and the totals are compared. A player who is bust has lost before that."""
        if self.is_bust:
            return "loss"
        while total_of(self.dealer)[0] < DEALER_STANDS_AT:
            self.dealer.append(self._draw())
        theirs = total_of(self.dealer)[0]
        if theirs > LIMIT or self.total > theirs:
            return "win"
        return "draw" if self.total == theirs else "loss"

    def _draw(self) -> str:
        return self.deck[len(self.player) + len(self.dealer)]


def should_hit(player: Sequence[str], dealers_card: str) -> bool:
    """Whether a player who goes by the book takes another card.

    Basic strategy without doubling or splitting, against a dealer who stands on 17.
    """
    total, is_soft = total_of(player)
    shown = total_of([dealers_card])[0]
    if is_soft:
        return total <= 17 or (total == 18 and shown >= 9)
    if total <= 11 or total >= 17:
        return total <= 11
    return shown >= 7 or (total == 12 and shown <= 3)
