"""An outside, OpenAI-compatible model endpoint: one POST, retried within bounds, its failures named.

This is the hot path: every model call of a run goes through `Endpoint.post`. It knows neither dialect.
"""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from time import monotonic, perf_counter

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict
from yarl import URL

from polygym.channels.admission import CallLimits, Gate, Place
from polygym.channels.endpoint_faults import (
    Fault,
    Retry,
    Target,
    fault_of_body,
    fault_of_error,
    fault_of_size,
    fault_of_status,
    pause_s,
    quoted,
)
from polygym.channels.endpoint_pool import EndpointPool
from polygym.channels.exchanges import Exchange, exchanges
from polygym.channels.pool import JsonBody, open_session, proxy_for
from polygym.config.secrets import hide_secrets
from polygym.protocol.calls import RolloutContext
from polygym.protocol.failures import FailureClass
from polygym.protocol.json import JsonObject, dumps, loads

log = logging.getLogger("polygym.endpoint")

ANNOUNCE_EVERY_S = 60.0
"""Seconds in which the same trouble of the same endpoint is logged once."""
LARGEST_ANSWER = 1 << 28
"""Bytes of an answer, unpacked. The log-probabilities of the longest generations take some tens of millions."""
QUEUE = "queue"
"""What waiting for the endpoint's limits is recorded as, beside the stages; it is a part of the call's `model` time."""
QUEUED_S = 0.001
"""Seconds from which it is waiting."""
HEALTH_LIMIT_S = 5.0
"""Seconds that an endpoint may take to say how it is."""


