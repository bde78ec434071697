"""Answers with a good status and something else inside."""

import pytest
from aiohttp import web

from polygym.channels.endpoint_faults import BRIEF_ATTEMPTS
from polygym.protocol.failures import FailureClass
from polygym.protocol.json import JsonObject
from tests.channels.endpoint_calls import GOOD, answering, failure_from, post_to


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            web.Response(text="<html><title>Welcome to nginx</title></html>", content_type="text/html"),
            "Welcome to nginx",
        ),
        (web.Response(text="<!doctype html><p>hi", content_type="text/plain"), "web page"),
        (web.Response(text='"output": [', content_type="application/json"), "no JSON"),
        (web.Response(text='{"logprob": NaN}', content_type="application/json"), "NaN and Infinity are none"),
        (web.json_response([1, 2]), "JSON array"),
        (web.json_response({"error": {"message": "the model crashed"}}), "the model crashed"),
        (web.json_response({"error": "overloaded", "output": []}), "overloaded"),
    ],
)
def test_a_good_status_with_something_else_inside_is_a_bad_response(answer: web.Response, said: str) -> None:
    handler, requests = answering(answer)

    failure = failure_from(handler)

    assert failure.failure_class is FailureClass.MODEL_BAD_RESPONSE
    assert failure.http_status == 200
    assert said in failure.message
    assert len(requests) == 1


@pytest.mark.parametrize("text", ['{"output": [', '{"output": [{"type": "mess', ""])
def test_an_answer_that_was_cut_off_on_the_way_is_asked_for_again(text: str) -> None:
    handler, requests = answering(web.Response(text=text, content_type="application/json"), GOOD)

    assert post_to(handler) == GOOD
    assert len(requests) == 2


def test_an_endpoint_that_always_cuts_its_answers_off_is_not_asked_for_long() -> None:
    handler, requests = answering(web.Response(text='{"output": [', content_type="application/json"))

    failure = failure_from(handler, max_attempts=50)

    assert failure.failure_class is FailureClass.MODEL_BAD_RESPONSE
    assert len(requests) == BRIEF_ATTEMPTS


@pytest.mark.parametrize(
    ("error", "failure_class", "status"),
    [
        ({"code": 502, "message": "Provider returned error"}, FailureClass.MODEL_UNAVAILABLE, 502),
        ({"code": "429", "message": "slow down"}, FailureClass.MODEL_RATE_LIMITED, 429),
        ({"code": "server_error", "message": "oops"}, FailureClass.MODEL_UNAVAILABLE, 500),
        ({"type": "overloaded_error", "message": "busy"}, FailureClass.MODEL_UNAVAILABLE, 503),
        ({"code": 401, "message": "no such key"}, FailureClass.MODEL_REJECTED, 401),
        ({"code": "content_filter", "message": "no"}, FailureClass.CONTENT_FILTERED, 400),
        ({"code": "context_length_exceeded", "message": "no"}, FailureClass.CONTEXT_EXCEEDED, 400),
    ],
)
def test_an_error_with_a_code_inside_a_good_answer_is_what_its_code_says(
    error: JsonObject, failure_class: FailureClass, status: int
) -> None:
    handler, _ = answering({"error": error})

    failure = failure_from(handler, max_attempts=1)

    assert (failure.failure_class, failure.http_status) == (failure_class, status)
    assert "with an error inside" in failure.message


def test_an_overload_that_is_told_inside_a_good_answer_is_tried_again() -> None:
    handler, requests = answering({"error": {"code": 503, "message": "busy"}}, GOOD)

    assert post_to(handler) == GOOD
    assert len(requests) == 2
