"""A process that scores answers with the library's own scorers: one JSON request a line in, one JSON answer a line out.

Run by path, in an interpreter that has the library. Scorers take what a model has said, and some give it to `eval` or
to SymPy, which is the same: here both take plain values and plain formulas only, and the kernel ends the process when
an answer costs more processor time or memory than it may.
"""

import ast
import json
import math
import os
import re
import resource
import sys
import warnings
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

LONGEST_FORMULA = 8_000
"""Characters."""
LONGEST_NUMBER = 120
"""Digits in a row in a formula."""
MEMORY_BYTES = 4 << 30
NAMES = frozenset(
    "sin cos tan cot sec csc asin acos atan sinh cosh tanh exp log ln sqrt Abs abs pi E e C oo".split()  # noqa: SIM905
)
"""Words that a formula may hold, besides single letters."""
EVALUATING = (
    "algorithmic.string_insertion",
    "algorithmic.spiral_matrix",
    "algorithmic.binary_matrix",
    "games.n_queens",
)
"""Modules whose scorers evaluate the answer."""
PARSING = ("games.countdown", "games.puzzle24")
"""Modules that have imported SymPy's parser by name."""
_TOKEN = re.compile(r"\s+|\d+(?:\.\d*)?(?:[eE][-+]?\d{1,3})?|\.\d+|[A-Za-z_]\w*|\*\*|[-+*/^(),]")


def check_formula(text: str) -> str:
    """`text` if it is a plain formula: numbers, letters, known functions, operators. Raises ValueError."""
    if len(text) > LONGEST_FORMULA:
        raise ValueError("too long for a formula")
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None or len(token[0]) > LONGEST_NUMBER:
            raise ValueError(f"no formula: {text[place : place + 20]!r}")
        if token[0][0].isalpha() and len(token[0]) > 1 and token[0] not in NAMES:
            raise ValueError(f"unknown name in a formula: {token[0]}")
        if token[0][0] == "_":
            raise ValueError("unknown name in a formula")
        place = token.end()
    return text


_is_scoring = False
"""Whether what is parsed may come from a model; the library makes its tasks with the same functions."""


def make_safe() -> None:
    """Let the library's scorers read plain values and formulas only."""
    sympy, sympy_parser = import_module("sympy"), import_module("sympy.parsing.sympy_parser")
    parse = sympy_parser.parse_expr

    def parse_formula(text: str, *args: Any, **kwargs: Any) -> Any:
        return parse(check_formula(text) if _is_scoring else text, *args, **kwargs)

    modules: dict[str, Any] = {name: import_module(f"reasoning_gym.{name}") for name in (*EVALUATING, *PARSING)}
    for name in EVALUATING:
        modules[name].eval = ast.literal_eval
    for module in (sympy, sympy_parser, *(modules[name] for name in PARSING)):
        module.parse_expr = parse_formula


@lru_cache(maxsize=128)
def dataset_of(name: str, config: str) -> Any:
    """A dataset with a configuration, as JSON. Raises ValueError or TypeError for what the library does not know."""
    return import_module("reasoning_gym").create_dataset(name, **json.loads(config))


def as_tuples(value: Any) -> Any:
    """Lists as tuples, all the way down: JSON has lost the difference, and some scorers compare."""
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value


def entry_of(request: Any) -> dict[str, Any]:
    """The entry to score: the one in the request, else the one that the dataset makes."""
    if request.get("entry") is None:
        config = {**request["config"], "seed": request["seed"], "size": request["index"] + 1}
        made: dict[str, Any] = dataset_of(request["dataset"], json.dumps(config, sort_keys=True))[request["index"]]
        return made
    entry: dict[str, Any] = request["entry"]
    if request["dataset"] in ("arc_agi", "rearc"):
        entry["metadata"] = {key: as_tuples(value) for key, value in entry["metadata"].items()}
    return entry


def score(request: Any) -> dict[str, Any]:
    """The best score of the answers in the request: `{score}`, or `{problem}` when the entry cannot be scored."""
    global _is_scoring
    config = json.dumps({"seed": 0, **request["config"]}, sort_keys=True)
    scorer: Callable[..., Any] = dataset_of(request["dataset"], config).score_answer
    entry = entry_of(request)
    _is_scoring = True
    try:
        return best_score(scorer, request["answers"], entry, request["dataset"])
    finally:
        _is_scoring = False


def best_score(scorer: Callable[..., Any], answers: list[str], entry: dict[str, Any], name: str) -> dict[str, Any]:
    """As `score`."""
    best = 0.0
    for answer in answers:
        try:
            best = max(best, float(scorer(answer=answer, entry=entry)))
        except Exception as error:  # the scorer stumbles over the answer, or over every answer to this entry
            problem = problem_with(scorer, entry, name)
            if problem is not None:
                return {"problem": f"{problem} (after {type(error).__name__}: {error})"}
    return {"score": best}


def problem_with(scorer: Callable[..., Any], entry: dict[str, Any], name: str) -> str | None:
    """Why an entry cannot be scored, judged by its own answer; None when it can, or has no answer of its own."""
    if not isinstance(entry.get("answer"), str):
        return None
    try:
        scorer(answer=entry["answer"], entry=entry)
    except Exception as error:
        return f"the scorer of {name} cannot score the entry's own answer: {type(error).__name__}: {error}"
    return None


def answer(line: str, cpu_limit_s: int) -> dict[str, Any]:
    """What to say to one request."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    used_s = math.ceil(spent.ru_utime + spent.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (used_s + cpu_limit_s, resource.RLIM_INFINITY))
    request = json.loads(line)
    try:
        return {"entry": entry_of(request)} if request["do"] == "entry" else score(request)
    except Exception as error:
        return {"problem": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Answer requests until the input ends."""
    warnings.simplefilter("ignore")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the library prints is not for the caller
    make_safe()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        replies.write(json.dumps(answer(line, int(sys.argv[1])), default=str) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
