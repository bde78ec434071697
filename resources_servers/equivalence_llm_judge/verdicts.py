"""What a judge is shown and what it said: material that cannot pose as instructions, and one strict verdict.

Whatever the material says, it stands between tags that its author could not know, and holds no label.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

THOUGHT_END: Final = "</think>"


def fence_name(*materials: str) -> str:
    """The name of the tags around material: follows from all of it, so that none of it can contain the name."""
    digest = hashlib.blake2b("\0".join(materials).encode("utf-8", "replace"), digest_size=5)
    return f"material-{digest.hexdigest()}"


def fenced(material: str, fence: str, labels: Iterable[str]) -> str:
    """Material between its tags, without invisible characters and without anything that reads as a label."""
    shown = visible(material)
    for label in labels:
        shown = _spelling(label).sub("(label)", shown)
    return f"<{fence}>\n{shown.strip()}\n</{fence}>"


def visible(text: str) -> str:
    """`text` without the characters that nobody sees: joiners, direction marks, control characters."""
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in _INVISIBLE)


def without_thought(text: str) -> str:
    """What follows a model's reasoning, where that stands in its text; nothing when the reasoning never ends."""
    _, found, rest = text.rpartition(THOUGHT_END)
    if found:
        return rest
    return "" if text.lstrip().startswith("<think>") else text


def verdict_in(text: str, labels: tuple[str, str]) -> str | None:
    """The label that a judge's text gives as its verdict; None when that is not clear.

    It has to end the last line, the only label there, or else stand on a line of its own as the only label anywhere.
    """
    lines = [line.strip(_DECORATION) for line in without_thought(text).splitlines()]
    said = [line for line in lines if line]
    if not said:
        return None
    found = [(label, line) for line in said for label in labels for _ in _spelling(label).finditer(line)]
    in_last = [label for label, line in found if line is said[-1]]
    if len(in_last) == 1 and _ends_with(said[-1], in_last[0]):
        return in_last[0]
    if len(found) == 1 and _spelling(found[0][0]).fullmatch(found[0][1]):
        return found[0][0]
    return None


def _ends_with(line: str, label: str) -> bool:
    return any(match.end() == len(line) for match in _spelling(label).finditer(line))


def core_of(label: str) -> str:
    """What makes a label: its characters without blanks, case and decoration."""
    return "".join(label.split()).strip(_DECORATION).lower()


def _spelling(label: str) -> re.Pattern[str]:
    """A label in any case, with blanks between its characters or none."""
    return re.compile(r"[ \t]{0,3}".join(map(re.escape, core_of(label))), re.IGNORECASE)


_INVISIBLE: Final = ("Cf", "Cc", "Cs", "Co", "Cn")
_DECORATION: Final = " \t*_`#>.!\"'"
