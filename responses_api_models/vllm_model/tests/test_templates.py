"""Text completions of prompts that a chat template makes here, with a tokenizer trained for the test."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from polygym import FailureClass, JsonObject, RolloutContext, RolloutFailure
from polygym.protocol.errors import ConfigError
from polygym.training.sequences import sequences_of
from responses_api_models.vllm_model.tests.servers import exchange, make, responses, running
from tests.protocol import token_payloads as payloads

tokenizers = pytest.importorskip("tokenizers", reason="not installed: pip install 'polygym[chat-template]'")
transformers = pytest.importorskip("transformers", reason="not installed: pip install 'polygym[chat-template]'")
pytest.importorskip("jinja2", reason="not installed: pip install 'polygym[chat-template]'")
pytestmark = pytest.mark.transformers

RENDERED = {"use_completions_api": True, "render_chat_template": True}
TEMPLATE = (
    "{% if tools %}<|start|>tools\n{{ tools | map(attribute='function.name') | join(',') }}<|end|>\n{% endif %}"
    "{% for message in messages %}{% if message.role == 'developer' %}{{ raise_exception('who?') }}{% endif %}"
    "<|start|>{{ message.role }}\n{{ message.content }}"
    "{% for call in message.tool_calls or [] %}[{{ call.function.arguments.city }}]{% endfor %}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% if mood %}({{ mood }}){% endif %}{% endif %}"
)
CORPUS = ["the weather in the north is rather rainy", "then the rain in the east", "user assistant tool tools"]


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level tokenizer that merges letters, trained on a few words, with a chat template."""
    trained: Any = tokenizers.ByteLevelBPETokenizer()
    trained.train_from_iterator(CORPUS * 5, vocab_size=400, special_tokens=["<|start|>", "<|end|>"])
    folder = tmp_path_factory.mktemp("tokenizer")
    trained.save(str(folder / "trained.json"))
    whole = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "trained.json"), eos_token="<|end|>", bos_token="<|start|>"
    )
    whole.chat_template = TEMPLATE
    whole.save_pretrained(folder)
    return folder


TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
CALL = {"type": "function_call", "call_id": "a", "name": "weather", "arguments": '{"city": "Oslo"}'}
OUTPUT = {"type": "function_call_output", "call_id": "a", "output": "then rain"}


def test_the_template_makes_the_prompt(tokenizer_folder: Path) -> None:
    params = {
        "input": [{"role": "user", "content": "the weather?"}, CALL, OUTPUT],
        "tools": [TOOL],
        "metadata": {"chat_template_kwargs": '{"mood": "grim"}'},
    }

    _, [body] = exchange(payloads.VLLM_TEXT, responses(params), tokenizer=str(tokenizer_folder), **RENDERED)

    assert body["prompt"] == (
        "<|start|>tools\nweather<|end|>\n<|start|>user\nthe weather?<|end|>\n<|start|>assistant\n[Oslo]<|end|>\n"
        "<|start|>tool\nthen rain<|end|>\n<|start|>assistant\n(grim)"
    )
    assert body["add_special_tokens"] is False
    assert not body.keys() & {"messages", "tools", "chat_template_kwargs"}


@pytest.mark.parametrize(
    "params",
    [
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "u"}]}]},
        {"input": [{"role": "developer", "content": "be brief"}, {"role": "user", "content": "?"}]},
        {"input": "?", "tools": [TOOL], "tool_choice": "required"},
        {"input": "?", "tools": [{"type": "web_search"}]},
    ],
    ids=["image", "role", "tool_choice", "hosted tool"],
)
def test_what_the_template_refuses_is_rejected(tokenizer_folder: Path, params: JsonObject) -> None:
    with pytest.raises(RolloutFailure, match=r"^policy_model: ") as caught:
        exchange(payloads.VLLM_TEXT, responses(params), tokenizer=str(tokenizer_folder), **RENDERED)

    assert caught.value.failure_class is FailureClass.MODEL_REJECTED


SAID = 'hm</think>Let me see. <tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>'


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({"tool_format": "hermes"}, ["reasoning", "message", "function_call"]),
        ({"tool_format": None}, ["reasoning", "message"]),
        ({"tool_format": "mistral"}, ["reasoning", "message"]),
    ],
)
def test_tool_calls_in_the_text_are_items_where_their_format_is_known(
    tokenizer_folder: Path, fields: JsonObject, kinds: list[str]
) -> None:
    params = {"input": "the weather?", "tools": [TOOL]}

    answer, [body] = exchange(
        payloads.text_completion({"text": SAID}),
        responses(params),
        tokenizer=str(tokenizer_folder),
        **RENDERED,
        **fields,
    )

    assert [item["type"] for item in answer["output"]] == kinds
    if fields["tool_format"] == "hermes":
        assert answer["output"][2]["arguments"] == '{"city":"Oslo"}'
        assert body["skip_special_tokens"] is False


