"""Text completions in place of chat completions: of a raw prompt, or of one that the chat template makes here."""

from polygym import JsonObject, RolloutContext
from polygym.channels.endpoint_model import rejected
from polygym.protocol.chat.completions import chat_params_to_completion, completion_to_chat, raw_prompt
from polygym.protocol.chat.earlier_turns import EarlierTurns, splice
from polygym.protocol.chat.tokens import prompt_ids_of, with_token_fields
from polygym.protocol.chat.tool_formats import tools_of
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
        exact = self._turns.exact_ids(body) if self._config.earlier_tokens == "prompt" else None
        body = {**body, "messages": self._turns.without_tokens(body["messages"])}
        try:
            tools = tools_of(body)
            prompt = await self._prompt(body, exact)
            asked = chat_params_to_completion(body, prompt)
        except ValueError as error:
            raise rejected(self._name, error) from error
        if self._template is not None and isinstance(prompt, str):
            asked["add_special_tokens"] = False  # the template has put them in
        if self._tool_texts is not None:
            asked |= self._tool_texts.params
        completion = completion_to_chat(await self._upstream.complete_text(asked, context))
        is_whole = True
        if self._tool_texts is not None:
            only_one = body.get("parallel_tool_calls") is False
            completion, is_whole = self._tool_texts.with_calls(completion, tools, only_one=only_one)
        if not self._config.return_token_id_information:
            return completion
        ids = prompt_ids_of(completion) or (prompt if isinstance(prompt, list) else None)
        if ids is None:
            special = asked.get("add_special_tokens", True)
            ids = await self._upstream.text_ids(asked["prompt"], context, add_special_tokens=special)
        completion = with_token_fields(completion, ids)
        if is_whole and self._config.earlier_tokens == "prompt":
            remember(self._turns, body, completion)
        return completion

    async def _prompt(self, body: JsonObject, exact: list[int] | None) -> str | list[int]:
        if self._template is None:
            return raw_prompt(body)
        if self._config.earlier_tokens != "prompt":
            return await self._template.text(body)
        ids = await self._template.ids(body)
        return ids if exact is None else splice(ids, exact) or ids
