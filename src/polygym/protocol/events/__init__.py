"""A finished answer as the events that a stream of it consists of, in each of the three dialects.

Every text comes in one piece, since it is there already. The events lose nothing: fields that an API does not know,
token ids among them, are in the events that hold their item, message or block.
"""

from polygym.protocol.events.chat import chat_chunks
from polygym.protocol.events.messages import message_events
from polygym.protocol.events.responses import response_events

__all__ = ["chat_chunks", "message_events", "response_events"]