@pytest.mark.parametrize(("is_parallel", "count"), [(False, 1), (True, 2), (None, 2)])
def test_without_parallel_tool_calls_only_the_first_counts(
    tokenizer_folder: Path, is_parallel: bool | None, count: int
) -> None:
    params = {"input": "?", "tools": [TOOL], "parallel_tool_calls": is_parallel}
    fields = {**RENDERED, "tokenizer": str(tokenizer_folder), "tool_format": "hermes"}

    answer, _ = exchange(payloads.text_completion({"text": SAID * 2}), responses(params), **fields)

    assert [item["type"] for item in answer["output"]].count("function_call") == count


@pytest.mark.parametrize("params", [{"input": "?"}, {"input": "?", "tools": [TOOL], "tool_choice": "none"}])
def test_without_tools_to_call_nothing_is_a_call(tokenizer_folder: Path, params: JsonObject) -> None:
    fields = {**RENDERED, "tokenizer": str(tokenizer_folder), "tool_format": "auto"}

    answer, _ = exchange(payloads.text_completion({"text": SAID}), responses(params), **fields)

    assert [item["type"] for item in answer["output"]] == ["reasoning", "message"]


def test_an_unknown_format_of_tool_calls_is_a_configuration_error(tokenizer_folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"policy_model: no tool_format 'hermse'\. Meant 'hermes'"):
        asyncio.run(make(tokenizer=str(tokenizer_folder), tool_format="hermse", **RENDERED).start())


def test_prompts_as_ids_begin_with_the_exact_ids_of_earlier_turns(tokenizer_folder: Path) -> None:
    """The endpoint's model writes letter by letter what its tokenizer would merge."""
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(tokenizer_folder)
    end = tokenizer.eos_token_id
    prompts: list[list[int]] = []

    def written(text: str) -> list[int]:
        return [number for letter in text for number in tokenizer.encode(letter)] + [end]

    async def handle(request: web.Request) -> web.Response:
        body = await request.json()
        prompts.append(body["prompt"])
        said = "the rain in the north" if len(prompts) == 1 else "rather rainy then"
        ids = written(said)
        values = {"tokens": ["?"] * len(ids), "token_logprobs": [-0.5] * len(ids)}
        return web.json_response(
            payloads.text_completion({"text": said, "token_ids": ids, "logprobs": values, "stop_reason": None})
        )

    async def run() -> list[JsonObject]:
        app = web.Application()
        app.router.add_post("/v1/completions", handle)
        fields = {**RENDERED, "earlier_tokens": "prompt", "return_token_id_information": True}
        async with (
            TestServer(app) as endpoint,
            running(base_url=str(endpoint.make_url("/v1")), tokenizer=str(tokenizer_folder), **fields) as server,
        ):
            items: list[JsonObject] = [{"role": "user", "content": "the weather?"}]
            first = (await server.responses({"input": items}, RolloutContext("0-0")))["output"]
            question = {"role": "user", "content": "and then?"}
            second = await server.responses({"input": [*items, *first, question]}, RolloutContext("0-0"))
            return [*first, question, *second["output"]]

    items = asyncio.run(run())

    (sequence,) = sequences_of({"response": {"output": items}})
    assert sequence.calls == 2
    assert tokenizer.decode(prompts[1]) == (
        "<|start|>user\nthe weather?<|end|>\n<|start|>assistant\nthe rain in the north<|end|>\n"
        "<|start|>user\nand then?<|end|>\n<|start|>assistant\n"
    )
    assert prompts[1] != tokenizer.encode(tokenizer.decode(prompts[1]))


def test_a_tokenizer_that_is_not_there_or_has_no_template_is_a_configuration_error(
    tokenizer_folder: Path, tmp_path: Path
) -> None:
    bare: Any = transformers.AutoTokenizer.from_pretrained(tokenizer_folder)
    bare.chat_template = None
    bare.save_pretrained(tmp_path / "bare")

    with pytest.raises(ConfigError, match=r"policy_model: .* has no chat template"):
        asyncio.run(make(tokenizer=str(tmp_path / "bare"), **RENDERED).start())
    with pytest.raises(ConfigError, match="policy_model: no tokenizer at"):
        asyncio.run(make(tokenizer=str(tmp_path / "nowhere"), **RENDERED).start())
