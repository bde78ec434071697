"""Mathematics: equivalent answers in whatever form, answers that only look like it, and limits on their cost."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from polygym import JsonObject, RolloutFailure
from polygym.kit import Environment, load_environment, play
from polygym.protocol.errors import InputError

pytest.importorskip("math_verify")

from resources_servers.math_equivalence.app import MathServer
from resources_servers.math_equivalence.tests.playing import play_all

FOLDER = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def mathematics() -> Environment:
    return load_environment(FOLDER)


def row(expected: str, **fields: Any) -> JsonObject:
    return {"responses_create_params": {"input": "What is it?"}, "expected_answer": expected, **fields}


def judged_otherwise(
    environment: Environment, pairs: dict[str, Iterable[str]], reward: float, **fields: Any
) -> list[str]:
    """Of answers in boxes, by expected answer, those that do not get that reward, and why."""
    plays = [
        (row(expected, **fields), f"\\boxed{{{answer}}}") for expected, answers in pairs.items() for answer in answers
    ]
    return [
        f"{asked['expected_answer']} | {text}: {verified['explanation']}"
        for (asked, text), verified in zip(plays, play_all(environment, plays), strict=True)
        if verified["reward"] != reward
    ]


EQUAL_NUMBERS = {
    "\\frac{1}{2}": [
        "1/2",
        "0.5",
        ".5",
        "0.50",
        "50\\%",
        "\\dfrac12",
        "\\frac{2}{4}",
        "2^{-1}",
        "5e-1",
        "\u00bd",
        "x = 1/2",
        "\\frac{\\sqrt{4}}{4}",
    ],
    "\\frac{7}{3}": ["2 1/3", "2\\frac{1}{3}", "2\u2153", "2.\\overline{3}", "2.(3)", "2.3333333", "(7/3)"],
    "-\\frac{3}{4}": ["\\frac{-3}{4}", "\\frac{3}{-4}", "-0.75", "\u2212 3/4", "-75\\%"],
    "1234567": ["1,234,567", "1{,}234{,}567", "1 234 567", "1234567.0", "\uff11234567", "x = 1234567"],
    "120": ["5!", "2^3 \\cdot 15", "\\binom{10}{3}", "1.2 \\times 10^2", "120.", "+120", "120 \\text{ students}"],
    "12": [
        "x=12",
        "12=x",
        "12 apples",
        "twelve",
        "\\text{twelve}",
        "\\{12\\}",
        "3 \\cdot 4 = 12",
        "f(2) = 12",
        "x \\approx 12",
        "$12$",
        "\\$12",
    ],
    "25\\%": ["25%", "25 percent", "0.25", "\\frac{1}{4}", "25"],
    "\\frac{\\sqrt{2}}{2}": [
        "1/\\sqrt{2}",
        "sqrt(2)/2",
        "\u221a2/2",
        "2^{-1/2}",
        "\\sin(45^\\circ)",
        "\\cos\\frac{\\pi}{4}",
        "0.7071068",
    ],
    "\\sqrt{5+2\\sqrt{6}}": ["\\sqrt{2}+\\sqrt{3}"],
    "3\\pi": ["3pi", "3\u03c0", "\\pi \\cdot 3", "9.42477796", "\\pi + 2\\pi"],
    "\\ln 2": ["ln(2)", "\\log_e 2", "-\\ln\\frac12", "\\frac{\\ln 4}{2}"],
    "10 \\text{ cm}": ["10", "10cm", "10 cm", "10 \\, \\mathrm{cm}", "10 centimeters", "10 \\text{ centimetres}"],
    "-2": ["\\sqrt[3]{-8}", "x = -2.0"],
    "0": ["0.0", "\\frac{0}{7}", "-0", "1-1", "e^{0} - 1"],
}
EQUAL_EXPRESSIONS = {
    "x^2+2x+1": ["(x+1)^2", "x**2 + 2*x + 1", "1+x(x+2)", "x\u00b2+2x+1", "f(x) = x^2+2x+1"],
    "e^{-x}\\cos(2x)": ["exp(-x)cos(2x)", "\\frac{\\cos 2x}{e^x}", "e^{-x}(1-2\\sin^2 x)"],
    "\\frac{x+1}{2}": ["(x+1)/2", "0.5x + 0.5", "\\frac12 x + \\frac12"],
    "2\\sin x\\cos x": ["\\sin(2x)", "sin(2x)"],
    "y = 2x+1": ["2x+1", "y=1+2x", "y - 2x = 1", "2y = 4x + 2"],
    "x^2+y^2=25": ["y^2 + x^2 - 25 = 0", "25 = x^2+y^2"],
    "\\text{even}": ["even", "Even", "\\text{even}"],
}
EQUAL_COLLECTIONS = {
    "\\{1, -2\\}": [
        "-2, 1",
        "\\{-2, 1\\}",
        "\\left\\{-2,\\,1\\right\\}",
        "x=1 \\text{ or } x=-2",
        "1 and -2",
        "{1, -2}",
    ],
    "2, -2": ["\\pm 2", "x = \\pm 2", "-2, 2", "\\{2,-2\\}"],
    "(1, 2)": [
        "(1,2)",
        "1, 2",
        "x=1, y=2",
        "y=2, x=1",
        "\\left(1, 2\\right)",
        "\\langle 1, 2\\rangle",
        "(x, y) = (1, 2)",
    ],
    "(\\frac12, 3)": ["(0.5, 3)", "(1/2,\\frac{6}{2})"],
    "[1, 2)": ["1 \\le x < 2", "x \\in [1,2)", "2 > x >= 1"],
    "(-\\infty, 3) \\cup (5, \\infty)": [
        "x<3 or x>5",
        "(5,\\infty)\\cup(-\\infty,3)",
        "(\u2212\u221e, 3) U (5, \u221e)",
    ],
    "x > 3": ["3 < x", "(3, \\infty)", "2x > 6", "-x < -3"],
    "\\emptyset": ["\\varnothing", "\\{\\}", "no solution", "\\text{no real solutions}"],
    "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}": [
        "\\begin{bmatrix}1 & 2\\\\ 3 & \\frac{8}{2}\\end{bmatrix}",
        "[[1, 2], [3, 4]]",
        "\\left[\\begin{array}{cc}1&2\\\\3&4\\end{array}\\right]",
    ],
    "\\begin{pmatrix}1\\\\2\\end{pmatrix}": ["(1, 2)", "\\begin{bmatrix}1\\\\2\\end{bmatrix}"],
}


@pytest.mark.parametrize(
    "pairs", [EQUAL_NUMBERS, EQUAL_EXPRESSIONS, EQUAL_COLLECTIONS], ids=["numbers", "expressions", "collections"]
)
def test_equivalent_answers_score_in_any_form(mathematics: Environment, pairs: dict[str, list[str]]) -> None:
    assert judged_otherwise(mathematics, pairs, 1.0) == []


UNEQUAL = {
    "5": [
        "",
        "4",
        "5, 6",
        "5 \\text{ or } 6",
        "\\{5, 6\\}",
        "5\\text{ or 6}",
        "\\pm 5",
        "5=6",
        "4=5",
        "x",
        "NaN",
        "\\infty",
        "\\frac{5}{0}",
        "5 5",
        "5\u0336",
        "\u0665",
        "|5",
        "\\begin{pmatrix}5&5\\end{pmatrix}",
    ],
    "3": [
        "1 2",
        "1\\,2",
        "x=2=3",
        "\\gcd(6,9)",
        "\\int_0^3 1 dx",
        "\\sum_{n=1}^{3} 1",
        "\\max(1,3)",
        "\\lfloor 3.5 \\rfloor",
    ],
    "\\frac{1}{3}": ["0.333", "0.33333", "0.34", "\\frac{333333}{1000000}", "33\\%"],
    "2": ["1.9999999", "2.0000001", "\\frac{1999999999}{1000000000}"],
    "\\pi": ["3.14", "22/7", "3.1415"],
    "e^{-50}": ["e^{-51}", "0", "0.0"],
    "10^{100}": ["10^{100}+1"],
    "25\\%": ["0.25\\%", "2500", "4"],
    "0.25": ["25"],
    "25": ["25\\%"],
    "12 \\text{ cm}": ["12 m", "12 \\text{ m}", "12 km", "12 \\text{ cm}^2"],
    "\\{1, 2\\}": ["1", "1, 2, 3", "(1, 2)", "\\{1, 3\\}", "[1, 2]", "1 < x < 2"],
    "(1, 2)": ["(2, 1)", "\\{1, 2\\}", "1", "(1, 2, 3)", "(1,2),(3,4)", "x=2, y=1"],
    "[1, 2)": ["(1, 2)", "[1, 2]", "\\{1, 2\\}", "1, 2", "1 < x < 2", "1"],
    "(6, \\infty)": ["(6, \\infty), 7", "x \\ge 6", "(-\\infty, 6)", "7"],
    "x > 3": ["x \\ge 3", "x < 3", "x = 4", "4", "3"],
    "y = 2x+1": ["y = 2x+2", "x = 2y+1", "2x", "x = 2x + 1"],
    "x^2+2x+1": ["x^2+2x+2", "(x-1)^2", "(y+1)^2", "0"],
    "\\sqrt{x^2}": ["x"],
    "\\ln(x^2)": ["2\\ln x"],
    "\\emptyset": ["0", "x = 0", "no idea", "\\{0\\}"],
    "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}": [
        "1, 2, 3, 4",
        "\\begin{pmatrix}1&2\\\\3&5\\end{pmatrix}",
        "\\begin{pmatrix}1&2&3&4\\end{pmatrix}",
    ],
    "\\text{even}": ["odd", "even or odd", "2"],
}


def test_answers_that_are_not_equivalent_score_nothing(mathematics: Environment) -> None:
    assert judged_otherwise(mathematics, UNEQUAL, 0.0) == []


def test_only_the_final_answer_counts(mathematics: Environment) -> None:
    right = [
        "I tried \\boxed{4}. Wait, that is wrong. \\boxed{5}",
        "2 + 2 = 4, so we need one more.\n\nThe answer is $5$.",
        "Therefore $x = 5$.",
        "So the value is 5.",
        "Answer: 5 because 2 + 3 = 5",
        "\\[ x = 5 \\]",
        "Answer:\n\\[5\\]",
        "The final answer is: $\\boxed{5}$. I hope it is correct.",
        "**5**",
        "The area is 5 square units.",
    ]
    wrong = [
        "",
        "All numbers from 1 to 1000 are possible.",
        ", ".join(map(str, range(1, 1001))),
        "\\boxed{5} is wrong, in fact it is \\boxed{6}",
        "\\boxed{4} \\boxed{5}",
        "\\boxed{5} or \\boxed{6}",
        "Answer: 5\nAnswer: 6",
        "It could be 5.\nIt could also be 6.",
        "5 is not the answer. The answer is 6.",
        "What is it?",
        "\\boxed{5",
        "5" * 1_000_000,
    ]
    verified = play_all(mathematics, [(row("5"), text) for text in right + wrong])

    assert [text for text, each in zip(right + wrong, verified, strict=True) if each["reward"] != (text in right)] == []


def test_repeating_the_question_is_no_answer(mathematics: Environment) -> None:
    product = row("391", question="What is 17 \\cdot 23?")
    integral = row("\\frac{1}{3}", question="Evaluate $\\int_0^1 x^2 \\, dx$.")
    root = row("2\\sqrt{2}", question="Simplify $\\sqrt{8}$.")
    largest = row("\\sqrt{8}", question="Which is larger, $\\sqrt{8}$ or $2$?")
    plays = {
        (0, "17 \\cdot 23"): product,
        (1, "23 \\times 17"): product,
        (2, "391"): product,
        (3, "\\int_0^1 x^2 dx"): integral,
        (4, "1/3"): integral,
        (5, "\\sqrt{8}"): root,
        (6, "2\\sqrt2"): root,
        (7, "\\sqrt{8}"): largest,
    }
    verified = play_all(mathematics, [(asked, f"\\boxed{{{answer}}}") for (_, answer), asked in plays.items()])

    assert [each["reward"] for each in verified] == [0, 0, 1, 0, 1, 0, 1, 1]


def test_polynomials_have_to_be_in_the_form_that_was_asked_for(mathematics: Environment) -> None:
    expanded, factored = row("x^2-x-6", answer_type="expanded"), row("(x-3)(x+2)", answer_type="factored")
    plays = [
        (expanded, "\\boxed{x^2 - x - 6}"),
        (expanded, "\\boxed{(x-3)(x+2)}"),
        (expanded, "\\boxed{x(x-1) - 6}"),
        (factored, "\\boxed{(x+2)(x-3)}"),
        (factored, "\\boxed{-(3-x)(x+2)}"),
        (factored, "\\boxed{x^2-x-6}"),
        (row("(x-1)^2 (x+1)", answer_type="factored"), "\\boxed{(x-1)(x^2-1)}"),
        (row("(x-1)^2 (x+1)", answer_type="factored"), "\\boxed{(x-1)(x-1)(x+1)}"),
        (row("(2, 5)", answer_type="interval"), "\\boxed{2 < x < 5}"),
        (row("(2, 5)", answer_type="interval"), "\\boxed{2, 5}"),
    ]

    assert [each["reward"] for each in play_all(mathematics, plays)] == [1, 0, 0, 1, 1, 0, 0, 1, 1, 0]


def test_tolerance_and_unit_of_a_row_count(mathematics: Environment) -> None:
    plays = [
        (row("\\pi", relative_error=0.01), "3.14"),
        (row("\\pi", relative_error=0.01), "3.2"),
        (row("\\pi", relative_error=0), "3.14159265358979"),
        (row("5", unit="m"), "5 m"),
        (row("5", unit="m"), "5 km"),
        (row("25", unit="%"), "25%"),
        (row("25", unit="%"), "1/4"),
        ({**row("5"), "expected_answer": 5}, "5"),
    ]

    assert [each["reward"] for each in play_all(mathematics, plays)] == [1, 0, 0, 1, 0, 1, 1, 1]


def test_answers_that_cost_too_much_are_wrong(mathematics: Environment) -> None:
    costly = [
        "9^{9^{9^{9}}}",
        "1000000!",
        "((((((5!)!)!)!)!)!)",
        "10^{10^{10}}-10^{10^{10}}+5",
        "(" * 300 + "5" + ")" * 300,
        "\\sqrt{" * 60 + "5" + "}" * 60,
        "+".join(["1"] * 600),
        "9" * 400 + "^" + "9" * 90,
        "x^{x^{x^{x^{x}}}}",
        "\\sin(10^{10^{8}})",
        "\\frac{1}{" * 200,
        "5" + "," * 2000,
        "\\begin{pmatrix}" + "5&" * 400 + "5\\end{pmatrix}",
    ]
    verified = play_all(mathematics, [(row("5"), f"\\boxed{{{answer}}}") for answer in costly])

    assert [each["reward"] for each in verified] == [0.0] * len(costly)


def test_an_evaluation_that_does_not_end_is_ended_and_harms_no_other(tmp_path: Path) -> None:
    config = (FOLDER / "configs" / "math_equivalence.yaml").read_text().replace("max_cpu_s: 3.0", "max_cpu_s: 0.3")
    renamed = config.replace("math_equivalence:\n  resources", "quick:\n  resources").replace(
        "name: math_eq", "name: quick #"
    )
    (tmp_path / "quick.yaml").write_text(renamed)
    quick = load_environment(tmp_path / "quick.yaml", search_dirs=[FOLDER.parent.parent])
    endless = "\\boxed{\\binom{10^{9}}{10^{8}}}"

    verified = play_all(quick, [(row("5"), endless), (row("5"), "\\boxed{5}"), (row("5"), endless), (row("5"), "5")])

    assert [each["reward"] for each in verified] == [0, 1, 0, 1]
    assert "took more than 0.3 s of processor time" in verified[0]["explanation"]


def test_a_row_whose_answer_cannot_be_read_is_a_failure_and_no_zero(mathematics: Environment) -> None:
    for expected in ("\\frac{", "1 2", "9^{9^{9^{9}}}"):
        with pytest.raises(RolloutFailure, match="cannot be read"):
            play(mathematics, row(expected), "\\boxed{5}")
    server = MathServer("mathematics", MathServer.parse_config({}, "test"), None)  # type: ignore[arg-type]
    for broken in ({}, {"expected_answer": ""}, {"expected_answer": None}, {**row("5"), "answer_type": "nice"}):
        with pytest.raises(InputError):
            server.task_of({"responses_create_params": {}, **broken})


def test_nothing_that_an_answer_says_is_executed(mathematics: Environment, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    answers = [
        f"__import__('pathlib').Path('{trace}').touch()",
        f"\\boxed{{__import__('pathlib').Path('{trace}').touch()}}",
        f"\\boxed{{\\immediate\\write18{{touch {trace}}}}}",
        f"\\boxed{{(lambda: open('{trace}', 'w'))()}}",
    ]

    assert [each["reward"] for each in play_all(mathematics, [(row("5"), answer) for answer in answers])] == [0] * 4
    assert not trace.exists()


def test_sets_of_numbers_count_however_they_are_written(mathematics: Environment) -> None:
    region = r"(-\infty,-8]\cup[-5,\infty)"
    right = {
        region: [
            r"]-\infty,-8]\cup[-5,\infty[",
            "(-inf, -8] U [-5, inf)",
            f"x={region}",
            r"\mathbb{R}\setminus(-8,-5)",
            r"x \le -8 \text{ or } x \ge -5",
        ],
        "[2,5]": [r"x \ge 2 \text{ and } x \le 5"],
        r"\{-4,-5\}": [r"x \in \{-4,-5\}"],
        "3/20": [r"\textbf{3/20}"],
        "6x": [r"\frac{d^2f}{dx^2}=6x"],
    }
    wrong = [
        *(rf"\boxed{{x \le -8 {word} x \ge -5}}" for word in (r"\text{ and }", r"\land", "\u2227")),
        r"\boxed{\mathbb{R}\setminus[-8,-5]}",
        "\\boxed{\ud800}",
    ]
    plays = [(row(expected), [f"\\boxed{{{answer}}}"]) for expected, answers in right.items() for answer in answers]
    assert [verified["reward"] for verified in play_all(mathematics, plays)] == [1.0] * len(plays)
    plays = [(row(region), [answer]) for answer in wrong]
    assert [verified["reward"] for verified in play_all(mathematics, plays)] == [0.0] * len(plays)
