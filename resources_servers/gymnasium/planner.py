"""Perfect play, for what can be computed: shortest ways through tabular environments, best chances at blackjack."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium

from polygym import JsonObject
from resources_servers.gymnasium.app import make_env
from resources_servers.gymnasium.hands import worth_of_hitting, worth_of_standing


def plan_of(env_id: str, env_kwargs: JsonObject, seed: int) -> list[int] | None:
    """The actions that win an episode; None where there is no way, or where the best play loses at blackjack."""
    with opened(env_id, env_kwargs) as env:
        return plan_in(env, seed)


@contextmanager
def opened(env_id: str, env_kwargs: JsonObject) -> Iterator[gymnasium.Env[Any, Any]]:
    """The environment, closed on the way out."""
    env, _ = make_env(env_id, env_kwargs)
    try:
        yield env
    finally:
        env.close()


def plan_in(env: gymnasium.Env[Any, Any], seed: int) -> list[int] | None:
    """As `plan_of`, for an environment with a table of transitions that leave nothing to chance, or Blackjack."""
    observation, _ = env.reset(seed=seed)
    plain: Any = env.unwrapped
    return _shortest_way(plain.P, int(plain.s)) if hasattr(plain, "P") else _best_play(env, observation)


def return_of_plan(env: gymnasium.Env[Any, Any], seed: int, actions: list[int]) -> float:
    """The sum of rewards that the actions bring."""
    env.reset(seed=seed)
    return sum(float(env.step(action)[1]) for action in actions)


def _shortest_way(table: Any, start: int) -> list[int] | None:
    """The fewest actions to the ending with the highest reward. An ending with none at all is a hole in the ice."""
    ways: dict[int, list[int]] = {start: []}
    waiting = deque([start])
    endings: list[tuple[float, list[int]]] = []
    while waiting:
        state = waiting.popleft()
        for action, outcomes in table[state].items():
            ((_, successor, reward, is_end),) = outcomes
            way = [*ways[state], int(action)]
            if is_end and reward:
                endings.append((float(reward), way))
            elif not is_end and successor not in ways:
                ways[successor] = way
                waiting.append(successor)
    return max(endings, key=lambda ending: ending[0])[1] if endings else None


def _best_play(env: gymnasium.Env[Any, Any], observation: Any) -> list[int] | None:
    actions: list[int] = []
    is_over, reward = False, 0.0
    while not is_over:
        total, shown, has_soft_ace = map(int, observation)
        is_hit_better = worth_of_hitting(total, bool(has_soft_ace), shown) > worth_of_standing(total, shown)
        actions.append(int(is_hit_better))
        observation, gained, is_over, _, _ = env.step(actions[-1])
        reward = float(gained)
    return actions if reward > 0 else None
