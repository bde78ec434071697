"""`gym env play`, with a pipe for a person."""

import base64
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commands import WAIT_S, Ended, environment, write_rows
from tests.kit.environments import COMPONENTS, COUNTER, copy_counter

PLAY = ("env", "play", "counter", "--search-dir", str(COMPONENTS))
ROW = {"responses_create_params": {"input": "Start at 100, then add 7."}, "start": 100, "amounts": [7]}


@pytest.fixture
def played(gym_here: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Play with those lines on standard input."""

    def play(*lines: str, arguments: tuple[str, ...] = PLAY) -> Ended:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return gym_here(*arguments)

    return play


def sections(shown: str) -> list[tuple[str, str]]:
    """Title and text of each section."""
    found = re.split(r"^── (.*) ──$", shown, flags=re.MULTILINE)
    return [(title, text.strip("\n")) for title, text in zip(found[1::2], found[2::2], strict=True)]


def test_a_rollout_is_played_from_prompt_to_reward(played: Callable[..., Ended], tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.jsonl", {}, ROW)

    ended = played("", "add amount=7", "The counter is at 107.", arguments=(*PLAY, "--input", str(file), "--row", "1"))

    assert ended.returncode == 0, ended.stderr
    assert sections(ended.stdout) == [
        ("user", "Start at 100, then add 7."),
        (
            "tools",
            "add(amount: integer)\n    Add a number.\n    amount: What to add.\n"
            "(/help says what can be typed.)\n> \n> add amount=7",
        ),
        ("add answers", "The counter is at 107.\n> The counter is at 107."),
        ("result", "reward: 1"),
    ]


def test_without_a_file_it_is_the_example_row_of_that_number(played: Callable[..., Ended]) -> None:
    examples = [json.loads(line) for line in (COUNTER / "data" / "example.jsonl").read_text().splitlines()]

    ended = played("no idea", arguments=(*PLAY, "--row", "3"))

    assert examples[3]["responses_create_params"]["input"][0]["content"] in ended.stdout
    assert "reward: 0" in ended.stdout


def test_with_a_seed_or_a_difficulty_the_row_is_generated(played: Callable[..., Ended]) -> None:
    def asked(*options: str) -> str:
        return sections(played("no idea", arguments=(*PLAY, *options)).stdout)[0][1]

    assert asked("--seed", "3") == asked("--seed", "3", "--difficulty", "0.5") != asked("--seed", "4")
    assert len(asked("--difficulty", "0").split(",")) == 2
    assert len(asked("--difficulty", "1").split(",")) == 6


def test_the_reference_solution_can_be_watched(played: Callable[..., Ended]) -> None:
    shown = sections(played(arguments=(*PLAY, "--reference", "--difficulty", "0", "--seed", "1")).stdout)

    titles = [title for title, _ in shown]
    assert titles == ["user", "tools", "reference calls", "add answers", "reference", "result"]
    assert re.fullmatch(r"add amount=\d+", shown[2][1])
    assert shown[3][1] == shown[4][1]
    assert shown[5][1] == "reward: 1"


def test_several_calls_of_one_turn_end_with_an_ampersand(played: Callable[..., Ended], tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.jsonl", {**ROW, "amounts": [3, 4]})

    lines = ("add amount=3 &", "add amount=4", "It is 107.")
    shown = sections(played(*lines, arguments=(*PLAY, "--input", str(file))).stdout)

    assert [text for title, text in shown if title == "add answers"] == [
        "The counter is at 103.",
        "The counter is at 107.\n> It is 107.",
    ]
    assert shown[-1] == ("result", "reward: 1")


def test_an_answer_may_have_several_lines_and_look_like_a_call(played: Callable[..., Ended], tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.jsonl", ROW)
    arguments = (*PLAY, "--input", str(file))

    def reward(*answer: str) -> str:
        return sections(played("add amount=7", *answer, arguments=arguments).stdout)[-1][1]

    assert reward('"""', "The sum", "", "is 107.", '"""') == "reward: 1"
    assert reward('"""107"""') == "reward: 1"
    assert reward("/say add amount=107") == "reward: 1"
    assert reward("/nothing") == "reward: 0.5\nended: empty_output"


def test_what_cannot_be_sent_is_explained_and_asked_again(played: Callable[..., Ended]) -> None:
    shown = played("add seven", "/hlep", "/help", "/tools", "/call add {", "/call gone", "Done.").stdout

    assert "Not sent: 'seven' is not key=value" in shown
    assert "Not sent: there is no command /hlep. Meant '/help'?" in shown
    assert "begin and end an answer of several lines" in shown
    assert shown.count("add(amount: integer)") == 2
    assert "Invalid tool call arguments" in shown
    assert "There is no tool 'gone'" in shown
    assert "reward: 0" in shown


def test_leaving_scores_nothing(played: Callable[..., Ended]) -> None:
    left = played("add amount=1", "/quit")
    ended = played("add amount=1")

    assert (left.returncode, left.stderr.strip()) == (130, "you have left; nothing was scored.")
    assert ended.returncode == 2
    assert "error: the input has ended before the rollout has; nothing was scored." in ended.stderr
    assert "reward" not in left.stdout + ended.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--row", "5"), "example.jsonl has 5 rows, counted from 0: there is no row 5."),
        (("--input", "gone.jsonl"), "gone.jsonl: cannot be read"),
        (("--input", "gone.jsonl", "--seed", "1"), "leave one of them out"),
        (("--difficulty", "2"), "2.0 is not in the range"),
    ],
)
def test_a_row_that_there_is_not_is_refused(
    played: Callable[..., Ended], options: tuple[str, ...], message: str
) -> None:
    ended = played(arguments=(*PLAY, *options))

    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr


SHOWN = """
from polygym import Verification

class Explained(Counter):
    def verify(self, rollout, session):
        return Verification(0.25, components={"a": 0.5, "b": 0}, fields={"seen": [1]}, explanation="because")
"""


def test_the_reward_is_explained_with_components_and_metrics(played: Callable[..., Ended], tmp_path: Path) -> None:
    folder = copy_counter(tmp_path, app=SHOWN)

    ended = played("Done.", arguments=("env", "play", str(folder)))

    assert sections(ended.stdout)[-1] == (
        "result",
        "reward: 0.25\nwhy: because\ncomponent a: 0.5\ncomponent b: 0\nseen: [1]",
    )


def test_a_verifier_that_fails_is_no_reward(played: Callable[..., Ended], tmp_path: Path) -> None:
    broken = "\nclass Broken(Counter):\n    def verify(self, rollout, session):\n        raise ValueError('no way')\n"

    ended = played("Done.", arguments=("env", "play", str(copy_counter(tmp_path, app=broken))))

    assert ended.returncode == 1
    assert "error: no reward: " in ended.stderr and "no way" in ended.stderr


def test_images_and_long_texts_are_put_into_files(
    played: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    image = base64.b64encode(b"\x89PNG").decode()
    content = [
        {"type": "input_text", "text": "Look:\x1b[31m"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{image}"},
        {"type": "input_image", "image_url": "https://example.org/a.png"},
        {"type": "input_image", "image_url": "data:image/png;base64,???"},
        {"type": "input_text", "text": "x" * 30_000 + "?"},
    ]
    asked = {"input": [{"role": "user", "content": content}], "instructions": "Be brief."}
    file = write_rows(tmp_path / "rows.jsonl", {**ROW, "responses_create_params": asked})

    shown = sections(played("Done.", arguments=(*PLAY, "--input", str(file))).stdout)

    assert shown[0] == ("instructions", "Be brief.")
    text = shown[1][1]
    saved = re.findall(r"\S+/polygym-play-\S+\.(?:png|txt)", text)
    assert Path(saved[0]).read_bytes() == b"\x89PNG"
    assert Path(saved[1]).read_text().endswith("x" * 30_000 + "?")
    assert "[image: https://example.org/a.png]" in text and "characters in all" in text
    assert "\x1b" not in text and "xx?" in text and len(text) < 5_000


def test_ctrl_c_at_the_prompt_leaves_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "polygym.cli", *PLAY]
    terminal, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs) as it:
        os.close(theirs)
        shown = _read_until(terminal, b"> ")
        it.send_signal(signal.SIGINT)
        if not select.select([terminal], [], [], 2)[0]:  # Python does not hear of one just before it waits for a line
            it.send_signal(signal.SIGINT)
        shown += _read_until(terminal, b"nothing was scored")
        code = it.wait(WAIT_S)
    os.close(terminal)

    assert b"you have left; nothing was scored." in shown
    assert code == 130


def _read_until(terminal: int, text: bytes) -> bytes:
    """What a terminal shows up to `text`."""
    shown, deadline = b"", time.monotonic() + WAIT_S
    while text not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{text!r} did not appear in {shown!r}"
        shown += os.read(terminal, 4096)
    return shown
