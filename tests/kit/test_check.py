"""The checker: nothing to say about an environment in order, and every defect found by the check that it is for."""

import re
import sys
from pathlib import Path

import pytest

from polygym.kit import CheckSettings, Report, check_environment
from polygym.protocol.errors import ConfigError
from tests.kit.environments import COUNTER, copy_counter

QUICK = CheckSettings(seeds=(0, 1), rows_each=1, sessions=60, examples=40, verify_limit_s=0.2, longest_text=10_000)


def check(folder: Path, *checks: str) -> Report:
    return check_environment(folder, checks=checks, settings=QUICK)


def test_nothing_is_found_in_an_environment_that_is_in_order() -> None:
    report = check(COUNTER)

    assert report.is_ok, report
    assert all(finding.status == "ok" for finding in report.findings), report
    assert [finding.check for finding in report.findings] == [
        *("rows", "manifest", "tools", "reference", "lazy answers", "wrong answers", "random model", "determinism"),
        *("isolation", "sessions", "malformed outputs", "tool arguments", "time", "rewards"),
    ]


LEAKING = """
class Leaking(Counter):
    total = 0

    def seed_session(self, session):
        Leaking.total = session.task.start

    @tool
    async def add(self, amount: int, session: Session) -> str:
        '''Add.'''
        await asyncio.sleep(0)
        Leaking.total += amount
        session.state.total, session.state.calls = Leaking.total, 1
        return f"The counter is at {Leaking.total}."
"""
RANDOM = """
class Random(Counter):
    def verify(self, rollout, session):
        import random
        return random.random() * 0.1 + super().verify(rollout, session) * 0.9
"""
HASHING = """
class Hashing(Counter):
    def verify(self, rollout, session):
        from polygym import Verification
        return Verification(super().verify(rollout, session), fields={"bucket": hash(rollout.output_text) % 1000})
"""
TOO_HIGH = """
class TooHigh(Counter):
    def verify(self, rollout, session):
        return 2 * super().verify(rollout, session)
"""
NEVER_TOP = """
class NeverTop(Counter):
    def verify(self, rollout, session):
        return min(0.9, super().verify(rollout, session))
"""
GENEROUS = """
class Generous(Counter):
    def verify(self, rollout, session):
        return 1.0
"""
TALKATIVE = """
class Talkative(Counter):
    def verify(self, rollout, session):
        return 1.0 if len(rollout.output) > 3 or len(rollout.output_text) > 5000 else super().verify(rollout, session)
"""
NEEDS_A_MESSAGE = """
class NeedsAMessage(Counter):
    def verify(self, rollout, session):
        assert rollout.messages[-1]
        return super().verify(rollout, session)
"""
NEEDS_JSON = """
class NeedsJson(Counter):
    def verify(self, rollout, session):
        [call.parse() for call in rollout.function_calls]
        return super().verify(rollout, session)
"""
NEEDS_POSITIVE = """
class NeedsPositive(Counter):
    @tool
    def add(self, amount: int, session: Session) -> str:
        '''Add.'''
        session.state.calls += 1
        session.state.total = session.state.total + amount if amount >= 0 else None
        return f"The counter is at {session.state.total}."

    def verify(self, rollout, session):
        session.state.total += 0
        return super().verify(rollout, session)
"""
LOSING = """
class Losing(Counter):
    @tool
    def add(self, amount: int, session: Session) -> str:
        '''Add.'''
        from polygym import FailureClass, RolloutFailure, Stage
        if amount < 0:
            raise RolloutFailure(FailureClass.ENVIRONMENT_LOST, Stage.TOOL, "the counter is gone")
        session.state.total, session.state.calls = session.state.total + amount, 1
        return f"The counter is at {session.state.total}."
"""
HOARDING = """
class Hoarding(Counter):
    def seed_session(self, session):
        super().seed_session(session)
        vars(self).setdefault("kept", []).append(session)
"""
HOARDING_STATES = """
STATES = {}

class HoardingStates(Counter):
    def seed_session(self, session):
        super().seed_session(session)
        STATES[id(session)] = session.state
"""
GROWING = """
class Growing(Counter):
    def verify(self, rollout, session):
        vars(self).setdefault("texts", []).append(rollout.output_text)
        return super().verify(rollout, session)
"""
CLOSING_BADLY = """
class ClosingBadly(Counter):
    def close_session(self, session):
        raise RuntimeError("the door is stuck")
"""
STRICT_TOOL = """
from typing import Annotated
from pydantic import AfterValidator

def even(number: int) -> int:
    if number % 2:
        raise ValueError("odd")
    return number

class StrictTool(Counter):
    @tool
    def add_even(self, amount: Annotated[int, AfterValidator(even)]) -> str:
        '''Add an even number.'''
        return ""
"""
UNDESCRIBED = """
class Undescribed(Counter):
    @tool
    def reset(self) -> str:
        return ""
"""
NO_SCHEMA = """
class NoSchema(Counter):
    def offered_tools(self, session):
        return [*self.tools.values(), {"name": "look", "description": "Look.", "parameters": {"type": "thing"}}]

    def call_other_tool(self, name, arguments, session):
        return ""
"""
SLOW = """
class Slow(Counter):
    def verify(self, rollout, session):
        re.match("(a+)+b", rollout.final_text)
        return super().verify(rollout, session)
"""
CRASHING = """
class Crashing(Counter):
    @tool
    def look(self, place: str) -> str:
        '''Look somewhere.'''
        return {}[place]
"""
NO_TEXT = """
class NoText(Counter):
    @tool
    def look(self) -> object:
        '''Look around.'''
        return object()
"""
LOOSE_FILES = """
class LooseFiles(Counter):
    def seed_session(self, session):
        import os
        super().seed_session(session)
        os.dup(1)
"""
LOOSE_TASKS = """
TASKS = []

async def wait():
    await asyncio.sleep(1000)

class LooseTasks(Counter):
    def verify(self, rollout, session):
        asyncio.get_running_loop().create_task(wait())
        return super().verify(rollout, session)
"""
BACKTRACKING = """
class Backtracking(Counter):
    def verify(self, rollout, session):
        re.fullmatch("([0-9]+)+", rollout.final_text[:41])
        return super().verify(rollout, session)
"""
NEEDS_ASCII = """
class NeedsAscii(Counter):
    def verify(self, rollout, session):
        [int(digit) for digit in rollout.final_text if digit.isdigit()]
        return super().verify(rollout, session)
"""
REFUSING = """
class Refusing(Counter):
    @tool
    def add(self, amount: int) -> str:
        '''Add.'''
        from polygym import ToolError
        raise ToolError("the counter is closed")
"""
DOUBLE_FOR_ONE_OFF = """
class DoubleForOneOff(Counter):
    def verify(self, rollout, session):
        off = session.state.total - session.task.start - sum(session.task.amounts)
        return 2.0 if off == 1 else super().verify(rollout, session)
"""
GUESSING = """
from polygym import GymnasiumServer
from polygym.servers.episodes import Step


class Guessing(GymnasiumServer):
    def step(self, action, session):
        guess = action.text.strip()
        if not guess.isdigit():
            return Step("A number, please.")
        return Step("Done.", float(int(guess) == 7), terminated=True)
"""