class Endpoint:
    """A model endpoint at one base URL, or at several that serve the same model; see `endpoint_pool` for those.

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
        limits: CallLimits | None = None,
        first_check_s: float = 1.0,
    ) -> None:
        """Set the endpoint up. Raises ValueError for a base URL that is none.

        Args:
            base_url: URL or URLs that a call's path is appended to.
            api_key: Sent as bearer token; without it no Authorization header goes out, unless `headers` has one.
            headers: Sent with every call; they win over the defaults.
            timeout_s: Seconds one attempt may take, from connecting to the last byte. None: no limit.
            max_attempts: Attempts per call, the first included.
            backoff_s: Mean seconds before the second attempt; doubles from one attempt to the next.
            limits: What each base URL may be asked for.
            first_check_s: Of several base URLs, seconds after which one that was taken out is looked at.
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
        self._gates = [Gate(limits) for _ in urls] if limits else []
        self.pool: EndpointPool | None = None
        """How each of several base URLs is doing; None for a single one."""
        if len(urls) > 1:
            shown = [target.shown.rstrip("/") for target in self._targets_of("/")]
            self.pool = EndpointPool(shown, self._is_healthy, first_check_s=first_check_s)
        self._is_plain = not self._gates and self.pool is None

    async def post(self, path: str, body: JsonObject, context: RolloutContext) -> JsonObject:
        """POST `body` to `path` below the base URL; the JSON object that comes back.

        Answers 408, 429 and 5xx and lost connections are tried again, with growing waits; where another base URL takes
        the call over, at once. Raises RolloutFailure, stage `model`: its class says what the endpoint did, its message
        what to do about it.
        """
        targets = self._targets.get(path) or self._targets_of(path)
        encoded = dumps(body)
        is_plain = self._is_plain and exchanges.get() is None
        pool, number, attempt, moves = self.pool, 0, 1, 0
        while True:
            if pool is not None:
                number = pool.place(context.rollout_id)
            target = targets[number]
            answer = await (
                self._attempt(target, encoded) if is_plain else self._noted(number, target, encoded, context)
            )
            if isinstance(answer, dict):
                return answer
            context.rate_limits += answer.failure_class is FailureClass.MODEL_RATE_LIMITED
            may_move = pool is not None and moves < len(targets) and answer.retry is not Retry.NEVER
            if pool is not None and may_move and pool.place(context.rollout_id) != number:
                moves += 1
                continue
            wait_s = pause_s(answer, attempt, max_attempts=self._max_attempts, backoff_s=self._backoff_s)
            self._announce(target, answer, wait_s)
            if wait_s is None:
                raise answer.failure(attempt + moves) from answer.cause
            await asyncio.sleep(wait_s)
            attempt += 1

    def quoted(self, text: str) -> str:
        """What the endpoint said, for a message: on one line, shortened, free of secrets, with a full stop."""
        return quoted(text, [secret for target in self._targets_of("/") for secret in target.secrets])

    async def probe(self, path: str) -> None:
        """GET `path` below every base URL, once, all at the same time.

        Raises RolloutFailure when nobody is there, or a key is refused (401, 403). Any other answer will do: not every
        endpoint has the route. Of several base URLs, those where nobody is are taken out.
        """
        targets = self._targets_of(path)
        async with asyncio.TaskGroup() as group:
            probes = [group.create_task(self._probe(target)) for target in targets]
        faults = {number: fault for number, probe in enumerate(probes) if (fault := probe.result()) is not None}
        refused = [fault for fault in faults.values() if not fault.is_nobody_there]
        if refused or len(faults) == len(targets):
            fault = (refused or list(faults.values()))[0]
            raise fault.failure(1) from fault.cause
        if self.pool is not None:
            for number, fault in faults.items():
                self.pool.take_out(number, fault.message)

    async def _probe(self, target: Target) -> Fault | None:
        try:
            async with self._open().get(target.url, allow_redirects=False, proxy=target.proxy) as answer:
                raw = await _read_in_bounds(answer) or b""
        except aiohttp.ClientConnectorError as error:
            return fault_of_error(target, error, self._timeout_s)
        except (aiohttp.ClientError, OSError):
            return None  # somebody is there, and may still answer calls
        return fault_of_status(target, answer.status, answer.headers, raw) if answer.status in (401, 403) else None

    async def _is_healthy(self, number: int) -> bool:
        """Whether a base URL is fit for calls: by `/health` beside its version, as vLLM has it, else by `/models`."""
        base = self._bases[number]
        beside = base.with_path(re.sub(r"/v\d[^/]*/*$", "", base.path) or "/").with_query(base.query)
        status = await self._status_of(_target(beside, "/health", self._secrets))
        if status is not None and not 200 <= status < 300 and status < 500:
            status = await self._status_of(_target(base, "/models", self._secrets))
        return status is not None and status < 500

    async def _status_of(self, target: Target) -> int | None:
        """What GET is answered with; None when it is not answered in time."""
        try:
            async with (
                asyncio.timeout(HEALTH_LIMIT_S),
                self._open().get(target.url, allow_redirects=False, proxy=target.proxy) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, OSError):
            return None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session(self._headers, self._timeout_s)
        return self._session

    async def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        if self.pool is not None:
            await self.pool.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _attempt(self, target: Target, encoded: bytes) -> JsonObject | Fault:
        try:
            # Reading to the end, or failing to, gives the connection back: `async with` would do so a second time.
            answer = await self._open().post(
                target.url, data=JsonBody(encoded), allow_redirects=False, proxy=target.proxy
            )
            if not _is_short(answer):
                raw = await _read_in_bounds(answer)
            elif answer.content.is_eof():  # it came in one piece, as most do
                raw = answer.content.read_nowait()
                answer.release()
            else:
                raw = await answer.read()
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            return fault_of_error(target, error, self._timeout_s)
        if raw is None:
            return fault_of_size(target, answer.status, LARGEST_ANSWER)
        if not 200 <= answer.status < 300:
            return fault_of_status(target, answer.status, answer.headers, raw)
        try:
            value = loads(raw)
        except ValueError:
            value = None
        if isinstance(value, dict) and not value.get("error"):
            return value
        return fault_of_body(target, answer.status, answer.content_type, raw)

    async def _noted(self, number: int, target: Target, encoded: bytes, context: RolloutContext) -> JsonObject | Fault:
        """As `_attempt`, when the base URL's limits allow it; the pool hears of it, and whoever asks for exchanges."""
        gate = self._gates[number] if self._gates else None
        place: Place | None = None
        answer: JsonObject | Fault | None = None
        asked = begun = perf_counter()
        if self.pool is not None:
            self.pool.started(number)
        try:
            if gate is not None:
                place = await gate.enter(len(encoded))
                begun = perf_counter()
                if begun - asked > QUEUED_S:
                    context.record(QUEUE, begun - asked)
            answer = await self._attempt(target, encoded)
        finally:
            fault = answer if isinstance(answer, Fault) else None
            if gate is not None and place is not None:
                gate.leave(place, answer if isinstance(answer, dict) else None)
            if self.pool is not None and answer is None:
                is_sent = gate is None or place is not None
                self.pool.abandoned(number, perf_counter() - begun if is_sent else 0.0, context.rollout_id)
            elif self.pool is not None:
                self.pool.ended(number, fault, context.rollout_id)
        noted = exchanges.get()
        if noted is not None:
            status, failure = (200, None) if fault is None else (fault.http_status, str(fault.failure_class))
            noted.append(Exchange(target.shown, status, perf_counter() - begun, failure))
        return answer

    def _targets_of(self, path: str) -> list[Target]:
        targets = self._targets.get(path)
        if targets is None:
            targets = self._targets[path] = [_target(base, path, self._secrets) for base in self._bases]
        return targets

    def _announce(self, target: Target, fault: Fault, wait_s: float | None) -> None:
        """Log trouble as soon as it is seen, but the same trouble of thousands of rollouts only once in a while."""
        if fault.failure_class in (FailureClass.CONTEXT_EXCEEDED, FailureClass.CONTENT_FILTERED):
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
        raise ValueError(f"{hide_secrets(text)!r} is no base URL; it must look like https://host:port/v1")
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


def _is_short(answer: aiohttp.ClientResponse) -> bool:
    """Whether the body says how long it is, is what it says, and is no longer than answers are."""
    length = answer.headers.get(hdrs.CONTENT_LENGTH, "")
    return len(length) < 9 and length.isdecimal() and hdrs.CONTENT_ENCODING not in answer.headers


async def _read_in_bounds(answer: aiohttp.ClientResponse) -> bytes | None:
    """The body; None for one that is larger than any answer, of which no more than that is read."""
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in answer.content.iter_any():
            size += len(chunk)
            if size > LARGEST_ANSWER:
                answer.close()
                return None
            chunks.append(chunk)
    except BaseException:
        answer.close()
        raise
    return b"".join(chunks)
