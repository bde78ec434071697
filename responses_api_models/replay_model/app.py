"""A policy that says again what a recorded one said, as long as the conversation is the recorded one.

For trying a changed harness, environment or verifier on real behaviour, without a model.
"""

import asyncio

from pydantic import Field

from polygym import FailureClass, JsonObject, ModelServer, ModelServerConfig, RolloutContext, RolloutFailure, Stage
from polygym.protocol.errors import ConfigError, InputError
from polygym.protocol.responses import TERMINATION_MESSAGE, TERMINATION_REASON, incompleteness_of, new_response
from polygym.protocol.rollouts import without_attempt
from responses_api_models.replay_model.following import Departure, Ignored, next_answer
from responses_api_models.replay_model.record import Record


class ReplayModelConfig(ModelServerConfig):
    """What is replayed, and how closely the conversation has to follow it."""

    rollouts: str | list[str] = Field(min_length=1)
    """Rollouts file or files that `gym eval run` has written."""
    ignore: list[Ignored] = Field(default_factory=list)
    """What may differ from the record: `instructions`, `user_messages`, `tool_outputs`."""


class ReplayModel(ModelServer):
    """Answers from a record, by the rollout's task and repeat."""

    config: ReplayModelConfig

    async def start(self) -> None:
        """Find every rollout in the files. Raises ConfigError when one cannot be read, or there is none."""
        given = self.config.rollouts
        try:
            self._record = await asyncio.to_thread(Record, [given] if isinstance(given, str) else given)
        except (OSError, InputError) as error:
            raise ConfigError(f"{self.name}: the record cannot be read: {error}") from error
        if self._record.is_empty:
            self._record.close()
            raise ConfigError(
                f"{self.name}: there is no rollout in {given}. Give a file that `gym eval run` has filled."
            )

    async def stop(self) -> None:
        """Close the files."""
        self._record.close()

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """What the recorded policy said at this point. Raises RolloutFailure where the conversation is another one."""
        rollout = without_attempt(context.rollout_id)
        row = self._record.find(rollout)
        if row is None:
            raise self._departed(f"rollout {rollout} is not in the record, which has {self._record.described}")
        try:
            answer = next_answer(row, params, frozenset(self.config.ignore))
        except Departure as departure:
            raise self._departed(f"rollout {rollout} leaves the record at {departure}") from departure
        recorded: JsonObject = row["response"]
        response = new_response(params, answer.items, model=str(recorded.get("model") or "replay"))
        if answer.is_last:
            response["usage"] = recorded.get("usage")
            if incompleteness_of(recorded) is not None:
                _take_ending(recorded, response)
        return response

    def list_models(self) -> list[str]:
        """Any name will do."""
        return ["replay"]

    def _departed(self, what: str) -> RolloutFailure:
        return RolloutFailure(FailureClass.MODEL_REJECTED, Stage.MODEL, f"{self.name}: {what}.")


def _take_ending(recorded: JsonObject, response: JsonObject) -> None:
    """Have the response end as the recorded one, if that was the model's doing."""
    if not recorded.get("incomplete_details"):
        return  # the harness found the answer wanting, and does so again
    response["status"] = "incomplete"
    response["incomplete_details"] = recorded["incomplete_details"]
    said = recorded.get("metadata") or {}
    kept = {key: said[key] for key in (TERMINATION_REASON, TERMINATION_MESSAGE) if key in said}
    if kept:
        response["metadata"] = {**(response.get("metadata") or {}), **kept}
