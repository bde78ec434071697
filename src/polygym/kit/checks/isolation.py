"""Whether rollouts that are under way at once get what they get alone."""

from collections.abc import Iterator
from random import Random

from polygym.kit.checks.solution import some_policies
from polygym.kit.checks.subject import Result, Subject, comparable, difference, tool_outputs
from polygym.kit.playground import Outcome


def check_isolation(subject: Subject) -> Result:
    """Hundreds of rollouts of different rows and policies take turns; each ends as it ends alone."""
    rng = Random(0)
    policies, samples = some_policies(subject), subject.samples
    pairs = [(place, policy) for policy in policies for place in range(len(samples))]
    chosen = [pairs[number % len(pairs)] for number in range(subject.settings.sessions)]
    rng.shuffle(chosen)
    alone = {policy.name: subject.alone(policy) for policy in policies}
    plays = [(samples[place], policy.name, policy.script(samples[place].row)) for place, policy in chosen]
    together = subject.play(plays, concurrency=len(plays), pace=rng)
    problems = {
        f"{samples[place].origin}, {policy.name}": problem
        for (place, policy), outcome in zip(chosen, together, strict=True)
        for problem in _differences(alone[policy.name][place], outcome)
    }
    listed = [f"{origin}: alone and among {len(plays)} at once, {problem}" for origin, problem in problems.items()]
    return Result(listed, f"{len(plays)} rollouts at once")


def _differences(alone: Outcome, together: Outcome) -> Iterator[str]:
    one, other = comparable(alone), comparable(together)
    if one != other:
        yield difference(one, other)
    elif tool_outputs(alone) != tool_outputs(together):
        yield difference({"tool outputs": tool_outputs(alone)}, {"tool outputs": tool_outputs(together)})
