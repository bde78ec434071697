"""What a method's docstring says about the method and about its parameters: Google, NumPy and Sphinx style."""

import re
import textwrap
from typing import NamedTuple


class Described(NamedTuple):
    """A docstring, read."""

    summary: str
    """The text before the first section, in one line."""
    parameters: dict[str, str]
    """Descriptions by parameter, in one line each."""


def read_docstring(text: str) -> Described:
    """The parts of a docstring whose indentation is cleaned, as `inspect.getdoc` gives it."""
    described: dict[str, str] = {}
    text, *fields = _FIELD.split(text)
    for kind, subject, said in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        if kind in _FIELD_KINDS and subject:
            described[subject.split()[-1].lstrip("*")] = _in_one_line(said)
    summary, *sections = _SECTION.split(text)
    for google, numpy, body in zip(sections[::3], sections[1::3], sections[2::3], strict=True):
        if (google or numpy) in _ARGUMENTS:
            entry = _GOOGLE_ENTRY if google else _NUMPY_ENTRY
            for names, said in entry.findall(textwrap.dedent(body)):
                described.update({name.strip(" *"): _in_one_line(said) for name in names.split(",")})
    return Described(_in_one_line(summary), described)


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


_HEADINGS = (
    r"Args|Arguments|Parameters|Other Parameters|Keyword Args|Keyword Arguments|Returns|Raises|Yields|Examples?"
    r"|Notes?|Warnings?|Warns|See Also|References|Attributes|Todo"
)
_SECTION = re.compile(rf"^(?:({_HEADINGS}):[ \t]*|({_HEADINGS})[ \t]*\n-{{3,}}[ \t]*)$", re.MULTILINE)
"""`Args:`, or `Parameters` underlined."""
_ARGUMENTS = frozenset({"Args", "Arguments", "Parameters", "Other Parameters", "Keyword Args", "Keyword Arguments"})
_GOOGLE_ENTRY = re.compile(r"^(\*{0,2}\w+)(?:[ \t]*\(.*?\))?:((?:.|\n(?!\S))*)", re.MULTILINE)
_NUMPY_ENTRY = re.compile(r"^(\*{0,2}\w+(?:, *\*{0,2}\w+)*)[ \t]*(?::.*)?((?:\n(?:[ \t].*)?)*)", re.MULTILINE)
_FIELD = re.compile(
    r"^[ \t]*:(param|parameter|arg|argument|key|keyword|type|returns?|rtype|raises?|except|exception|yields?)"
    r"(?:[ \t]+([^:\n]+))?:",
    re.MULTILINE,
)
"""`:param str city: …`, `:returns: …`; everything after the first of them belongs to one."""
_FIELD_KINDS = frozenset({"param", "parameter", "arg", "argument", "key", "keyword"})
