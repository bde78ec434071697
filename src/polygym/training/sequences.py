"""A rollout as sequences of tokens: what the model read and what it wrote, for a trainer's loss.

Made of the ids and log-probabilities that the endpoint reported for every call, which stand on the last item that the
call produced, and of nothing else: no text is tokenized here. Where a call's prompt does not begin with all that was
said before, a new sequence begins.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from polygym.protocol.chat.tokens import GENERATION_IDS, LOG_PROBS, PROMPT_IDS
from polygym.protocol.items import is_message
from polygym.protocol.json import JsonObject

_WRITTEN_BY_MODEL: Final = ("reasoning", "function_call", "custom_tool_call")


class Call(NamedTuple):
    """The tokens of one model call."""

    prompt_ids: list[int]
    generated_ids: list[int]
    log_probs: list[float]
    """Natural logarithms, one a generated token."""


@dataclass(slots=True)
class TokenSequence:
    """One or several model calls, each prompt of which begins with everything before it. The lists are equally long."""

    token_ids: list[int] = field(default_factory=list)
    """What the model read and wrote, in order."""
    loss_mask: list[int] = field(default_factory=list)
    """1 where the model wrote the token, 0 where it read it: instructions, user, tool outputs, the template's own."""
    log_probs: list[float] = field(default_factory=list)
    """Natural logarithm of the probability with which it wrote the token; 0.0 where it read it."""
    calls: int = 0
    """Model calls in it."""

    @property
    def generated(self) -> int:
        """Tokens that the model wrote."""
        return sum(self.loss_mask)

    def goes_on_in(self, prompt_ids: list[int]) -> bool:
        """Whether a prompt begins with this sequence."""
        return prompt_ids[: len(self.token_ids)] == self.token_ids

    def add(self, call: Call) -> None:
        """Take in a call whose prompt begins with this sequence."""
        read = call.prompt_ids[len(self.token_ids) :]
        self.token_ids += read + call.generated_ids
        self.loss_mask += [0] * len(read) + [1] * len(call.generated_ids)
        self.log_probs += [0.0] * len(read) + call.log_probs
        self.calls += 1


def sequences_of(row: JsonObject) -> list[TokenSequence]:
    """The token sequences of a rollout, in the order in which they begin; none when no call reported its tokens.

    One as long as each prompt begins with everything before it. A prompt that goes on from an earlier sequence than the
    last, as when agents take turns, is added to that one. Of n sequences, n - 1 began with a break. Raises ValueError
    that names the item when token fields are malformed or do not belong together.
    """
    sequences: list[TokenSequence] = []
    for call in calls_of(row):
        going_on = next((one for one in reversed(sequences) if one.goes_on_in(call.prompt_ids)), None)
        if going_on is None:
            going_on = TokenSequence()
            sequences.append(going_on)
        going_on.add(call)
    return sequences


def calls_of(row: JsonObject) -> Iterator[Call]:
    """The model calls of a rollout that reported their tokens, in order. Raises ValueError as `sequences_of`."""
    for index, item in enumerate(_output_of(row)):
        if isinstance(item, dict) and item.get(GENERATION_IDS) is not None:
            yield _read(item, f"response.output[{index}]")


def calls_without_tokens(row: JsonObject) -> int:
    """Model calls of a rollout that did not report their tokens.

    Calls are told apart by the items between them: tool outputs, messages of the user, and the item with the tokens.
    """
    count = 0
    is_open = False
    for item in _output_of(row):
        if not isinstance(item, dict):
            continue
        if item.get(GENERATION_IDS) is not None:
            is_open = False
        elif item.get("type") in _WRITTEN_BY_MODEL or (is_message(item) and item.get("role") == "assistant"):
            is_open = True
        else:
            count += is_open
            is_open = False
    return count + is_open


def _output_of(row: JsonObject) -> list[Any]:
    response = row.get("response")
    output = response.get("output") if isinstance(response, dict) else None
    return output if isinstance(output, list) else []


def _read(item: JsonObject, where: str) -> Call:
    prompt_ids, generated_ids = (_ids(item.get(name), f"{where}.{name}") for name in (PROMPT_IDS, GENERATION_IDS))
    log_probs = item.get(LOG_PROBS)
    if not isinstance(log_probs, list) or len(log_probs) != len(generated_ids):
        found = f"{len(log_probs)} are there" if isinstance(log_probs, list) else "there is no list of them"
        raise ValueError(f"{where}: {len(generated_ids)} generated tokens need as many log-probabilities; {found}")
    wrong = next((value for value in log_probs if type(value) not in (float, int)), None)
    if wrong is not None or None in log_probs:
        raise ValueError(f"{where}.{LOG_PROBS} must hold numbers, not {wrong!r}")
    return Call(prompt_ids, generated_ids, [float(value) for value in log_probs])


def _ids(value: Any, where: str) -> list[int]:
    if not isinstance(value, list) or not set(map(type, value)) <= {int}:
        raise ValueError(f"{where} must be a list of token ids, whole numbers")
    return value
