"""Generated conversations, in Chat Completions and in the Responses API, for the tests of their conversion.

The conversations are in normal form: of several spellings of the same thing they use the one that conversion gives.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from polygym.protocol.json import JsonObject

texts = st.text(min_size=1, max_size=12)
junk: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "text", "id", "x"]), inner),
    max_leaves=4,
)
names = st.sampled_from(["search", "add", "get_weather", "run"])
token_fields = st.fixed_dictionaries(
    {
        "prompt_token_ids": st.lists(st.integers(0, 9), max_size=3),
        "generation_token_ids": st.lists(st.integers(0, 9), max_size=3),
        "generation_log_probs": st.lists(st.floats(-9, 0), max_size=3),
    }
)
shared_extras = st.fixed_dictionaries(
    {},
    optional={
        "policy_epoch": st.integers(0, 9),
        "routed_experts": st.just([[1, 2]]),
        "phase": st.sampled_from(["commentary", "final_answer"]),
    },
)
schemas = st.just({"type": "object", "properties": {"a": {"type": "string"}}})


def optional_fields(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[JsonObject]:
    """An object that has some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def chat_parts() -> st.SearchStrategy[JsonObject]:
    """Content parts of a user's chat message."""
    url = {"url": texts}
    return st.one_of(
        st.builds(lambda text: {"type": "text", "text": text}, texts),
        st.builds(
            lambda image: {"type": "image_url", "image_url": image},
            st.fixed_dictionaries(
                url, optional={"detail": st.sampled_from(["low", "high"]), "max_patches": st.just(4)}
            ),
        ),
        st.builds(lambda video: {"type": "video_url", "video_url": video}, st.fixed_dictionaries(url)),
        st.just({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}),
        st.builds(
            lambda file: {"type": "file", "file": file}, optional_fields(file_id=texts, file_data=texts, filename=texts)
        ),
        st.just({"type": "of_a_later_year", "value": 1}),
    )


def chat_calls(draw: st.DrawFn, ids: Iterator[int]) -> list[JsonObject]:
    """Tool calls of one assistant message, each with an id of its own."""
    calls: list[JsonObject] = []
    for _ in range(draw(st.integers(0, 3))):
        call: JsonObject = {"id": f"call_{next(ids)}"}
        name = draw(names)
        if draw(st.booleans()):
            call |= {"type": "function", "function": {"name": name, "arguments": draw(st.just("{}") | texts)}}
            if draw(st.booleans()):
                call["function"]["thought"] = "in the function"
        else:
            call |= {"type": "custom", "custom": {"name": name, "input": draw(texts)}}
        call |= draw(optional_fields(extra_content=st.just({"signature": "abc"}), namespace=texts, status=texts))
        calls.append(call)
    return calls


def chat_assistant(draw: st.DrawFn, ids: Iterator[int]) -> JsonObject:
    """One assistant message."""
    reasoning, refusal = draw(st.none() | texts), draw(st.none() | texts)
    calls = chat_calls(draw, ids)
    several = st.lists(st.builds(lambda text: {"type": "text", "text": text}, texts), min_size=2, max_size=3)
    content = draw(st.none() | texts | several)
    if content is None and not calls and refusal is None:
        content = ""
    message: JsonObject = {"role": "assistant", "content": content}
    if reasoning is not None:
        message |= {"reasoning_content": reasoning, "reasoning": reasoning}
        message |= draw(optional_fields(reasoning_details=st.just([{"type": "reasoning.encrypted", "data": "x"}])))
    if refusal is not None:
        message["refusal"] = refusal
    if calls:
        message["tool_calls"] = calls
    message |= draw(shared_extras)
    message |= draw(optional_fields(name=texts, id=texts, status=texts, caller=texts))
    if draw(st.booleans()):
        message |= draw(token_fields)
    return message


@st.composite
def completions(draw: st.DrawFn) -> JsonObject:
    """A ChatCompletion, with what a server of open models adds to it."""
    message = chat_assistant(draw, iter(range(1000)))
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    choice = {"index": 0, "finish_reason": reason, "message": message, "logprobs": {"content": []}}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "m",
        "system_fingerprint": "fp_1",
        "choices": [choice | draw(optional_fields(stop_reason=st.just(7), token_ids=st.just([1, 2])))],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 1},
        },
    }


