"""The computed play of blackjack hands against what textbooks print."""

import pytest

from resources_servers.gymnasium.hands import worth_of_hitting, worth_of_standing

SHOWN = (2, 3, 4, 5, 6, 7, 8, 9, 10, 1)
"""The dealer's cards as textbooks order them, the ace last."""


def hits(total: int, *, is_soft: bool) -> str:
    """`H` or `S` for each card that the dealer may show."""
    better = (worth_of_hitting(total, is_soft, shown) > worth_of_standing(total, shown) for shown in SHOWN)
    return "".join("H" if is_hit_better else "S" for is_hit_better in better)


@pytest.mark.parametrize(
    ("total", "is_soft", "row"),
    [
        (11, False, "HHHHHHHHHH"),
        (12, False, "HHSSSHHHHH"),
        (13, False, "SSSSSHHHHH"),
        (16, False, "SSSSSHHHHH"),
        (17, False, "SSSSSSSSSS"),
        (17, True, "HHHHHHHHHH"),
        (18, True, "SSSSSSSHHH"),
        (19, True, "SSSSSSSSSS"),
    ],
)
def test_a_hand_is_played_as_basic_strategy_plays_it(total: int, is_soft: bool, row: str) -> None:
    assert hits(total, is_soft=is_soft) == row


def test_standing_on_21_is_worth_most() -> None:
    worth = [worth_of_standing(total, 10) for total in range(4, 22)]

    assert worth == sorted(worth) and -1 < worth[0] < 0 < worth[-1] < 1
