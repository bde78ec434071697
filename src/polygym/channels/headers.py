"""What our servers tell each other beside the protocol, in headers that other implementations ignore."""

from collections.abc import Mapping
from typing import Final

from polygym.protocol.calls import RolloutContext
from polygym.protocol.json import dumps, loads

ROLLOUT: Final = "X-Polygym-Rollout"
"""The rollout's id."""
LIMITS: Final = "X-Polygym-Limits"
"""JSON object: seconds that one call of a stage may take. Held by the server that does the work, on its own clock."""
DURATIONS: Final = "X-Polygym-Durations"
"""JSON object in an agent's answer: seconds of each call, by stage."""


CONTENT: Final = "X-Polygym-Content"
"""`parts` in a tool's answer: its body is a list of content parts, which other implementations show as JSON."""

LONGEST_HEADER: Final = 4096
"""Characters; HTTP clients refuse headers of more than 8 KiB or so."""


def outgoing(context: RolloutContext) -> dict[str, str]:
    """The headers of a call for this rollout."""
    headers = {ROLLOUT: context.rollout_id}
    if context.limits_s:
        headers[LIMITS] = dumps(dict(context.limits_s)).decode()
    return headers


def limits_of(headers: Mapping[str, str]) -> dict[str, float]:
    """The limits that a caller sent; none when it sent none that can be read."""
    try:
        value = loads(headers.get(LIMITS, "{}"))
        return {str(stage): float(seconds) for stage, seconds in value.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def durations_header(context: RolloutContext) -> str | None:
    """The value of `DURATIONS`; None when there are so many that HTTP clients would refuse the header."""
    rounded = {stage: [round(seconds, 6) for seconds in calls] for stage, calls in context.durations_s.items()}
    text = dumps(rounded).decode()
    return text if len(text) <= LONGEST_HEADER else None


def take_durations(headers: Mapping[str, str], context: RolloutContext) -> None:
    """Record the durations that an agent reports, if it does."""
    try:
        for stage, calls in loads(headers.get(DURATIONS, "{}")).items():
            for seconds in calls:
                context.record(str(stage), float(seconds))
    except (ValueError, TypeError, AttributeError):
        return