@pytest.mark.parametrize(
    ("defect", "check_name", "message"),
    [
        (CRASHING, "tool arguments", r"look raised KeyError: .* for \{'place': .*, which its schema allows"),
        (NO_TEXT, "tool arguments", r"look raised Pydantic\w+: .* for \{\}, which its schema allows"),
        (LOOSE_FILES, "sessions", "the number of open files grows with every rollout"),
        (LOOSE_TASKS, "sessions", "the number of asyncio tasks grows with every rollout"),
        (BACKTRACKING, "time", "for 41 characters of digits and a letter in the answer"),
        (NEEDS_ASCII, "malformed outputs", "verify raised ValueError.*, with '²' in the place of "),
        (REFUSING, "reference", 'where the top reward is 1; tools answered {"error":"the counter is closed"}'),
        (LEAKING, "isolation", r"alone and among 60 at once, reward: .*, then"),
        (RANDOM, "determinism", r"played twice, reward: 0\.\d+, then 0\.\d+"),
        (HASHING, "determinism", r"in another process, bucket: \d+, then \d+"),
        (TOO_HIGH, "rewards", "reward 2 is not from 0 to 1"),
        (NEVER_TOP, "reference", r"reward 0\.9, where the top reward is 1"),
        (GENEROUS, "lazy answers", "nothing at all: gets the top reward 1 of"),
        (GENEROUS, "wrong answers", "in its head: gets the top reward 1 of"),
        (GENEROUS, "random model", r"mean reward 1\.000, of the reference 1\.000: a random policy must do worse"),
        (TALKATIVE, "malformed outputs", "noise gets the top reward: "),
        (NEEDS_A_MESSAGE, "lazy answers", "nothing at all: gets no reward of .*verify raised IndexError"),
        (NEEDS_JSON, "malformed outputs", r"verify raised \w*Error: .*items\.py.*, for .*arguments"),
        (NEEDS_POSITIVE, "tool arguments", "verify raised TypeError.*, after "),
        (LOSING, "tool arguments", "environment_lost: the counter is gone"),
        (HOARDING, "sessions", r"\d+ of \d+ sessions are still held, by self\.kept"),
        (HOARDING_STATES, "sessions", r"\d+ of \d+ states are still held"),
        (GROWING, "sessions", r"self\.texts grows with every rollout"),
        (CLOSING_BADLY, "sessions", "close_session raised RuntimeError: the door is stuck"),
        (STRICT_TOOL, "tools", r"add_even: its schema allows .*, and the tool refuses: amount: .*odd"),
        (UNDESCRIBED, "tools", "reset: has no description"),
        (NO_SCHEMA, "tools", r"look: the parameters are no JSON Schema \(2020-12\)"),
        (SLOW, "time", r"verify takes 1\.0 s for 1000 characters of one letter in the answer; 0\.2 s are allowed"),
    ],
)
def test_a_defect_is_found_by_its_check(tmp_path: Path, defect: str, check_name: str, message: str) -> None:
    report = check(copy_counter(tmp_path, app=defect), check_name)

    assert {finding.check for finding in report.findings} == {check_name}
    found = "\n".join(report.problems(check_name))
    assert re.search(message, found), report


