"""Generated Messages requests, answers and Responses conversations, for the tests of their conversion.

They are in normal form: of several spellings of the same thing they use the one that conversion gives.
"""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from polygym.protocol.json import JsonObject
from tests.protocol.conversations import names, optional_fields, schemas, texts, token_fields

cached = optional_fields(cache_control=st.just({"type": "ephemeral"}), of_a_later_year=st.just({"a": [1]}))
objects = st.dictionaries(texts, texts | st.integers(-9, 9) | st.lists(st.booleans(), max_size=2), max_size=2)
arguments = st.one_of(
    objects.map(str), texts, st.just(""), st.just("{}"), st.just('{"a": 1}'), st.just('{"a":1,"a":2}'), st.just("[1]")
)


def text_blocks() -> st.SearchStrategy[JsonObject]:
    return st.builds(lambda text, more: {"type": "text", "text": text, **more}, texts, cached)


def image_blocks() -> st.SearchStrategy[JsonObject]:
    sources = st.one_of(
        st.just({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}),
        st.just({"type": "url", "url": "https://host/cat.png"}),
        st.just({"type": "file", "file_id": "file_1"}),
        st.just({"type": "of_a_later_year", "x": 1}),
        st.just({"type": "url", "url": "https://host/cat.png", "of_a_later_year": 1}),
    )
    return st.builds(lambda source, more: {"type": "image", "source": source, **more}, sources, cached)


def document_blocks() -> st.SearchStrategy[JsonObject]:
    sources = st.one_of(
        st.just({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}),
        st.builds(lambda text: {"type": "text", "media_type": "text/plain", "data": text}, texts | st.just("")),
        st.just({"type": "url", "url": "https://host/paper.pdf"}),
        st.just({"type": "file", "file_id": "file_2"}),
        st.just({"type": "content", "content": [{"type": "text", "text": "part"}]}),
    )
    more = optional_fields(title=texts, context=texts, citations=st.just({"enabled": True}))
    return st.builds(lambda source, more: {"type": "document", "source": source, **more}, sources, more)


def user_blocks() -> st.SearchStrategy[JsonObject]:
    result = {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]}
    return st.one_of(text_blocks(), image_blocks(), document_blocks(), st.just(result))


def assistant_blocks(draw: st.DrawFn, ids: Iterator[int]) -> list[JsonObject]:
    """Blocks of one assistant message, at least one."""
    blocks: list[JsonObject] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["text", "thinking", "redacted", "call", "call", "server"]))
        if kind == "text":
            citation = {"type": "char_location", "cited_text": "c", "document_index": 0}
            blocks.append(draw(text_blocks()) | draw(optional_fields(citations=st.just([citation]))))
        elif kind == "thinking":
            blocks.append({"type": "thinking", "thinking": draw(texts | st.just("")), "signature": draw(texts)})
        elif kind == "redacted":
            blocks.append({"type": "redacted_thinking", "data": draw(texts)})
        elif kind == "server":
            blocks.append({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"q": "x"}})
        else:
            call = {"type": "tool_use", "id": f"toolu_{next(ids)}", "name": draw(names), "input": draw(objects)}
            blocks.append(call | draw(cached) | draw(optional_fields(caller=st.just({"type": "direct"}))))
    return blocks


def results_of(draw: st.DrawFn, blocks: list[JsonObject]) -> list[JsonObject]:
    contents = texts | st.just("") | st.lists(user_blocks(), max_size=2)
    return [
        {"type": "tool_result", "tool_use_id": block["id"], "content": draw(contents)}
        | draw(optional_fields(is_error=st.just(True)))
        | draw(cached)
        for block in blocks
        if block["type"] == "tool_use"
    ]


