"""Answers of a local model: what is in them, what ends them, what is refused, and who waits for whom."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure
from polygym.protocol.errors import ConfigError
from responses_api_models.transformers_model.app import TransformersModel
from responses_api_models.transformers_model.tests.tiny_models import (
    ScriptedModels,
    ask,
    chat,
    make,
    message,
    save_model,
    serve,
    torch,
    until,
    until_running,
)

pytestmark = pytest.mark.transformers

TOOL = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
CHAT_TOOLS = [{"type": "function", "function": TOOL}]
CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Qwen2 with a context that takes minutes to fill."""
    return save_model(tmp_path_factory.mktemp("qwen2"), max_position_embeddings=100_000)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> ScriptedModels:
    """A model that says what it is told."""
    return ScriptedModels(tmp_path_factory.mktemp("scripted"))


def told(scripted: ScriptedModels, text: str, config: JsonObject | None = None, **params: Any) -> JsonObject:
    """The ChatCompletion of a model that says `text` whatever it is asked."""

    async def work(server: TransformersModel) -> JsonObject:
        prompt = await chat(server, **{**params, "stop": None, "max_tokens": 1})
        start = prompt["usage"]["prompt_tokens"]
        await asyncio.to_thread(server.update_weights, scripted.saying({start: text}), strict=False)
        return await chat(server, temperature=0, **params)

    return serve(make(scripted.folder, **(config or {})), work)


def test_an_answer_ends_with_the_model_s_own_end(scripted: ScriptedModels) -> None:
    completion = told(scripted, "It is cold in Oslo.", {"return_token_id_information": True})

    assert message(completion)["content"] == "It is cold in Oslo."
    assert completion["choices"][0]["finish_reason"] == "stop"
    assert message(completion)["generation_token_ids"][-1] == scripted.tokenizer.eos_token_id
    assert completion["usage"]["completion_tokens"] == len(message(completion)["generation_token_ids"])


def test_a_response_has_reasoning_text_and_tool_calls_as_items(scripted: ScriptedModels) -> None:
    async def work(server: TransformersModel) -> JsonObject:
        params: JsonObject = {"tools": [{"type": "function", **TOOL}], "temperature": 0}
        start = (await ask(server, **params, max_output_tokens=1))["usage"]["input_tokens"]
        text = f"<think>Where?\n</think>\nI look it up.{CALL}"
        await asyncio.to_thread(server.update_weights, scripted.saying({start: text}), strict=False)
        return await ask(server, **params)

    response = serve(make(scripted.folder, return_token_id_information=True), work)

    reasoning, text, call = response["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "Where?\n"}]
    assert text["content"][0]["text"] == "\nI look it up."
    assert (call["name"], json.loads(call["arguments"])) == ("get_weather", {"city": "Oslo"})
    assert "generation_token_ids" in call and "generation_token_ids" not in text
    thought = len(scripted.tokenizer.encode("<think>Where?\n</think>"))
    assert response["usage"]["output_tokens_details"]["reasoning_tokens"] == thought
    assert response["status"] == "completed"


def test_a_tool_call_is_one_only_where_tools_are_offered(scripted: ScriptedModels) -> None:
    with_tools = told(scripted, CALL, tools=CHAT_TOOLS)
    assert with_tools["choices"][0]["finish_reason"] == "tool_calls"
    assert message(with_tools)["content"] is None

    for params in ({}, {"tools": CHAT_TOOLS, "tool_choice": "none"}):
        without = told(scripted, CALL, **params)
        assert message(without)["content"] == CALL
        assert without["choices"][0]["finish_reason"] == "stop"


def test_without_parallel_tool_calls_only_the_first_counts(scripted: ScriptedModels) -> None:
    completion = told(scripted, CALL + CALL, tools=CHAT_TOOLS, parallel_tool_calls=False)
    assert len(message(completion)["tool_calls"]) == 1


def test_reasoning_that_the_prompt_opens_is_reasoning_even_when_it_is_cut_off(scripted: ScriptedModels) -> None:
    variables = {"thinks": True}
    whole = told(scripted, "Hm.</think>Cold.", chat_template_kwargs=variables)
    assert message(whole) == {"role": "assistant", "content": "Cold.", "reasoning_content": "Hm."}

    cut = told(scripted, "Hm. Where is Oslo?", chat_template_kwargs=variables, max_tokens=4)
    assert message(cut)["content"] == "" and "Hm. Where is".startswith(message(cut)["reasoning_content"])
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens_details"]["reasoning_tokens"] == 4

    together = told(scripted, "<think>Hm.</think>Cold.", {"uses_reasoning_parser": False})
    assert message(together) == {"role": "assistant", "content": "<think>Hm.</think>Cold."}


def test_a_stop_text_ends_the_answer_and_is_not_part_of_it(scripted: ScriptedModels) -> None:
    text = "One. Two. Three, and so on."
    completion = told(scripted, text, {"return_token_id_information": True}, stop=[" Three,", "never"])

    assert message(completion)["content"] == "One. Two."
    assert (completion["choices"][0]["finish_reason"], completion["choices"][0]["stop_reason"]) == ("stop", " Three,")
    assert scripted.tokenizer.decode(message(completion)["generation_token_ids"]).startswith("One. Two. Three,")


def test_of_two_stop_texts_that_end_with_one_token_the_answer_ends_before_the_first(scripted: ScriptedModels) -> None:
    [token] = scripted.tokenizer.encode(" the")
    assert scripted.tokenizer.decode([token]) == " the"
    assert message(told(scripted, "In the", stop=["e", "th"]))["content"] == "In "


def test_a_stop_text_is_found_however_far_its_characters_are_spread_over_tokens(scripted: ScriptedModels) -> None:
    assert message(told(scripted, "ab 雪だるま cd", stop="だる"))["content"] == "ab 雪"


def test_stop_tokens_end_the_answer_and_the_model_s_end_can_be_ignored(scripted: ScriptedModels) -> None:
    [coat] = scripted.tokenizer.encode("h")
    assert message(told(scripted, "With it.", stop_token_ids=[coat]))["content"] == "Wit"

    beyond = told(scripted, "Cold.", ignore_eos=True, max_tokens=30)
    assert (beyond["choices"][0]["finish_reason"], beyond["usage"]["completion_tokens"]) == ("length", 30)


def test_an_answer_that_is_cut_off_is_incomplete(folder: Path) -> None:
    response = serve(make(folder), lambda server: ask(server, ignore_eos=True, max_output_tokens=4))
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}