@st.composite
def chat_messages(draw: st.DrawFn) -> list[JsonObject]:
    """Messages of a conversation in which each tool call has its answer."""
    contents = texts | st.just("") | st.lists(chat_parts(), min_size=1, max_size=3)
    messages: list[JsonObject] = []
    ids = iter(range(1000))
    for _ in range(draw(st.integers(0, 5))):
        role = draw(st.sampled_from(["system", "developer", "user", "assistant", "assistant"]))
        if role != "assistant":
            messages.append({"role": role, "content": draw(contents), **draw(optional_fields(name=texts, id=texts))})
            continue
        message = chat_assistant(draw, ids)
        messages.append(message)
        for call in message.get("tool_calls", ()):
            answer = {"role": "tool", "tool_call_id": call["id"], "content": draw(contents)}
            messages.append(answer | draw(optional_fields(name=names)))
        if "tool_calls" not in message and "generation_token_ids" not in message:
            messages.append({"role": "user", "content": "go on"})
    return messages


def response_formats() -> st.SearchStrategy[JsonObject]:
    """`response_format` of a chat request."""
    schema = {"name": names, "schema": schemas, "strict": st.booleans()}
    return st.one_of(
        st.just({"type": "text"}),
        st.just({"type": "json_object"}),
        st.builds(lambda inner: {"type": "json_schema", "json_schema": inner}, st.fixed_dictionaries(schema)),
    )


def chat_tools() -> st.SearchStrategy[list[JsonObject]]:
    """Tools of a chat request, at least one."""
    function = st.fixed_dictionaries(
        {"name": names}, optional={"description": texts, "parameters": schemas, "strict": st.just(True)}
    )
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: WORD"}}
    custom = st.fixed_dictionaries({"name": names}, optional={"format": st.sampled_from([{"type": "text"}, grammar])})
    return st.lists(
        st.one_of(
            st.builds(lambda inner: {"type": "function", "function": inner}, function),
            st.builds(lambda inner: {"type": "custom", "custom": inner}, custom),
            st.just({"type": "web_search"}),
        ),
        min_size=1,
        max_size=3,
    )


def chat_tool_choices() -> st.SearchStrategy[Any]:
    """`tool_choice` of a chat request."""
    reference = {"type": "function", "function": {"name": "add"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [reference]}}
    custom = {"type": "custom", "custom": {"name": "run"}}
    return st.sampled_from(["none", "auto", "required", reference, allowed, custom, {"type": "web_search"}])


@st.composite
def chat_params(draw: st.DrawFn) -> JsonObject:
    """A chat request."""
    params: JsonObject = {"messages": draw(chat_messages()), "model": "m"}
    params |= draw(
        optional_fields(
            max_tokens=st.integers(1, 99),
            temperature=st.floats(0, 2),
            top_p=st.floats(0, 1),
            response_format=response_formats(),
            verbosity=st.just("low"),
            reasoning_effort=st.sampled_from(["low", "high"]),
            reasoning=st.just({"max_tokens": 7}),
            metadata=st.just({"a": "b"}),
            seed=st.integers(0, 9),
            stop=texts | st.lists(texts, max_size=2),
            logit_bias=st.just({"50256": -100}),
            logprobs=st.just(True),
            chat_template_kwargs=st.just({"enable_thinking": False}),
            user=texts,
            store=st.booleans(),
            stream=st.booleans(),
        )
    )
    if draw(st.booleans()):
        params["tools"] = draw(chat_tools())
        params |= draw(optional_fields(tool_choice=chat_tool_choices(), parallel_tool_calls=st.booleans()))
    return params


def response_parts() -> st.SearchStrategy[JsonObject]:
    """Content parts of a user's input message."""
    return st.one_of(
        st.builds(lambda text: {"type": "input_text", "text": text}, texts),
        st.builds(
            lambda url, detail: {"type": "input_image", "image_url": url, "detail": detail},
            texts,
            st.sampled_from(["auto", "low", "high"]),
        ),
        st.just({"type": "input_image", "file_id": "file_1", "detail": "auto"}),
        st.builds(
            lambda file: {"type": "input_file", **file},
            optional_fields(file_id=texts, file_url=texts, filename=texts, detail=texts),
        ),
        st.just({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}),
    )


