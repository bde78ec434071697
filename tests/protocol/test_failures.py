"""Failures of a rollout, and how they travel."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygym.protocol.failures import FailureClass, RolloutFailure, Stage, describe, failure_from_json, raise_inside

failures = st.builds(
    RolloutFailure,
    st.sampled_from(FailureClass),
    st.sampled_from(Stage),
    st.text(),
    http_status=st.none() | st.integers(100, 599),
    retry_after_s=st.none() | st.floats(0, 100),
)


def fields(failure: RolloutFailure) -> tuple[object, ...]:
    """What a failure says."""
    return (
        failure.failure_class,
        failure.stage,
        failure.message,
        failure.http_status,
        failure.retry_after_s,
        str(failure),
    )


@given(failures)
def test_a_failure_survives_json_and_pickling(failure: RolloutFailure) -> None:
    assert fields(failure_from_json(failure.to_json())) == fields(failure)
    assert fields(pickle.loads(pickle.dumps(failure))) == fields(failure)


def test_a_failure_holds_plain_json() -> None:
    failure = RolloutFailure(FailureClass.TIMEOUT, Stage.VERIFY, "too slow", http_status=504)

    assert failure.to_json() == {
        "_ng_failure_class": "timeout",
        "_ng_failure_stage": "verify",
        "_ng_failure_message": "too slow",
        "_ng_failure_http_status": 504,
    }
    assert type(failure.to_json()["_ng_failure_class"]) is str


@pytest.mark.parametrize(
    ("record", "failure_class", "stage", "message"),
    [
        (
            {"_ng_failure_class": "judge_failed", "_ng_failure_message": "no verdict"},
            FailureClass.AGENT_ERROR,
            Stage.AGENT,
            "judge_failed: no verdict",
        ),
        (
            {"_ng_failure_class": "judge_failed", "_ng_failure_stage": "verify"},
            FailureClass.AGENT_ERROR,
            Stage.VERIFY,
            "judge_failed: ",
        ),
        (
            {"_ng_failure_class": "timeout", "_ng_failure_stage": "admission", "_ng_failure_message": "full"},
            FailureClass.TIMEOUT,
            Stage.AGENT,
            "full (at admission)",
        ),
        (
            {"_ng_failure_class": "timeout", "_ng_failure_stage": None, "_ng_failure_message": None},
            FailureClass.TIMEOUT,
            Stage.AGENT,
            "",
        ),
    ],
)
def test_failures_of_other_implementations_are_understood(
    record: dict[str, object], failure_class: FailureClass, stage: Stage, message: str
) -> None:
    failure = failure_from_json(record)

    assert (failure.failure_class, failure.stage, failure.message) == (failure_class, stage, message)


@pytest.mark.parametrize(
    ("failure_class", "is_retryable"),
    [
        (FailureClass.MODEL_RATE_LIMITED, True),
        (FailureClass.ENVIRONMENT_LOST, True),
        (FailureClass.MODEL_REJECTED, False),
        (FailureClass.VERIFIER_ERROR, False),
        (FailureClass.CANCELLED, False),
    ],
)
def test_only_what_may_pass_is_tried_again(failure_class: FailureClass, is_retryable: bool) -> None:
    assert RolloutFailure(failure_class, Stage.MODEL, "").is_retryable is is_retryable


def raised(text: str) -> ValueError:
    """An error that was raised two calls deep."""

    def fail() -> None:
        raise ValueError(text)

    try:
        fail()
    except ValueError as error:
        return error


def test_an_exception_is_described_with_the_place_that_raised_it() -> None:
    error = raised("no such word")

    line = error.__traceback__.tb_next.tb_lineno  # type: ignore[union-attr]
    assert describe(error) == f"ValueError: no such word ({__file__}:{line})"


def test_an_exception_of_many_lines_is_described_in_one() -> None:
    assert "\n" not in describe(raised("first\n  second\n"))
    assert describe(raised("first\n  second\n")).startswith("ValueError: first second (")


def test_an_exception_that_was_not_raised_has_no_place() -> None:
    assert describe(KeyError()) == "KeyError: no message"


@pytest.mark.parametrize(
    ("failure_class", "stage", "seen"),
    [
        ("model_unavailable", Stage.VERIFY, "verifier_error"),
        ("model_rejected", Stage.VERIFY, "verifier_error"),
        ("timeout", Stage.USER, "environment_lost"),
        ("context_exceeded", Stage.USER, "user_error"),
        ("model_rejected", Stage.TOOL, "tool_error"),
        ("model_rejected", Stage.SEED, "seed_error"),
    ],
)
def test_a_model_that_is_not_the_policy_fails_in_the_name_of_who_asked_it(
    failure_class: str, stage: Stage, seen: str
) -> None:
    failure = RolloutFailure(FailureClass(failure_class), Stage.MODEL, "no", http_status=500, retry_after_s=2.0)

    with pytest.raises(RolloutFailure, match=rf"it, {stage}: .* \({failure_class}\): no") as caught:
        raise_inside(failure, stage, "it")

    assert (caught.value.failure_class, caught.value.stage) == (seen, stage)
    assert (caught.value.http_status, caught.value.retry_after_s, caught.value.__cause__) == (500, 2.0, failure)
