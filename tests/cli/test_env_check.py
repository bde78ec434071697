"""`gym env check`, run as a user runs it."""

import json
from pathlib import Path

from tests.cli.commands import gym, names_in
from tests.kit.environments import COMPONENTS, COUNTER, copy_counter

NEVER_RIGHT = """
class NeverRight(Counter):
    def verify(self, rollout, session):
        return 0.0
"""


def test_an_environment_in_order_has_exit_code_zero(tmp_path: Path) -> None:
    ended = gym("env", "check", "counter", "--search-dir", str(COMPONENTS), "--check", "rows", cwd=tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "counter: ok",
        "check  result  detail",
        "rows   ok      5 example rows, 18 generated ones",
    ]


def test_nothing_is_left_in_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "cwd").mkdir()
    ended = gym(
        *("env", "check", str(COUNTER), "--check", "tools"),
        cwd=tmp_path / "cwd",
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )

    assert ended.returncode == 0, ended.stderr
    assert names_in(tmp_path / "cwd") == []


def test_findings_have_exit_code_one(tmp_path: Path) -> None:
    folder = copy_counter(tmp_path, app=NEVER_RIGHT)
    ended = gym("env", "check", str(folder), str(COUNTER), "--check", "reference", "--json", cwd=tmp_path)

    assert ended.returncode == 1
    bad, good = json.loads(ended.stdout)
    assert (bad["environment"], bad["ok"], good["ok"]) == (str(folder), False, True)
    assert bad["findings"][0] == {
        "check": "reference",
        "status": "finding",
        "detail": f"{folder}/data/example.jsonl:1: reward 0, where the top reward is 1",
    }


def test_all_environments_that_can_be_loaded_are_checked(tmp_path: Path) -> None:
    torn, hungry = copy_counter(tmp_path, "torn"), copy_counter(tmp_path, "hungry")
    (torn / "reference.py").write_text("1 / 0\n")
    (hungry / "requirements.txt").write_text("no-such-package\n")
    ended = gym("env", "check", "--all", "--check", "manifest", "--json", "--search-dir", str(tmp_path), cwd=tmp_path)

    assert ended.returncode == 1
    results = {report["environment"]: report["findings"][0] for report in json.loads(ended.stdout)}
    assert results["torn"]["status"] == "finding"
    assert "reference.py cannot be imported: ZeroDivisionError" in results["torn"]["detail"]
    assert results["hungry"]["status"] == "skipped"
    assert "no-such-package" in results["hungry"]["detail"]
    assert results["example_multi_step"]["status"] == "ok"


def test_packages_of_an_environment_that_was_named_are_asked_for(tmp_path: Path) -> None:
    folder = copy_counter(tmp_path)
    (folder / "requirements.txt").write_text("no-such-package\n")
    ended = gym("env", "check", str(folder), cwd=tmp_path)

    assert ended.returncode == 2
    assert "needs packages that this Python does not have: no-such-package" in ended.stderr


def test_something_must_be_named(tmp_path: Path) -> None:
    assert "name environments, or give --all" in gym("env", "check", cwd=tmp_path).stderr
