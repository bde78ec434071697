"""Answers in free words, compared with a reference or held against a rubric by a model that judges."""

import asyncio
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, Field, model_validator

from polygym import (
    JsonObject,
    ModelServerRef,
    ResourcesServer,
    ResourcesServerConfig,
    RolloutView,
    Session,
    TaskFields,
    Verification,
    add_usage,
    input_items,
)
from polygym.protocol.groups import ungrouped
from polygym.protocol.items import is_message, text_of
from resources_servers.equivalence_llm_judge.judge import Judge, Judgement
from resources_servers.equivalence_llm_judge.prompts import ANSWER_FIRST, CRITERION_FIRST, REFERENCE
from resources_servers.equivalence_llm_judge.verdicts import core_of, fence_name, fenced, visible, without_thought

FOLDER: Final = Path(__file__).parent


class JudgeConfig(ResourcesServerConfig):
    """Who judges, how they are asked, and what their verdicts are worth."""

    judge_model_server: ModelServerRef
    """The judge."""
    judge_responses_create_params: JsonObject = Field(default_factory=dict)
    """Parameters of its calls, such as `temperature` and `max_output_tokens`; `input` is ours."""
    judge_system_message: str | None = None
    """Comes first, if there is one."""
    judge_prompt_template: str = REFERENCE
    """Comparison with a reference; `{question}`, `{expected_answer}` and `{generated_answer}` are filled in."""
    judge_prompt_template_fpath: str | None = None
    """File with that template, in place of it; relative to the server's folder."""
    judge_equal_label: str = "[[A=B]]"
    """The verdict that two answers are the same."""
    judge_not_equal_label: str = "[[A!=B]]"
    """The verdict that they are not."""
    judge_met_label: str = "[[MET]]"
    """The verdict that a criterion of a rubric is met."""
    judge_not_met_label: str = "[[NOT MET]]"
    """The verdict that it is not."""
    check_twice_swap: bool = True
    """Ask again with the two texts in the other order after a verdict in the answer's favour; both must agree."""
    reward_if_swap_fails: float = Field(default=0.0, allow_inf_nan=False)
    """Reward when the orders disagree about a reference."""
    judge_max_attempts: int = Field(default=3, ge=1)
    """Calls per verdict, for models that fail and texts without a clear verdict; then the rollout fails."""
    judge_first_pause_s: float = Field(default=0.5, ge=0, allow_inf_nan=False)
    """Seconds before a call that failed is repeated; they double with every further one."""
    judge_timeout_s: float | None = Field(default=None, gt=0)
    """Seconds that one call of the judge may take; None for no limit but the agent's for `verify`."""
    judge_endpoint_max_concurrency: int | None = Field(default=64, ge=1)
    """Calls of the judge under way at once; waiting for a place counts against no limit."""
    max_answer_chars: int = Field(default=20_000, ge=1)
    """A longer answer gets 0.0 and is not shown to the judge, whose context it could exceed."""

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Self:
        for one, other in (self.equivalence_labels, self.criterion_labels):
            first, second = core_of(one), core_of(other)
            if not first or not second or first in second or second in first:
                raise ValueError(f"the labels {one!r} and {other!r} cannot be told apart")
        if self.judge_prompt_template_fpath is not None:
            self.judge_prompt_template = (FOLDER / self.judge_prompt_template_fpath).read_text(encoding="utf-8")
        try:
            self.reference_prompt("", "", "")
        except (LookupError, ValueError) as error:
            known = (
                "{question}, {expected_answer} and {generated_answer} are filled in, other braces have to be doubled"
            )
            raise ValueError(f"judge_prompt_template: {error!r}: {known}") from error
        return self

    @property
    def equivalence_labels(self) -> tuple[str, str]:
        """Same, not the same."""
        return self.judge_equal_label, self.judge_not_equal_label

    @property
    def criterion_labels(self) -> tuple[str, str]:
        """Met, not met."""
        return self.judge_met_label, self.judge_not_met_label

    @property
    def labels(self) -> tuple[str, ...]:
        """All of them."""
        return self.equivalence_labels + self.criterion_labels

    def reference_prompt(self, question: str, first: str, second: str) -> str:
        """The template with its blanks filled; `first` stands where the reference is written."""
        return self.judge_prompt_template.format(
            question=question,
            expected_answer=first,
            generated_answer=second,
            equal_label=self.judge_equal_label,
            not_equal_label=self.judge_not_equal_label,
        )


