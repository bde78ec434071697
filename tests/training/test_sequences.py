"""Rollouts as token sequences: whole where every prompt goes on from what was said, split where one does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.protocol.json import JsonObject
from polygym.training.sequences import calls_of, calls_without_tokens, sequences_of

OUTPUT = {"type": "function_call_output", "call_id": "a", "output": "x"}
USER = {"type": "message", "role": "user", "content": "go on"}


def message(prompt: list[int], generated: list[int]) -> JsonObject:
    """An answer with its tokens."""
    return {
        "type": "message",
        "role": "assistant",
        "content": [],
        "prompt_token_ids": prompt,
        "generation_token_ids": generated,
        "generation_log_probs": [-0.1 * number for number in generated],
    }


def row(*items: JsonObject) -> JsonObject:
    return {"response": {"output": list(items)}, "reward": 1.0}


def test_turns_that_go_on_are_one_sequence() -> None:
    rollout = row(
        {"type": "reasoning", "summary": []}, message([1, 2], [3, 4]), OUTPUT, message([1, 2, 3, 4, 5, 6], [7])
    )

    (sequence,) = sequences_of(rollout)

    assert sequence.token_ids == [1, 2, 3, 4, 5, 6, 7]
    assert sequence.loss_mask == [0, 0, 1, 1, 0, 0, 1]
    assert sequence.log_probs == pytest.approx([0.0, 0.0, -0.3, -0.4, 0.0, 0.0, -0.7])
    assert (sequence.calls, sequence.generated) == (2, 3)


@pytest.mark.parametrize("prompt", [[1, 2, 3, 9, 5], [1, 2, 3], [1, 2], [9], []])
def test_a_prompt_that_does_not_begin_with_everything_before_it_begins_a_sequence(prompt: list[int]) -> None:
    first, second = sequences_of(row(message([1, 2], [3, 4]), OUTPUT, message(prompt, [7])))

    assert (first.token_ids, second.token_ids) == ([1, 2, 3, 4], [*prompt, 7])
    assert (first.loss_mask, second.loss_mask) == ([0, 0, 1, 1], [0] * len(prompt) + [1])


def test_conversations_that_take_turns_are_a_sequence_each() -> None:
    first, second = sequences_of(
        row(message([1], [2]), message([8], [9]), USER, message([1, 2, 3], [4]), message([8, 9, 3], [5]))
    )

    assert (first.token_ids, second.token_ids) == ([1, 2, 3, 4], [8, 9, 3, 5])


@pytest.mark.parametrize("rollout", [{}, {"response": None}, {"response": {"output": None}}, row(USER), row("x")])  # type: ignore[arg-type]
def test_a_rollout_without_tokens_has_no_sequences(rollout: JsonObject) -> None:
    assert sequences_of(rollout) == []


def test_making_sequences_changes_nothing_in_the_rollout_and_shares_nothing_with_it() -> None:
    answer = message([1], [2])

    (sequence,) = sequences_of(row(answer))
    sequence.token_ids.append(9)

    assert answer == message([1], [2])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"generation_log_probs": [-0.1]}, r"response.output\[0\]: 2 generated tokens need as many .*; 1 are there"),
        ({"generation_log_probs": None}, "there is no list of them"),
        ({"generation_log_probs": [-0.1, "x"]}, "must hold numbers, not 'x'"),
        ({"generation_log_probs": [-0.1, None]}, "must hold numbers, not None"),
        ({"prompt_token_ids": None}, r"output\[0\].prompt_token_ids must be a list of token ids"),
        ({"prompt_token_ids": [1.5]}, "prompt_token_ids must be a list of token ids"),
        ({"generation_token_ids": "ab"}, "generation_token_ids must be a list of token ids"),
    ],
)
def test_tokens_that_do_not_belong_together_are_refused(fields: JsonObject, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        sequences_of(row({**message([1], [2, 3]), **fields}))


def test_calls_are_counted_that_did_not_report_their_tokens() -> None:
    said = {"type": "message", "role": "assistant", "content": []}
    called = {"type": "function_call", "call_id": "a", "name": "add", "arguments": "{}"}

    assert calls_without_tokens(row(message([1], [2]), OUTPUT, message([1, 2], [3]))) == 0
    assert calls_without_tokens(row(said, called, OUTPUT, message([1], [2]), said)) == 2
    assert calls_without_tokens(row({"type": "reasoning"}, message([1], [2]), USER)) == 0


@st.composite
def conversations(draw: st.DrawFn) -> list[JsonObject]:
    """Calls whose prompts each go on from everything before them, or begin anew."""
    items: list[JsonObject] = []
    so_far: list[int] = []
    for _ in range(draw(st.integers(1, 5))):
        ids = st.lists(st.integers(0, 5), max_size=4)
        if draw(st.integers(0, 3)) == 0:
            so_far = []
        prompt = so_far + draw(ids)
        generated = draw(ids)
        items += [message(prompt, generated), OUTPUT]
        so_far = prompt + generated
    return items


@given(conversations())
def test_no_generated_token_is_lost_or_counted_twice(items: list[JsonObject]) -> None:
    calls = list(calls_of(row(*items)))
    sequences = sequences_of(row(*items))

    trained = sorted(
        token for one in sequences for token, is_trained in zip(one.token_ids, one.loss_mask, strict=True) if is_trained
    )
    assert trained == sorted(token for call in calls for token in call.generated_ids)
    assert sum(one.calls for one in sequences) == len(calls)
    assert all(len(one.token_ids) == len(one.loss_mask) == len(one.log_probs) for one in sequences)
    for call in calls:
        whole = call.prompt_ids + call.generated_ids
        assert any(one.token_ids[: len(whole)] == whole for one in sequences)