@st.composite
def anthropic_messages(draw: st.DrawFn) -> list[JsonObject]:
    """Messages in turns, each tool call answered."""
    messages: list[JsonObject] = []
    ids = iter(range(1000))
    results: list[JsonObject] = []
    for _ in range(draw(st.integers(1, 3))):
        said = draw(texts | st.lists(user_blocks(), min_size=1, max_size=2))
        if results:
            said = results + (said if isinstance(said, list) and draw(st.booleans()) else [])
        messages.append({"role": "user", "content": said})
        if draw(st.booleans()):
            messages.append({"role": "system", "content": draw(texts | st.lists(text_blocks(), min_size=1))})
        if draw(st.integers(0, 3)) == 0:
            messages.append({"role": "assistant", "content": draw(texts)})
            results = []
        else:
            blocks = assistant_blocks(draw, ids)
            messages.append({"role": "assistant", "content": blocks})
            results = results_of(draw, blocks)
        if draw(st.booleans()):
            messages[-1]["of_a_later_year"] = "kept"
    return messages


def anthropic_tools() -> st.SearchStrategy[list[JsonObject]]:
    own = st.fixed_dictionaries(
        {"name": names, "input_schema": schemas},
        optional={
            "description": texts,
            "strict": st.just(True),
            "type": st.just("custom"),
            "cache_control": st.just({"type": "ephemeral"}),
            "input_examples": st.just([{"a": "b"}]),
        },
    )
    return st.lists(own | st.just({"type": "bash_20250124", "name": "bash"}), min_size=1, max_size=3)


def anthropic_choices() -> st.SearchStrategy[JsonObject]:
    single = optional_fields(disable_parallel_tool_use=st.just(True))
    named = st.sampled_from([{"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "add"}])
    return st.one_of(
        st.builds(lambda choice, more: {**choice, **more}, named, single),
        st.just({"type": "none"}),
        st.just({"type": "auto", "of_a_later_year": 1}),
    )


@st.composite
def anthropic_params(draw: st.DrawFn) -> JsonObject:
    """A Messages request."""
    params: JsonObject = {"model": "m", "max_tokens": draw(st.integers(1, 99)), "messages": draw(anthropic_messages())}
    form = {"type": "json_schema", "schema": {"type": "object"}}
    params |= draw(
        optional_fields(
            system=texts | st.lists(text_blocks(), min_size=1, max_size=2),
            temperature=st.floats(0, 1),
            top_p=st.floats(0, 1),
            top_k=st.integers(1, 9),
            stop_sequences=st.lists(texts, max_size=2),
            metadata=st.just({"user_id": "u"}),
            thinking=st.sampled_from([{"type": "enabled", "budget_tokens": 1024}, {"type": "disabled"}]),
            output_config=optional_fields(
                effort=st.just("high"), format=st.just(form), of_a_later_year=st.just(1)
            ).filter(bool),
            service_tier=st.sampled_from(["auto", "standard_only"]),
            container=st.just("c"),
            cache_control=st.just({"type": "ephemeral"}),
            of_a_later_year=st.just({"x": 1}),
        )
    )
    if draw(st.booleans()):
        params["tools"] = draw(anthropic_tools())
        params |= draw(optional_fields(tool_choice=anthropic_choices()))
    return params


@st.composite
def anthropic_answers(draw: st.DrawFn) -> JsonObject:
    """A Message as an Anthropic endpoint answers it."""
    blocks = draw(st.just([]) | st.composite(lambda draw: assistant_blocks(draw, iter(range(9))))())
    usual = "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn"
    others = [
        "max_tokens",
        "stop_sequence",
        "refusal",
        "pause_turn",
        "model_context_window_exceeded",
        "of_a_later_year",
    ]
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": blocks,
        "stop_reason": draw(st.sampled_from([usual, *others])),
        "stop_sequence": draw(st.none() | texts),
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 4,
            "cache_read_input_tokens": 5,
            "output_tokens": 6,
            **draw(
                optional_fields(
                    cache_creation=st.just({"ephemeral_5m_input_tokens": 4}),
                    output_tokens_details=st.just({"thinking_tokens": 2}),
                    service_tier=st.just("standard"),
                )
            ),
        },
        **draw(optional_fields(container=st.just({"id": "c"}), of_a_later_year=st.just([1]))),
    }


@st.composite
def answered_items(draw: st.DrawFn) -> list[JsonObject]:
    """The output of one model call as a policy of the Responses API answers it, with ids and fields of all sorts."""
    items: list[JsonObject] = []
    for number in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["message", "reasoning", "function_call", "web_search_call"]))
        item: JsonObject = {"id": f"{kind}_{number}", "type": kind}
        if kind == "message":
            marks = optional_fields(
                annotations=st.just([{"type": "url_citation", "url": "u"}]), logprobs=st.just([{"token": "a"}])
            )
            text = st.builds(
                lambda text, more: {"type": "output_text", "text": text, "annotations": [], **more},
                texts | st.just(""),
                marks,
            )
            refusal = st.builds(lambda text: {"type": "refusal", "refusal": text}, texts)
            parts = draw(st.lists(text | refusal, min_size=1, max_size=3))
            item |= {
                "role": "assistant",
                "content": parts,
                "status": draw(st.sampled_from(["completed", "incomplete"])),
            }
        elif kind == "reasoning":
            thought = [{"type": "summary_text", "text": text} for text in draw(st.lists(texts, max_size=2))]
            item |= {"summary": thought}
            raw = st.lists(st.builds(lambda text: {"type": "reasoning_text", "text": text}, texts), max_size=2)
            item |= draw(optional_fields(encrypted_content=texts, content=raw))
        elif kind == "function_call":
            item |= {"call_id": f"call_{number}", "name": draw(names), "arguments": draw(arguments)}
            item |= {"status": "completed"}
        item |= draw(optional_fields(phase=st.just("commentary")))
        items.append(item)
    if items and draw(st.booleans()):
        items[-1] |= draw(token_fields)
    return items


