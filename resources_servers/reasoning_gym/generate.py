"""Makes rows: an entry of one of the library's datasets, with the question in words of ours around it."""

import json
import warnings
from dataclasses import asdict
from functools import cache
from importlib import import_module
from random import Random
from types import ModuleType

from polygym import JsonObject

FAMILIES = (
    *("ab", "advanced_geometry", "arc_1d", "base_conversion", "basic_arithmetic", "binary_alternation"),
    *("bitwise_arithmetic", "calendar_arithmetic", "chain_sum", "coin_flip", "color_cube_rotation"),
    *("complex_arithmetic", "count_bits", "course_schedule", "cryptarithm", "decimal_arithmetic"),
    *("decimal_chain_sum", "dice", "emoji_mystery", "family_relationships", "figlet_font", "fraction_simplification"),
    *("futoshiki", "game_of_life_halting", "gcd", "group_anagrams", "isomorphic_strings", "kakurasu"),
    *("knights_knaves", "largest_island", "lcm", "leg_counting", "letter_counting", "letter_jumble", "mahjong_puzzle"),
    *("mini_sudoku", "number_filtering", "number_format", "palindrome_generation", "palindrome_partitioning"),
    *("path_star", "polynomial_equations", "polynomial_multiplication", "power_function", "prime_factorization"),
    *("products", "puzzle24", "quantum_lock", "ransom_note", "rotten_oranges", "self_reference"),
    *("sentence_reordering", "shortest_path", "simple_equations", "simple_geometry", "simple_integration"),
    *("spell_backward", "string_insertion", "sudoku", "syllogism", "tsumego", "word_ladder"),
    *("word_sequence_reversal", "zebra_puzzles"),
)
"""Datasets with three levels of difficulty that are quick to make, not too long, and know their own answers."""
SEEDS = 1 << 31
INSTRUCTIONS = (
    "Think it through, then give your final answer between <answer> and </answer>.",
    "Solve the task. Whatever you write before it, the last thing has to be <answer>your answer</answer>.",
    "Answer in the form that the task asks for, inside <answer></answer>, with nothing else in there.",
    "Take your time. Only what stands in <answer>…</answer> at the end is graded.",
)


def make_row(index: int, rng: Random, difficulty: float) -> JsonObject:
    """An entry of a random dataset, at the first, second or third level of its curriculum."""
    dataset = rng.choice(FAMILIES)
    config = config_of(dataset, round(2 * difficulty))
    seed = rng.randrange(SEEDS)
    entry = library().create_dataset(dataset, **config, seed=seed, size=1)[0]
    prompt = [
        {"role": "system", "content": rng.choice(INSTRUCTIONS)},
        {"role": "user", "content": entry["question"]},
    ]
    return {
        "id": index,
        "responses_create_params": {"input": prompt},
        "dataset": dataset,
        "config": config,
        "seed": seed,
        "index": 0,
        **entry,
    }


def config_of(dataset: str, level: int) -> JsonObject:
    """A dataset's arguments at a level of its curriculum."""
    curriculum = library().factory.create_curriculum(dataset)
    curriculum.set_global_level(level)
    made: JsonObject = json.loads(json.dumps(asdict(curriculum.generate_configuration({}))))
    return {name: value for name, value in made.items() if name not in ("seed", "size")}


@cache
def library() -> ModuleType:
    """The reasoning-gym library. Importing it takes a second or two, and warns about its dependencies' syntax."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module("reasoning_gym")
