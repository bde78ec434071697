"""Text completions (`/v1/completions`) in place of chat completions: a prompt in, plain text out.

For base models, and for prompts that are made of token ids. What only a chat endpoint can do is refused, not dropped.
"""

from typing import Any, Final

from polygym.protocol.chat.answers import only_choice
from polygym.protocol.chat.shapes import require_list, require_object, require_text
from polygym.protocol.json import JsonObject

_SPENT: Final = frozenset(
    {
        *("messages", "tools", "tool_choice", "parallel_tool_calls", "chat_template", "chat_template_kwargs"),
        *("add_generation_prompt", "continue_final_message", "documents", "reasoning_effort", "include_reasoning"),
        *("logprobs", "top_logprobs", "max_tokens", "max_completion_tokens", "verbosity", "metadata", "store"),
    }
)
"""Parameters of a chat request that go into its prompt, or have another form in a text completion."""


def chat_params_to_completion(params: JsonObject, prompt: str | list[int]) -> JsonObject:
    """Create params of a text completion that continues `prompt` as the chat create params ask.

    Without a limit of output tokens `max_tokens` is null, for as many as fit: left out it would be 16. Raises
    ValueError for a tool choice, which a text completion cannot enforce.
    """
    choice = params.get("tool_choice")
    if choice not in (None, "auto", "none"):
        raise ValueError(f"'tool_choice' {choice!r} cannot be enforced in a text completion")
    converted: JsonObject = {name: value for name, value in params.items() if name not in _SPENT}
    converted["prompt"] = prompt
    limit = params.get("max_tokens")
    converted["max_tokens"] = params.get("max_completion_tokens") if limit is None else limit
    if params.get("logprobs"):
        converted["logprobs"] = params.get("top_logprobs") or 0
    return converted


def completion_to_chat(completion: JsonObject) -> JsonObject:
    """The ChatCompletion that says what a text completion says; its other fields are kept. Raises ValueError."""
    choice = only_choice(completion)
    text = require_text(choice.get("text"), "choices[0].text")
    others = {name: value for name, value in choice.items() if name != "text"}
    chat_choice = {**others, "message": {"role": "assistant", "content": text}}
    return {**completion, "object": "chat.completion", "choices": [chat_choice]}


def raw_prompt(params: JsonObject) -> str:
    """The text of a chat request as it is, for models without a chat template: one message of the user.

    A system or developer message may stand before it, a blank line between them. Raises ValueError for anything else.
    """
    if params.get("tools"):
        raise ValueError("'tools' need a chat template, which says how they stand in the prompt: render_chat_template")
    messages = [require_object(message, "a message") for message in require_list(params.get("messages"), "messages")]
    roles = [message.get("role") for message in messages]
    if roles not in (["user"], ["system", "user"], ["developer", "user"]):
        raise ValueError(f"a raw prompt is one message of the user, after a system message at most; these are {roles}")
    return "\n\n".join(plain_text(message.get("content")) for message in messages)


def plain_text(content: Any) -> str:
    """The text of a chat message's content. Raises ValueError when it holds anything but text."""
    if isinstance(content, str):
        return content
    parts = [require_object(part, "a content part") for part in require_list(content, "content")]
    others = [part.get("type") for part in parts if part.get("type") != "text"]
    if others:
        raise ValueError(f"a text prompt cannot hold content parts of type {others[0]!r}")
    return "".join(require_text(part.get("text"), "text") for part in parts)
