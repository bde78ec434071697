"""Makes rows: decks with which a player who plays by the book wins."""

from random import Random

from polygym import JsonObject
from resources_servers.blackjack.game import DECK, Hand, should_hit

ATTEMPTS = 5_000
GREETINGS = (
    "You sit at a blackjack table.",
    "This is a hand of blackjack.",
    "Let us play blackjack, one hand, you against the dealer.",
    "You are playing blackjack in a small casino by the sea.",
)
RULES = (
    "Get closer to 21 than the dealer without going over. Number cards count their number, J, Q and K count 10, an ace"
    " counts 11 or, where that would be too much, 1. The dealer draws until 17 or more."
)
HOW = {
    "text": "In every turn, answer with <action>hit</action> to take a card or <action>stand</action> to stop.",
    "tool": "In every turn, call the tool hit to take a card or the tool stand to stop.",
}
BEGINNINGS = ("Deal me in.", "I am ready, deal.", "Cards, please.", "Let us begin.", "Shuffle and deal.")


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """A deck. The higher the difficulty, the more cards have to be taken before the player may stand."""
    hits = rng.choices((0, 1, 2, 3), weights=_weights(difficulty))[0]
    acts_by = rng.choice(sorted(HOW))
    system = f"{rng.choice(GREETINGS)} {RULES} {HOW[acts_by]}"
    return {
        "id": index,
        "responses_create_params": {
            "input": [{"role": "system", "content": system}, {"role": "user", "content": rng.choice(BEGINNINGS)}]
        },
        "deck": _deck(rng, hits),
        "acts_by": acts_by,
    }


def _weights(difficulty: float) -> list[float]:
    return [max(1.0 - difficulty, 0.02), 0.5, difficulty, 0.4 * difficulty]


def _deck(rng: Random, hits: int) -> list[str]:
    """A deck that is won by the book and not otherwise, after `hits` cards if one of many shuffles is like that."""
    won: list[str] = []
    for _ in range(ATTEMPTS):
        deck = rng.sample(DECK, len(DECK))
        taken = hits_by_the_book(deck)
        if taken == hits and (not hits or not is_won_by_standing(deck)):
            return deck
        won = deck if taken is not None else won
    return won


def hits_by_the_book(deck: list[str]) -> int | None:
    """How many cards basic strategy takes before it wins with this deck; None when it doesn't win."""
    hand = Hand(deck)
    hits = 0
    while not hand.is_bust and should_hit(hand.player, hand.dealer[0]):
        hand.hit()
        hits += 1
    return hits if hand.settle() == "win" else None


def is_won_by_standing(deck: list[str]) -> bool:
    """Whether the first two cards win."""
    return Hand(deck).settle() == "win"
