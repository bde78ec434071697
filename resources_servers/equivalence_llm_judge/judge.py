"""Asking a model for a verdict: bounded attempts, bounded concurrency, every call recorded. Knows no environment."""

import asyncio
from dataclasses import dataclass
from typing import Final

from polygym import JsonObject, RolloutContext, RolloutFailure, add_usage
from polygym.protocol.calls import Model
from polygym.protocol.items import output_text
from polygym.protocol.waiting import waiting_for_capacity
from resources_servers.equivalence_llm_judge.verdicts import verdict_in

LONGEST_TEXT: Final = 4000
"""Characters of a judge's text that are kept, from its end."""


class JudgeError(Exception):
    """A judge has given no verdict. A failure of the verifier, never a reward."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One verdict, and what it took."""

    label: str
    text: str
    """The judge's last answer."""
    attempts: int
    usage: JsonObject | None
    """Summed over the attempts."""

    def to_json(self) -> JsonObject:
        """For the output row."""
        text = self.text[-LONGEST_TEXT:]
        return {"verdict_label": self.label, "text": text, "attempts": self.attempts, "usage": self.usage}


class Judge:
    """A model that gives verdicts."""

    def __init__(
        self,
        model: Model,
        *,
        params: JsonObject,
        system_message: str | None,
        max_attempts: int,
        first_pause_s: float,
        max_concurrency: int | None,
        timeout_s: float | None,
    ) -> None:
        self._model = model
        self._params = params
        self._system = [{"type": "message", "role": "system", "content": system_message}] if system_message else []
        self._max_attempts = max_attempts
        self._first_pause_s = first_pause_s
        self._slots = asyncio.Semaphore(max_concurrency) if max_concurrency is not None else None
        self._limits_s = {} if timeout_s is None else {"model": timeout_s}

    async def ask(self, prompt: str, labels: tuple[str, str], rollout_id: str) -> Judgement:
        """The judge's verdict, one of `labels`.

        Raises JudgeError when no attempt gave a clear one, and RolloutFailure when the model failed in the last.
        """
        asked = [*self._system, {"type": "message", "role": "user", "content": prompt}]
        usage: JsonObject | None = None
        text = ""
        for attempt in range(1, self._max_attempts + 1):
            try:
                response = await self._call({**self._params, "input": asked}, rollout_id)
            except RolloutFailure as failure:
                if attempt == self._max_attempts or not failure.is_retryable:
                    raise
                await asyncio.sleep(max(self._first_pause_s * 2 ** (attempt - 1), failure.retry_after_s or 0.0))
                continue
            usage = add_usage(usage, response.get("usage"))
            text = output_text(response.get("output") or ())
            label = verdict_in(text, labels)
            if label is not None:
                return Judgement(label, text, attempt, usage)
            reminder = f"That is no verdict. Write nothing but one line: {labels[0]} or {labels[1]}"
            said = [{"type": "message", "role": "assistant", "content": text}] if text.strip() else []
            asked = [*asked, *said, {"type": "message", "role": "user", "content": reminder}]
        raise JudgeError(
            f"no verdict in {self._max_attempts} attempts; the judge has to end with {labels[0]} or {labels[1]}, it"
            f" said: {text[-300:]!r}"
        )

    async def _call(self, params: JsonObject, rollout_id: str) -> JsonObject:
        context = RolloutContext(f"{rollout_id}.judge", limits_s=self._limits_s)
        if self._slots is None:
            return await self._model.responses(params, context)
        with waiting_for_capacity():
            await self._slots.acquire()
        try:
            return await self._model.responses(params, context)
        finally:
            self._slots.release()