def response_turn(draw: st.DrawFn, ids: Iterator[int]) -> list[JsonObject]:
    """Items of one model call, at least one; what is particular to the call is on the last."""
    items: list[JsonObject] = []
    if draw(st.booleans()):
        summary = [{"type": "summary_text", "text": draw(texts)}]
        items.append({"type": "reasoning", "summary": summary} | draw(optional_fields(encrypted_content=texts)))
    parts = [{"type": "output_text", "text": text, "annotations": []} for text in draw(st.lists(texts, max_size=2))]
    if draw(st.booleans()):
        parts.append({"type": "refusal", "refusal": draw(texts)})
    if parts:
        items.append({"type": "message", "role": "assistant", "content": parts})
    for _ in range(draw(st.integers(0 if items else 1, 3))):
        call: JsonObject = {"call_id": f"call_{next(ids)}", "name": draw(names)}
        if draw(st.booleans()):
            call |= {"type": "function_call", "arguments": draw(texts)}
        else:
            call |= {"type": "custom_tool_call", "input": draw(texts)}
        items.append(call | draw(optional_fields(namespace=texts)))
    items[-1] |= draw(shared_extras)
    if draw(st.booleans()):
        items[-1] |= draw(token_fields)
    return items


@st.composite
def response_turns(draw: st.DrawFn) -> list[JsonObject]:
    """The output of one model call."""
    return response_turn(draw, iter(range(1000)))


@st.composite
def response_items(draw: st.DrawFn) -> list[JsonObject]:
    """Input items of a conversation, without the ids and statuses that Chat Completions cannot carry."""
    contents = texts | st.lists(response_parts(), min_size=1, max_size=3)
    items: list[JsonObject] = []
    ids = iter(range(1000))
    for _ in range(draw(st.integers(0, 5))):
        role = draw(st.sampled_from(["system", "developer", "user", "assistant", "assistant"]))
        if role != "assistant":
            items.append({"type": "message", "role": role, "content": draw(contents)})
            continue
        turn = response_turn(draw, ids)
        items += turn
        for call in turn:
            if call["type"] in ("function_call", "custom_tool_call"):
                items.append({"type": f"{call['type']}_output", "call_id": call["call_id"], "output": draw(contents)})
        if items[-1] is turn[-1] and "generation_token_ids" not in turn[-1]:
            items.append({"type": "message", "role": "user", "content": "go on"})
    return items


@st.composite
def response_params(draw: st.DrawFn) -> JsonObject:
    """A Responses request."""
    params: JsonObject = {"input": draw(response_items()), "model": "m"}
    text = {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": True}
    params |= draw(
        optional_fields(
            max_output_tokens=st.integers(1, 99),
            temperature=st.floats(0, 2),
            text=st.fixed_dictionaries({"format": st.sampled_from([{"type": "text"}, text])}),
            reasoning=st.fixed_dictionaries({"effort": st.just("low")}, optional={"summary": st.just("auto")}),
            include=st.sampled_from([["message.output_text.logprobs"], ["reasoning.encrypted_content"]]),
            truncation=st.just("auto"),
            metadata=st.just({"a": "b"}),
            max_tool_calls=st.integers(1, 9),
        )
    )
    if draw(st.booleans()):
        grammar = {"type": "grammar", "syntax": "regex", "definition": "a+"}
        params["tools"] = [
            {"type": "function", "name": draw(names), "parameters": {"type": "object"}, "strict": draw(st.booleans())},
            {"type": "custom", "name": "run", "format": grammar},
            {"type": "mcp", "server_label": "s"},
        ]
        choices = ["auto", {"type": "function", "name": "add"}, {"type": "mcp", "server_label": "s"}]
        allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "add"}]}
        params |= draw(optional_fields(tool_choice=st.sampled_from([*choices, allowed])))
    return params


@st.composite
def spoiled(draw: st.DrawFn, sound: st.SearchStrategy[JsonObject]) -> JsonObject:
    """A sound object with junk in one place, or one field gone."""
    value = deepcopy(draw(sound))
    places: list[tuple[Any, Any]] = []
    _collect_places(value, places)
    container, key = draw(st.sampled_from(places))
    if isinstance(container, dict) and draw(st.booleans()):
        del container[key]
    else:
        container[key] = draw(junk)
    return value


def _collect_places(value: Any, places: list[tuple[Any, Any]]) -> None:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        places.append((value, key))
        if isinstance(inner, dict | list):
            _collect_places(inner, places)
