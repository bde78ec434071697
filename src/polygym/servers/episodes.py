"""What an episode is made of: the model's actions, the environment's steps, and the return that they add up to.

Knows nothing of servers or sessions.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from polygym.protocol.items import FunctionCall, function_calls, output_text
from polygym.protocol.json import JsonObject, dumps
from polygym.servers.tools import render

Observation: TypeAlias = Any
"""What the model is shown: a text, a list of content parts (`input_text`, `input_image`, …), or a value shown as JSON.

None shows nothing.
"""
ReturnKind: TypeAlias = Literal["sum", "last", "discounted"]

OVER: Final = "The episode is over."
"""What the model sees when it acts all the same."""
COMPONENTS: Final = "reward_components"
"""Key of a step's `info` under which named parts of its reward may stand."""
PART_KINDS: Final = frozenset({"input_text", "input_image", "input_file", "input_audio", "input_video"})


class Step(NamedTuple):
    """What one action led to, as Gymnasium's `Env.step` gives it."""

    observation: Observation = None
    """What the model sees next; None when there is nothing to say."""
    reward: float = 0.0
    terminated: bool = False
    """The task has come to its end: solved, lost, given up."""
    truncated: bool = False
    """The episode was cut short: a limit of steps or of time."""
    info: JsonObject | None = None
    """For people and metrics, not for the model. `reward_components` may hold named parts of the reward."""

    @property
    def is_over(self) -> bool:
        """Whether no further action is possible."""
        return self.terminated or self.truncated


@dataclass(frozen=True, slots=True)
class Action:
    """One action of the model: a tool call, or the text of a turn without tool calls."""

    text: str
    """Text of the turn's assistant messages, also when the action is a tool call."""
    call: FunctionCall | None = None
    """The tool call; None when the text is the action."""
    response: JsonObject = field(default_factory=dict)
    """The model's whole Response of the turn."""

    @property
    def name(self) -> str:
        """Name of the tool called; empty for a text."""
        return "" if self.call is None else self.call.name

    @property
    def arguments(self) -> JsonObject:
        """Decoded arguments of the tool call, `{}` when there are none or they are no JSON object."""
        return {} if self.call is None else self.call.arguments

    def tagged(self, tag: str = "action") -> str | None:
        """What the text holds between its last `<tag>` and `</tag>`, stripped; None without such a tag.

        A closing tag may be missing: models are often stopped at it.
        """
        starts = [match.end() for match in re.finditer(f"<{re.escape(tag)}>", self.text, re.IGNORECASE)]
        if not starts:
            return None
        end = re.compile(f"</{re.escape(tag)}>", re.IGNORECASE).search(self.text, starts[-1])
        return self.text[starts[-1] : end.start() if end else None].strip()

    def choose(self, options: Iterable[str], tag: str = "action") -> str | None:
        """Which of `options` the action is, None when it is none of them.

        For a tool call its name decides, for a text what stands in the tag, or else the whole text. Case, width of
        characters, invisible characters, and spaces or punctuation around it don't matter.
        """
        tagged = self.tagged(tag)
        said = self.name if self.call is not None else self.text if tagged is None else tagged
        known = {plain(option): option for option in options}
        longest = max(map(len, known), default=0)
        return None if len(said) > 64 + 8 * longest else known.get(plain(said))


def plain(text: str) -> str:
    """`text` for comparing: compatibility forms unified, invisible characters gone, one case, nothing around it."""
    visible = "".join(each for each in unicodedata.normalize("NFKC", text) if unicodedata.category(each) != "Cf")
    return " ".join(visible.casefold().split()).strip(" *_`'\".,:;!()[]{}\u2018\u2019\u201c\u201d")


def actions_of(response: JsonObject) -> list[Action]:
    """The actions of one turn: its tool calls in order, or its text. One action at least."""
    output: list[JsonObject] = response.get("output") or []
    text = output_text(output)
    calls = [Action(text, call, response) for call in function_calls(output)]
    return calls or [Action(text, None, response)]


@dataclass(slots=True)
class Episode:
    """What has happened in one rollout so far."""

    rewards: list[float] = field(default_factory=list)
    """One a step."""
    components: list[dict[str, float]] = field(default_factory=list)
    """Named parts of the rewards, one entry a step."""
    invalid_actions: int = 0
    """Actions that led to no step, because they made no sense."""
    terminated: bool = False
    truncated: bool = False
    info: JsonObject = field(default_factory=dict)
    """Of the last step, or of the reset."""

    @property
    def steps(self) -> int:
        """Steps made."""
        return len(self.rewards)

    @property
    def is_over(self) -> bool:
        """Whether the environment has ended it."""
        return self.terminated or self.truncated

    def record(self, step: Step) -> None:
        """Add a step. Raises TypeError for `reward_components` that are no numbers by name."""
        info = step.info or {}
        parts = info.get(COMPONENTS) or {}
        if not isinstance(parts, dict) or not all(isinstance(value, int | float) for value in parts.values()):
            raise TypeError(f"info['{COMPONENTS}'] must be numbers by name, not {parts!r}")
        self.rewards.append(step.reward)
        self.components.append(dict(parts))
        self.terminated, self.truncated, self.info = step.terminated, step.truncated, info

    def returned(self, kind: ReturnKind, discount: float) -> float:
        """The episode's return."""
        return return_of(self.rewards, kind, discount)

    def returned_components(self, kind: ReturnKind, discount: float) -> dict[str, float]:
        """The return of each named part; a step that doesn't name a part counts 0 for it."""
        names = dict.fromkeys(name for parts in self.components for name in parts)
        return {name: return_of([each.get(name, 0.0) for each in self.components], kind, discount) for name in names}


def return_of(rewards: Sequence[float], kind: ReturnKind, discount: float) -> float:
    """Rewards as one number: their sum, the last one, or the sum of reward t times `discount` ** t. 0 of none."""
    if kind == "last":
        return rewards[-1] if rewards else 0.0
    if kind == "sum":
        return float(sum(rewards))
    return float(sum(reward * discount**time for time, reward in enumerate(rewards)))


def shown(observation: Observation) -> str | list[JsonObject] | None:
    """An observation as messages and tool outputs hold it: text, content parts, or None. Raises TypeError."""
    if observation is None or is_parts(observation):
        dumps(observation)
        return observation  # type: ignore[no-any-return]
    return render(observation)


def is_parts(observation: Observation) -> bool:
    """Whether an observation is a list of content parts."""
    return (
        isinstance(observation, list)
        and bool(observation)
        and all(isinstance(each, dict) and each.get("type") in PART_KINDS for each in observation)
    )