class Criterion(BaseModel):
    """One line of a rubric."""

    criterion: str = Field(min_length=1)
    """A statement about the answer, true or not."""
    weight: float = Field(default=1.0, allow_inf_nan=False)
    """Its share of the reward; a negative one is for what an answer must not do."""


class JudgedTask(TaskFields):
    """A question, and a reference answer or a rubric."""

    expected_answer: str | None = None
    rubric: list[Criterion] = Field(default_factory=list)

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        if (self.expected_answer is None) is (not self.rubric):
            raise ValueError("a row needs either 'expected_answer' or a 'rubric'")
        if self.expected_answer is not None and not self.expected_answer.strip():
            raise ValueError("'expected_answer' is empty")
        if self.rubric and not any(each.weight > 0 for each in self.rubric):
            raise ValueError("a rubric needs a criterion with a positive weight")
        return self


class Opinion(BaseModel):
    """What the judge thinks of one thing, in one order or two."""

    is_favourable: bool
    """Whether every order has found for the answer."""
    is_consistent: bool
    """Whether the orders agree."""
    evaluations: list[JsonObject]
    """The judge's calls, for the output row."""
    usage: JsonObject | None


class EquivalenceServer(ResourcesServer[JudgedTask]):
    """Has answers judged by a model. It offers no tools."""

    config: JudgeConfig

    async def start(self) -> None:
        """Set the judge up."""
        config = self.config
        self._judge = Judge(
            self.directory.model(config.judge_model_server),
            params={key: value for key, value in config.judge_responses_create_params.items() if key != "input"},
            system_message=config.judge_system_message,
            max_attempts=config.judge_max_attempts,
            first_pause_s=config.judge_first_pause_s,
            max_concurrency=config.judge_endpoint_max_concurrency,
            timeout_s=config.judge_timeout_s,
        )

    async def verify(self, rollout: RolloutView, session: Session[JudgedTask]) -> Verification:
        """1.0 for the same answer as the reference, or the share of the rubric that is met.

        An answer that is empty or too long gets 0.0 unseen. Raises JudgeError and RolloutFailure when there is no
        verdict: that is no reward.
        """
        said = without_thought(rollout.final_text)
        if len(said) > self.config.max_answer_chars:
            return _unseen(f"the answer has {len(said)} characters")
        answer = visible(said).strip()
        if not answer:
            return _unseen("there is no answer")
        question = _question(rollout.params)
        if session.task.expected_answer is not None:
            return await self._compare(question, session.task.expected_answer, answer, session.rollout_id)
        return await self._apply(session.task.rubric, question, answer, session.rollout_id)

    async def _compare(self, question: str, expected: str, answer: str, rollout_id: str) -> Verification:
        labels, fence = self.config.equivalence_labels, fence_name(question, expected, answer)
        asked, reference, given = (fenced(text, fence, self.config.labels) for text in (question, expected, answer))
        prompts = {
            "expected_first": self.config.reference_prompt(asked, reference, given),
            "expected_second": self.config.reference_prompt(asked, given, reference),
        }
        opinion = await self._opinion(prompts, labels, rollout_id)
        reward = float(opinion.is_favourable) if opinion.is_consistent else self.config.reward_if_swap_fails
        verdict = "the same answer as the reference" if opinion.is_favourable else "not the reference's answer"
        return Verification(
            reward,
            fields={**_recorded([opinion]), "judge_is_consistent": opinion.is_consistent},
            explanation=verdict if opinion.is_consistent else "the judge's verdict depends on the order",
        )

    async def _apply(self, rubric: list[Criterion], question: str, answer: str, rollout_id: str) -> Verification:
        labels = self.config.criterion_labels
        fence = fence_name(question, answer, *(each.criterion for each in rubric))
        asked, given = fenced(question, fence, self.config.labels), fenced(answer, fence, self.config.labels)

        def prompts(criterion: str) -> dict[str, str]:
            blanks = {
                "question": asked,
                "generated_answer": given,
                "criterion": fenced(criterion, fence, self.config.labels),
                "met_label": labels[0],
                "not_met_label": labels[1],
            }
            return {
                "criterion_first": CRITERION_FIRST.format(**blanks),
                "answer_first": ANSWER_FIRST.format(**blanks),
            }

        opinions = await _all(
            *(
                self._opinion(prompts(each.criterion), labels if each.weight > 0 else labels[::-1], rollout_id)
                for each in rubric
            )
        )
        met = [opinion.is_favourable is (each.weight > 0) for each, opinion in zip(rubric, opinions, strict=True)]
        earned = sum(each.weight for each, is_met in zip(rubric, met, strict=True) if is_met)
        possible = sum(each.weight for each in rubric if each.weight > 0)
        return Verification(
            min(1.0, max(0.0, earned / possible)),
            components={f"criterion_{number}": float(is_met) for number, is_met in enumerate(met, 1)},
            fields={**_recorded(opinions), "judge_is_consistent": all(each.is_consistent for each in opinions)},
            explanation=f"{sum(met)} of {len(rubric)} criteria are true of the answer",
        )

    async def _opinion(self, prompts: dict[str, str], labels: tuple[str, str], rollout_id: str) -> Opinion:
        """The judge's opinion, the answer's favour being `labels[0]`; the second order is asked only after that."""
        judgements: dict[str, Judgement] = {}
        for order, prompt in list(prompts.items())[: 2 if self.config.check_twice_swap else 1]:
            judgements[order] = await self._judge.ask(prompt, labels, rollout_id)
            if judgements[order].label != labels[0]:
                break
        usage: JsonObject | None = None
        for judgement in judgements.values():
            usage = add_usage(usage, judgement.usage)
        verdicts = {judgement.label for judgement in judgements.values()}
        return Opinion(
            is_favourable=verdicts == {labels[0]},
            is_consistent=len(verdicts) == 1,
            evaluations=[{"order": order, **judgement.to_json()} for order, judgement in judgements.items()],
            usage=usage,
        )


def _unseen(why: str) -> Verification:
    return Verification(0.0, fields=_recorded([]), explanation=f"{why}; the judge was not asked")


async def _all(*opinions: Any) -> list[Opinion]:
    """The results, in order; the first error ends the others and comes out as it is."""
    with ungrouped(Exception):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(opinion) for opinion in opinions]
    return [task.result() for task in tasks]


def _recorded(opinions: list[Opinion]) -> JsonObject:
    """The judge's calls as fields of the output row."""
    usage: JsonObject | None = None
    for opinion in opinions:
        usage = add_usage(usage, opinion.usage)
    evaluations = [
        {**({"criterion": number} if len(opinions) > 1 else {}), **evaluation}
        for number, opinion in enumerate(opinions, 1)
        for evaluation in opinion.evaluations
    ]
    return {
        "judge_evaluations": evaluations,
        "judge_calls": sum(evaluation["attempts"] for evaluation in evaluations),
        "judge_usage": usage,
    }


def _question(params: JsonObject) -> str:
    """What the user asks."""
    items = input_items(params.get("input") or "")
    return "\n\n".join(text_of(item.get("content")) for item in items if is_message(item) and item["role"] == "user")