def test_an_answer_ends_where_the_context_ends(folder: Path) -> None:
    response = serve(make(folder, max_model_len=40), lambda server: ask(server, ignore_eos=True))
    assert response["status"] == "incomplete"
    assert response["usage"]["total_tokens"] == 40


def test_a_prompt_that_leaves_no_room_gives_an_incomplete_answer_without_a_word(folder: Path) -> None:
    async def both(server: TransformersModel) -> tuple[JsonObject, JsonObject]:
        return await ask(server, metadata={"mine": "1"}), await chat(server)

    response, completion = serve(make(folder, max_model_len=10), both)

    assert (response["output"], response["incomplete_details"]) == ([], {"reason": "max_output_tokens"})
    reason = {"mine": "1", "ng_termination_reason": "context_exceeded"}
    assert reason.items() <= response["metadata"].items()
    assert response["metadata"]["ng_termination_message"].endswith("tokens, the context 10.")
    assert completion["choices"][0]["finish_reason"] == "length" and message(completion)["content"] == ""


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"tool_choice": "required", "tools": CHAT_TOOLS}, "tool_choice"),
        ({"made_up": 1}, "made_up"),
        ({"temperature": -1}, "temperature"),
        ({"messages": []}, "'messages' is empty"),
        ({"messages": "hi"}, "'messages' must be a list"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "image_url"),
        ({"messages": [{"role": "user", "content": 5}]}, "content"),
        ({"chat_template_kwargs": 5}, "chat_template_kwargs"),
        ({"metadata": {"extra_body": "{"}}, "metadata.extra_body is no JSON"),
        ({"tools": "all"}, "'tools' must be a list"),
        ({"tools": [{"type": "web_search"}]}, "a tool of type 'web_search' cannot be offered"),
        ({"logit_bias": {"100000": 1}}, "no token 100000"),
        ({"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"messages": 5}}, "template"),
    ],
)
def test_a_request_that_cannot_be_honoured_is_refused_with_the_reason(
    folder: Path, params: JsonObject, said: str
) -> None:
    with pytest.raises(RolloutFailure, match=said) as caught:
        serve(make(folder), lambda server: chat(server, **params))
    assert caught.value.failure_class is FailureClass.MODEL_REJECTED


def test_a_template_without_a_place_for_tools_refuses_them(tmp_path: Path) -> None:
    folder = save_model(tmp_path, template="{% for message in messages %}{{ message.content }}{% endfor %}")
    with pytest.raises(RolloutFailure, match="no place for tools"):
        serve(make(folder), lambda server: chat(server, tools=CHAT_TOOLS))


def test_configuration_metadata_and_request_add_their_parameters_in_that_order(folder: Path) -> None:
    server = make(folder, extra_body={"max_tokens": 3, "ignore_eos": True}, sampling_overrides={"temperature": 0})

    async def work(server: TransformersModel) -> list[JsonObject]:
        in_row = {"metadata": {"extra_body": '{"max_tokens": 5}'}}
        return [await chat(server, **params) for params in ({}, in_row, {**in_row, "max_tokens": 7, "temperature": 2})]

    completions = serve(server, work)
    assert [completion["usage"]["completion_tokens"] for completion in completions] == [3, 5, 7]
    assert message(completions[2])["content"].startswith(message(completions[0])["content"])


def test_a_base_model_goes_on_with_the_user_s_text(tmp_path: Path) -> None:
    folder = save_model(tmp_path, template=None)
    with pytest.raises(ConfigError, match="has no chat template"):
        serve(make(folder), ask)

    server = make(folder, use_chat_template=False, return_token_id_information=True)
    response = serve(server, lambda server: ask(server, input="Oslo", max_output_tokens=2))

    [item] = response["output"]
    assert len(item["prompt_token_ids"]) == 1


