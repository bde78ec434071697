"""Limits of an endpoint: how many calls it gets at once and in a minute, and who is let in first."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from polygym.channels.admission import CallLimits, Gate
from polygym.channels.clock import Limit, LimitExceededError
from polygym.channels.endpoint import Endpoint
from polygym.protocol.calls import RolloutContext
from tests.channels.loopback import http_endpoint


def usage(inputs: int, outputs: int) -> dict[str, Any]:
    return {"usage": {"input_tokens": inputs, "output_tokens": outputs}}


class Clock:
    """Seconds that a test moves on by hand."""

    def __init__(self) -> None:
        self.s = 0.0

    def now(self) -> float:
        return self.s


def let_in(gate: Gate, clock: Clock, answer: dict[str, Any] | None, *, size: int = 100, until_s: float = 60.0) -> int:
    """How many calls, one after the other, get in within so many seconds of the clock, without their waiting for it."""

    async def run() -> int:
        count = 0
        while clock.s < until_s:
            entering = asyncio.create_task(gate.enter(size))
            await asyncio.sleep(0)
            if entering.done():
                gate.leave(entering.result(), answer)
                count += 1
            else:
                entering.cancel()
                await asyncio.gather(entering, return_exceptions=True)
                clock.s += 0.01
        return count

    return asyncio.run(run())


def test_requests_a_minute_are_let_in_evenly() -> None:
    clock = Clock()
    gate = Gate(CallLimits(requests_per_minute=120), clock.now)

    first = let_in(gate, clock, usage(1, 1), until_s=10.0)
    rest = let_in(gate, clock, usage(1, 1))

    assert first in (20, 21, 22)
    assert first + rest in (120, 121, 122)


def test_tokens_a_minute_count_what_the_answers_took() -> None:
    clock = Clock()
    gate = Gate(CallLimits(tokens_per_minute=60_000), clock.now)

    count = let_in(gate, clock, usage(400, 600))

    assert 60 <= count <= 63


def test_tokens_are_expected_from_the_answers_before_while_calls_are_under_way() -> None:
    clock = Clock()
    gate = Gate(CallLimits(tokens_per_minute=60_000), clock.now)
    let_in(gate, clock, usage(5_000, 5_000), until_s=600.0)

    async def run() -> int:
        clock.s += 60.0
        entering = [asyncio.create_task(gate.enter(100)) for _ in range(50)]
        await asyncio.sleep(0)
        return sum(each.done() for each in entering)

    assert asyncio.run(run()) == 1


def test_a_failed_call_takes_no_tokens() -> None:
    gate = Gate(CallLimits(tokens_per_minute=600), Clock().now)

    async def run() -> None:
        for _ in range(50):
            gate.leave(await gate.enter(100), None)

    asyncio.run(run())


def test_an_answer_that_tells_no_usage_takes_what_was_expected() -> None:
    clock = Clock()
    gate = Gate(CallLimits(tokens_per_minute=60 * 281), clock.now)

    assert let_in(gate, clock, {"output": []}, until_s=10.0) in (10, 11, 12)


def test_calls_are_let_in_in_the_order_in_which_they_came() -> None:
    gate = Gate(CallLimits(concurrent=2))
    order: list[int] = []

    async def caller(number: int) -> None:
        place = await gate.enter(100)
        order.append(number)
        await asyncio.sleep(0)
        gate.leave(place, usage(1, 1))

    async def run() -> None:
        await asyncio.gather(*(caller(number) for number in range(20)))

    asyncio.run(run())

    assert order == list(range(20))


def test_a_caller_that_gives_up_leaves_the_queue_and_keeps_no_place() -> None:
    gate = Gate(CallLimits(concurrent=1))

    async def run() -> None:
        place = await gate.enter(1)
        queue = [asyncio.create_task(gate.enter(1)) for _ in range(3)]
        await asyncio.sleep(0)
        assert gate.waiting == 3
        queue[0].cancel()
        await asyncio.gather(queue[0], return_exceptions=True)
        gate.leave(place, None)
        queue[1].cancel()  # it has been let in, and does not know yet
        await asyncio.gather(queue[1], return_exceptions=True)
        gate.leave(await queue[2], None)
        gate.leave(await gate.enter(1), None)
        assert gate.waiting == 0

    asyncio.run(run())


def test_waiting_for_a_place_counts_against_no_limit() -> None:
    gate = Gate(CallLimits(concurrent=1))

    async def run() -> None:
        place = await gate.enter(1)
        async with Limit(0.05):
            entering = asyncio.create_task(gate.enter(1))  # has the limit in its context
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_later(0.15, gate.leave, place, None)
            gate.leave(await entering, None)
        with pytest.raises(LimitExceededError):
            async with Limit(0.05):
                await asyncio.sleep(10)

    asyncio.run(run())


@pytest.mark.parametrize("urls", [1, 2])
def test_an_endpoint_has_no_more_calls_under_way_at_each_base_url_than_allowed(urls: int) -> None:
    under_way: dict[str, int] = {}
    most: dict[str, int] = {}

    async def handle(request: web.Request) -> web.Response:
        under_way[request.path] = under_way.get(request.path, 0) + 1
        most[request.path] = max(most.get(request.path, 0), under_way[request.path])
        await asyncio.sleep(0.005)
        under_way[request.path] -= 1
        return web.json_response({"output": []})

    async def run() -> None:
        async with http_endpoint(handle) as url:
            endpoint = Endpoint([f"{url}/{number}" for number in range(urls)], limits=CallLimits(concurrent=3))
            await asyncio.gather(*(endpoint.post("/r", {}, RolloutContext(f"{index}-0")) for index in range(24)))
            await endpoint.close()

    asyncio.run(run())

    assert most == {f"/{number}/r": 3 for number in range(urls)}


def test_a_call_that_fails_or_is_cancelled_gives_its_place_back() -> None:
    async def handle(request: web.Request) -> web.Response:
        if request.path == "/hangs":
            await asyncio.sleep(60)
        return web.Response(status=400)

    async def run() -> None:
        async with http_endpoint(handle) as url:
            endpoint = Endpoint(url, limits=CallLimits(concurrent=1))
            for _ in range(3):
                await asyncio.gather(endpoint.post("/fails", {}, RolloutContext("0-0")), return_exceptions=True)
                hanging = asyncio.create_task(endpoint.post("/hangs", {}, RolloutContext("0-0")))
                await asyncio.sleep(0.02)
                hanging.cancel()
                await asyncio.gather(hanging, return_exceptions=True)
            await endpoint.close()

    asyncio.run(run())


def test_the_time_in_the_queue_is_recorded_beside_the_stages() -> None:
    contexts = [RolloutContext(f"{index}-0") for index in range(3)]

    async def handle(request: web.Request) -> web.Response:
        await asyncio.sleep(0.01)
        return web.json_response({"output": []})

    async def run() -> None:
        async with http_endpoint(handle) as url:
            endpoint = Endpoint(url, limits=CallLimits(concurrent=1))
            await asyncio.gather(*(endpoint.post("/r", {}, context) for context in contexts))
            await endpoint.close()

    asyncio.run(run())

    waited = [sum(context.durations_s.get("queue", ())) for context in contexts]
    assert waited[0] == 0 < waited[1] < waited[2]
