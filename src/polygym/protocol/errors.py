"""Faults that the person at the keyboard can mend: bad configuration, bad input, a refused output.

They end a command with one message and exit code 2. What goes wrong inside a rollout is in failures.py.
"""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user gave is wrong. The message says what, where and what to do."""


class ConfigError(UserError):
    """The configuration cannot be read, merged, resolved or wired."""


class InputError(UserError):
    """A dataset or one of its rows cannot be used."""


class OutputError(UserError):
    """An output cannot be written without losing something."""


def suggest(wrong: str, known: Iterable[str], limit: int = 3) -> str:
    """A sentence with the known names nearest to `wrong`, or all of them when there are few and none is near."""
    names = sorted(set(known))
    near = [name for name in names if wrong and wrong in name]
    near += [name for name in difflib.get_close_matches(wrong, names, n=limit, cutoff=0.5) if name not in near]
    if near:
        return f"Meant {' or '.join(repr(name) for name in near[:limit])}?"
    if not names:
        return "There are none."
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return f"There is: {shown}."
