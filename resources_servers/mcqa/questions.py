"""Questions with one right answer and wrong ones that are made to look right. `draw` is the way in."""

import calendar
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from math import gcd, prod
from random import Random
from statistics import median
from typing import Final, NamedTuple, TypeAlias, TypeVar

from resources_servers.mcqa import facts

TIMES: Final = "\u00d7"
WRONG: Final = 9
"""Wrong answers per question: enough for ten options."""


EntryT = TypeVar("EntryT")


class Question(NamedTuple):
    """A question before options get their letters."""

    topic: str
    text: str
    answer: str
    wrong: list[str]
    """Distinct, none of them right; the closer ones first."""


def draw(rng: Random, difficulty: float) -> Question:
    """A question of any topic. Difficulty makes numbers longer, steps more, and wrong answers closer."""
    topic = rng.choice(sorted(TOPICS))
    while True:
        text, answer, candidates = TOPICS[topic](rng, difficulty)
        wrong = list(dict.fromkeys(str(each) for each in candidates if str(each) != str(answer)))[:WRONG]
        if len(wrong) >= 2:
            return Question(topic, text, str(answer), wrong)


Draft: TypeAlias = tuple[str, object, Sequence[object]]
"""Question, answer, wrong answers, which may hold the answer or repeat each other."""


def capitals(rng: Random, difficulty: float) -> Draft:
    """Capitals and countries; wrong ones come from the same region when it is difficult."""
    country = rng.choice(facts.COUNTRIES)
    near = [each for each in facts.COUNTRIES if each.region == country.region and each != country]
    far = [each for each in facts.COUNTRIES if each.region != country.region]
    others = _near_first(near, far, rng, difficulty)
    if rng.random() < 0.5:
        text = rng.choice(("What is the capital of {}?", "Which city is the capital of {}?"))
        return text.format(country.name), country.capital, [each.capital for each in others]
    text = rng.choice(("{} is the capital of which country?", "Of which country is {} the capital?"))
    return text.format(country.capital), country.name, [each.name for each in others]


def elements(rng: Random, difficulty: float) -> Draft:
    """Names, symbols and numbers of chemical elements; wrong ones are neighbours when it is difficult."""
    known = [each for each in facts.ELEMENTS if each.number <= 20 + 36 * difficulty and len(each.symbol) > 1]
    element = rng.choice(known)
    rest = [each for each in facts.ELEMENTS if each != element and len(each.symbol) > 1]
    near = [each for each in rest if abs(each.number - element.number) < 9 or each.name[0] == element.name[0]]
    others = _near_first(near, [each for each in rest if each not in near], rng, difficulty)
    kind = rng.randrange(4)
    if kind == 0:
        return f"Which chemical element has the symbol {element.symbol}?", element.name, [each.name for each in others]
    if kind == 1:
        return f"What is the chemical symbol of {element.name}?", element.symbol, [each.symbol for each in others]
    if kind == 2:
        return f"Which element has {element.number} protons?", element.name, [each.name for each in others]
    return f"What is the atomic number of {element.name}?", element.number, [each.number for each in others]


def planets(rng: Random, difficulty: float) -> Draft:
    """The order of the planets."""
    place = rng.randrange(len(facts.PLANETS))
    planet = facts.PLANETS[place]
    others: list[object] = [each for each in rng.sample(facts.PLANETS, len(facts.PLANETS)) if each != planet]
    if difficulty < 0.4 or not 0 < place < 7:
        ordinal = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")[place]
        return f"Which is the {ordinal} planet from the Sun?", planet, others
    inner, outer = facts.PLANETS[place - 1], facts.PLANETS[place + 1]
    return f"Which planet's orbit lies between those of {inner} and {outer}?", planet, others


