"""For authors of environments: play scripted rollouts, generate rows, check an environment before it is trusted.

The names load on first use. The command line knows them as `gym env check` and `gym dataset generate`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polygym.kit.check import check_environment
    from polygym.kit.checks.subject import CheckSettings
    from polygym.kit.environment import Environment, load_environment
    from polygym.kit.playground import Outcome, Playground, play
    from polygym.kit.report import Finding, Report
    from polygym.kit.rows import generate_rows, iterate_rows
    from polygym.kit.scripts import LISTEN, Script, ScriptError, ToolCall, Turn, call

_HOMES = {
    "CheckSettings": "checks.subject",
    "check_environment": "check",
    "Finding": "report",
    "Report": "report",
    "Environment": "environment",
    "load_environment": "environment",
    "Outcome": "playground",
    "Playground": "playground",
    "play": "playground",
    "generate_rows": "rows",
    "iterate_rows": "rows",
    "LISTEN": "scripts",
    "Script": "scripts",
    "ScriptError": "scripts",
    "ToolCall": "scripts",
    "Turn": "scripts",
    "call": "scripts",
}

__all__ = [
    "LISTEN",
    "CheckSettings",
    "Environment",
    "Finding",
    "Outcome",
    "Playground",
    "Report",
    "Script",
    "ScriptError",
    "ToolCall",
    "Turn",
    "call",
    "check_environment",
    "generate_rows",
    "iterate_rows",
    "load_environment",
    "play",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'polygym.kit' has no attribute {name!r}")
    return getattr(import_module(f"polygym.kit.{home}"), name)
