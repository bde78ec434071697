"""The kit plays real environments: their rewards, their failures, their model servers."""

import asyncio
import shutil
from pathlib import Path
from random import Random

import pytest

from polygym import JsonObject, RolloutFailure
from polygym.kit import Playground, call, load_environment, play
from tests.kit.environments import COUNTER, JUDGED, ROW, write_environment

ASKED: JsonObject = {"responses_create_params": {"input": "Capital of France?"}, "answer": "Paris"}
RAISING = """
from polygym import ResourcesServer

class Raising(ResourcesServer):
    def verify(self, rollout, session):
        return 1 / 0
"""


def test_the_row_comes_back_verified() -> None:
    verified = play(COUNTER, ROW, [call("add", amount=7), "Now at 107."])

    assert verified["reward"] == 1.0
    assert {key: verified[key] for key in ("start", "amounts", "rollout_state")} == {
        "start": 100,
        "amounts": [7],
        "rollout_state": "scored",
    }
    assert [each["name"] for each in verified["responses_create_params"]["tools"]] == ["add"]


def test_a_row_runs_in_the_environment_whatever_agent_it_names() -> None:
    assert play(COUNTER, {**ROW, "agent_ref": {"name": "somebody"}}, "107")["reward"] == 0.0


def test_stand_ins_of_the_reference_answer_for_other_models() -> None:
    assert play(JUDGED, ASKED, "Paris")["reward"] == 1.0
    assert play(JUDGED, ASKED, "Rome")["reward"] == 0.0


def test_stand_ins_that_are_given_win() -> None:
    assert play(JUDGED, ASKED, "Rome", stand_ins={"judge_model": lambda params: "yes"})["reward"] == 1.0


def test_a_model_server_that_nobody_stands_in_for_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "resources_servers" / "judged"
    shutil.copytree(JUDGED, folder, ignore=shutil.ignore_patterns("reference.py"))

    with pytest.raises(RolloutFailure, match=r"'judge_model', which has no stand-in: put it into STAND_INS"):
        play(folder, ASKED, "Paris")


def test_what_verify_raises_is_a_failure(tmp_path: Path) -> None:
    folder = write_environment(tmp_path, "raising", RAISING)

    with pytest.raises(RolloutFailure, match="verify raised ZeroDivisionError"):
        play(folder, ROW, "107")


def test_many_rollouts_run_at_once_and_come_back_in_order() -> None:
    rows = [{**ROW, "start": start} for start in range(20)]

    async def run() -> list[float | None]:
        async with Playground(load_environment(COUNTER)) as playground:
            plays = [(row, [call("add", amount=7), str(row["start"] + 7 * (row["start"] % 2))]) for row in rows]
            return [each.reward for each in await playground.play_all(plays, concurrency=20, pace=Random(0))]

    assert asyncio.run(run()) == [0.5, 1.0] * 10


def test_one_rollouts_failure_is_its_own() -> None:
    async def run() -> list[tuple[float | None, bool, bool]]:
        async with Playground(load_environment(COUNTER)) as playground:
            added = call("add", amount=7)
            plays = [(ROW, [added, "107"]), (ROW, [added]), ({**ROW, "start": "many"}, ["1"])]
            outcomes = await playground.play_all(plays, concurrency=3)
            return [(each.reward, each.failure is not None, each.script_error is not None) for each in outcomes]

    assert asyncio.run(run()) == [(1.0, False, False), (None, True, True), (None, True, False)]
