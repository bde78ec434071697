"""Tool calls as model families write them, from a chat template to items and back into the next prompt."""

import asyncio
import json
from pathlib import Path
from typing import NamedTuple

import pytest

from polygym import JsonObject
from responses_api_models.transformers_model.app import TransformersModel
from responses_api_models.transformers_model.tests.tiny_models import ScriptedModels, ask, make, serve

pytestmark = pytest.mark.transformers

TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
B = "\uff5c"


class Family(NamedTuple):
    """How a family writes a call."""

    says: str
    """The call, as its models write it."""
    template: str
    """The same, as its chat template writes `call.function`."""
    special: tuple[str, ...] = ()
    """What of it are special tokens, which do not stand in the text of an answer."""


ARGUMENTS = "{{ call.function.arguments | tojson }}"
FAMILIES = {
    "hermes": Family(
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>',
        '<tool_call>\n{"name": "{{ call.function.name }}", "arguments": ' + ARGUMENTS + "}\n</tool_call>",
    ),
    "qwen_xml": Family(
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n</function>\n</tool_call>",
        "<tool_call>\n<function={{ call.function.name }}>\n{% for name, value in call.function.arguments | items %}"
        "<parameter={{ name }}>\n{{ value }}\n</parameter>\n{% endfor %}</function>\n</tool_call>",
    ),
    "llama3": Family(
        '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Oslo"}}',
        '<|python_tag|>{"name": "{{ call.function.name }}", "parameters": ' + ARGUMENTS + "}",
        ("<|python_tag|>",),
    ),
    "mistral": Family(
        '[TOOL_CALLS]get_weather[ARGS]{"city": "Oslo"}',
        "[TOOL_CALLS]{{ call.function.name }}[ARGS]" + ARGUMENTS,
        ("[TOOL_CALLS]", "[ARGS]"),
    ),
    "deepseek": Family(
        f'<{B}tool▁calls▁begin{B}><{B}tool▁call▁begin{B}>get_weather<{B}tool▁sep{B}>{{"city": "Oslo"}}'
        f"<{B}tool▁call▁end{B}><{B}tool▁calls▁end{B}>",
        f"<{B}tool▁calls▁begin{B}><{B}tool▁call▁begin{B}>{{{{ call.function.name }}}}<{B}tool▁sep{B}>{ARGUMENTS}"
        f"<{B}tool▁call▁end{B}><{B}tool▁calls▁end{B}>",
        tuple(f"<{B}tool▁{name}{B}>" for name in ("calls▁begin", "calls▁end", "call▁begin", "call▁end", "sep")),
    ),
    "generic": Family(
        '```json\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n```',
        '```json\n{"name": "{{ call.function.name }}", "arguments": ' + ARGUMENTS + "}\n```",
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_call_becomes_an_item_and_the_next_prompt_has_it_as_the_model_wrote_it(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    template = (
        "{% if tools %}{{ tools | tojson }}<|im_end|>{% endif %}{% for message in messages %}{{ message.content }}"
        "{% for call in message.tool_calls or [] %}" + family.template + "{% endfor %}<|im_end|>{% endfor %}"
    )
    scripted = ScriptedModels(tmp_path, template, family.special)
    question = {"role": "user", "content": "What is the weather?"}

    async def work(server: TransformersModel) -> tuple[list[JsonObject], JsonObject]:
        asked: JsonObject = {"tools": [TOOL], "temperature": 0}
        start = (await ask(server, **asked, max_output_tokens=1))["usage"]["input_tokens"]
        weights = scripted.saying({start: f"I look it up. {family.says}"})
        await asyncio.to_thread(server.update_weights, weights, strict=False)
        output = (await ask(server, input=[question], **asked))["output"]
        heard = {"type": "function_call_output", "call_id": output[-1]["call_id"], "output": "cold"}
        bare = [{key: value for key, value in item.items() if "token" not in key} for item in output]
        later = await ask(server, input=[question, *bare, heard], **asked, max_output_tokens=1)
        return output, later["output"][-1]

    answer, later = serve(make(scripted.folder, return_token_id_information=True), work)

    message, call = answer
    assert message["content"][0]["text"] == "I look it up. "
    assert (call["name"], json.loads(call["arguments"])) == ("get_weather", {"city": "Oslo"})
    said = call["prompt_token_ids"] + call["generation_token_ids"]
    assert later["prompt_token_ids"][: len(said)] == said
