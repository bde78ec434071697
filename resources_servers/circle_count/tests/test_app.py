"""Counting circles: how numbers are read, and images that show what their rows say."""

import base64
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from polygym import JsonObject
from polygym.kit import Environment, generate_rows, load_environment, play
from polygym.protocol.errors import InputError
from resources_servers.circle_count.app import CircleServer, CircleTask

FOLDER = Path(__file__).parent.parent
ROW: JsonObject = {"responses_create_params": {"input": "How many?"}, "expected_count": 7}


@pytest.fixture(scope="module")
def circles() -> Environment:
    pytest.importorskip("PIL")
    return load_environment(FOLDER)


def image_of(row: JsonObject) -> bytes:
    part = row["responses_create_params"]["input"][0]["content"][1]
    assert part["type"] == "input_image"
    head, _, data = part["image_url"].partition(",")
    assert head == "data:image/png;base64"
    return base64.b64decode(data, validate=True)


@pytest.mark.parametrize(
    "answer",
    [
        "7",
        "7.",
        "7.0",
        "**7**",
        "\uff17",
        "seven",
        "Seven circles.",
        "There are 7 red circles.",
        "Answer: 7",
        "Answer:\n\n7",
        "\\boxed{7}",
        "$\\boxed{\\text{7}}$",
        "3 at the top and 4 below: 3 + 4 = 7",
        "I see 3 on the left and 4 on the right.\n\nThe answer is 7.",
        "\\boxed{6} Wait, there is one more in the corner. \\boxed{7}",
        "7 (seven)",
        "\u200b7\u200b",
    ],
)
def test_the_right_number_scores_in_any_form(circles: Environment, answer: str) -> None:
    verified = play(circles, ROW, answer)

    assert (verified["reward"], verified["predicted_count"]) == (1.0, 7), verified["explanation"]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "6",
        "17",
        "-7",
        "7.5",
        "3-7",
        "7/8",
        "7th",
        "7 or 8",
        "6, 7, 8",
        "1 2 3 4 5 6 7 8 9",
        "at least 7",
        "not 7",
        "more than 7",
        "between 7 and 9",
        "seven or eight",
        "\\boxed{6}\\boxed{7}",
        "Answer: 6\nAnswer: 7",
        "\\boxed{7}. Wait, the answer is 8",
        "\u0667",
        "7\u0668",
        "x7",
        "VII",
        "9" * 100_000,
        "7" * 40,
        "How many?",
    ],
)
def test_other_numbers_and_several_numbers_do_not(circles: Environment, answer: str) -> None:
    assert play(circles, ROW, answer)["reward"] == 0.0


def test_rows_may_list_their_circles_instead() -> None:
    server = CircleServer("circles", CircleServer.parse_config({}, "test"), None)  # type: ignore[arg-type]
    listed = {"circles": [{"color": "red", "x": 1}, {"color": "blue"}, {"color": "red"}], "target_color": "red"}

    task = server.task_of({"responses_create_params": {}, **listed})

    assert isinstance(task, CircleTask) and task.expected_count == 2
    for broken in ({}, {"circles": 3}, {"circles": ["red"]}, {"expected_count": -1}):
        with pytest.raises(InputError):
            server.task_of({"responses_create_params": {}, **broken})


def test_an_image_shows_as_many_blobs_as_its_row_says(circles: Environment) -> None:
    for row in generate_rows(circles, 20, seed=4, difficulty=0.0):
        counts = blobs_by_color(image_of(row))
        kind = row["question_kind"]

        assert sum(counts.values()) == row["total_shapes"] == row["total_circles"]
        assert row["expected_count"] in (counts.values() if kind == "color" else [sum(counts.values())])


def blobs_by_color(png: bytes) -> dict[int, int]:
    """Connected areas of each colour, background and outlines left out."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        assert not image.info.keys() - {"transparency"}
        width, height = image.size
        pixels = list(image.tobytes())
    counts: dict[int, int] = {}
    for start, color in enumerate(pixels):
        if color < 2:
            continue
        counts[color] = counts.get(color, 0) + 1
        pixels[start] = 0
        to_do = [start]
        while to_do:
            place = to_do.pop()
            for neighbour in (place - 1, place + 1, place - width, place + width):
                if 0 <= neighbour < width * height and pixels[neighbour] == color:
                    pixels[neighbour] = 0
                    to_do.append(neighbour)
    return counts


def test_the_prompt_does_not_give_the_count_away(circles: Environment) -> None:
    for row in generate_rows(circles, 20, seed=5, difficulty=1.0):
        text = row["responses_create_params"]["input"][0]["content"][0]["text"]
        assert not any(character.isdigit() for character in text)
        assert play(circles, row, text)["reward"] == 0.0


def test_the_verifier_does_without_pillow() -> None:
    program = (
        "import sys; sys.modules['PIL'] = None\n"
        "from polygym.kit import play\n"
        f"row = {ROW!r}\n"
        f"print(play({str(FOLDER)!r}, row, '7')['reward'])\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=50)

    assert done.stdout == "1.0\n"


def test_the_reference_solves_what_is_generated_and_wrong_policies_do_not(circles: Environment) -> None:
    for difficulty in (0.0, 0.5, 1.0):
        for row in generate_rows(circles, 2, seed=2, difficulty=difficulty):
            assert play(circles, row, circles.solve(row))["reward"] == 1.0
            for name, script in circles.wrong_answers(row).items():
                assert play(circles, row, script)["reward"] == 0.0, (name, row)


def test_difficulty_adds_circles_and_rows_are_what_the_seed_says(circles: Environment) -> None:
    easy, hard = (generate_rows(circles, 15, difficulty=difficulty) for difficulty in (0.0, 1.0))

    assert sum(row["total_shapes"] for row in hard) > 4 * sum(row["total_shapes"] for row in easy)
    written = [json.loads(line) for line in (FOLDER / "data" / "example.jsonl").read_text().splitlines()]
    assert generate_rows(circles, 5) == written


@pytest.mark.parametrize("answer", ["Answer: 4\nor 5", "Answer: 4\n\nBut it may also be 6.", "\\boxed{4} is wrong."])
def test_a_count_that_is_taken_back_does_not_score(circles: Environment, answer: str) -> None:
    row = {"responses_create_params": {"input": "How many?"}, "expected_count": 4}
    assert play(circles, row, [answer])["reward"] == 0.0
    assert play(circles, row, ["Answer: 4 (red 3 + blue 1)"])["reward"] == 1.0


@pytest.mark.parametrize("difficulty", [0.0, 0.5])
def test_no_count_is_right_for_a_quarter_of_the_rows(circles: Environment, difficulty: float) -> None:
    counts = [row["expected_count"] for row in generate_rows(circles, 200, seed=1, difficulty=difficulty)]
    assert max(map(counts.count, counts)) <= 50
