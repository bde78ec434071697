"""Chat Completions as another spelling of the Responses API: requests and answers, both ways, on plain JSON objects.

The functions are pure: they change no argument, and what they give back shares its nested values with what they were
given. Anything that is not shaped as its API says raises ValueError with the place and the fault.

Nothing that a sender wrote is dropped because we do not know it. What both APIs have is translated; the rest keeps its
name and moves along:

- Request parameters that only one API has stay where they are, under their name: `seed`, `stop`, `logit_bias` or
  `chat_template_kwargs` of a chat request are top-level fields of the Responses request, `include` or `truncation` the
  other way round. An endpoint that cannot honour one says so itself. Refused here is what would change the conversation
  unseen: `n` above 1, `functions`, and parameters that point to state on a Responses server (`previous_response_id`,
  `conversation`, `prompt`, `background`).
- Fields of an assistant message that the Responses API has no place for, token ids among them, sit on the last item of
  that turn, and item fields unknown to Chat Completions on the message. Where an item has a field of that name itself,
  they are kept in its `chat_message_fields`; fields of a tool call in its `chat_tool_call_fields`.
- Fields of a completion or a choice that are not in its API sit on the Response, and the other way round.

What Chat Completions has no place for and what therefore does not survive a round trip: the ids and statuses of items
(a tool call's `call_id` does survive), log-probabilities in the history, the summary of a reasoning item that also has
its content, and the borders between reasoning parts or items of one turn (they are joined by a blank line). Absent,
null and default are one: `strict: false` of a tool, `detail: "auto"` of an image, `n: 1`, `tools: []`, and an empty
message next to reasoning or tool calls.

Sources: OpenAI API reference, Chat and Responses; the reasoning and token fields as vLLM, SGLang and OpenRouter have
them.
"""

from polygym.protocol.chat.answers import chat_completion_to_response, response_to_chat_completion
from polygym.protocol.chat.requests import chat_params_to_responses, responses_params_to_chat
from polygym.protocol.chat.turns import REASONING_FIELDS

__all__ = [
    "REASONING_FIELDS",
    "chat_completion_to_response",
    "chat_params_to_responses",
    "response_to_chat_completion",
    "responses_params_to_chat",
]
