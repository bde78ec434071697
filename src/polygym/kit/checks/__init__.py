"""What is checked of an environment, a file each. Names map to functions in the order in which they run."""

from collections.abc import Callable, Mapping
from typing import Final

from polygym.kit.checks.arguments import check_arguments
from polygym.kit.checks.determinism import check_determinism
from polygym.kit.checks.isolation import check_isolation
from polygym.kit.checks.malformed import check_malformed_outputs
from polygym.kit.checks.manifest import check_manifest
from polygym.kit.checks.rewards import check_rewards
from polygym.kit.checks.sessions import check_sessions
from polygym.kit.checks.solution import (
    check_lazy_answers,
    check_random_model,
    check_reference,
    check_wrong_answers,
)
from polygym.kit.checks.subject import Result, Subject
from polygym.kit.checks.timing import check_timing
from polygym.kit.checks.tools import check_tools

CHECKS: Final[Mapping[str, Callable[[Subject], Result]]] = {
    "manifest": check_manifest,
    "tools": check_tools,
    "reference": check_reference,
    "lazy answers": check_lazy_answers,
    "wrong answers": check_wrong_answers,
    "random model": check_random_model,
    "determinism": check_determinism,
    "isolation": check_isolation,
    "sessions": check_sessions,
    "malformed outputs": check_malformed_outputs,
    "tool arguments": check_arguments,
    "time": check_timing,
    "rewards": check_rewards,
}
"""All but the check of the rows, which the others need and which comes first."""
NEED_NO_ROWS: Final = frozenset({"manifest"})
"""Checks that look at the configuration alone."""
NEED_REFERENCE: Final = frozenset(CHECKS) - {
    "manifest",
    "tools",
    "lazy answers",
    "random model",
    "tool arguments",
    "rewards",
}
"""Checks that play the reference solution."""
