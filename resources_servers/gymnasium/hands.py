"""The best play of Gymnasium's Blackjack, computed from its rules: an endless deck, a dealer who draws to 17."""

from functools import cache
from typing import Final

LIMIT: Final = 21
DEALER_STANDS_AT: Final = 17
CHANCES: Final = {card: (4 if card == 10 else 1) / 13 for card in range(1, 11)}
"""How likely each card is to be drawn; 1 is an ace."""


@cache
def worth_of_hitting(total: int, is_soft: bool, shown: int) -> float:
    """The reward to expect from another card and the best play after it, as `worth_of_standing`.

    `is_soft` says whether an ace in the hand counts 11.
    """
    worth = 0.0
    for card, chance in CHANCES.items():
        drawn, is_still_soft = _with_card(total, is_soft, card)
        if drawn > LIMIT:
            worth -= chance
        else:
            worth += chance * max(worth_of_standing(drawn, shown), worth_of_hitting(drawn, is_still_soft, shown))
    return worth


@cache
def worth_of_standing(total: int, shown: int) -> float:
    """The reward to expect, from -1 to 1, when the dealer shows a card worth `shown`, 1 for an ace."""
    return _against_dealer(total, *_with_card(0, False, shown))


@cache
def _against_dealer(total: int, theirs: int, is_soft: bool) -> float:
    if theirs >= DEALER_STANDS_AT:
        return 1.0 if theirs > LIMIT else float((total > theirs) - (total < theirs))
    return sum(chance * _against_dealer(total, *_with_card(theirs, is_soft, card)) for card, chance in CHANCES.items())


def _with_card(total: int, is_soft: bool, card: int) -> tuple[int, bool]:
    """The best total after another card, and whether an ace counts 11 in it."""
    hard = total + card - (10 if is_soft else 0)
    has_ace = is_soft or card == 1
    return (hard + 10, True) if has_ace and hard + 10 <= LIMIT else (hard, False)
