"""Judges: calls of a model that scores. A call that fails is no wrong answer, and gets no reward."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from nemo_gym.outgoing import get_response_json, raise_for_status
from nemo_gym.server_client import ServerClient

AnswerT = TypeVar("AnswerT", bound=BaseModel)
ReturnT = TypeVar("ReturnT")

JUDGE_FAILED: Final = "judge_failed"


class JudgeError(Exception):
    """A judge could not be called; the rollout goes to the failures file."""


async def reraise_judge_errors(coro: Awaitable[ReturnT]) -> ReturnT:
    """The result of a judge's call. Whatever it raises becomes a JudgeError: put nothing but the call inside."""
    try:
        return await coro
    except JudgeError:
        raise
    except Exception as error:
        raise JudgeError(f"{type(error).__name__}: {error}") from error


async def call_judge(
    server_client: ServerClient, *, server_name: str, url_path: str, json: Any, response_model: type[AnswerT]
) -> AnswerT:
    """POST to a judge's model server; its answer as `response_model`. Raises JudgeError."""

    async def exchange() -> AnswerT:
        answer = await server_client.post(server_name=server_name, url_path=url_path, json=json)
        await raise_for_status(answer)
        return response_model.model_validate(await get_response_json(answer))

    return await reraise_judge_errors(exchange())


def judge_failsafe(verify_fn: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """`verify_fn`, whose JudgeError becomes an answer that says so: the request, reward 0 and the failure's keys."""

    @functools.wraps(verify_fn)
    async def verify(*args: Any, **kwargs: Any) -> Any:
        try:
            return await verify_fn(*args, **kwargs)
        except JudgeError as error:
            request = _request_among([kwargs.get("body"), *kwargs.values(), *args])
            if request is None:
                raise RuntimeError("a judge failed in a verify that got no request to answer with") from error
            failure = {"reward": 0.0, "_ng_failure_class": JUDGE_FAILED, "_ng_failure_judge_error": str(error)}
            return JSONResponse(jsonable_encoder({**request.model_dump(), **failure}))

    return verify


def _request_among(arguments: list[Any]) -> BaseModel | None:
    return next((value for value in arguments if isinstance(value, BaseModel) and hasattr(value, "response")), None)
