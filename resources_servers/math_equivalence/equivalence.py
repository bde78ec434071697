"""Whether an answer is equivalent to the expected one: form by form here, expression by expression in expressions.py.

May take long or much memory on what a model wrote: meant for a bounded child, see bounded.py.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import sympy  # type: ignore[import-untyped]

from resources_servers.math_equivalence.effort import check_shape, check_worked_out
from resources_servers.math_equivalence.expressions import Expression, are_equal
from resources_servers.math_equivalence.forms import (
    Form,
    FormError,
    Group,
    Matrix,
    Relation,
    Union,
    Value,
    is_name,
    read_form,
    value_of,
)
from resources_servers.math_equivalence.notation import NotationError, clean
from resources_servers.math_equivalence.regions import are_same_region, has_one_variable, is_interval
from resources_servers.math_equivalence.rules import Rules, Unequal
from resources_servers.math_equivalence.units import without_short_unit


def compare(expected: str, answers: Sequence[str], rules: Rules, say: Callable[[str], None]) -> str:
    """Why the first of the answers that can be read is not equivalent to the expected one; empty when it is.

    Says `expected` while it reads the expected answer and `answer` from then on. Raises FormError and NotationError
    when the expected answer cannot be read.
    """
    say("expected")
    gold_text = clean(expected)
    gold = read_form(gold_text)
    for value in _values_in(gold):
        Expression(value.text)
    say("answer")
    problem = "There is no answer."
    for answer in answers:
        try:
            given_text = clean(answer)
            given = _read_like(gold, given_text)
            check_worked_out(gold_text, given_text, gold, rules)
            _Comparison(rules).match(gold, given)
        except (FormError, NotationError) as error:
            problem = f"The answer cannot be read: {error}."
        except Unequal as unequal:
            return str(unequal)
        else:
            return ""
    return problem


def _read_like(gold: Form, text: str) -> Form:
    """The answer's form; commas between digits separate entries where a list is expected, else thousands."""
    return read_form(text, joins_thousands=not isinstance(gold, Group | Union | Matrix))


