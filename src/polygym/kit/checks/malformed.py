"""Whether `verify` takes whatever a model may say, and is not talked into a reward by noise."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from polygym.kit.checks.perturbed import is_environments_own, odd_messages
from polygym.kit.checks.probing import verified
from polygym.kit.checks.subject import Result, Sample, Subject, how_it_ended, shorten
from polygym.kit.playground import Outcome
from polygym.kit.policies import LAZY
from polygym.kit.scripts import Script, rewritten
from polygym.protocol.json import JsonObject
from polygym.protocol.responses import check_response

if TYPE_CHECKING:
    from polygym.kit.mutations import Mutation

LISTED = 5
"""Problems after which no more are looked for."""


def check_malformed_outputs(subject: Subject) -> Result:
    """Outputs that are mangled never make `verify` raise, and noise never makes a wrong one right."""
    from polygym.kit.drawing import draw
    from polygym.kit.mutations import MUTATIONS, NOISE

    count = subject.settings.examples
    problems: dict[str, str] = {}
    mangled, noisy = draw(MUTATIONS, count), draw(NOISE, count // 2)
    for source in (
        _mangled(subject, mangled),
        _played(subject, mangled),
        odd_messages(subject),
        _noisy(subject, noisy),
    ):
        for place, problem in source:
            problems.setdefault(place, problem)
            if len(problems) >= LISTED:
                break
    return Result(list(problems.values()), f"{2 * len(mangled) + len(noisy)} outputs")


def _mangled(subject: Subject, mutations: "list[list[Mutation]]") -> Iterator[tuple[str, str]]:
    """Outputs of the reference, mangled and handed to `verify`: what it raises, by where."""
    from polygym.kit.mutations import mutated

    outcomes = list(subject.alone(subject.reference).items())
    for number, each in enumerate(mutations):
        place, outcome = outcomes[number % len(outcomes)]
        sample = subject.samples[place]
        for attempt in ([one] for one in each) if len(each) > 1 else ():
            yield from _faults(subject, sample, mutated(_output(outcome), attempt), attempt)
        yield from _faults(subject, sample, mutated(_output(outcome), each), each)


def _faults(
    subject: Subject, sample: Sample, items: list[JsonObject], mutations: "list[Mutation]"
) -> Iterator[tuple[str, str]]:
    if check_response({"output": items}) is not None:
        return  # no agent would have gone on with it
    problem = verified(subject, sample, items).problem
    if problem is not None:
        yield problem.partition("(")[0], f"{sample.origin}: {problem}, for {_said(items, mutations)}"


def _noisy(subject: Subject, mutations: "list[list[Mutation]]") -> Iterator[tuple[str, str]]:
    """Outputs that know nothing, with noise: those that get the top reward nevertheless."""
    from polygym.kit.mutations import mutated

    bases = [(place, outcome) for policy in LAZY for place, outcome in subject.alone(policy).items()]
    bases = [(place, outcome) for place, outcome in bases if outcome.reward is not None and not subject.is_top(outcome)]
    for number, each in enumerate(mutations if bases else ()):
        place, outcome = bases[number * 7 % len(bases)]
        sample, items = subject.samples[place], mutated(_output(outcome), each)
        if check_response({"output": items}) is not None:
            continue
        found = verified(subject, sample, items)
        if found.problem is not None:
            yield found.problem.partition("(")[0], f"{sample.origin}: {found.problem}, for {_said(items, each)}"
        elif found.reward is not None and found.reward >= subject.high:
            yield "top", f"{sample.origin}: noise gets the top reward: {_said(items, each)}"


def _played(subject: Subject, mutations: "list[list[Mutation]]") -> Iterator[tuple[str, str]]:
    """The reference's turns, mangled and played: what of the environment fails."""
    samples = [subject.samples[number % len(subject.samples)] for number in range(len(mutations))]
    plays = [
        (sample, "the reference, mangled", _mangled_script(subject.environment.solve(sample.row), each))
        for sample, each in zip(samples, mutations, strict=True)
    ]
    for outcome, sample, each in zip(subject.play(plays), samples, mutations, strict=True):
        if is_environments_own(outcome):
            ended = how_it_ended(outcome)
            yield ended.partition("(")[0], f"{sample.origin}: {ended}, for turns with {_words(each)}"


def _mangled_script(script: Script, mutations: "list[Mutation]") -> Script:
    """The script with one mutation in each turn, as far as they go; what could not be said then is said unchanged."""
    from polygym.kit.mutations import mutated

    waiting = list(mutations)

    def mangle(items: list[JsonObject]) -> list[JsonObject]:
        mangled = mutated(items, [waiting.pop(0)] if waiting else [])
        return mangled if check_response({"output": mangled}) is None else items

    return rewritten(script, mangle)


def _output(outcome: Outcome) -> list[JsonObject]:
    response = outcome.record.get("response") or {}
    items: list[JsonObject] = response.get("output") or []
    return items


def _said(items: list[JsonObject], mutations: "list[Mutation]") -> str:
    return f"{_words(mutations)} in {shorten(items, 600)}"


def _words(mutations: "list[Mutation]") -> str:
    return " and ".join(each.kind for each in mutations)
