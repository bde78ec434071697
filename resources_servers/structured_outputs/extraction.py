"""Where the document is in an answer: the whole of it, or in a code fence."""

import re
from typing import Final, Literal, TypeAlias

from resources_servers.structured_outputs.parsers import SchemaType
from resources_servers.structured_outputs.parsers.base import LONGEST, UnreadableError

AnswerForm: TypeAlias = Literal["raw", "fenced", "raw_or_fenced", "anywhere"]
"""`raw`: the document and nothing else. `fenced`: one code fence and nothing else. `anywhere`: text may stand around
the one code fence."""

_LONE: Final = re.compile("[\ud800-\udfff]")
"""Halves of characters, which no parser takes."""
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^`~\n]{0,40})$")
_NAMES: Final[dict[SchemaType, frozenset[str]]] = {
    "json": frozenset({"json", "jsonc", "json5"}),
    "yaml": frozenset({"yaml", "yml"}),
    "xml": frozenset({"xml"}),
    "csv": frozenset({"csv"}),
    "toml": frozenset({"toml"}),
}
_OTHERS: Final = frozenset().union(*_NAMES.values())


def document_in(answer: str, schema_type: SchemaType, form: AnswerForm) -> str:
    """The text of the document. Raises UnreadableError when the answer does not have the form, or nothing in it."""
    if len(answer) > LONGEST:
        raise UnreadableError("too_long", f"the answer has more than {LONGEST} characters")
    text = _LONE.sub("\ufffd", answer).replace("\r\n", "\n").strip().removeprefix("\ufeff").strip()
    if not text:
        raise UnreadableError("empty", "the answer is empty")
    blocks, is_all = _blocks(text)
    if not blocks:
        if form == "fenced" or _is_fence(text.split("\n")[0]):
            raise UnreadableError("form", "the document has to stand in one code fence")
        return text
    if form == "raw":
        raise UnreadableError("form", "the document has to stand alone, without a code fence")
    if len(blocks) > 1:
        raise UnreadableError("form", f"there are {len(blocks)} code fences, not one")
    if not is_all and form != "anywhere":
        raise UnreadableError("form", "there is text around the code fence")
    name, content = blocks[0]
    if name in _OTHERS - _NAMES[schema_type]:
        raise UnreadableError("form", f"the code fence is for {name}, not for {schema_type}")
    return content.removeprefix("\ufeff").strip("\n")


def _is_fence(line: str) -> bool:
    return _FENCE.match(line) is not None


def _blocks(text: str) -> tuple[list[tuple[str, str]], bool]:
    """Name and content of every closed code fence, and whether there is nothing beside them."""
    blocks: list[tuple[str, str]] = []
    opened: tuple[str, str] | None = None
    content: list[str] = []
    is_all = True
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if opened is None:
            if fence is not None:
                opened, content = (fence[1], fence[2].strip().lower()), []
            elif line.strip():
                is_all = False
        elif fence is not None and fence[1][0] == opened[0][0] and len(fence[1]) >= len(opened[0]) and not fence[2]:
            blocks.append((opened[1], "\n".join(content)))
            opened = None
        else:
            content.append(line)
    return blocks, is_all and opened is None
