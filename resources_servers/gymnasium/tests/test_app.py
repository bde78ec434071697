"""Gymnasium's environments, played through the real agent by scripts."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gymnasium", reason="the extra 'gymnasium' is not installed")

import gymnasium

from polygym import FailureClass, JsonObject, RolloutFailure
from polygym.kit import Environment, call, generate_rows, load_environment, play
from polygym.protocol.errors import InputError
from resources_servers.gymnasium.app import GymnasiumEnvServer
from resources_servers.gymnasium.tests import worlds

FOLDER = Path(__file__).parent.parent
EXAMPLES = [json.loads(line) for line in (FOLDER / "data" / "example.jsonl").read_text(encoding="utf-8").splitlines()]
LAKE: JsonObject = {
    "env_id": "FrozenLake-v1",
    "env_kwargs": {"desc": ["SFF", "FHF", "FFG"], "is_slippery": False},
    "return_bounds": [0.0, 1.0],
}


assert worlds.SPACES, "importing them registers them"


@pytest.fixture(scope="module")
def env() -> Environment:
    return load_environment(FOLDER)


def row(**fields: Any) -> JsonObject:
    return {"responses_create_params": {"input": "Play."}, **fields}


def shown(verified: JsonObject) -> list[str]:
    """The texts that the model saw after the prompt, the first observation included."""
    messages = verified["responses_create_params"]["input"] + verified["response"]["output"]
    return [item["content"] for item in messages if item.get("role") == "user"][1:]


def test_a_lake_is_crossed_by_text(env: Environment) -> None:
    verified = play(env, row(**LAKE), ["<action>right</action>", "Right.", "down", "<action>down</action>"])

    assert (verified["reward"], verified["steps"], verified["terminated"]) == (1.0, 4, True)
    first, second, *_, last = shown(verified)
    assert "one of left, down, right, up" in first and "[S]FF\nFHF\nFFG" in first
    assert "S[F]F\nFHF\nFFG" in second and "Observation: 1\nReward: 0" in second
    assert last.endswith("Reward: 1")


def test_a_hole_ends_the_crossing_without_a_reward(env: Environment) -> None:
    verified = play(env, row(**LAKE), ["right", "down"])

    assert (verified["reward"], verified["terminated"]) == (0.0, True)


def test_a_lake_that_nobody_crosses_gives_nothing(env: Environment) -> None:
    verified = play(env, row(**LAKE, max_episode_steps=3), ["up", "up", "up"])

    assert (verified["reward"], verified["terminated"], verified["truncated"]) == (0.0, False, True)


@pytest.mark.parametrize(
    ("env_id", "turns", "reward"),
    [
        ("CliffWalking-v1", ["up"] + ["right"] * 11 + ["down"], -13.0),
        ("CliffWalking-v1", ["right", "up"] + ["right"] * 11 + ["down"], -113.0),
        ("Taxi-v4", ["dropoff"] * 200, -2000.0),
        ("Blackjack-v1", ["hit"] * 21, -1.0),
        ("CartPole-v1", ["left"] * 500, None),
        ("MountainCar-v0", ["right"] * 200, -200.0),
        ("Acrobot-v1", ["wait"] * 60, -60.0),
        ("MountainCarContinuous-v0", ["[0.5]"] * 20, -0.5),
    ],
)
def test_environments_of_the_library_give_their_own_returns(
    env: Environment, env_id: str, turns: list[str], reward: float | None
) -> None:
    verified = play(env, row(env_id=env_id, seed=3, max_episode_steps=len(turns)), turns)

    assert verified["invalid_actions"] == 0
    assert (
        verified["reward"] == pytest.approx(reward) if reward is not None else verified["reward"] == verified["steps"]
    )


def test_a_taxi_says_where_everybody_is(env: Environment) -> None:
    verified = play(env, row(env_id="Taxi-v4", seed=3, max_episode_steps=1), ["north"])

    assert "The taxi is at row" in shown(verified)[0] and "The passenger is waiting at" in shown(verified)[0]


def test_values_have_names_where_they_are_known(env: Environment) -> None:
    verified = play(env, row(env_id="CartPole-v1", seed=3, max_episode_steps=1), ["left"])

    assert '"pole angle in radians":' in shown(verified)[0]


def test_the_same_seed_gives_the_same_episode(env: Environment) -> None:
    turns = ["<action>hit</action>", "<action>stick</action>"]
    one, two, other = (play(env, row(env_id="CartPole-v1", seed=seed), ["left"] * 500) for seed in (1, 1, 2))

    assert shown(one) == shown(two) != shown(other)
    assert len({play(env, row(env_id="Blackjack-v1", seed=seed), turns)["reward"] for seed in range(8)}) > 1


@pytest.mark.parametrize(
    ("space", "turn", "told"),
    [
        ("Discrete", "2", "2"),
        ("MultiDiscrete", "[1, 3]", "[1, 3]"),
        ("MultiBinary", "[1, 0, 1]", "[1, 0, 1]"),
        ("Box", "[0.5, -0.5]", "[0.5, -0.5]"),
        ("Text", "<action>abc</action>", "'abc'"),
        ("Tuple", '[1, "go"]', "'go'"),
        ("Dict", '{"move": 1, "force": [0.25]}', "0.25"),
    ],
)
def test_strangers_are_played_by_their_spaces(env: Environment, space: str, turn: str, told: str) -> None:
    task = row(env_id=f"polygym-tests/{space}-v0", seed=5, max_episode_steps=1)
    verified = play(env, task, [turn])

    assert told in shown(verified)[1]
    assert (verified["reward"], verified["truncated"]) == (0.5, True)
    assert verified["info"] == {"odd": [1, 2], "array": [0, 1]}


def test_actions_may_be_calls_of_a_tool(env: Environment) -> None:
    verified = play(
        env, row(**LAKE, acts_by="tool"), [call("act", action=name) for name in ("down", "down", "right", "right")]
    )

    (tool,) = verified["responses_create_params"]["tools"]
    assert tool["parameters"]["properties"]["action"]["enum"] == ["left", "down", "right", "up"]
    assert verified["reward"] == 1.0


def test_actions_without_sense_are_explained_and_cost_nothing(env: Environment) -> None:
    verified = play(
        env, row(**LAKE, max_episode_steps=1), ["<action>fly</action>", "<action>down, right</action>", "down"]
    )

    assert shown(verified)[1] == "That is no action. An action is one of left, down, right, up."
    assert (verified["invalid_actions"], verified["steps"]) == (2, 1)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "neither the row nor the configuration has an 'env_id'"),
        ({"env_id": "FrozenLake-v9"}, "no environment 'FrozenLake-v9'. Meant 'FrozenLake"),
        ({"env_id": "os:system"}, "imports"),
        ({"env_id": "FrozenLake-v1", "env_kwargs": {"depth": 3}}, "cannot make FrozenLake-v1"),
        ({"env_id": "FrozenLake-v1", "action_names": ["left"]}, "name each action"),
        ({"env_id": "polygym-tests/Picture-v0"}, "too large"),
        ({"env_id": "polygym-tests/Large-v0"}, "too large"),
        ({"env_id": "polygym-tests/Sequence-v0"}, "cannot be written"),
        ({"env_id": "FrozenLake-v1", "seed": -1}, "seed"),
    ],
)
def test_rows_that_cannot_be_played_fail_at_the_seed_and_say_why(
    env: Environment, fields: JsonObject, problem: str
) -> None:
    with pytest.raises(RolloutFailure, match=problem) as caught:
        play(env, row(**fields), ["left"])

    assert caught.value.failure_class is FailureClass.SEED_ERROR


def test_modules_that_register_environments_are_imported_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*modules: str) -> None:
        config = GymnasiumEnvServer.parse_config({"imports": list(modules)}, "test")
        asyncio.run(GymnasiumEnvServer("gymnasium", config, None).start())  # type: ignore[arg-type]

    (tmp_path / "more_worlds.py").write_text("import gymnasium\ngymnasium.register('more-worlds/Late-v0', object)\n")
    monkeypatch.syspath_prepend(tmp_path)
    start("more_worlds")
    assert gymnasium.spec("more-worlds/Late-v0").entry_point is object
    with pytest.raises(InputError, match="no_such_worlds cannot be imported"):
        start("no_such_worlds")


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_generated_rows_are_won_by_the_reference_and_by_no_other(env: Environment, difficulty: float) -> None:
    for task in generate_rows(env, 4, 11, difficulty):
        assert play(env, task, env.solve(task))["reward"] == 1.0
        for name, script in env.wrong_answers(task).items():
            assert play(env, {**task, "max_episode_steps": 25}, script)["reward"] < 0.5, name


def test_difficulty_makes_episodes_longer(env: Environment) -> None:
    easy, hard = (sum(task["max_episode_steps"] for task in generate_rows(env, 25, 1, each)) for each in (0.0, 1.0))

    assert easy < hard


def test_the_example_rows_are_those_that_generate_makes(env: Environment) -> None:
    assert generate_rows(env, 5) == EXAMPLES
