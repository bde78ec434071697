"""Sums of a few numbers."""

from random import Random

from polygym import JsonObject


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    start = rng.randint(100, 999)
    amounts = [rng.randint(1, 99) for _ in range(1 + round(4 * difficulty))]
    listed = ", ".join(map(str, amounts))
    return {
        "id": index,
        "responses_create_params": {"input": [{"role": "user", "content": f"Start at {start}, then add {listed}."}]},
        "start": start,
        "amounts": amounts,
    }
