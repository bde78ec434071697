"""Knows the answer, and a judge who compares letter by letter."""

from polygym import JsonObject
from polygym.kit import Script


def solve(row: JsonObject) -> Script:
    yield row["answer"]


def judge(params: JsonObject) -> str:
    _, said, _, answer, _ = params["input"].split("'")
    return "yes" if said == answer else "no"


STAND_INS = {"judge_model": judge}