def test_rewards_of_a_call_that_is_nearly_right_are_looked_at(tmp_path: Path) -> None:
    report = check(copy_counter(tmp_path, app=DOUBLE_FOR_ONE_OFF), "tool arguments", "rewards")

    assert re.search(r"with amount=\d+ in call 0: reward 2 is not from 0 to 1", "\n".join(report.problems("rewards")))


def test_a_step_that_fails_on_odd_text_is_found(tmp_path: Path) -> None:
    folder = copy_counter(tmp_path)
    (folder / "app.py").write_text(GUESSING)
    (folder / "reference.py").write_text("def solve(row):\n    yield '7'\n")
    config = folder / "configs" / f"{folder.name}.yaml"
    config.write_text(config.read_text().replace("simple_agent:\n      entry", "gymnasium_agent:\n      entry"))

    assert re.search("step raised ValueError: .*'²'", "\n".join(check(folder, "malformed outputs").problems()))


def test_a_field_of_the_configuration_that_nobody_reads_is_named(tmp_path: Path) -> None:
    folder = copy_counter(tmp_path)
    config = folder / "configs" / f"{folder.name}.yaml"
    config.write_text(config.read_text().replace("domain:", "patience: 3\n      domain:", 1))

    assert "field 'patience' is not one of" in "\n".join(check(folder, "manifest").problems())


def generator(body: str) -> str:
    return f"""
COUNT = []

def make_row(index, rng, difficulty):
    COUNT.append(index)
    return dict(responses_create_params={{"input": "Add 7."}}, amounts=[7], {body})
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("start=len(COUNT)", "other rows for the same seed"),
        ("start=index", "the same rows for another seed"),
        ("start=rng.randrange(10**6)", "the same rows at difficulty 0 and 1"),
        ("start=rng.randrange(10**6) + difficulty", "does not fit CounterTask: start"),
        ("start=rng.randrange(10**6) + round(difficulty)", "are not those that the generator gives"),
    ],
)
def test_a_defect_of_the_generator_is_found(tmp_path: Path, body: str, message: str) -> None:
    folder = copy_counter(tmp_path)
    (folder / "generate.py").write_text(generator(body))

    assert message in "\n".join(check(folder, "rows").problems("rows"))


def test_rows_that_the_environment_cannot_take_are_named(tmp_path: Path) -> None:
    folder = copy_counter(tmp_path)
    with open(folder / "data" / "example.jsonl", "a") as file:
        file.write('{"responses_create_params": {"input": "?"}, "start": "many", "amounts": []}\n')

    assert "example.jsonl:6: the row does not fit CounterTask: start" in "\n".join(check(folder, "rows").problems())


def test_rows_of_a_file_are_played_instead(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"responses_create_params": {"input": "Add 3."}, "start": 0, "amounts": [3]}\n')

    report = check_environment(COUNTER, rows=[file], checks=["rows", "reference"], settings=QUICK)

    assert [finding.detail for finding in report.findings] == [f"1 rows of {file}", "reward 1 for 1 rows"]


def test_what_is_missing_is_named_and_what_needs_it_left_out(tmp_path: Path) -> None:
    folder = copy_counter(tmp_path)
    for name in ("reference.py", "generate.py", "data/example.jsonl"):
        (folder / name).unlink()
    config = folder / "configs" / f"{folder.name}.yaml"
    config.write_text(config.read_text().replace("core_capabilities: [tool_use]", "core_capabilities: []"))

    report = check(folder)

    assert "has no reference.py" in "\n".join(report.problems("reference"))
    assert "has no generate.py" in "\n".join(report.problems("rows"))
    assert "example.jsonl: is not there" in "\n".join(report.problems("rows"))
    assert "'core_capabilities' is empty" in "\n".join(report.problems("manifest"))
    assert {finding.check for finding in report.findings if finding.status == "skipped"} >= {"time", "lazy answers"}


def test_a_reference_that_cannot_be_played_is_a_finding(tmp_path: Path) -> None:
    folder = copy_counter(tmp_path)
    (folder / "reference.py").write_text("def solve(row):\n    yield row['answer']\n")

    assert "the script raised KeyError: 'answer'" in "\n".join(check(folder, "reference").problems())


def test_an_unknown_check_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no check 'timing'.*Meant 'time'"):
        check(COUNTER, "timing")


def test_packages_that_are_needed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)

    with pytest.raises(ConfigError, match=r"needs hypothesis, .*pip install 'polygym\[kit\]'"):
        check(COUNTER)
