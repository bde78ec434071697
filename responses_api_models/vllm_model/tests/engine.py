"""A toy engine behind HTTP, with a tokenizer that writes what it reads otherwise than its model does.

Its tokenizer merges letters, its model never does: a template that renders an answer again gives other ids than the
model wrote, as real ones do now and then. Speaks the dialect of the engine whose name it is given.
"""

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestServer

from polygym import JsonObject

START, END = 1, 2
SPECIAL: Final = {"<|start|>": START, "<|end|>": END}
MERGED: Final = ("th", "he", "in", "er", "an", "ea", "at")
_PIECES: Final = re.compile("|".join([*map(re.escape, SPECIAL), *MERGED, "."]), re.DOTALL)


def encode(text: str) -> list[int]:
    """Ids of a text, letters merged where they can be."""
    return [_id_of(piece) for piece in _PIECES.findall(text)]


def write(text: str) -> list[int]:
    """Ids of a text as the model writes it: letter by letter, and the end of the turn."""
    return [_id_of(letter) for letter in text] + [END]


def _id_of(piece: str) -> int:
    if piece in SPECIAL:
        return SPECIAL[piece]
    return 1000 + MERGED.index(piece) if piece in MERGED else 100 + ord(piece)


def render(messages: Sequence[JsonObject], *, is_continued: bool = True) -> str:
    """The chat template."""
    turns = [f"<|start|>{message['role']}\n{_shown(message)}<|end|>\n" for message in messages]
    return "".join(turns) + ("<|start|>assistant\n" if is_continued else "")


def _shown(message: JsonObject) -> str:
    content = message.get("content") or ""
    text = content if isinstance(content, str) else "".join(part.get("text", "?") for part in content)
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    return text + "".join(f"<call>{call['name']} {call['arguments']}</call>" for call in calls)


class ToyEngine:
    """Answers with `script`, one text a turn; `<call>name {…}</call>` in one is a tool call."""

    def __init__(self, dialect: str, script: Sequence[str], **choice: Any) -> None:
        self.dialect = dialect
        self.script = script
        self.choice = choice
        """Fields that go over those of every choice."""
        self.render_more = ""
        """What the model reads behind what its tokenizer makes of the messages."""
        self.requests: list[tuple[str, JsonObject]] = []
        """Paths and bodies, in order."""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve; the base URL."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._text)
        app.router.add_post("/tokenize", self._tokenize)
        async with TestServer(app) as server:
            yield str(server.make_url("/v1"))

    async def _tokenize(self, request: web.Request) -> web.Response:
        body = await self._read(request)
        tokens = encode(render(body["messages"]) if "messages" in body else body["prompt"])
        return web.json_response({"count": len(tokens), "max_model_len": 4096, "tokens": tokens})

    async def _chat(self, request: web.Request) -> web.Response:
        body = await self._read(request)
        prompt = self._prompt(body)
        said = self._said(body["messages"])
        calls = [
            {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for index, (name, arguments) in enumerate(re.findall(r"<call>(\w+) (.*?)</call>", said))
        ]
        text = re.sub(r"<call>.*?</call>", "", said)
        message = {"role": "assistant", "content": text or None, "tool_calls": calls}
        choice = {"index": 0, "finish_reason": "tool_calls" if calls else "stop", "message": message}
        return self._answer(body, prompt, write(said), choice)

    async def _text(self, request: web.Request) -> web.Response:
        body = await self._read(request)
        prompt = body["prompt"] if isinstance(body["prompt"], list) else encode(body["prompt"])
        said = self.script[max(0, prompt.count(END) - 1) // 2]
        return self._answer(body, prompt, write(said), {"index": 0, "finish_reason": "stop", "text": said})

    async def _read(self, request: web.Request) -> JsonObject:
        body: JsonObject = await request.json()
        self.requests.append((request.path, body))
        return body

    def _said(self, messages: Sequence[JsonObject]) -> str:
        return self.script[sum(message["role"] == "assistant" for message in messages)]

    def _prompt(self, body: JsonObject) -> list[int]:
        """The ids that the prompt has; only some dialects take any."""
        messages = body["messages"]
        if self.dialect == "sglang" and "input_ids" in body:
            return list(body["input_ids"])
        if self.dialect == "nemo_rl":
            prefix = body.get("required_prefix_token_ids")
            for index in range(len(messages) - 1, -1, -1):
                if messages[index]["role"] == "assistant":
                    if prefix is None and "prompt_token_ids" in messages[index]:
                        prefix = messages[index]["prompt_token_ids"] + messages[index]["generation_token_ids"]
                    return (
                        [*prefix, *encode("\n" + render(messages[index + 1 :]))] if prefix else encode(render(messages))
                    )
        return encode(render(messages) + self.render_more)

    def _answer(self, body: JsonObject, prompt: list[int], ids: list[int], choice: JsonObject) -> web.Response:
        answer: JsonObject = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "toy"}
        answer["usage"] = {"prompt_tokens": len(prompt), "completion_tokens": len(ids)}
        log_probs = [-0.5 - index for index in range(len(ids))]
        if self.dialect == "sglang":
            choice |= {"matched_stop": END}
            if body.get("return_token_ids"):
                choice |= {"prompt_token_ids": prompt, "token_ids": ids}
        elif body.get("return_token_ids") and self.dialect != "vllm_0_8":
            (choice if "text" in choice else answer)["prompt_token_ids"] = prompt
            choice |= {"token_ids": ids, "stop_reason": None}
        spelled = [f"token_id:{number}" if body.get("return_tokens_as_token_ids") else "?" for number in ids]
        if "text" in choice:
            choice["logprobs"] = {"tokens": spelled, "token_logprobs": log_probs}
        elif body.get("logprobs"):
            entries = zip(spelled, log_probs, strict=True)
            choice["logprobs"] = {"content": [{"token": token, "logprob": value} for token, value in entries]}
        answer["choices"] = [choice | self.choice]
        return web.Response(text=json.dumps(answer), content_type="application/json")
