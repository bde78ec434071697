import asyncio
import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from nemo_gym.verifier_fixture import VerifierFixture, VerifierFixtureError, exercise_verifier_fixture


class Request(BaseModel):
    """What is verified."""

    said: str
    seed: int = 0


class Verifier:
    """Rewards `yes`; throws dice for `perhaps`."""

    rolls = 0

    def verify(self, request: Request) -> float:
        if request.said == "perhaps":
            Verifier.rolls += 1
            return 0.5 if request.seed else Verifier.rolls / 10
        return {"yes": 1.0, "no": 0.0}[request.said]


def fixture(tmp_path: Path, *more: dict[str, object], right: float = 1.0) -> VerifierFixture:
    cases: list[dict[str, object]] = [
        {"name": "right", "kind": "full_reward", "request": {"said": "yes"}, "expected_reward": right},
        {"name": "wrong", "kind": "zero_reward", "request": {"said": "no"}, "expected_reward": 0.0},
        {"name": "odd", "kind": "malformed", "request": {"said": "?"}, "expected_error": "?"},
        *more,
    ]
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(json.dumps(case) + "\n" for case in cases))
    return VerifierFixture(Verifier, Request, path, reseed=lambda verifier, request: None)


def run(made: VerifierFixture, determinism: str = "unknown", *, update: bool = False) -> list[tuple[float, ...]]:
    results = exercise_verifier_fixture(made, reward_range=(0, 1), determinism=determinism, update_expected=update)
    return [result.observed_rewards for result in asyncio.run(results)]


def test_dice_must_fall_the_same_twice(tmp_path: Path) -> None:
    dice: dict[str, object] = {"name": "dice", "kind": "determinism", "expected_reward": 0.5}

    seeded = fixture(tmp_path, {**dice, "request": {"said": "perhaps", "seed": 1}})
    assert run(seeded, "seeded")[-1] == (0.5, 0.5)
    with pytest.raises(VerifierFixtureError, match="changed on a fresh server"):
        run(fixture(tmp_path, {**dice, "request": {"said": "perhaps"}}), "seeded")


def test_the_expected_rewards_are_brought_up_to_date_only_on_request(tmp_path: Path) -> None:
    stale = fixture(tmp_path, right=0.25)
    with pytest.raises(VerifierFixtureError, match=r"reward mismatch: expected 0\.25, got 1\.0"):
        run(stale)

    assert run(stale, update=True) == run(stale) == [(1.0,), (0.0,), ()]


def test_a_case_that_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    made = fixture(tmp_path)
    with pytest.raises(VerifierFixtureError, match="missing required cases: determinism"):
        run(made, "seeded")
    Path(made.cases_path).write_text('{"name": "x", "kind": "malformed", "request": {}}\n')
    with pytest.raises(VerifierFixtureError, match=r"cases\.jsonl:1: .*requires expected_error"):
        run(made)
