"""What a terminal shows in colours, as plain text."""

import re
from typing import Final, NamedTuple

COLOURS: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_CODE: Final = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")


class _Style(NamedTuple):
    front: str | None = None
    back: str | None = None


def plain_text(ansi: str) -> str:
    """Terminal output as text; nothing that colours said is lost.

    Characters on a coloured ground stand in brackets. A last line lists all that is coloured: `Coloured: R magenta`.
    """
    text: list[str] = []
    listed: dict[str, None] = {}
    style, end = _Style(), 0
    for code in _CODE.finditer(ansi):
        text.append(_segment(ansi[end : code.start()], style, listed))
        style = _after(style, code[1]) if code[2] == "m" else style
        end = code.end()
    text.append(_segment(ansi[end:], style, listed))
    lines = [line.rstrip() for line in "".join(text).split("\n")]
    shown = "\n".join(lines).strip("\n")
    return f"{shown}\nColoured: {', '.join(listed)}" if listed else shown


def _segment(text: str, style: _Style, listed: dict[str, None]) -> str:
    if not text or style == _Style():
        return text
    what = repr(text) if text != text.strip() or not text.isprintable() else text
    front = f" {style.front}" if style.front else ""
    back = f" on {style.back}" if style.back else ""
    listed[f"{what}{front}{back}"] = None
    return f"[{text}]" if style.back else text


def _after(style: _Style, parameters: str) -> _Style:
    """The style after a code such as `34;1`; colours beyond the eight of a terminal go by their number."""
    numbers = [int(each) if each else 0 for each in parameters.split(";")]
    place = 0
    while place < len(numbers):
        number = numbers[place]
        if number == 0:
            style = _Style()
        elif number in (38, 48):
            skipped = 2 if numbers[place + 1 : place + 2] == [5] else 4
            name = f"colour {'-'.join(map(str, numbers[place + 2 : place + 1 + skipped]))}"
            style = style._replace(front=name) if number == 38 else style._replace(back=name)
            place += skipped
        elif number == 7:
            style = style._replace(back="inverse")
        elif number == 39:
            style = style._replace(front=None)
        elif number in (27, 49):
            style = style._replace(back=None)
        elif 30 <= number <= 37 or 90 <= number <= 97:
            style = style._replace(front=COLOURS[number % 10])
        elif 40 <= number <= 47 or 100 <= number <= 107:
            style = style._replace(back=COLOURS[number % 10])
        place += 1
    return style
