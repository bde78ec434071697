"""A tokenizer with its chat template: from a chat request to token ids, from token ids to text."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from polygym import JsonObject
from polygym.protocol.chat.completions import plain_text, raw_prompt
from polygym.protocol.chat.thinking import OPENING
from polygym.protocol.json import loads
from responses_api_models.transformers_model.tool_formats import ToolFormat, Tools


class Prompt(NamedTuple):
    """What the model is to continue."""

    ids: list[int]
    opens_thinking: bool
    """Whether it ends within the model's reasoning."""


class Prompts:
    """Not to be used by two threads at once: fast tokenizers refuse that."""

    def __init__(self, tokenizer: Any, template: str | None, tool_format: ToolFormat) -> None:
        """`template` is the text of the chat template; None for models that are to go on with plain text."""
        self._tokenizer = tokenizer
        self._template = template
        hidden = set(tokenizer.all_special_ids)
        hidden -= {tokenizer.convert_tokens_to_ids(marker) for marker in tool_format.markers}
        self._hidden: Final = frozenset(hidden)

    def prompt(self, body: JsonObject) -> Prompt:
        """The prompt for a chat request. Raises ValueError when it holds more than text, or the template refuses it."""
        if self._template is None:
            return Prompt(self._tokenizer.encode(raw_prompt(body)), opens_thinking=False)
        text = self._render(body, self._template)
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return Prompt(ids, text.rstrip().endswith(OPENING))

    def text(self, ids: Sequence[int]) -> str:
        """The text of an answer, without special tokens; those that tell tool calls are kept."""
        return self.exact_text([token for token in ids if token not in self._hidden])

    def exact_text(self, ids: Sequence[int]) -> str:
        """The text of some tokens, special ones included."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text

    def count_until(self, ids: Sequence[int], end: str) -> int:
        """How many of `ids` it takes until their text holds `end`; all, when it never does."""
        return bisect_left(range(len(ids)), True, key=lambda count: end in self.exact_text(ids[:count]))

    def _render(self, body: JsonObject, template: str) -> str:
        tools = body.get("tools") if body.get("tool_choice") != "none" else None
        if tools and "tools" not in template:
            raise ValueError("the chat template has no place for tools")
        variables = dict(body.get("chat_template_kwargs") or {})
        if "reasoning_effort" in body:
            variables.setdefault("reasoning_effort", body["reasoning_effort"])
        knows_developer = "developer" in template
        messages = [_as_templates_want(message, knows_developer) for message in body["messages"]]
        try:
            text: str = self._tokenizer.apply_chat_template(
                messages, tools=tools or None, add_generation_prompt=True, tokenize=False, **variables
            )
        except Exception as error:  # templates raise what they like
            raise ValueError(f"the chat template refuses the request: {error}") from error
        return text


def tools_of(body: JsonObject) -> Tools:
    """The functions that the model may call in a chat request, by name. Raises ValueError for a malformed list."""
    if body.get("tool_choice") == "none":
        return {}
    tools = body.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise ValueError("'tools' must be a list of objects")
    functions = [tool["function"] for tool in tools if isinstance(tool.get("function"), dict)]
    return {str(function.get("name")): _schema(function.get("parameters")) for function in functions}


def _schema(given: Any) -> JsonObject:
    return given if isinstance(given, dict) else {}


def _as_templates_want(message: JsonObject, knows_developer: bool) -> JsonObject:
    """A message with its content as text, the arguments of its calls as objects, and a role that the template knows."""
    content = message.get("content")
    changed = {**message, "content": "" if content is None else plain_text(content)}
    if message.get("role") == "developer" and not knows_developer:
        changed["role"] = "system"
    calls = message.get("tool_calls")
    if calls:
        changed["tool_calls"] = [_with_object(call) for call in calls]
    return changed


def _with_object(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        arguments = loads(function["arguments"] or "{}")
    except ValueError:
        return call
    return {**call, "function": {**function, "arguments": arguments}}
