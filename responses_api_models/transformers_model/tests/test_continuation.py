"""Later turns of a conversation begin with the exact tokens of the earlier ones, wherever that is certain."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from polygym import JsonObject
from responses_api_models.transformers_model.app import TransformersModel
from responses_api_models.transformers_model.tests.tiny_models import ScriptedModels, ask, make, serve

pytestmark = pytest.mark.transformers

TOOLS = [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}}]
ODD_CALL = '<tool_call>{ "arguments" : {"city":  "Oslo"} ,"name":"get_weather"}</tool_call>'
"""A call as the template would not write it."""


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> ScriptedModels:
    """A model that says what it is told."""
    return ScriptedModels(tmp_path_factory.mktemp("scripted"))


class Turns:
    """A conversation: what the model says is settled before it is asked."""

    def __init__(self, scripted: ScriptedModels, server: TransformersModel) -> None:
        self.items: list[JsonObject] = [{"role": "user", "content": "What is the weather?"}]
        self._scripted = scripted
        self._server = server

    async def take(self, text: str, **params: Any) -> tuple[list[int], list[int]]:
        """Ids of the prompt and of the answer, which is `text`."""
        asked: JsonObject = {"input": self.items, "tools": TOOLS, "temperature": 0, **params}
        start = (await ask(self._server, **{**asked, "max_output_tokens": 1}))["usage"]["input_tokens"]
        weights = self._scripted.saying({start: text})
        await asyncio.to_thread(self._server.update_weights, weights, strict=False)
        output = (await ask(self._server, **asked))["output"]
        self.items = self.items + output
        return output[-1]["prompt_token_ids"], output[-1]["generation_token_ids"]

    def hear(self, *items: JsonObject) -> None:
        """Go on with these."""
        self.items = [*self.items, *items]

    def hear_tool(self, output: str) -> None:
        """Go on with the output of the last call."""
        self.hear({"type": "function_call_output", "call_id": self.items[-1]["call_id"], "output": output})


def converse(scripted: ScriptedModels, work: Any) -> Any:
    """What `work` gives for a new conversation."""
    server = make(scripted.folder, return_token_id_information=True)
    return serve(server, lambda server: work(Turns(scripted, server)))


def test_each_prompt_begins_with_all_that_was_said_although_the_template_would_spell_it_otherwise(
    scripted: ScriptedModels,
) -> None:
    async def work(turns: Turns) -> list[tuple[list[int], list[int]]]:
        first = await turns.take(f"<think>Where? Oslo.</think>I look it up. {ODD_CALL}")
        turns.hear_tool("cold")
        second = await turns.take(f"<think>Again.</think>{ODD_CALL}")
        turns.hear_tool("warm")
        third = await turns.take("It is warm.")
        turns.hear({"role": "user", "content": "Sure?"})
        return [first, second, third, await turns.take("Yes.")]

    taken = converse(scripted, work)

    for (prompt, generated), (later, _) in pairwise(taken):
        assert later[: len(prompt) + len(generated)] == prompt + generated
    text = scripted.tokenizer.decode(taken[-1][0])
    assert text.count(ODD_CALL) == 2 and text.count("<think>Where? Oslo.</think>") == 1
    expected = "It is warm.<|im_end|>\n<|im_start|>user\nSure?<|im_end|>\n<|im_start|>assistant\n"
    assert text.endswith(expected)


def change_question(items: list[JsonObject]) -> list[JsonObject]:
    return [{"role": "user", "content": "What is the time?"}, *items[1:]]


def change_answer(items: list[JsonObject]) -> list[JsonObject]:
    changed = [dict(item) for item in items]
    answer = next(item for item in changed if item.get("role") == "assistant")
    answer["content"] = [{"type": "output_text", "text": "Something else.", "annotations": []}]
    return changed


def invent_ids(items: list[JsonObject]) -> list[JsonObject]:
    return [{**item, "prompt_token_ids": ["a", None]} if "prompt_token_ids" in item else item for item in items]


@pytest.mark.parametrize("change", [change_question, change_answer, invent_ids])
def test_a_conversation_that_was_changed_is_rendered_as_it_now_is(scripted: ScriptedModels, change: Any) -> None:
    async def work(turns: Turns) -> tuple[list[int], list[JsonObject]]:
        await turns.take("It is  cold.")
        turns.hear({"role": "user", "content": "Sure?"})
        turns.items = change(turns.items)
        return (await turns.take("Yes."))[0], turns.items

    prompt, items = converse(scripted, work)

    text = scripted.tokenizer.decode(prompt)
    assert items[0]["content"] in text and items[1]["content"][0]["text"] in text
    assert text.count("<|im_start|>") == 5 and text.endswith("Sure?<|im_end|>\n<|im_start|>assistant\n")


def test_an_answer_that_was_cut_off_is_not_gone_on_with(scripted: ScriptedModels) -> None:
    async def work(turns: Turns) -> list[tuple[list[int], list[int]]]:
        first = await turns.take("It is cold in Oslo.", max_output_tokens=3)
        turns.hear({"role": "user", "content": "Go on."})
        return [first, await turns.take("And warm in Lima.")]

    (prompt, generated), (later, _) = converse(scripted, work)

    cut = scripted.tokenizer.decode(generated)
    assert f"{cut}<|im_end|>\n<|im_start|>user\nGo on." in scripted.tokenizer.decode(later)
    assert later[: len(prompt)] == prompt


@pytest.mark.parametrize("change", [{"tools": None}, {"tool_choice": "none"}, {"tools": TOOLS * 2}])
def test_nothing_new_is_lost_when_the_tools_change(scripted: ScriptedModels, change: JsonObject) -> None:
    async def work(turns: Turns) -> list[int]:
        await turns.take("It is cold.")
        turns.hear({"role": "user", "content": "Sure?"})
        return (await turns.take("Yes.", **change))[0]

    text = scripted.tokenizer.decode(converse(scripted, work))

    assert text.count("get_weather") == len(change.get("tools") or ())
    assert text.endswith("It is cold.<|im_end|>\n<|im_start|>user\nSure?<|im_end|>\n<|im_start|>assistant\n")


def test_an_answer_of_which_calls_were_left_out_is_rendered_without_them(scripted: ScriptedModels) -> None:
    async def work(turns: Turns) -> tuple[list[int], list[int]]:
        await turns.take(ODD_CALL + ODD_CALL, parallel_tool_calls=False)
        turns.hear_tool("cold")
        return await turns.take("Cold.")

    prompt, _ = converse(scripted, work)

    assert scripted.tokenizer.decode(prompt).count('"city": "Oslo"') == 1


def test_a_template_that_does_not_end_messages_as_the_model_does_is_left_as_it_is(tmp_path: Path) -> None:
    template = (
        "{% if tools %}{% endif %}{% for message in messages %}{{ message.role + ': ' + message.content + '\n' }}"
        "{% endfor %}assistant:"
    )
    scripted = ScriptedModels(tmp_path, template)

    async def work(turns: Turns) -> list[tuple[list[int], list[int]]]:
        first = await turns.take(" Cold.")
        turns.hear({"role": "user", "content": "Sure?"})
        return [first, await turns.take(" Yes.")]

    _, (later, _) = converse(scripted, work)

    assert scripted.tokenizer.decode(later).endswith("assistant:  Cold.\nuser: Sure?\nassistant:")
