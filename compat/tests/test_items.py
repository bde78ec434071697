"""Items: the member that is chosen at a glance is the one that the whole union would have taken."""

from typing import Annotated, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from nemo_gym.openai_types.items import NeMoGymResponseInputItem, require_whole_tokens
from nemo_gym.openai_utils import NeMoGymResponseCreateParamsNonStreaming

WHOLE: TypeAdapter[Any] = TypeAdapter(
    Annotated[get_args(NeMoGymResponseInputItem)[0], BeforeValidator(require_whole_tokens)]
)
NARROWED: TypeAdapter[Any] = TypeAdapter(NeMoGymResponseInputItem)

TEXTS = st.sampled_from(["", "a", "message", "user", "assistant"])
PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["output_text", "input_text", "refusal", "input_image"])},
    optional={"text": TEXTS, "refusal": TEXTS, "annotations": st.just([]), "detail": st.just("auto")},
)
FIELDS: dict[Any, st.SearchStrategy[Any]] = {
    "id": TEXTS | st.none(),
    "role": st.sampled_from(["user", "assistant", "system", "developer", "tool"]),
    "content": TEXTS | st.lists(PARTS, max_size=2) | st.none(),
    "status": st.sampled_from(["completed", "incomplete", "odd", None]),
    "name": TEXTS,
    "arguments": TEXTS | st.just({}),
    "call_id": TEXTS,
    "output": TEXTS | st.lists(PARTS, max_size=2),
    "summary": st.lists(st.fixed_dictionaries({"type": st.just("summary_text"), "text": TEXTS}), max_size=1),
    "more": st.integers(),
}
TOKENS = {"prompt_token_ids": [1], "generation_token_ids": [2], "generation_log_probs": [-0.5]}
ITEMS = st.builds(
    lambda item, tokens: item | tokens,
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(
                ["message", "function_call", "function_call_output", "reasoning", "custom_tool_call"]
            )
        },
        optional=FIELDS,
    )
    | st.fixed_dictionaries({}, optional=FIELDS),
    st.sampled_from([{}, {}, TOKENS, {"prompt_token_ids": [1]}, {**TOKENS, "generation_log_probs": ["x"]}]),
)


def outcome(adapter: TypeAdapter[Any], value: Any) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        return error.errors(include_url=False, include_context=False)


@given(ITEMS)
def test_an_item_becomes_what_the_whole_union_makes_of_it(item: dict[str, Any]) -> None:
    found, wanted = outcome(NARROWED, item), outcome(WHOLE, item)
    assert type(found) is type(wanted) and found == wanted


def test_a_function_is_a_tool_whatever_else_it_says_and_a_wrong_one_is_explained() -> None:
    tool = {
        "type": "function",
        "name": "look",
        "parameters": {"type": "object"},
        "strict": None,
        "description": "Look.",
    }
    asked = NeMoGymResponseCreateParamsNonStreaming.model_validate({"input": "Hello.", "tools": [tool | {"other": 1}]})
    assert asked.model_dump(exclude_unset=True)["tools"] == [tool]
    with pytest.raises(ValidationError, match=r"tools\.0"):
        NeMoGymResponseCreateParamsNonStreaming.model_validate({"input": "Hello.", "tools": [{"type": "function"}]})
