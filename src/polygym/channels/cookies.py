"""Cookies, in which sessions travel between servers: those of a request, and those of its answer."""

import re
from typing import Final

from aiohttp import hdrs, web

from polygym.channels.headers import ROLLOUT

COOKIE_AGE_S: Final = 14 * 24 * 3600
ANSWERED: Final = web.RequestKey("answered cookies", dict[str, str])
"""The cookies of a request's answer."""
PLAIN_VALUE: Final = re.compile(r"[\w.~-]+", re.ASCII)
"""A cookie's value that needs no quoting: every one that we make."""
PLAIN_COOKIES: Final = re.compile(r"[\w.~-]+=[\w.~-]*(?:; [\w.~-]+=[\w.~-]*)*", re.ASCII)
"""A header that holds only such."""


def cookies_of(request: web.BaseRequest) -> dict[str, str]:
    """The cookies that came with a request."""
    header = request.headers.get(hdrs.COOKIE)
    if header is None:
        return {}
    if PLAIN_COOKIES.fullmatch(header):  # aiohttp's reading takes as long as the rest of a request
        return dict(cookie.split("=", 1) for cookie in header.split("; "))
    return dict(request.cookies)


def give_back(request: web.BaseRequest, name: str, value: str) -> None:
    """Let the answer set the cookie `name`, for a caller that has to be told.

    Callers take their cookies from the last answer, so each sets what the request brought along. Ours, which name the
    rollout in a header of its own, keep what they have.
    """
    if ROLLOUT not in request.headers or cookies_of(request).get(name) != value:
        request[ANSWERED] = {name: value}


def put_cookies(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Put the cookies of a request's answer on it, before its headers go out."""
    for name, value in request.get(ANSWERED, {}).items():
        _set_cookie(response, name, value)
        response.headers["Vary"] = "Cookie"


def _set_cookie(response: web.StreamResponse, name: str, value: str) -> None:
    if PLAIN_VALUE.fullmatch(value):  # `set_cookie` takes as long as the rest of an answer
        attributes = f"HttpOnly; Max-Age={COOKIE_AGE_S}; Path=/; SameSite=lax"
        response.headers.add("Set-Cookie", f"{name}={value}; {attributes}")
    else:
        response.set_cookie(name, value, max_age=COOKIE_AGE_S, httponly=True, samesite="lax", path="/")
