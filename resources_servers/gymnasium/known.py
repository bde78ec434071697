"""What a player has to be told about environments that come with Gymnasium: rules, names of actions and values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

STRANGER_RULES: Final = "Find out what the environment is about, and get as much reward as you can."


@dataclass(frozen=True, slots=True)
class Guide:
    """How to play one kind of environment."""

    rules: str
    actions: tuple[str, ...]
    """Names of the actions, from the first one."""
    values: tuple[str, ...] = ()
    """Names of an observation's values."""
    describe: Callable[[Any, Any], str] | None = None
    """The observation in words, from the unwrapped environment and the observation."""


def guide_of(env_id: str) -> Guide | None:
    """The guide for an environment, whatever its version; None for a stranger."""
    return GUIDES.get(env_id.rpartition("/")[2].partition("-v")[0])


def _describe_taxi(env: Any, observation: Any) -> str:
    row, column, passenger, destination = env.decode(int(observation))
    places = [f"{name} (row {place[0]}, column {place[1]})" for name, place in zip("RGYB", env.locs, strict=True)]
    where = "in the taxi" if passenger == len(places) else f"waiting at {places[passenger]}"
    return f"The taxi is at row {row}, column {column}. The passenger is {where}, and wants to {places[destination]}."


_LAKE = Guide(
    rules=(
        "You cross a frozen lake from S to G. F is ice that bears you, H is a hole that does not. Brackets mark where"
        " you stand. Reaching G gives 1, everything else 0; falling in ends the crossing."
    ),
    actions=("left", "down", "right", "up"),
)
_CLIFF = Guide(
    rules=(
        "You are x and walk to T. C is a cliff: stepping on it costs 100 and takes you back to the start. Every other"
        " step costs 1."
    ),
    actions=("up", "right", "down", "left"),
)
GUIDES: Final[Mapping[str, Guide]] = {
    "FrozenLake": _LAKE,
    "FrozenLake8x8": _LAKE,
    "CliffWalking": _CLIFF,
    "CliffWalkingSlippery": _CLIFF,
    "Taxi": Guide(
        rules=(
            "You drive a taxi. Go where the passenger is, pick them up, take them to where they want to go, and drop"
            " them off there. Rows are counted from the top and columns from the left, both from 0. You can drive"
            " through ':' but not through '|'. Every action costs 1, a pick-up or drop-off that is not possible costs"
            " 10, the right drop-off gives 20."
        ),
        actions=("south", "north", "east", "west", "pickup", "dropoff"),
        describe=_describe_taxi,
    ),
    "Blackjack": Guide(
        rules=(
            "You play blackjack against a dealer who draws to 17. Picture cards count 10, an ace 11 or 1. Stick when"
            " you are close enough to 21. Winning gives 1, losing -1."
        ),
        actions=("stick", "hit"),
        values=("your total", "the dealer's open card", "you have an ace that counts 11"),
    ),
    "CartPole": Guide(
        rules="A pole stands on a cart. Push the cart so that the pole stays upright and the cart stays on its track.",
        actions=("left", "right"),
        values=("cart position", "cart velocity", "pole angle in radians", "pole angular velocity"),
    ),
    "MountainCar": Guide(
        rules="A car in a valley is too weak to drive straight up. Gain speed and reach the flag at position 0.5.",
        actions=("left", "wait", "right"),
        values=("position", "velocity"),
    ),
    "Acrobot": Guide(
        rules="Two links hang from a joint; you push at the one between them. Swing the lower end above the line.",
        actions=("push back", "wait", "push forward"),
        values=("cos of angle 1", "sin of angle 1", "cos of angle 2", "sin of angle 2", "velocity 1", "velocity 2"),
    ),
}