def test_a_chat_template_can_come_from_a_file(folder: Path, tmp_path: Path) -> None:
    template = tmp_path / "template.jinja"
    template.write_text("{{ messages[-1].content }}")
    server = make(folder, chat_template=str(template), return_token_id_information=True)
    response = serve(server, lambda server: ask(server, input="Oslo", max_output_tokens=2))
    assert len(response["output"][0]["prompt_token_ids"]) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "/no/such/folder"}, "no folder '/no/such/folder'"),
        ({"tokenizer": "./no/such"}, "no folder './no/such'"),
        ({"model": "someone/no-such-model"}, "cannot be loaded"),
        ({"chat_template": "/no/such/file"}, "/no/such/file"),
        ({"device": "no-such-device"}, "cannot be loaded"),
    ],
)
def test_what_cannot_be_loaded_is_a_configuration_error(folder: Path, fields: JsonObject, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        serve(make(folder, **fields), ask)


def test_a_tokenizer_of_another_model_is_noticed(folder: Path, tmp_path: Path) -> None:
    other = save_model(tmp_path, vocab_size=100)
    with pytest.raises(ConfigError, match="do not belong together"):
        serve(make(other), ask)


def test_the_event_loop_goes_on_while_an_answer_is_computed(folder: Path) -> None:
    async def work(server: TransformersModel) -> list[str]:
        ended = []

        async def answer() -> None:
            await ask(server, ignore_eos=True, max_output_tokens=200)
            ended.append("answer")

        async def others() -> None:
            for _ in range(50):
                await asyncio.sleep(0)
            ended.append("others")

        await asyncio.gather(answer(), others())
        return ended

    assert serve(make(folder), work) == ["others", "answer"]


def test_an_answer_that_nobody_waits_for_leaves_the_batch(folder: Path) -> None:
    async def work(server: TransformersModel) -> JsonObject:
        first, second = (asyncio.create_task(ask(server, ignore_eos=True)) for _ in range(2))
        await until_running(server, 2)
        third = asyncio.create_task(ask(server, ignore_eos=True, max_output_tokens=3))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        response = await third
        second.cancel()
        await until_running(server, 0)
        assert server.load.waiting == 0
        return response

    response = serve(make(folder, max_batch_size=2), work)
    assert response["usage"]["output_tokens"] == 3


def test_who_waits_when_the_server_stops_is_told(folder: Path) -> None:
    async def work(server: TransformersModel) -> list[BaseException | JsonObject]:
        calls = [asyncio.create_task(ask(server, ignore_eos=True)) for _ in range(3)]
        await until_running(server, 2)
        await server.stop()
        return await asyncio.gather(*calls, return_exceptions=True)

    async def run() -> list[BaseException | JsonObject]:
        server = make(folder, max_batch_size=2)
        await server.start()
        return await work(server)

    failures = asyncio.run(run())
    assert all(isinstance(failure, RolloutFailure) and failure.is_retryable for failure in failures)


def test_answers_are_the_same_when_the_batch_is_too_small_for_all(folder: Path) -> None:
    async def work(server: TransformersModel) -> list[list[int]]:
        calls = (chat(server, seed=seed, max_tokens=40, ignore_eos=True) for seed in range(8))
        return [message(completion)["generation_token_ids"] for completion in await asyncio.gather(*calls)]

    fields: JsonObject = {"dtype": "float32", "max_model_len": 80, "return_token_id_information": True}
    plenty = serve(make(folder, **fields), work)
    assert serve(make(folder, **fields, max_batch_tokens=170), work) == plenty
    assert serve(make(folder, **fields, max_batch_size=1), work) == plenty


def test_half_precision_is_what_it_says(folder: Path) -> None:
    response = serve(make(folder, dtype="bfloat16"), lambda server: ask(server, max_output_tokens=5))
    assert response["usage"]["output_tokens"] <= 5


def test_the_name_of_the_model_is_the_folder_s(folder: Path) -> None:
    assert make(folder).list_models() == [str(folder)]
    response = serve(make(folder), lambda server: ask(server, model="other", max_output_tokens=1))
    assert response["model"] == str(folder)


def test_a_limit_on_model_calls_does_not_count_the_wait_for_a_place(folder: Path) -> None:
    from polygym.channels.embedded import EmbeddedModel

    async def work(server: TransformersModel) -> JsonObject:
        blocker = asyncio.create_task(ask(server, ignore_eos=True))
        await until_running(server, 1)
        context = RolloutContext("0-0", limits_s={"model": 1.0})
        call = EmbeddedModel(server).responses({"input": "Oslo", "ignore_eos": True, "max_output_tokens": 2}, context)
        waiting = asyncio.create_task(call)
        await until(lambda: server.load.waiting == 1)
        await asyncio.sleep(1.5)
        blocker.cancel()
        return await waiting

    server = make(folder, max_batch_size=1)
    assert serve(server, work)["usage"]["output_tokens"] == 2
    assert torch.is_grad_enabled()
