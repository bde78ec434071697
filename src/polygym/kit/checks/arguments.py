"""Whether tools take whatever a model may call them with: an error goes to the model, never into the rollout."""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from polygym.kit.checks.crashes import crashes_noted
from polygym.kit.checks.perturbed import other_arguments
from polygym.kit.checks.subject import Result, Sample, Subject, how_it_ended, shorten
from polygym.kit.checks.tools import offered_tools
from polygym.kit.policies import keeps_saying
from polygym.kit.scripts import Script, ToolCall
from polygym.protocol.json import JsonObject, dumps
from polygym.protocol.tasks import PARAMS, TOOLS

CALLS: Final = 6
"""Calls in one rollout."""
FEWEST, MOST = 6, 40
"""Sets of arguments that are made for a tool; rollouts take theirs from them."""
_ODD: Final[tuple[Any, ...]] = (
    *("9" * 50_000, "\N{ZERO WIDTH JOINER}", "../../etc/passwd", "'; --", "%s{}$(x)"),
    *(-1, 10**18, 1e308, [], {}, None),
)
"""Values that are hard on careless code."""


def check_arguments(subject: Subject) -> Result:
    """Rollouts of random tool calls, fitting and not, end with a reward; those that fit crash no tool."""
    calls = _Calls(subject)
    if not calls.by_tool:
        return Result(note="there are no tools", is_skipped=True)
    rng = Random(0)
    samples = [subject.samples[number % len(subject.samples)] for number in range(subject.settings.examples)]
    chosen = [calls.choose(sample, rng) for sample in samples]
    plays = [(sample, "random calls", _script(each)) for sample, each in zip(samples, chosen, strict=True)]
    with crashes_noted(subject.playground.server) as problems:
        outcomes = subject.play(plays)
        for place, problem in other_arguments(subject) if subject.has_reference else ():
            problems.setdefault(place, problem)
    for sample, each, outcome in zip(samples, chosen, outcomes, strict=True):
        if outcome.reward is None:
            ended = how_it_ended(outcome)
            problems.setdefault(ended.partition("(")[0], f"{sample.origin}: {ended}, after {shorten(each, 500)}")
    return Result(list(problems.values()), f"{len(plays)} rollouts of {CALLS} calls")


def _script(calls: list[ToolCall]) -> Script:
    for each in calls:  # noqa: UP028 - a list's iterator cannot be sent what came in
        yield each
    yield from keeps_saying("That is all.")


class _Calls:
    """Calls of the tools of an environment: with arguments that fit, that nearly do, and that are far from it."""

    def __init__(self, subject: Subject) -> None:
        self._own = subject.playground.server.tool_definitions()
        tools = {dumps(tool): tool for tool in offered_tools(subject)}
        count = max(FEWEST, CALLS * subject.settings.examples // max(1, len(tools)))
        self.by_tool = {key: list(_variants(tool, min(count, MOST))) for key, tool in tools.items()}

    def choose(self, sample: Sample, rng: Random) -> list[ToolCall]:
        """Some calls of the tools that a row offers."""
        tools = [dumps(tool) for tool in sample.row[PARAMS].get(TOOLS) or self._own]
        known = [tool for tool in tools if tool in self.by_tool]
        return [rng.choice(self.by_tool[rng.choice(known)]) for _ in range(CALLS)] if known else []


def _variants(tool: JsonObject, count: int) -> Iterator[ToolCall]:
    from hypothesis import strategies as st
    from hypothesis.errors import HypothesisException

    from polygym.kit.drawing import draw
    from polygym.kit.schema_values import ANY_JSON, values_of

    name, schema = str(tool.get("name")), tool.get("parameters") or {}
    names = [*schema.get("properties", {})] or ["a"]
    near = st.dictionaries(st.sampled_from(names), ANY_JSON, max_size=len(names))
    odd = st.fixed_dictionaries(dict.fromkeys(names, st.sampled_from(_ODD)))
    try:
        drawn = draw(st.one_of(values_of(schema), near, odd), count)
    except (HypothesisException, LookupError, TypeError):
        drawn = draw(near | odd, count)  # what is wrong with the schema is for the check of the tools to say
    yield from (ToolCall(name, dumps(arguments).decode()) for arguments in drawn)
    yield ToolCall(name, "{")
