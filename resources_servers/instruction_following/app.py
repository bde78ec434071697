"""Instruction following: answers that have to obey constraints which a program can check."""

from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from polygym import JsonObject, ResourcesServer, ResourcesServerConfig, RolloutView, Session, TaskFields, Verification
from polygym.protocol.items import input_items, text_of
from resources_servers.instruction_following.constraints.base import Constraint
from resources_servers.instruction_following.judging import Judgement, judge, parse_constraints

GradingMode = Literal["binary", "fraction"]
_LIFTED = ("instruction_id_list", "kwargs", "prompt", "grading_mode")
"""Fields that some datasets keep below `verifier_metadata`."""


class InstructionConfig(ResourcesServerConfig):
    """How answers are graded."""

    grading_mode: GradingMode = "binary"
    """`binary`: 1.0 when every constraint is met. `fraction`: the share that is met. A row's own mode goes before."""


class InstructionTask(TaskFields):
    """Constraints, and what the answer has to be about."""

    instruction_id_list: list[str] = Field(min_length=1)
    """Which constraints: ids of IFEval, of Open-Instruct, and our own."""
    kwargs: list[JsonObject | None] = Field(default_factory=list)
    """Arguments of each."""
    prompt: str | None = None
    """What was asked, if that is not the text of the input."""
    grading_mode: GradingMode | None = None
    must_mention: list[str | list[str]] = Field(default_factory=list)
    """Words and numbers that must occur; of a list, one of its entries."""
    min_words: int = Field(default=1, ge=1)
    """Words that any answer needs."""

    _constraints: list[Constraint] = PrivateAttr(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _lift(cls, row: Any) -> Any:
        below = row.get("verifier_metadata") if isinstance(row, dict) else None
        lifted = {name: below[name] for name in _LIFTED if name in below} if isinstance(below, dict) else {}
        return {**lifted, **row} if lifted else row

    @model_validator(mode="after")
    def _parse(self) -> Self:
        self._constraints.extend(parse_constraints(self.instruction_id_list, self.kwargs))
        return self

    @property
    def constraints(self) -> list[Constraint]:
        """The constraints, parsed."""
        return self._constraints


class InstructionServer(ResourcesServer[InstructionTask]):
    """Checks the final message. Offers no tools and keeps no state."""

    config: InstructionConfig

    def verify(self, rollout: RolloutView, session: Session[InstructionTask]) -> Verification:
        """The reward of the final message; an answer that was cut off, or says nothing, meets no constraint."""
        task = session.task
        judged = judge(
            rollout.final_text if rollout.is_complete else "",
            task.constraints,
            prompt=task.prompt if task.prompt is not None else prompt_of(rollout),
            must_mention=[[entry] if isinstance(entry, str) else entry for entry in task.must_mention],
            min_words=task.min_words,
        )
        ids = task.instruction_id_list
        share = sum(judged.met) / len(judged.met)
        is_binary = (task.grading_mode or self.config.grading_mode) == "binary"
        return Verification(
            reward=float(share == 1.0) if is_binary else share,
            components=_shares((name.partition(":")[0] for name in ids), judged.met),
            fields={
                **{f"follow/{name}": met for name, met in _shares(ids, judged.met).items()},
                "follow_all_instructions": all(judged.met),
                "follow_instruction_list": judged.met,
                "instructions_followed": share,
                "has_substance": not judged.shortcomings,
            },
            explanation=_explain(ids, judged),
        )

    def get_key_metrics(self, agent_metrics: JsonObject) -> JsonObject:
        """Reward, share of constraints met, and share of answers that say something."""
        names = ("mean/reward", "mean/follow_all_instructions", "mean/instructions_followed", "mean/has_substance")
        return {name: agent_metrics[name] for name in names if name in agent_metrics}


def prompt_of(rollout: RolloutView) -> str:
    """All that the model was asked."""
    return "\n".join(text_of(item.get("content")) for item in input_items(rollout.params.get("input") or ""))


def _shares(names: Iterable[str], met: list[bool]) -> dict[str, float]:
    """The share that was met, by name; one name may stand there several times."""
    by_name: dict[str, list[bool]] = {}
    for name, is_met in zip(names, met, strict=True):
        by_name.setdefault(name, []).append(is_met)
    return {name: sum(each) / len(each) for name, each in by_name.items()}


def _explain(ids: list[str], judged: Judgement) -> str:
    if judged.shortcomings:
        return f"The answer does not count: {'; '.join(judged.shortcomings)}."
    broken = [name for name, is_met in zip(ids, judged.met, strict=True) if not is_met]
    return f"Not followed: {', '.join(broken)}." if broken else "Every instruction is followed."