class _Comparison:
    """One comparison. Methods raise Unequal."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def match(self, gold: Form, given: Form) -> None:
        """Compare two forms."""
        if isinstance(given, Relation) and isinstance(gold, Group | Matrix | Union) and _only_names(given):
            given = _read_like(gold, given.sides[-1])
        if isinstance(gold, Matrix):
            self._match_matrix(gold, given)
        elif isinstance(gold, Union) or is_interval(gold, self._rules) or _is_inequality(gold):
            self._match_region(gold, given)
        elif isinstance(gold, Group):
            self._match_group(gold, given)
        elif isinstance(gold, Relation):
            self._match_relation(gold, given)
        else:
            self._match_value(gold, self._value_of(given))

    def _match_value(self, gold: Value, given: Value) -> None:
        one, other = Expression(gold.text), Expression(given.text)
        if one.is_constant and not other.is_constant and (bare := without_short_unit(given.text)) is not None:
            given = Value(*bare)
            other = Expression(given.text)
        if not gold.unit.agrees_with(given.unit):
            raise Unequal(f"The unit is {given.unit.name}, it should be {gold.unit.name}.")
        tolerance = self._rules.relative_error
        hundredth = sympy.Rational(1, 100)
        if gold.unit.is_percent != given.unit.is_percent:
            percent, plain = (one, other) if gold.unit.is_percent else (other, one)
            asks_for_percent = gold.unit.is_percent or "percent" in self._rules.question or "%" in self._rules.question
            readings = [percent.times(hundredth), *([percent] if asks_for_percent else [])]
            pairs = [(each, plain) if gold.unit.is_percent else (plain, each) for each in readings]
        else:
            pairs = [(one, other)]
        if not any(are_equal(first, second, tolerance) for first, second in pairs):
            raise Unequal(f"{_short(given.text)} is not equal to {_short(gold.text)}.")
        check_shape(other, self._rules)

    def _match_group(self, gold: Group, given: Form) -> None:
        items = _unpacked(given)
        is_ordered = gold.opening not in ("", "{")
        if is_ordered and (given_opening := getattr(given, "opening", gold.opening)) == "{":
            raise Unequal(f"{given_opening}…}} is a set, where the order matters.")
        if gold.opening == "{" and isinstance(given, Group) and given.opening in ("(", "["):
            raise Unequal("A set is expected, not a tuple.")
        if is_ordered:
            if len(items) != len(gold.items):
                raise Unequal(f"{len(gold.items)} entries are expected, there are {len(items)}.")
            for one, other in zip(gold.items, _in_order_of_names(items), strict=True):
                self.match(one, other)
            return
        for one in gold.items:
            if not any(self._is_match(one, other) for other in items):
                raise Unequal("An entry is missing or wrong.")
        for other in items:
            if not any(self._is_match(one, other) for one in gold.items):
                raise Unequal("There is a wrong entry.")

    def _is_match(self, gold: Form, given: Form) -> bool:
        try:
            self.match(gold, given)
        except (Unequal, NotationError, FormError):
            return False
        return True

    def _match_matrix(self, gold: Matrix, given: Form) -> None:
        if not isinstance(given, Matrix):
            if len(gold.rows) > 1 and len(gold.rows[0]) > 1:
                raise Unequal("A matrix is expected.")
            items = _unpacked(given)
            given = Matrix(tuple((item,) for item in items) if len(gold.rows[0]) == 1 else (items,))
        if [len(row) for row in gold.rows] != [len(row) for row in given.rows]:
            raise Unequal("The matrix has another size.")
        for one, other in zip(gold.rows, given.rows, strict=True):
            for expected, entry in zip(one, other, strict=True):
                self.match(expected, entry)

    def _match_region(self, gold: Form, given: Form) -> None:
        """Intervals, their unions, and inequalities in one variable, as sets of real numbers."""
        if isinstance(gold, Relation) and isinstance(given, Relation) and not has_one_variable(gold):
            self._match_relation(gold, given)
        elif not are_same_region(gold, given):
            raise Unequal("It is another set of numbers.")

    def _match_relation(self, gold: Relation, given: Form) -> None:
        """Equations, and inequalities with several variables: one side minus the other is the same up to a factor."""
        if not isinstance(given, Relation):
            if gold.signs == ("=",) and is_name(gold.sides[0]):
                self.match(read_form(gold.sides[1]), given)
                return
            raise Unequal("An equation is expected.")
        if gold.signs == given.signs == ("=",) and is_name(gold.sides[0]) and is_name(given.sides[0]):
            if _bare_name(gold.sides[0]) != _bare_name(given.sides[0]):
                raise Unequal(f"{gold.sides[0]} is asked for, not {given.sides[0]}.")
            self.match(read_form(gold.sides[1]), read_form(given.sides[1]))
            return
        if len(gold.signs) != 1 or len(given.signs) != 1:
            raise Unequal("It is another relation.")
        one, other = _difference(gold), _difference(given)
        factor = sympy.simplify(other.doit() / one.doit()) if one.doit() != 0 else sympy.S.Zero
        turned = _TURNED[given.signs[0]] if factor.is_negative else given.signs[0]
        if not (factor.is_number and factor.is_finite and factor != 0 and turned == gold.signs[0]):
            raise Unequal("It is another relation.")

    def _value_of(self, given: Form) -> Value:
        r"""The one value that an answer comes to: of `x = 3`, of `3 + 4 = 7`, of `\{3\}`."""
        if isinstance(given, Value):
            return given
        if isinstance(given, Group) and len(given.items) == 1:
            return self._value_of(given.items[0])
        if not isinstance(given, Relation) or not set(given.signs) <= {"=", "~"}:
            raise Unequal("A single value is expected.")
        sides = given.sides
        if "~" in given.signs:
            exact = sides[: given.signs.index("~") + 1]
            sides = sides[len(exact) :] if all(map(is_name, exact)) else exact
        sides = tuple(side for side in sides if not is_name(side)) or sides[-1:]
        values = [value_of(side) for side in sides]
        for one, other in pairwise(values):
            if not are_equal(Expression(one.text), Expression(other.text), self._rules.relative_error):
                raise Unequal(f"{_short(one.text)} is not equal to {_short(other.text)}.")
        return values[-1]


def _values_in(form: Form) -> Iterator[Value]:
    if isinstance(form, Value):
        yield form
    elif isinstance(form, Group):
        for item in form.items:
            yield from _values_in(item)
    elif isinstance(form, Matrix):
        for row in form.rows:
            for item in row:
                yield from _values_in(item)
    elif isinstance(form, Union):
        for part in form.parts:
            yield from _values_in(part)


def _unpacked(form: Form) -> tuple[Form, ...]:
    """The entries of a list, set, tuple or vector; `±` makes two of one."""
    if isinstance(form, Matrix) and (len(form.rows) == 1 or len(form.rows[0]) == 1):
        return tuple(entry for row in form.rows for entry in row)
    if isinstance(form, Group):
        return tuple(entry for item in form.items for entry in (_unpacked(item) if _has_sign_pair(item) else (item,)))
    if _has_sign_pair(form):
        text = form.text if isinstance(form, Value) else form.sides[-1] if isinstance(form, Relation) else ""
        return tuple(value_of(text.replace("\\pm", sign, 1)) for sign in ("+", "-"))
    return (form,)


def _has_sign_pair(form: Form) -> bool:
    return isinstance(form, Value | Relation) and "\\pm" in form.text


def _in_order_of_names(items: Sequence[Form]) -> list[Form]:
    """Entries such as `y = 2, x = 1` in the alphabetical order of their names; others as they are."""
    named = [item for item in items if isinstance(item, Relation)]
    if len(named) < len(items) or not all(is_name(item.sides[0]) for item in named):
        return list(items)
    return [*sorted(named, key=lambda item: item.sides[0])]


def _only_names(given: Relation) -> bool:
    r"""Whether it only gives its last side a name: `S = …`, `(x, y) = …`, `A^{-1} = …`, `x \in \{…\}`."""
    if given.signs == ("in",):
        return is_name(given.sides[0])
    return set(given.signs) == {"="} and all(re.search(r"[a-zA-Z]", side) for side in given.sides[:-1])


def _is_inequality(form: Form) -> bool:
    return isinstance(form, Relation) and form.is_inequality


def _bare_name(side: str) -> str:
    return re.sub(r"\s|\(.*\)", "", side)


def _difference(relation: Relation) -> sympy.Expr:
    return Expression(relation.sides[0]).sympy - Expression(relation.sides[1]).sympy


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


_TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!=", "in": "in", "~": "~"}
