"""Chat completions with the token ids of prompt and answer, and with the exact ids of earlier turns."""

from polygym import JsonObject, RolloutContext
from polygym.protocol.chat.earlier_turns import EarlierTurns, is_text, splice
from polygym.protocol.chat.shapes import require_object
from polygym.protocol.chat.tokens import prompt_ids_of, with_token_fields
from responses_api_models.vllm_model.config import VLLMModelConfig
from responses_api_models.vllm_model.upstream import Upstream


class ChatWithTokens:
    """With `on_messages`, the messages carry the ids of their turns, for an endpoint that puts them together itself."""

    def __init__(self, upstream: Upstream, config: VLLMModelConfig) -> None:
        self._upstream = upstream
        self._mode = config.earlier_tokens
        self._turns = EarlierTurns()

    async def complete(self, body: JsonObject, context: RolloutContext) -> JsonObject:
        """The completion with its token fields. Raises RolloutFailure and ValueError."""
        if self._mode == "on_messages":
            return await self._ask(body, context)
        exact = self._turns.exact_ids(body)
        body = {**body, "messages": self._turns.without_tokens(body["messages"])}
        if exact is not None:
            body |= await self._prefix(exact, body, context)
        completion = await self._ask(body, context)
        remember(self._turns, body, completion)
        return completion

    async def _prefix(self, exact: list[int], body: JsonObject, context: RolloutContext) -> JsonObject:
        """What makes the endpoint begin its prompt with `exact`; nothing where it cannot be made to."""
        if self._mode == "required_prefix_token_ids":
            return {"required_prefix_token_ids": exact}
        if self._mode == "input_ids" and is_text(body["messages"]):
            ids = splice(await self._upstream.prompt_ids(body, context), exact)
            if ids is not None:
                return {"input_ids": ids}
        return {}

    async def _ask(self, body: JsonObject, context: RolloutContext) -> JsonObject:
        completion = await self._upstream.complete(body, context)
        ids = prompt_ids_of(completion) or body.get("input_ids")
        if ids is None:
            ids = await self._upstream.prompt_ids(body, context)
            _check_count(ids, completion)
        return with_token_fields(completion, ids)


def remember(turns: EarlierTurns, body: JsonObject, completion: JsonObject) -> None:
    """Note the answer to the chat request `body`, which has its token fields, if the model itself has ended it."""
    choice = completion["choices"][0]
    stopped_by = choice.get("stop_reason") or choice.get("matched_stop")
    if choice.get("finish_reason") in ("stop", "tool_calls") and not isinstance(stopped_by, str):
        turns.remember(body, choice["message"])


def _check_count(ids: list[int], completion: JsonObject) -> None:
    """That the endpoint counts as many tokens in the prompt as its `/tokenize` makes of it. Raises ValueError."""
    counted = require_object(completion.get("usage") or {}, "usage").get("prompt_tokens")
    if counted is not None and counted != len(ids):
        raise ValueError(
            f"/tokenize makes {len(ids)} tokens of the prompt, and the completion counts {counted}; ask for the ids"
            " themselves with request_prompt_and_generation_token_ids"
        )
