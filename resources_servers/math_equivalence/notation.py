r"""The ways to write mathematics that people use, brought into the LaTeX that the parser knows.

`clean` is for whole answers, before they are taken apart; `to_latex` for one expression.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from polygym.kit.answers import number_in


class NotationError(ValueError):
    """A text that is no single expression."""


def clean(text: str) -> str:
    """An answer without dollar signs, spacing and sizing commands, and with LaTeX for Unicode signs."""
    text = _SUPERSCRIPTS.sub(lambda run: "^{" + run[0].translate(_RAISED) + "}", text)
    text = _SUBSCRIPTS.sub(lambda run: "_{" + run[0].translate(_LOWERED) + "}", text)
    text = _VULGAR.sub(lambda found: (" " if found[1] else "") + _FRACTIONS[found[2]], text)
    text = text.translate(_SIGNS)
    text = text.strip("*_ ")
    text = _MONEY.sub(r"\1", text)
    text = _DISPLAY.sub(" ", text)
    text = _NOISE.sub(" ", text)
    text = _FRACTION_COMMANDS.sub(r"\\frac", text)
    text = _UPRIGHT.sub(r"\1", text)
    text = _BOLD.sub(r"\1", text)
    has_order = _ORDER.search(text) is not None
    text = _WORDS_BETWEEN.sub(lambda word: " \\land " if has_order and _AND.search(word[0]) else " , ", text)
    text = _REVERSED.sub(_usual_brackets, text)
    text = re.sub(r"(?<=[\])]) ?U ?(?=[(\[])", r" \\cup ", text.replace("{,}", "").replace("\n", " "))
    return re.sub(r"\s{2,}", " ", text).strip().rstrip(".;:").strip()


def _usual_brackets(found: "re.Match[str]") -> str:
    """`]1, 2[` as `(1, 2)`."""
    return f"{'(' if found[1] == ']' else '['}{found[2]},{found[3]}{')' if found[4] == '[' else ']'}"


class Latex(NamedTuple):
    """One expression."""

    text: str
    has_decimals: bool
    """Whether it was written with a decimal point, so that it may be rounded."""


def to_latex(text: str) -> Latex:
    r"""One cleaned expression in LaTeX: functions as commands, powers in braces, decimals as fractions.

    Raises NotationError for digits with nothing but space between them, which are no expression.
    """
    text = _mixed_or_scientific(_SHORT_FRACTION.sub(r"\\frac{\1}{\2}", text.strip()))
    words = _WORDS.fullmatch(text)
    if words:
        number = number_in(words[1])
        return Latex(f"\\text{{{words[1]}}}" if number is None else str(number), has_decimals=False)
    text = _NAMES.sub(lambda name: _COMMANDS.get(name[0].lower(), "\\" + name[0].lower()) + " ", text)
    text = _with_arguments(text)
    text = re.sub(r"\\log\s*_\s*(?:e|\{\s*e\s*\})(?![a-zA-Z])", r"\\ln ", text)
    text = text.replace("**", "^").replace("*", r" \cdot ")
    text = _POWER.sub(r"^{\1}", text)
    text = _braced(text, "^", lambda inner: "^{" + inner + "}")
    if _GAP.search(text):
        raise NotationError("digits with space between them")
    text = _ANGLE.sub(r"(\1 \\cdot \\frac{\\pi}{180})", text)
    has_decimals = _DECIMAL.search(_REPEATING.sub(" ", text)) is not None
    text = _REPEATING.sub(_exact_repeating, text)
    text = _DECIMAL.sub(_exact_decimal, text)
    return Latex(text, has_decimals)


def _mixed_or_scientific(text: str) -> str:
    r"""Whole texts that are `2 3/4`, `2\frac{3}{4}`, `1 234 567` or `1.5e-3`, spelled out."""
    mixed = _MIXED.fullmatch(text)
    if mixed:
        upper, lower = mixed["upper"] or mixed["top"], mixed["lower"] or mixed["bottom"]
        return f"{mixed['sign']}({mixed['whole']}+\\frac{{{upper}}}{{{lower}}})"
    scientific = _SCIENTIFIC.fullmatch(text)
    if scientific:
        return f"{scientific[1]} \\cdot 10^{{{int(scientific[2])}}}"
    return text.replace(" ", "") if _SPACED.fullmatch(text) else text


def _with_arguments(text: str) -> str:
    """Functions whose argument stands in parentheses, in the braces that LaTeX wants."""
    text = re.sub(r"\\(sqrt|cbrt)\s*(\d+(?:\.\d+)?|[a-zA-Z])(?![\w{])", r"\\\1{\2}", text)
    for command, wrap in _WRAPPED.items():
        text = _braced(text, command, wrap)
    return re.sub(r"\\cbrt\s*\{", r"\\sqrt[3]{", text)


def _braced(text: str, before: str, wrap: Callable[[str], str]) -> str:
    """`before(…)`, with balanced parentheses, as `wrap(…)`; from the last one on, so that inner ones go first."""
    end = len(text)
    for _ in range(_MOST_BRACES):
        place = text.rfind(before, 0, end)
        if place < 0:
            break
        opening = place + len(before)
        while opening < len(text) and text[opening] == " ":
            opening += 1
        closing = _closing(text, opening) if text[opening : opening + 1] == "(" else None
        if closing is not None:
            text = text[:place] + wrap(text[opening + 1 : closing]) + text[closing + 1 :]
        end = place
    return text


def _closing(text: str, opening: int) -> int | None:
    depth = 0
    for place in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return place
    return None


def _exact_decimal(found: "re.Match[str]") -> str:
    whole, decimals = found[1] or "0", found[2]
    return f"\\frac{{{int(whole + decimals)}}}{{{10 ** len(decimals)}}}"


def _exact_repeating(found: "re.Match[str]") -> str:
    whole, fixed, period = found[1] or "0", found[2], found[3] or found[4]
    upper = int(whole + fixed + period) - int(whole + fixed)
    return f"\\frac{{{upper}}}{{{10 ** len(fixed) * (10 ** len(period) - 1)}}}"


_MOST_BRACES: Final = 60
_GREEK: Final = (
    *(
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
    ),
    *("omicron", "pi", "rho", "varsigma", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
_SIGNS: Final = {
    **{0x3B1 + place: f"\\{name} " for place, name in enumerate(_GREEK)},
    **{
        ord(sign): f" {command} "
        for sign, command in {
            "\u2212": "-",
            "\u221e": r"\infty",
            "\u00d7": r"\cdot",
            "\u00b7": r"\cdot",
            "\u22c5": r"\cdot",
            "\u2219": r"\cdot",
            "\u00f7": "/",
            "\u2215": "/",
            "\u2264": r"\le",
            "\u2265": r"\ge",
            "\u2a7d": r"\le",
            "\u2a7e": r"\ge",
            "\u2260": r"\ne",
            "\u2248": r"\approx",
            "\u222a": r"\cup",
            "\u2208": r"\in",
            "\u2205": r"\emptyset",
            "\u00d8": r"\emptyset",
            "\u00b1": r"\pm",
            "\u00b0": r"^{\circ}",
            "\u221a": r"\sqrt",
            "\u221b": r"\cbrt",
            "\u222b": r"\int",
            "\u2211": r"\sum",
            "\u220f": r"\prod",
            "\u2202": r"\partial",
            "\u211d": r"\mathbb{R}",
            "\u27e8": r"\langle",
            "\u27e9": r"\rangle",
            "\u00b5": r"\mu",
            "\u2227": r"\land",
            "\u2228": ",",
        }.items()
    },
}
_RAISED: Final = str.maketrans(
    "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b\u207f\u02e3", "0123456789+-nx"
)
_LOWERED: Final = str.maketrans("\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089", "0123456789")
_SUPERSCRIPTS: Final = re.compile(f"[{''.join(map(chr, _RAISED))}]+")
_SUBSCRIPTS: Final = re.compile(f"[{''.join(map(chr, _LOWERED))}]+")
_FRACTIONS: Final = {
    character: f"\\frac{{{upper}}}{{{lower}}}"
    for character, (upper, lower) in {
        "\u00bd": (1, 2),
        "\u2153": (1, 3),
        "\u2154": (2, 3),
        "\u00bc": (1, 4),
        "\u00be": (3, 4),
        "\u2155": (1, 5),
        "\u2156": (2, 5),
        "\u2157": (3, 5),
        "\u2158": (4, 5),
        "\u2159": (1, 6),
        "\u215a": (5, 6),
        "\u215b": (1, 8),
        "\u215c": (3, 8),
        "\u215d": (5, 8),
        "\u215e": (7, 8),
    }.items()
}
_VULGAR: Final = re.compile(f"((?<=\\d))?([{''.join(_FRACTIONS)}])")
_MONEY: Final = re.compile(r"(?:\\\$|\$|[\u20ac\u00a3])\s*(\d)(?![^$]*\$)")
_DISPLAY: Final = re.compile(r"\$+|\\[()\[\]](?!\d*(?:ex|em|pt)\])|\\displaystyle|\\textstyle")
_NOISE: Final = re.compile(
    r"\\(?:left|right|bigl|bigr|Bigl|Bigr|big|Big|bigg|Bigg|limits|nolimits|quad|qquad|hspace\{[^}]*\})(?![a-zA-Z])\.?"
    r"|(?<!\\)\\[,;:!> ]|~|`"
)
_SHORT_FRACTION: Final = re.compile(r"\\frac\s*(\d)\s*(\d)(?!\d)")
_FRACTION_COMMANDS: Final = re.compile(r"\\[dtc]frac(?![a-zA-Z])")
_UPRIGHT: Final = re.compile(r"\\(?:mathrm|mathbf|mathit|text|operatorname|rm)\s*\{\s*([eid]|[\d.,/%+-]+)\s*\}")
_WORDS_BETWEEN: Final = re.compile(
    r"\\(?:text|mathrm|mbox)\s*\{\s*,?\s*(?:and|or)\s*\}|\\(?:lor|vee|land|wedge)(?![a-zA-Z])|,?\s(?:and|or)\s"
)
_AND: Final = re.compile(r"\b(?:and|land|wedge)\b")
_ORDER: Final = re.compile(r"[<>]|\\(?:lt|gt|leq?|geq?|leqslant|geqslant)(?![a-zA-Z])")
_BOLD: Final = re.compile(r"\\(?:textbf|textit|emph|boldsymbol|bm)\s*\{([^{}]{0,200}\d[^{}]{0,200})\}")
_REVERSED: Final = re.compile(
    r"([\[\]])(?=\s*[^\s,;\[\]()])([^,;\[\]()]{1,60})[,;](?=\s*[^\s,;\[\]()])([^,;\[\]()]{1,60})([\[\]])"
)
_COMMANDS: Final = {
    "infinity": r"\infty",
    "inf": r"\infty",
    "oo": r"\infty",
    "asin": r"\arcsin",
    "acos": r"\arccos",
    "atan": r"\arctan",
}
_NAMES: Final = re.compile(
    r"(?<![\\a-zA-Z])(?:sqrt|cbrt|arcsin|arccos|arctan|asin|acos|atan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|ln|log|exp"
    r"|abs|pi|infinity|infty|inf|oo|alpha|beta|gamma|theta|lambda|sigma|omega|phi|mu)(?![a-zA-Z])",
    re.IGNORECASE,
)
_WRAPPED: Final[dict[str, Callable[[str], str]]] = {
    r"\sqrt": lambda inner: r"\sqrt{" + inner + "}",
    r"\cbrt": lambda inner: r"\cbrt{" + inner + "}",
    r"\exp": lambda inner: "e^{" + inner + "}",
    r"\abs": lambda inner: "|" + inner + "|",
}
_POWER: Final = re.compile(r"\^\s*(-?\d+(?:\.\d+)?)")
_ANGLE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*\^\s*\{?\s*\\circ\s*\}?")
_GAP: Final = re.compile(r"(?<![_\d])\d+\s+\.?\d")
_WORDS: Final = re.compile(
    r"(?:\\text\s*\{\s*)?(?!(?:sin|cos|tan|log|exp|sqrt|inf|infinity|infty)\b)"
    r"([a-zA-Z]{3,20}(?:[ -][a-zA-Z]{2,20}){0,4})\s*\}?"
)
_DECIMAL: Final = re.compile(r"(?<![\d.])(\d{0,30})\.(\d{1,60})(?!\d)")
_REPEATING: Final = re.compile(r"(?<![\d.])(\d{0,20})\.(\d{0,20})(?:\\overline\s*\{(\d{1,20})\}|\((\d{1,20})\))")
_MIXED: Final = re.compile(
    r"(?P<sign>[-+]?)\s*(?P<whole>\d{1,20})(?:\s*\\frac\s*\{(?P<upper>\d{1,20})\}\s*\{(?P<lower>\d{1,20})\}"
    r"|\s+(?P<top>\d{1,20})\s*/\s*(?P<bottom>\d{1,20}))"
)
_SCIENTIFIC: Final = re.compile(r"([-+]?\d{1,30}(?:\.\d{1,30})?)[eE]([-+]?\d{1,4})")
_SPACED: Final = re.compile(r"[-+]?\d{1,3}(?: \d{3})+(?:\.\d+)?")
