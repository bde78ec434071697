"""Sets of real numbers that answers describe by intervals or inequalities."""

from typing import Final

import sympy  # type: ignore[import-untyped]

from resources_servers.math_equivalence.expressions import Expression
from resources_servers.math_equivalence.forms import Form, Group, Relation, Union, Value, is_name, read_form, value_of
from resources_servers.math_equivalence.rules import Rules, Unequal


def is_interval(form: Form, rules: Rules) -> bool:
    """Whether an expected pair is an interval: half open, closed, without end, or because the question says so."""
    if not isinstance(form, Group) or len(form.items) != 2 or form.opening not in ("(", "["):
        return False
    has_infinity = any(isinstance(item, Value) and "\\infty" in item.text for item in form.items)
    mixed = {form.opening, form.closing} in ({"(", "]"}, {"[", ")"})
    return has_infinity or mixed or form.opening == "[" or rules.answer_type == "interval"


def are_same_region(gold: Form, given: Form) -> bool:
    """Whether both describe the same real numbers. Raises Unequal when one describes none that can be made out."""
    expected, answered = region(gold), region(given)
    return bool(expected == answered or expected.symmetric_difference(answered) == sympy.S.EmptySet)


def region(form: Form) -> sympy.Set:
    """The real numbers that intervals, their unions, lists of them, or inequalities in one variable describe."""
    if isinstance(form, Union):
        parts = [region(part) for part in form.parts]
        if form.how == "without":
            return sympy.Complement(parts[0], sympy.Union(*parts[1:]))
        return (sympy.Intersection if form.how == "and" else sympy.Union)(*parts)
    if isinstance(form, Group) and form.opening == "{":
        return sympy.FiniteSet(*(_number_of(item) for item in form.items))
    if isinstance(form, Group) and not form.opening:
        return sympy.Union(*(region(item) for item in form.items))
    if isinstance(form, Group) and len(form.items) == 2 and form.opening in "([":
        begin, end = (_number_of(item) for item in form.items)
        return sympy.Interval(begin, end, form.opening == "(", form.closing == ")")
    if isinstance(form, Relation) and form.signs in (("in",), ("=",)) and is_name(form.sides[0]):
        named = read_form(form.sides[1])
        if form.signs == ("in",) or not isinstance(named, Value):
            return region(named)
    if isinstance(form, Relation) and (form.is_inequality or is_name(form.sides[0])):
        return sympy.Intersection(*(_solved(part) for part in form.links))
    if isinstance(form, Value) and form.text.replace(" ", "") in ("\\mathbb{R}", "\\R", "\\text{allrealnumbers}"):
        return sympy.S.Reals
    raise Unequal("Intervals or inequalities are expected.")


def has_one_variable(relation: Relation) -> bool:
    """Whether a single variable occurs in it."""
    symbols = set().union(*(Expression(side).sympy.free_symbols for side in relation.sides))
    return len(symbols) == 1


def _solved(link: tuple[str, str, str]) -> sympy.Set:
    """The real numbers for which a relation in one variable holds."""
    left, sign, right = link
    difference = (Expression(left).sympy - Expression(right).sympy).doit()
    symbols = sorted(difference.free_symbols, key=str)
    if len(symbols) != 1:
        raise Unequal("An inequality in one variable is expected.")
    return sympy.solveset(_RELATIONS[sign](difference, 0), symbols[0], sympy.S.Reals)


def _number_of(form: Form) -> sympy.Expr:
    expression = Expression(value_of(form.text).text) if isinstance(form, Value) else None
    if expression is None or not expression.is_constant:
        raise Unequal("Numbers are expected as ends of intervals.")
    return expression.sympy.doit()


_RELATIONS: Final = {
    "=": sympy.Eq,
    "!=": sympy.Ne,
    "<": sympy.Lt,
    "<=": sympy.Le,
    ">": sympy.Gt,
    ">=": sympy.Ge,
}