@st.composite
def plain_responses_params(draw: st.DrawFn) -> JsonObject:
    """A Responses request whose parameters all have a counterpart."""
    items: list[JsonObject] = []
    if draw(st.booleans()):
        role = draw(st.sampled_from(["system", "developer"]))
        items.append({"type": "message", "role": role, "content": [{"type": "input_text", "text": draw(texts)}]})
    for number in range(draw(st.integers(1, 3))):
        items.append({"type": "message", "role": "user", "content": draw(texts), **draw(optional_fields(id=texts))})
        if "id" in items[-1]:
            items[-1]["content"] = [{"type": "input_text", "text": draw(texts)}]
        if draw(st.booleans()):
            items.append({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "d"}]})
        turn = draw(answered_items())
        for item in turn:
            if item["type"] == "web_search_call" or item.get("status") == "completed":
                item.pop("status", None)
        turn = [item for item in turn if item["type"] != "web_search_call"]
        for item in turn:
            item["id"] = f"{item['id']}_{number}"
        items += turn
        items += [
            {"type": "function_call_output", "call_id": item["call_id"], "output": draw(texts)}
            for item in turn
            if item["type"] == "function_call"
        ]
    form: JsonObject = {"type": "json_schema", "name": "answer", "schema": {}, "strict": draw(st.booleans())}
    params = {"input": items, "model": "m"} | draw(
        optional_fields(
            instructions=texts,
            max_output_tokens=st.integers(1, 9),
            text=st.just({"format": form, "verbosity": "low"}),
            reasoning=st.just({"effort": "low", "summary": "auto"}),
            store=st.just(True),
            seed=st.integers(0, 9),
        )
    )
    if draw(st.booleans()):
        strict: Any = draw(st.booleans())
        params["tools"] = [
            {"type": "function", "name": "add", "parameters": {"type": "object"}, "strict": strict, "later": 1},
            {"type": "mcp", "server_label": "s"},
        ]
        choices = ["auto", "required", "none", {"type": "function", "name": "add"}]
        params |= draw(optional_fields(tool_choice=st.sampled_from(choices)))
        if params.get("tool_choice") not in (None, "none"):
            params |= draw(optional_fields(parallel_tool_calls=st.just(False)))
    return params
