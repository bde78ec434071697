"""An outside, OpenAI-compatible model endpoint: one POST, retried within bounds, its failures named.

This is the hot path: every model call of a run goes through `Endpoint.post`. It knows neither dialect.
"""

import asyncio
import hashlib
import itertools
import logging
import random
import re
from collections.abc import Mapping, Sequence
from time import monotonic

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from polygym.channels.endpoint_faults import Fault, Retry, Target, fault_of_body, fault_of_error, fault_of_status
from polygym.channels.pool import JsonBody, open_session, proxy_for
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import FailureClass
from polygym.protocol.json import JsonObject, dumps, loads
from polygym.protocol.rollouts import without_attempt

log = logging.getLogger("polygym.endpoint")

MAX_WAIT_S = 60.0
"""Longest wait between two attempts. Who is told to wait longer gets the failure, with `retry_after_s`, at once."""
BRIEF_ATTEMPTS = 3
"""Attempts when nobody answers at the address."""
ANNOUNCE_EVERY_S = 60.0
"""Seconds in which the same trouble of the same endpoint is logged once."""


class Endpoint:
    """A model endpoint at one base URL, or several that serve the same model; a rollout sticks to one of them.

    Needs no event loop to be made; connections belong to the loop of the first `post`.
    """

    def __init__(
        self,
        base_url: str | Sequence[str],
        *,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        max_attempts: int = 5,
        backoff_s: float = 0.5,
    ) -> None:
        """Set the endpoint up. Raises ValueError for a base URL that is none.

        Args:
            base_url: URL or URLs that a call's path is appended to.
            api_key: Sent as bearer token; without it no Authorization header goes out, unless `headers` has one.
            headers: Sent with every call; they win over the defaults.
            timeout_s: Seconds one attempt may take, from connecting to the last byte. None: no limit.
            max_attempts: Attempts per call, the first included.
            backoff_s: Mean seconds before the second attempt; doubles from one attempt to the next.
        """
        urls = [base_url] if isinstance(base_url, str) else list(base_url)
        if not urls:
            raise ValueError("no base URL given")
        self._bases = [parse_base_url(url) for url in urls]
        key = (api_key or "").strip()
        if key and any(base.user for base in self._bases):
            raise ValueError("give either an API key or a base URL with user and password, not both")
        self._headers = CIMultiDict({"Authorization": f"Bearer {key}"} if key else {})
        self._headers.update(headers or {})
        values = [value for value in (headers or {}).values() if len(value) >= 8]
        self._secrets = tuple(secret for secret in (key, *values) if secret)
        self._timeout_s = timeout_s
        self._max_attempts = max_attempts
        self._backoff_s = backoff_s
        self._targets: dict[str, list[Target]] = {}
        self._announced_at: dict[tuple[str, FailureClass], float] = {}
        self._session: aiohttp.ClientSession | None = None

    async def post(self, path: str, body: JsonObject, context: RolloutContext) -> JsonObject:
        """POST `body` to `path` below the base URL; the JSON object that comes back.

        Answers 408, 429 and 5xx and lost connections are tried again, with growing waits. Raises RolloutFailure, stage
        `model`: its class says what the endpoint did, its message what to do about it.
        """
        target = self._target(path, context.rollout_id)
        encoded = dumps(body)
        for attempt in itertools.count(1):
            answer = await self._attempt(target, encoded)
            if isinstance(answer, dict):
                return answer
            context.rate_limits += answer.failure_class is FailureClass.MODEL_RATE_LIMITED
            wait_s = self._wait_s(answer, attempt)
            self._announce(target, answer, wait_s)
            if wait_s is None:
                raise answer.failure(attempt) from answer.cause
            await asyncio.sleep(wait_s)
        raise AssertionError("unreachable")

    async def probe(self, path: str) -> None:
        """GET `path` below every base URL, once, all at the same time.

        Raises RolloutFailure when nobody is there, or the key is refused (401, 403). Any other answer will do: not
        every endpoint has the route.
        """
        async with asyncio.TaskGroup() as group:
            probes = [group.create_task(self._probe(_target(base, path, self._secrets))) for base in self._bases]
        for probe in probes:
            if (fault := probe.result()) is not None:
                raise fault.failure(1) from fault.cause

    async def _probe(self, target: Target) -> Fault | None:
        try:
            async with self._open().get(target.url, allow_redirects=False, proxy=target.proxy) as answer:
                raw = await answer.read()
        except aiohttp.ClientConnectorError as error:
            return fault_of_error(target, error, self._timeout_s)
        except (aiohttp.ClientError, OSError):
            return None  # somebody is there, and may still answer calls
        return fault_of_status(target, answer.status, answer.headers, raw) if answer.status in (401, 403) else None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session(self._headers, self._timeout_s)
        return self._session

    async def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _attempt(self, target: Target, encoded: bytes) -> JsonObject | Fault:
        try:
            # Reading to the end, or failing to, gives the connection back: `async with` would do so a second time.
            answer = await self._open().post(
                target.url, data=JsonBody(encoded), allow_redirects=False, proxy=target.proxy
            )
            raw = await answer.read()
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            return fault_of_error(target, error, self._timeout_s)
        if not 200 <= answer.status < 300:
            return fault_of_status(target, answer.status, answer.headers, raw)
        try:
            value = loads(raw)
        except ValueError:
            value = None
        if isinstance(value, dict) and not value.get("error"):
            return value
        return fault_of_body(target, answer.status, answer.content_type, raw)

    def _target(self, path: str, rollout_id: str) -> Target:
        targets = self._targets.get(path)
        if targets is None:
            targets = self._targets[path] = [_target(base, path, self._secrets) for base in self._bases]
        if len(targets) == 1:
            return targets[0]
        return targets[_stable_hash(rollout_id) % len(targets)]

    def _wait_s(self, fault: Fault, attempt: int) -> float | None:
        """Seconds to wait before another attempt, None when there should be none."""
        limit = {Retry.NEVER: 1, Retry.BRIEFLY: min(BRIEF_ATTEMPTS, self._max_attempts)}
        if attempt >= limit.get(fault.retry, self._max_attempts):
            return None
        backoff_s = min(self._backoff_s * 2.0 ** (attempt - 1), MAX_WAIT_S)
        if fault.retry_after_s is None:
            return backoff_s * random.uniform(0.5, 1.5)
        if fault.retry_after_s > MAX_WAIT_S:
            return None
        return fault.retry_after_s + backoff_s * random.random()

    def _announce(self, target: Target, fault: Fault, wait_s: float | None) -> None:
        """Log trouble as soon as it is seen, but the same trouble of thousands of rollouts only once in a while."""
        if fault.failure_class is FailureClass.CONTEXT_EXCEEDED:
            return
        key = (target.shown, fault.failure_class)
        now = monotonic()
        if now - self._announced_at.get(key, -ANNOUNCE_EVERY_S) < ANNOUNCE_EVERY_S:
            return
        self._announced_at[key] = now
        outlook = "" if wait_s is None else f" Trying again in {wait_s:.1f} s."
        log.warning("%s%s", fault.message, outlook)


def parse_base_url(text: str) -> URL:
    """A base URL as a caller wrote it. Raises ValueError saying what is wrong with it."""
    url = URL(text.strip())
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{text!r} is no base URL; it must look like https://host:port/v1")
    return url


def _target(base: URL, path: str, secrets: tuple[str, ...]) -> Target:
    below = base.path.rstrip("/")
    url = base.with_path(f"{below}/{path.lstrip('/')}").with_query(base.query)
    hidden = [value for value in base.query.values() if len(value) >= 8]
    hidden += [base.password] if base.password else []
    return Target(
        url=url,
        shown=str(url.with_user(None).with_query(None)),
        is_versioned=re.search(r"/v\d", below) is not None,
        proxy=proxy_for(url),
        secrets=(*secrets, *hidden),
    )


def _stable_hash(rollout_id: str) -> int:
    """The same for every attempt at a rollout, in every process."""
    return int.from_bytes(hashlib.sha256(without_attempt(rollout_id).encode()).digest())
