"""Every task of the reasoning-gym library, scored by the library's own scorers."""

import os
from typing import Any, Self

from pydantic import Field, model_validator

from polygym import (
    JsonObject,
    ResourcesServer,
    ResourcesServerConfig,
    RolloutView,
    Session,
    TaskFields,
    Verification,
)
from polygym.servers.tools import sendable
from resources_servers.reasoning_gym.answers import LONGEST, AnswerFormat, extract, may_be_right, readings
from resources_servers.reasoning_gym.workers import TooExpensiveError, Workers


class ReasoningGymConfig(ResourcesServerConfig):
    """How answers are read and scored."""

    answer_format: AnswerFormat = "lenient"
    """`tagged`: an answer counts between `<answer>` and `</answer>` only. `lenient`: also in `\\boxed{}`, or bare."""
    workers: int = Field(default_factory=lambda: min(4, os.cpu_count() or 1), ge=1)
    """Scoring processes at most."""
    cpu_limit_s: int = Field(default=5, ge=1)
    """Seconds of processor time that one answer may take to score; beyond that it scores nothing."""


class ReasoningTask(TaskFields):
    """An entry of a dataset, or where to find one."""

    dataset: str | None = None
    """Name of the dataset; `metadata.source_dataset` when it is left out."""
    config: JsonObject = Field(default_factory=dict)
    """Arguments of the dataset besides `seed` and `size`."""
    seed: int | None = None
    index: int | None = Field(default=None, ge=0)
    """With `seed`: which entry of the dataset the row is about, when the entry itself is not in the row."""
    question: str | None = None
    answer: str | None = None
    """The library's own answer; None for datasets that have none, and score by rules."""
    metadata: JsonObject | None = None

    @model_validator(mode="after")
    def _needs_an_entry(self) -> Self:
        if self.metadata is None and (self.dataset is None or self.seed is None or self.index is None):
            raise ValueError("needs an entry ('question', 'answer', 'metadata') or 'dataset', 'seed' and 'index'")
        if not self.name:
            raise ValueError("needs 'dataset' or 'metadata.source_dataset': the dataset's name")
        return self

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.dataset or str((self.metadata or {}).get("source_dataset") or "")

    @property
    def entry(self) -> JsonObject | None:
        """The entry as the library made it; None when the row only says where to find it."""
        if self.metadata is None:
            return None
        return {"question": self.question, "answer": self.answer, "metadata": self.metadata}


class ReasoningGymServer(ResourcesServer[ReasoningTask]):
    """Scores answers in processes of their own: some scorers evaluate what they are given."""

    config: ReasoningGymConfig

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._workers: Workers | None = None

    async def stop(self) -> None:
        """End the scoring processes."""
        if self._workers is not None:
            await self._workers.close()
            self._workers = None

    async def verify(self, rollout: RolloutView, session: Session[ReasoningTask]) -> Verification:
        """The score of the dataset's scorer. An error that an answer causes there scores 0."""
        task = session.task
        answer = extract(sendable(rollout.final_text), self.config.answer_format)
        score, why = await self._score(answer, task)
        fields = {"task_name": task.name, "score": score, "extracted_answer": answer and answer[:LONGEST]}
        return Verification(score, fields=fields, explanation=f"{task.name}: {why}")

    async def _score(self, answer: str | None, task: ReasoningTask) -> tuple[float, str]:
        if not answer:
            return 0.0, "no answer"
        if len(answer) > LONGEST:
            return 0.0, f"an answer of more than {LONGEST} characters"
        what = {"dataset": task.name, "config": task.config, "seed": task.seed, "index": task.index}
        self._workers = self._workers or Workers(self.config.workers, self.config.cpu_limit_s)
        entry = task.entry or (await self._workers.ask({"do": "entry", **what}))["entry"]
        answers = [each for each in readings(answer) if may_be_right(task.name, each, entry)]
        if not answers:
            return 0.0, "cannot be right"
        try:
            reply = await self._workers.ask({"do": "score", **what, "entry": entry, "answers": answers})
        except TooExpensiveError as error:
            return 0.0, str(error)
        return float(reply["score"]), f"scored {reply['score']:g}"
