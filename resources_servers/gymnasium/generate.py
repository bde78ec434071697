"""Makes rows: lakes to cross, taxis to drive, hands of blackjack, and now and then a cliff to walk along."""

from collections.abc import Callable
from random import Random

from polygym import JsonObject
from resources_servers.gymnasium.planner import opened, plan_in, plan_of, return_of_plan

SEEDS = 1_000_000
WASTE = 40.0
"""How far below the best return a finished episode is still worth something."""
PROMPTS = (
    "You play a game, turn by turn.",
    "You act in a small world, one action at a time.",
    "Here is an environment that answers each of your actions with what has come of it.",
    "Play to the end, and play well.",
)
STARTS = ("Begin.", "Go ahead.", "Show me what you can do.", "Your turn.", "Start now, please.")


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """An episode that can be won. Difficulty makes lakes larger and thinner, drives longer, hands less obvious."""
    make = rng.choices((_lake, _taxi, _blackjack, _cliff), weights=(10, 7, 5, 1))[0]
    game, actions = make(rng, difficulty)
    acts_by = rng.choice(("text", "tool"))
    prompt = [{"role": "system", "content": rng.choice(PROMPTS)}, {"role": "user", "content": rng.choice(STARTS)}]
    return {
        "id": index,
        "responses_create_params": {"input": prompt},
        **game,
        "acts_by": acts_by,
        "max_episode_steps": 3 * len(actions) + 20,
    }


def _lake(rng: Random, difficulty: float) -> tuple[JsonObject, list[int]]:
    """A random lake with a way across that is not a straight one."""
    size = 3 + round(5 * difficulty) + rng.randint(0, 1)
    holes = 0.15 + 0.2 * difficulty
    while True:
        cells = ["H" if rng.random() < holes else "F" for _ in range(size * size)]
        cells[0], cells[-1] = "S", "G"
        rows = ["".join(cells[start : start + size]) for start in range(0, size * size, size)]
        kwargs = {"desc": rows, "is_slippery": False}
        actions = plan_of("FrozenLake-v1", kwargs, 0)
        if actions is not None and "H" in cells:
            return {"env_id": "FrozenLake-v1", "env_kwargs": kwargs, "seed": 0, "return_bounds": [0.0, 1.0]}, actions


def _taxi(rng: Random, difficulty: float) -> tuple[JsonObject, list[int]]:
    """A drive of about the wanted length: 7 to 17 actions."""
    wanted = 7 + round(10 * difficulty) + rng.randint(-1, 1)
    return _seeded("Taxi-v4", rng, lambda actions: abs(len(actions) - wanted) <= 1)


def _blackjack(rng: Random, difficulty: float) -> tuple[JsonObject, list[int]]:
    """A hand that the best play wins; with difficulty more often one where it takes a card first."""
    must_hit = rng.random() < difficulty
    game, actions = _seeded("Blackjack-v1", rng, lambda actions: len(actions) > 1 or not must_hit)
    return {**game, "return_bounds": [-1.0, 1.0]}, actions


def _cliff(rng: Random, difficulty: float) -> tuple[JsonObject, list[int]]:
    return _seeded("CliffWalking-v1", rng, lambda actions: True)


def _seeded(env_id: str, rng: Random, is_wanted: Callable[[list[int]], bool]) -> tuple[JsonObject, list[int]]:
    """The first drawn seed whose plan is as wanted, and the plan."""
    with opened(env_id, {}) as env:
        while True:
            seed = rng.randrange(SEEDS)
            actions = plan_in(env, seed)
            if actions is not None and is_wanted(actions):
                best = return_of_plan(env, seed, actions)
                return {
                    "env_id": env_id,
                    "env_kwargs": {},
                    "seed": seed,
                    "return_bounds": [best - WASTE, best],
                }, actions
