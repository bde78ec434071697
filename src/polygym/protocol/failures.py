"""What goes wrong inside a rollout, named once.

Who classifies: the boundary where a call leaves its caller. The endpoint client names what a model endpoint did, the
channel to a resources server names what its seed, tools, user and verify did, the rollout engine names timeouts,
cancellations and lost servers. Authors of environments raise plain errors; the boundary wraps them, keeping the cause.
The classes `model_…` are the policy's: a judge or a simulated user that fails is the trouble of who asked it.
Who records: the rollout engine alone, in the failures file. A failure never has a reward.

A tool that raises, arguments that do not parse and too many steps are the policy's own doing: they are shown to the
model or scored by the verifier, and are no failures.
"""

import math
from enum import StrEnum
from typing import NoReturn, TypeVar

from polygym.protocol.json import JsonObject


class FailureClass(StrEnum):
    """Why a rollout has no reward."""

    MODEL_UNAVAILABLE = "model_unavailable"
    """The model endpoint could not be reached, or answered 5xx."""
    MODEL_RATE_LIMITED = "model_rate_limited"
    """The model endpoint answered 429."""
    MODEL_REJECTED = "model_rejected"
    """The model endpoint refused the request: wrong URL, key, model name or parameters (4xx)."""
    MODEL_BAD_RESPONSE = "model_bad_response"
    """The model endpoint answered something that is no response."""
    CONTEXT_EXCEEDED = "context_exceeded"
    """The conversation is longer than the model's context, and the model server could not say so in a response."""
    CONTENT_FILTERED = "content_filtered"
    """The endpoint refused the conversation for what is in it, and the model server could not say so in a response."""
    SEED_ERROR = "seed_error"
    """The environment could not set up its session."""
    TOOL_ERROR = "tool_error"
    """A tool's server failed, as opposed to the tool saying no."""
    USER_ERROR = "user_error"
    """The simulated user failed: the environment's own raised, or its model refused the request."""
    VERIFIER_ERROR = "verifier_error"
    """`verify` raised, or gave something that is no reward."""
    AGENT_ERROR = "agent_error"
    """The agent's own code raised."""
    TIMEOUT = "timeout"
    """A stage took longer than it may."""
    ENVIRONMENT_LOST = "environment_lost"
    """A server of the environment died or stopped answering."""
    CANCELLED = "cancelled"
    """The run was stopped while the rollout was under way."""


class Stage(StrEnum):
    """Where in a rollout it happened."""

    SEED = "seed"
    MODEL = "model"
    TOOL = "tool"
    USER = "user"
    VERIFY = "verify"
    AGENT = "agent"
    ROLLOUT = "rollout"


RETRIED = frozenset(
    {
        FailureClass.MODEL_UNAVAILABLE,
        FailureClass.MODEL_RATE_LIMITED,
        FailureClass.MODEL_BAD_RESPONSE,
        FailureClass.TIMEOUT,
        FailureClass.ENVIRONMENT_LOST,
    }
)
"""Classes that a fresh attempt may cure. The others would only fail again, at cost."""


class RolloutFailure(Exception):
    """A rollout ended without a reward. Raised at a boundary, recorded by the rollout engine."""

    def __init__(
        self,
        failure_class: FailureClass,
        stage: Stage,
        message: str,
        *,
        http_status: int | None = None,
        retry_after_s: float | None = None,
        is_nobody_there: bool = False,
    ) -> None:
        super().__init__(message)
        self.failure_class = failure_class
        self.stage = stage
        self.message = message
        self.http_status = http_status
        """Status the other side answered with, if it answered."""
        self.retry_after_s = retry_after_s
        """Seconds the other side asked to wait, if it did."""
        self.is_nobody_there = is_nobody_there
        """Whether there was no connection to the other side: nothing has been asked of it."""

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.to_json(),))

    @property
    def is_retryable(self) -> bool:
        """Whether a fresh attempt may succeed."""
        return self.failure_class in RETRIED

    def to_json(self) -> JsonObject:
        """The failure under the keys of the failures file."""
        record: JsonObject = {
            "_ng_failure_class": str(self.failure_class),
            "_ng_failure_stage": str(self.stage),
            "_ng_failure_message": self.message,
        }
        if self.http_status is not None:
            record["_ng_failure_http_status"] = self.http_status
        if self.retry_after_s is not None:
            record["_ng_failure_retry_after_s"] = self.retry_after_s
        if self.is_nobody_there:
            record["_ng_failure_is_nobody_there"] = True
        return record


def failure_from_json(record: JsonObject) -> RolloutFailure:
    """The failure that another server reported under the keys of `RolloutFailure.to_json`.

    A class that we do not know (other implementations have their own) becomes `agent_error`, a stage `agent`; its name
    stays in the message.
    """
    name, stage = str(record["_ng_failure_class"]), str(record.get("_ng_failure_stage") or Stage.AGENT)
    message = str(record.get("_ng_failure_message") or "")
    if name not in FailureClass.__members__.values():
        name, message = FailureClass.AGENT_ERROR, f"{name}: {message}"
    if stage not in Stage.__members__.values():
        stage, message = Stage.AGENT, f"{message} (at {stage})"
    return RolloutFailure(
        FailureClass(name),
        Stage(stage),
        message,
        http_status=_number(record.get("_ng_failure_http_status"), int),
        retry_after_s=_number(record.get("_ng_failure_retry_after_s"), float),
        is_nobody_there=record.get("_ng_failure_is_nobody_there") is True,
    )


_REFUSED_IN = {
    Stage.SEED: FailureClass.SEED_ERROR,
    Stage.TOOL: FailureClass.TOOL_ERROR,
    Stage.USER: FailureClass.USER_ERROR,
}


def raise_inside(failure: RolloutFailure, stage: Stage, server: str) -> NoReturn:
    """Raise `failure`, which came out of a stage of `server`, as what it is for the rollout.

    A model that was called there is not the policy. In `verify` its failure is a `verifier_error`; elsewhere it is an
    `environment_lost` if another attempt may cure it, else the stage's own error. Other failures stay what they are.
    """
    if failure.stage is not Stage.MODEL:
        raise failure
    if stage is Stage.VERIFY:
        failure_class = FailureClass.VERIFIER_ERROR
    elif failure.is_retryable:
        failure_class = FailureClass.ENVIRONMENT_LOST
    else:
        failure_class = _REFUSED_IN[stage]
    message = f"{server}, {stage}: a model other than the policy failed ({failure.failure_class}): {failure.message}"
    raise RolloutFailure(
        failure_class,
        stage,
        message,
        http_status=failure.http_status,
        retry_after_s=failure.retry_after_s,
        is_nobody_there=failure.is_nobody_there,
    ) from failure


NumberT = TypeVar("NumberT", int, float)


def _number(value: object, kind: type[NumberT]) -> NumberT | None:
    """`value` as a number; None for what another server has sent in its place."""
    return kind(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _rebuild(record: JsonObject) -> RolloutFailure:
    return failure_from_json(record)


def agent_error(agent: str, error: BaseException) -> RolloutFailure:
    """What an agent's own code raised, as a failure. Raise it `from error`."""
    return RolloutFailure(FailureClass.AGENT_ERROR, Stage.AGENT, f"{agent}: agent raised {describe(error)}")


def describe(error: BaseException) -> str:
    """An exception in one line: its type, its text and where it was raised."""
    text = " ".join(str(error).split()) or "no message"
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return f"{type(error).__name__}: {text}"
    code = frame.tb_frame.f_code
    return f"{type(error).__name__}: {text} ({code.co_filename}:{frame.tb_lineno})"
