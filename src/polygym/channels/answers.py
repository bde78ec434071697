"""Bodies of requests in, answers out, and what a failure looks like as one."""

import math
from collections.abc import Mapping

from aiohttp import web

from polygym.protocol.failures import FailureClass, RolloutFailure
from polygym.protocol.json import JsonObject, dumps, loads


class InvalidBody(Exception):
    """A request's body is not what the endpoint takes."""

    def __init__(self, kind: str, location: list[str], message: str, given: object = None) -> None:
        super().__init__(message)
        self.detail = [{"type": kind, "loc": ["body", *location], "msg": message, "input": given}]


async def read_object(request: web.BaseRequest) -> JsonObject:
    """The request's body as a JSON object; an absent body is an empty one. Raises InvalidBody."""
    body = await request.read()
    if not body:
        return {}
    try:
        value = loads(body)
    except ValueError as error:
        raise InvalidBody("json_invalid", [], f"JSON decode error: {error}") from error
    if not isinstance(value, dict):
        raise InvalidBody("dict_type", [], "Input should be a JSON object", value)
    return value


def json_response(value: object, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=dumps(value), status=status, content_type="application/json")


STATUS_OF: Mapping[FailureClass, int] = {
    FailureClass.MODEL_UNAVAILABLE: 503,
    FailureClass.MODEL_RATE_LIMITED: 429,
    FailureClass.MODEL_REJECTED: 400,
    FailureClass.MODEL_BAD_RESPONSE: 502,
    FailureClass.CONTEXT_EXCEEDED: 400,
    FailureClass.CONTENT_FILTERED: 400,
    FailureClass.TIMEOUT: 504,
    FailureClass.ENVIRONMENT_LOST: 503,
    FailureClass.CANCELLED: 503,
}
"""HTTP status under which a failure is reported; 500 for the classes that are not listed."""


def status_of(failure: RolloutFailure) -> int:
    """The error status that the other side answered with, else the one of the failure's class."""
    if failure.http_status is not None and 400 <= failure.http_status < 600:
        return failure.http_status
    return STATUS_OF.get(failure.failure_class, 500)


def failure_response(failure: RolloutFailure, body: JsonObject) -> web.Response:
    """The answer that reports a failure, with `body`."""
    response = json_response(body, status_of(failure))
    if failure.retry_after_s is not None:
        response.headers["Retry-After"] = str(math.ceil(failure.retry_after_s))
    return response


def failure_body(failure: RolloutFailure) -> JsonObject:
    """A failure as an answer: OpenAI's error object, and the keys of the failures file."""
    error = {"message": failure.message, "type": str(failure.failure_class), "code": str(failure.failure_class)}
    return {"error": error, **failure.to_json()}
