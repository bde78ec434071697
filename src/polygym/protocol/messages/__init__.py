"""Anthropic's Messages API as another spelling of the Responses API: requests and answers, both ways, on plain JSON.

The functions are pure: they change no argument, and what they give back shares its nested values with what they were
given. Anything that is not shaped as its API says raises ValueError with the place and the fault.

Nothing that a sender wrote is dropped because we do not know it. What both APIs have is translated. What only the
Messages API has is in `messages_fields` of the request, item, content part, tool or answer that it belongs to, and back
in its place when that is converted again; what only the Responses API has (ids of items among it) is in
`responses_fields` of the block, tool or answer. Blocks that are no item are items of the kind `messages_block`, items
that are no block are blocks of the kind `responses_item`. Token fields have their own names on both sides.

Request parameters keep their names where the other API lacks them, unless they mean something to Anthropic alone:
`thinking`, `cache_control` and the like are in `messages_fields`. Endpoints that refuse what they do not know are sent
`without_messages_fields` or `without_responses_fields`.

| Messages | Responses |
|---|---|
| `system`, a string; blocks | `instructions`; system messages at the start of the input |
| `thinking` and its `signature`, `redacted_thinking` and its `data` | reasoning item and its `encrypted_content` |
| `tool_use` | `function_call`; arguments that are no JSON object are the input `{"INVALID_JSON": …}` |
| `tool_result` | `function_call_output`; `is_error` is in `messages_fields` |
| `stop_sequences`, `output_config.effort`, `output_config.format` | `stop`, `reasoning.effort`, `text.format` |
| `stop_reason` `max_tokens`; `refusal` | incomplete because of `max_output_tokens`; `content_filter` |
| `model_context_window_exceeded`; `pause_turn` | `context_exceeded`; `pause_turn` as `metadata.ng_termination_reason` |

What does not survive a round trip: the border between messages of one role in a row, and whether a text stands alone or
in a list of one where a message has more than that. Absent, null and default are one: `is_error: false`,
`disable_parallel_tool_use: false`, `parallel_tool_calls: true`, `strict: false`, `status: "completed"`, empty lists.

Sources: Anthropic API reference, Messages (version 2023-06-01), and its Python client 2.12; OpenAI API reference,
Responses.
"""

from polygym.protocol.messages.answers import check_message, message_to_response, response_to_message
from polygym.protocol.messages.foreign import without_messages_fields, without_responses_fields
from polygym.protocol.messages.requests import messages_params_to_responses, responses_params_to_messages

__all__ = [
    "check_message",
    "message_to_response",
    "messages_params_to_responses",
    "response_to_message",
    "responses_params_to_messages",
    "without_messages_fields",
    "without_responses_fields",
]
