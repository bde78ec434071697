"""Whether the reward can be trusted: all of it for the reference solution, and for nothing else that is tried."""

from collections.abc import Mapping
from statistics import fmean

from polygym.kit.checks.subject import Result, Sample, Subject, how_it_ended, shorten, tool_outputs
from polygym.kit.environment import load_environment
from polygym.kit.playground import Outcome, Playground
from polygym.kit.policies import LAZY, Policy
from polygym.protocol.errors import ConfigError

RANDOM_MODEL = "random_model"


def check_reference(subject: Subject) -> Result:
    """The reference solution gets the top reward of every sample."""
    outcomes = subject.alone(subject.reference)
    problems = [
        f"{subject.samples[place].origin}: {how_it_ended(outcome)}, where the top reward is {subject.high:g}"
        f"{_tool_errors(outcome)}"
        for place, outcome in outcomes.items()
        if not subject.is_top(outcome)
    ]
    return Result(problems, f"reward {subject.high:g} for {len(outcomes)} rows")


def _tool_errors(outcome: Outcome) -> str:
    """What tools refused in a rollout, for a message; empty when they did not."""
    errors = [output for output in map(str, tool_outputs(outcome)) if output.startswith('{"error":')]
    return f"; tools answered {shorten(', '.join(errors), 500)}" if errors else ""


def check_lazy_answers(subject: Subject) -> Result:
    """Answers that know nothing of the environment get less than the top reward, and get a reward."""
    problems = [problem for policy in LAZY for problem in _too_good(subject, policy.name, subject.alone(policy))]
    return Result(problems, f"{len(LAZY)} policies, {len(LAZY) * len(subject.samples)} rollouts")


def check_wrong_answers(subject: Subject) -> Result:
    """The wrong policies of reference.py get less than the top reward."""
    by_name = wrong_policies(subject)
    if not by_name:
        return Result(note="reference.py has no wrong_answers(row)", is_skipped=True)
    problems: list[str] = []
    for name, places in by_name.items():
        samples = [subject.samples[place] for place in places]
        scripts = [subject.environment.wrong_answers(sample.row)[name] for sample in samples]
        plays = [(sample, name, script) for sample, script in zip(samples, scripts, strict=True)]
        outcomes = dict(zip(places, subject.play(plays), strict=True))
        problems += _too_good(subject, name, outcomes)
    return Result(problems, f"{len(by_name)} policies: {', '.join(by_name)}")


def wrong_policies(subject: Subject) -> dict[str, list[int]]:
    """The names of the wrong policies, with the places of the samples that have them."""
    found: dict[str, list[int]] = {}
    for place, sample in enumerate(subject.samples):
        for name in subject.environment.wrong_answers(sample.row):
            found.setdefault(name, []).append(place)
    return found


def check_random_model(subject: Subject) -> Result:
    """A random policy gets a reward in every rollout, and on average less than the reference."""
    environment = subject.environment
    try:
        random = load_environment(environment.name, search_dirs=environment.config.roots, model_type=RANDOM_MODEL)
    except ConfigError as error:
        return Result(note=str(error), is_skipped=True)

    async def run(samples: list[Sample]) -> list[Outcome]:
        async with Playground(random) as playground:
            return await playground.run_policy([sample.row for sample in samples], concurrency=8)

    outcomes = subject.run(run(subject.samples))
    for sample, outcome in zip(subject.samples, outcomes, strict=True):
        subject.note(f"{sample.origin}, {RANDOM_MODEL}", outcome)
    failed = [
        f"{sample.origin}: a random rollout failed: {how_it_ended(outcome)}"
        for sample, outcome in zip(subject.samples, outcomes, strict=True)
        if outcome.failure is not None
    ]
    if failed:
        return Result(failed)
    best = [outcome.reward for outcome in subject.alone(subject.reference).values()]
    mean, best_mean = (fmean(reward or 0.0 for reward in rewards) for rewards in ([o.reward for o in outcomes], best))
    said = f"mean reward {mean:.3f}, of the reference {best_mean:.3f}"
    return Result([f"{said}: a random policy must do worse"] if mean >= best_mean else [], said)


def _too_good(subject: Subject, name: str, outcomes: Mapping[int, Outcome]) -> list[str]:
    problems = []
    for place, outcome in outcomes.items():
        origin = subject.samples[place].origin
        if subject.is_top(outcome):
            problems.append(f"{name}: gets the top reward {outcome.reward:g} of {origin}")
        elif outcome.reward is None:
            problems.append(f"{name}: gets no reward of {origin}: {how_it_ended(outcome)}")
    return problems


def some_policies(subject: Subject) -> list[Policy]:
    """A few policies that differ: the reference and some that know nothing."""
    return [subject.reference, LAZY[0], LAZY[2], LAZY[-1]]
