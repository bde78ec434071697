"""Text completions in place of chat completions: of a raw prompt, or of one that the chat template makes here."""

from polygym import JsonObject, RolloutContext
from polygym.channels.endpoint_model import rejected
from polygym.protocol.chat.completions import chat_params_to_completion, completion_to_chat, raw_prompt
from polygym.protocol.chat.earlier_turns import EarlierTurns, splice
from polygym.protocol.chat.tokens import prompt_ids_of, with_token_fields
from responses_api_models.vllm_model.chat_with_tokens import remember
from responses_api_models.vllm_model.config import VLLMModelConfig
from responses_api_models.vllm_model.templates import ChatTemplate
from responses_api_models.vllm_model.tool_texts import ToolTexts
from responses_api_models.vllm_model.upstream import Upstream


class TextCompletions:
    """The calls of the server `name`. `template` is None for raw prompts, `tool_texts` where tool calls stay text.

    With `earlier_tokens: prompt` every prompt goes out as ids.
    """

    def __init__(
        self,
        upstream: Upstream,
        config: VLLMModelConfig,
        name: str,
        template: ChatTemplate | None,
        tool_texts: ToolTexts | None,
    ) -> None:
        self._upstream = upstream
        self._config = config
        self._name = name
        self._template = template
        self._tool_texts = tool_texts
        self._turns = EarlierTurns()

    async def complete(self, body: JsonObject, context: RolloutContext) -> JsonObject:
        """The completion as a ChatCompletion. Raises RolloutFailure and ValueError."""
        messages = self._turns.without_tokens(body["messages"])
        try:
            prompt = await self._prompt({**body, "messages": messages}, body["messages"])
            asked = chat_params_to_completion(body, prompt)
        except ValueError as error:
            raise rejected(self._name, error) from error
        if self._template is not None and isinstance(prompt, str):
            asked["add_special_tokens"] = False  # the template has put them in
        if self._tool_texts is not None:
            asked |= self._tool_texts.params
        completion = completion_to_chat(await self._upstream.complete_text(asked, context))
        if self._tool_texts is not None:
            completion = self._tool_texts.with_calls(completion, body)
        if not self._config.return_token_id_information:
            return completion
        ids = prompt_ids_of(completion) or (prompt if isinstance(prompt, list) else None)
        if ids is None:
            special = asked.get("add_special_tokens", True)
            ids = await self._upstream.text_ids(asked["prompt"], context, add_special_tokens=special)
        completion = with_token_fields(completion, ids)
        remember(self._turns, messages, completion)
        return completion

    async def _prompt(self, body: JsonObject, messages: list[JsonObject]) -> str | list[int]:
        if self._template is None:
            return raw_prompt(body)
        if self._config.earlier_tokens != "prompt":
            return await self._template.text(body)
        ids = await self._template.ids(body)
        exact = self._turns.exact_ids(messages)
        return ids if exact is None else splice(ids, exact) or ids