def units(rng: Random, difficulty: float) -> Draft:
    """Converting between units, exactly."""
    (large, small), factor = rng.choice(sorted(facts.UNITS.items()))
    count = rng.randint(2, 10 + round(90 * difficulty))
    right = count * factor
    wrong = [right * 10, right // 10, count + factor, right + factor, right - factor, right + count, right - count]
    wrong += _around(right, rng)
    return f"How many {small} are {count} {large}?", right, [each for each in wrong if each > 0]


def arithmetic(rng: Random, difficulty: float) -> Draft:
    """Calculating with whole numbers, with a trap for those who forget that multiplication goes first."""
    size = 10 + round(90 * difficulty)
    first, second, third = (rng.randint(2, size) for _ in range(3))
    sign = rng.choice((1, -1))
    shown = "+" if sign > 0 else "-"
    if difficulty < 0.3:
        right = first + sign * second
        return f"What is {first} {shown} {second}?", right, [first - sign * second, *_around(right, rng)]
    if difficulty < 0.7:
        right = first + sign * second * third
        wrong = [(first + sign * second) * third, first * second + sign * third, *_around(right, rng)]
        return f"What is {first} {shown} {second} {TIMES} {third}?", right, wrong
    fourth = rng.randint(2, 9)
    right = (first + sign * second) * third - fourth
    wrong = [first + sign * second * third - fourth, (first + sign * second) * (third - fourth), right + 2 * fourth]
    return f"What is ({first} {shown} {second}) {TIMES} {third} - {fourth}?", right, [*wrong, *_around(right, rng)]


def weekdays(rng: Random, difficulty: float) -> Draft:
    """Counting days."""
    today = date(2001, 1, 1) + timedelta(days=rng.randrange(9000))
    ahead = rng.randint(8, 20 + round(380 * difficulty))
    text = f"If today is a {today:%A}, which day of the week is it in {ahead} days?"
    names = list(calendar.day_name)
    right = names[(today.weekday() + ahead) % 7]
    return text, right, [names[(names.index(right) + step) % 7] for step in (1, 6, 2, 5, 3, 4)]


def dates(rng: Random, difficulty: float) -> Draft:
    """Days between dates, leap years."""
    if rng.random() < 0.4:
        leap = [year for year in range(1896, 2101) if calendar.isleap(year)]
        right = rng.choice([1600, 2000, 2400, *leap]) if difficulty > 0.5 else rng.choice(leap)
        centuries = [1700, 1800, 1900, 2100, 2200, 2300] if difficulty > 0.5 else []
        others = [year for year in range(right - 40, right + 40) if not calendar.isleap(year)]
        wrong = [*rng.sample(centuries, min(3, len(centuries))), *rng.sample(others, WRONG)]
        return "Which of these years is a leap year in the Gregorian calendar?", right, wrong
    start = date(rng.randint(1999, 2031), rng.randint(1, 12), rng.randint(1, 28))
    days = rng.randint(10, 30 + round(500 * difficulty))
    end = start + timedelta(days=days)
    text = f"How many days after {start:%d %B %Y} is {end:%d %B %Y}?"
    return text, days, [days + 1, days - 1, days + 2, days - 2, days + 7, days + 30, days - 7, days + 3, days - 3]


def bases(rng: Random, difficulty: float) -> Draft:
    """Numbers in other bases."""
    number = rng.randint(33, 90 + round(4000 * difficulty))
    base, code = rng.choice((("binary", "b"), ("hexadecimal", "x"), ("octal", "o")))
    others = _around(number, rng)
    if rng.random() < 0.5:
        return (
            f"How is the decimal number {number} written in {base}?",
            f"{number:{code}}",
            [f"{abs(each):{code}}" for each in others if each != -number],
        )
    return f"Which decimal number is {number:{code}} in {base}?", number, [each for each in others if each > 0]


def sequences(rng: Random, difficulty: float) -> Draft:
    """What Python makes of a list."""
    size = rng.randint(4, 5 + round(4 * difficulty))
    numbers = [rng.randint(1, 30) for _ in range(size)]
    step = rng.randint(1, 3)
    start, stop = sorted(rng.sample(range(size + 1), 2))
    expressions: list[tuple[str, object, list[object]]] = [
        (f"{numbers}[{start}:{stop}]", numbers[start:stop], [numbers[start : stop + 1], numbers[start + 1 : stop]]),
        (f"{numbers}[::-{step}]", numbers[::-step], [numbers[::step], numbers[-2::-step], numbers[::-1][:step]]),
        (f"len(set({numbers}))", len(set(numbers)), [size, size + 1, size - 2, size + 2]),
        (f"sorted({numbers})[-{step}]", sorted(numbers)[-step], [sorted(numbers)[step], numbers[-step]]),
        (f"sum({numbers}[::{step}])", sum(numbers[::step]), [sum(numbers), sum(numbers[step:]), sum(numbers[:step])]),
    ]
    expression, right, wrong = rng.choice(expressions)
    if isinstance(right, int):
        wrong += _around(right, rng)
    else:
        wrong += [numbers[1:], numbers[:-1], numbers[::-1], numbers, sorted(numbers), numbers[::2], [], numbers[1:-1]]
    return f"What is the value of the Python expression {expression}?", right, wrong


def operators(rng: Random, difficulty: float) -> Draft:
    """What Python makes of division, powers and bits."""
    left, right = rng.randint(10, 30 + round(400 * difficulty)), rng.randint(3, 9)
    if difficulty > 0.5 and rng.random() < 0.6:
        left = -left
    table: dict[str, tuple[int, list[object]]] = {
        "//": (left // right, [-(-left // right), int(left / right) - 1, left % right]),
        "%": (left % right, [-(-left % right), left // right, right - left % right]),
        "&": (left & right, [left | right, left ^ right]),
        "|": (left | right, [left & right, left + right]),
        "^": (left ^ right, [left**2, left | right, left & right]),
        "<<": (left << right, [left * right, left << (right - 1), left << (right + 1)]),
    }
    sign = rng.choice(sorted(table))
    value, wrong = table[sign]
    return f"What does `{left} {sign} {right}` evaluate to in Python?", value, [*wrong, *_around(value, rng)]


def primes(rng: Random, difficulty: float) -> Draft:
    """Primes among numbers that look like primes."""
    limit = 40 + round(900 * difficulty)
    prime = rng.choice([each for each in range(11, limit) if _is_prime(each)])
    composite = [each for each in range(9, limit + 60) if each % 2 and each % 5 and not _is_prime(each)]
    return "Which of these numbers is prime?", prime, list(rng.sample(composite, min(WRONG, len(composite))))


def divisors(rng: Random, difficulty: float) -> Draft:
    """Greatest common divisors and least common multiples."""
    factor = rng.randint(2, 4 + round(20 * difficulty))
    one, other = factor * rng.randint(2, 12), factor * rng.randint(2, 12)
    divisor = gcd(one, other)
    multiple = one * other // divisor
    if rng.random() < 0.5:
        wrong = [one, other, 1, factor * 2, divisor * 2, divisor * 3, abs(one - other), *_around(divisor, rng)]
        return (
            f"What is the greatest common divisor of {one} and {other}?",
            divisor,
            [each for each in wrong if each > 0],
        )
    wrong = [one * other, divisor, multiple * 2, one + other, multiple // 2, *_around(multiple, rng)]
    return f"What is the least common multiple of {one} and {other}?", multiple, [each for each in wrong if each > 0]


def averages(rng: Random, difficulty: float) -> Draft:
    """Means and medians of short lists."""
    size = rng.choice((3, 5, 7) if difficulty > 0.4 else (3,))
    numbers = [rng.randint(1, 20 + round(80 * difficulty)) for _ in range(size)]
    if rng.random() < 0.5:
        right = int(median(numbers))
        wrong: list[object] = [numbers[size // 2], sum(numbers) // size, max(numbers), min(numbers)]
        return f"What is the median of {_listed(numbers)}?", right, [*wrong, *_around(right, rng)]
    numbers[-1] += -sum(numbers) % size
    right = sum(numbers) // size
    return f"What is the mean of {_listed(numbers)}?", right, [sorted(numbers)[size // 2], *_around(right, rng)]


def powers(rng: Random, difficulty: float) -> Draft:
    """Prime factorisations."""
    factors = sorted(rng.choices((2, 3, 5, 7, 11, 13), k=2 + round(3 * difficulty)))
    number = prod(factors)
    wrong: list[object] = []
    while len(wrong) < WRONG:
        changed = list(factors)
        changed[rng.randrange(len(changed))] = rng.choice((2, 3, 4, 5, 7, 9, 11, 13))
        if prod(changed) != number:
            wrong.append(f" {TIMES} ".join(map(str, sorted(changed))))
    return f"What is the prime factorisation of {number}?", f" {TIMES} ".join(map(str, factors)), wrong


def polygons(rng: Random, difficulty: float) -> Draft:
    """Sides and angles of polygons."""
    name, sides = rng.choice(sorted(facts.SHAPES.items()))
    counts: list[object] = [each for each in facts.SHAPES.values() if each != sides]
    if difficulty < 0.35:
        return f"How many sides does a {name} have?", sides, counts
    angles = (sides - 2) * 180
    wrong = [angles + 180, angles - 180, sides * 180, angles + 360, sides * 90, angles + 90, angles - 90, angles + 20]
    return (
        f"What do the interior angles of a convex {name} add up to, in degrees?",
        angles,
        [each for each in wrong if each > 0],
    )


def _paired(table: dict[str, str], forward: str, backward: str) -> Callable[[Random, float], Draft]:
    """Questions about a table, in both directions."""

    def ask(rng: Random, difficulty: float) -> Draft:
        key = rng.choice(sorted(table))
        others = rng.sample([each for each in sorted(table) if table[each] != table[key]], min(WRONG, len(table) - 1))
        if rng.random() < 0.5:
            return forward.format(key), table[key], [table[each] for each in others]
        return backward.format(table[key]), key, list(others)

    return ask


TOPICS: Final[dict[str, Callable[[Random, float], Draft]]] = {
    "arithmetic": arithmetic,
    "averages": averages,
    "bases": bases,
    "capitals": capitals,
    "complexity": _paired(
        facts.COMPLEXITIES, "What is the running time of {}, as usually given?", "Which task usually takes {} time?"
    ),
    "compounds": _paired(facts.COMPOUNDS, "What is the formula of {}?", "Which substance has the formula {}?"),
    "dates": dates,
    "divisors": divisors,
    "elements": elements,
    "http": _paired(facts.STATUS_CODES, "What does HTTP status {} mean?", "Which HTTP status means '{}'?"),
    "operators": operators,
    "planets": planets,
    "polygons": polygons,
    "ports": _paired(facts.PORTS, "On which port does {} listen by default?", "Which service listens on port {}?"),
    "powers": powers,
    "primes": primes,
    "sequences": sequences,
    "units": units,
    "weekdays": weekdays,
}


def _near_first(near: list[EntryT], far: list[EntryT], rng: Random, difficulty: float) -> list[EntryT]:
    """Wrong answers in a random order, those from `near` the earlier the more difficult it is."""
    keyed = [(rng.random() - difficulty, each) for each in near] + [(rng.random(), each) for each in far]
    return [each for _, each in sorted(keyed, key=lambda pair: pair[0])]


def _around(right: int, rng: Random) -> list[int]:
    """Numbers that a slip of the pen makes of `right`: swapped digits, carries, off by a little."""
    return list(_slips(right, rng))


def _slips(right: int, rng: Random) -> Iterator[int]:
    digits = str(abs(right))
    if len(digits) > 1 and digits[-1] != digits[-2]:
        yield int(digits[:-2] + digits[-1] + digits[-2]) * (1 if right >= 0 else -1)
    steps = [1, -1, 2, -2, 10, -10, 9, -9, 11, -11, 3, -3, 5, -5, 100, -100]
    for step in rng.sample(steps, len(steps)):
        yield right + step


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))
