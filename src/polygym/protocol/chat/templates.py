"""A chat request as the prompt that a model's own chat template makes of it. Knows no library of tokenizers."""

from typing import Any, Protocol

from polygym.protocol.chat.completions import plain_text
from polygym.protocol.chat.shapes import require_list
from polygym.protocol.json import JsonObject, loads


class Tokenizer(Protocol):
    """What is needed of a tokenizer of transformers."""

    def apply_chat_template(self, conversation: list[JsonObject], **options: Any) -> Any:
        """The conversation as text, with `tokenize=False`."""
        ...


def render(tokenizer: Tokenizer, template: str, request: JsonObject) -> str:
    """The prompt for a chat request. `template` is the text of the tokenizer's template, of all where it has several.

    With `tool_choice: none` the model reads of no tools, and where the template knows no developer, a developer is the
    system. Raises ValueError when the request holds more than text, when the template has no place for its tools, and
    when the template refuses it.
    """
    tools = request.get("tools") if request.get("tool_choice") != "none" else None
    if tools and "tools" not in template:
        raise ValueError("the chat template has no place for tools")
    variables = dict(request.get("chat_template_kwargs") or {})
    if request.get("reasoning_effort") is not None:
        variables.setdefault("reasoning_effort", request["reasoning_effort"])
    knows_developer = "developer" in template
    messages = [_as_templates_want(message, knows_developer) for message in request["messages"]]
    try:
        text: str = tokenizer.apply_chat_template(
            messages, tools=tools or None, add_generation_prompt=True, tokenize=False, **variables
        )
    except Exception as error:  # templates raise what they like
        raise ValueError(f"the chat template refuses the request: {error}") from error
    return text


def _as_templates_want(message: JsonObject, knows_developer: bool) -> JsonObject:
    """A message with its content as text, the arguments of its calls as objects, and a role that the template knows."""
    content = message.get("content")
    changed = {**message, "content": "" if content is None else plain_text(content)}
    if message.get("role") == "developer" and not knows_developer:
        changed["role"] = "system"
    calls = message.get("tool_calls")
    if calls:
        changed["tool_calls"] = [_with_object(call) for call in require_list(calls, "tool_calls")]
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
