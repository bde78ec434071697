"""Several base URLs that serve the same model, over loopback: who goes where, and what becomes of one that is gone."""

import asyncio
import logging
from collections import Counter

import pytest

from polygym.channels import endpoint_pool
from polygym.channels.admission import CallLimits
from polygym.protocol.failures import FailureClass, RolloutFailure
from polygym.protocol.json import JsonObject
from tests.channels.farm import GOOD, Farm, call, several, until, until_back


def test_a_rollout_stays_where_it_began_through_all_its_calls_and_attempts() -> None:
    farm = Farm()

    async def run() -> None:
        async with several(farm, "a", "b", "c") as endpoint:
            for suffix in ("", "", "-a1", "-a2"):
                for index in range(30):
                    await call(endpoint, f"{index}-0{suffix}")

    asyncio.run(run())

    homes = {}
    for name, rollout in farm.calls:
        homes.setdefault(rollout.partition("-a")[0], set()).add(name)
    assert all(len(found) == 1 for found in homes.values())
    assert Counter(found.copy().pop() for found in homes.values()) == {"a": 10, "b": 10, "c": 10}


def test_a_new_rollout_goes_where_the_fewest_calls_are_under_way() -> None:
    farm = Farm()

    async def run() -> None:
        farm.gate = asyncio.Event()
        async with several(farm, "a", "b") as endpoint:
            calls = [asyncio.create_task(call(endpoint, f"{index}-0")) for index in range(6)]
            await until(lambda: len(farm.calls) >= 6)
            ended = farm.of("0-0") + farm.of("2-0") + farm.of("4-0")
            farm.gate.set()
            await asyncio.gather(*calls)
            farm.gate.clear()
            held = asyncio.create_task(call(endpoint, "0-0"))
            await until(lambda: len(farm.calls) >= 7)
            newcomer = asyncio.create_task(call(endpoint, "9-0"))
            await until(lambda: len(farm.calls) >= 8)
            farm.gate.set()
            await asyncio.gather(held, newcomer)
        assert len(set(ended)) == 1

    asyncio.run(run())

    assert Counter(name for name, _ in farm.calls[:6]) == {"a": 3, "b": 3}
    assert farm.of("9-0") != farm.of("0-0")[:1]


def test_rollouts_of_an_endpoint_that_is_gone_go_on_elsewhere(caplog: pytest.LogCaptureFixture) -> None:
    farm = Farm()

    async def run() -> None:
        async with several(farm, "a", "nobody") as endpoint:
            answers = [await call(endpoint, f"{index}-0") for index in range(8)]
            assert answers == [GOOD] * 8

    asyncio.run(run())

    assert {name for name, _ in farm.calls} == {"a"}
    (warning,) = [record.getMessage() for record in caplog.records if "taken out" in record.getMessage()]
    assert "cannot be reached" in warning and "move to the other 1" in warning


def test_a_call_tries_every_endpoint_before_it_gives_up() -> None:
    farm = Farm()

    async def run() -> JsonObject:
        async with several(farm, *["nobody"] * 5, "alive", max_attempts=1) as endpoint:
            return await call(endpoint, "0-0")

    assert asyncio.run(run()) == GOOD


def test_an_endpoint_that_keeps_failing_is_taken_out_and_comes_back_when_it_is_healthy() -> None:
    farm = Farm()

    async def run() -> None:
        async with several(farm, "a", "b", max_attempts=10) as endpoint:
            await call(endpoint, "0-0")
            home = farm.of("0-0")[0]
            farm.status[home], farm.health[home] = 503, 503
            await call(endpoint, "0-0")
            assert endpoint.pool is not None
            assert [member.is_up for member in endpoint.pool.members].count(False) == 1
            moved = farm.of("0-0")[-1]
            assert moved != home
            del farm.status[home]
            farm.health[home] = 200
            await until_back(endpoint)
            await call(endpoint, "0-0")
            assert farm.of("0-0")[-1] == moved
            for index in range(1, 5):
                await call(endpoint, f"{index}-0")
            assert {home, moved} == {farm.of(f"{index}-0")[0] for index in range(1, 5)}

    asyncio.run(run())

    assert farm.of("0-0").count(farm.of("0-0")[0]) == 1 + endpoint_pool.FAILED_IN_A_ROW


def test_a_single_failed_answer_moves_nobody() -> None:
    farm = Farm()

    async def run() -> None:
        async with several(farm, "a", "b") as endpoint:
            await call(endpoint, "0-0")
            home = farm.of("0-0")[0]
            farm.status[home] = 503
            failing = asyncio.create_task(call(endpoint, "0-0"))
            await until(lambda: len(farm.calls) >= 3)
            del farm.status[home]
            await failing

    asyncio.run(run())

    assert len(set(farm.of("0-0"))) == 1


@pytest.mark.parametrize("status", [400, 401, 429])
def test_an_endpoint_that_refuses_calls_is_there(status: int) -> None:
    farm = Farm()

    async def run() -> None:
        async with several(farm, "a", "b", max_attempts=8) as endpoint:
            farm.status = {"a": status, "b": status}
            with pytest.raises(RolloutFailure):
                await call(endpoint, "0-0")
            assert endpoint.pool is not None
            assert all(member.is_up for member in endpoint.pool.members)

    asyncio.run(run())

    assert len(set(farm.of("0-0"))) == 1


def test_an_endpoint_without_a_health_route_is_asked_for_its_models() -> None:
    farm = Farm()

    async def run() -> None:
        async with several(farm, "a", "b", max_attempts=10) as endpoint:
            await call(endpoint, "0-0")
            home = farm.of("0-0")[0]
            farm.status[home] = 502
            await call(endpoint, "0-0")
            await until(lambda: f"/{home}/v1/models" in farm.looked_at)
            del farm.status[home]
            await until_back(endpoint)

    asyncio.run(run())

    assert {path.split("/", 2)[2] for path in farm.looked_at} == {"health", "v1/models"}


def test_when_all_are_gone_the_model_is_unavailable_and_the_first_answer_brings_one_back() -> None:
    farm = Farm()

    async def run() -> None:
        async with several(farm, "a", "b", max_attempts=3, first_check_s=600.0) as endpoint:
            farm.status = {"a": 503, "b": 503}
            for index in range(8):
                with pytest.raises(RolloutFailure) as caught:
                    await call(endpoint, f"{index}-0")
                assert caught.value.failure_class is FailureClass.MODEL_UNAVAILABLE
            assert endpoint.pool is not None
            assert not any(member.is_up for member in endpoint.pool.members)
            farm.status = {}
            assert await call(endpoint, "0-0") == GOOD
            assert [member.is_up for member in endpoint.pool.members].count(True) == 1

    asyncio.run(run())


def test_a_call_that_is_cancelled_says_nothing_about_its_endpoint() -> None:
    farm = Farm()

    async def run() -> None:
        farm.gate = asyncio.Event()
        async with several(farm, "a", "b") as endpoint:
            calls = [asyncio.create_task(call(endpoint, f"{index}-0")) for index in range(20)]
            await until(lambda: len(farm.calls) >= 20)
            for each in calls:
                each.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            assert endpoint.pool is not None
            assert [(member.is_up, member.in_flight) for member in endpoint.pool.members] == [(True, 0), (True, 0)]
            farm.gate.set()

    asyncio.run(run())


@pytest.mark.parametrize(("health", "is_up"), [(503, False), (200, True)])
def test_an_endpoint_that_let_a_call_hang_until_it_was_given_up_is_looked_at(
    health: int, is_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_pool, "SUSPICIOUS_S", 0.0)
    farm = Farm()
    farm.health = {"a": health, "b": health}

    async def run() -> None:
        farm.gate = asyncio.Event()
        async with several(farm, "a", "b", first_check_s=60.0) as endpoint:
            hanging = asyncio.create_task(call(endpoint, "0-0"))
            await until(lambda: len(farm.calls) == 1)
            hanging.cancel()
            await asyncio.gather(hanging, return_exceptions=True)
            assert endpoint.pool is not None
            await until(lambda: bool(farm.looked_at))
            if not is_up:
                await until(lambda: not all(member.is_up for member in endpoint.pool.members))
            farm.gate.set()
            await call(endpoint, "0-0-a1")
            [before, after] = [name for name, _ in farm.calls]
            assert after != before

    asyncio.run(run())


def test_a_rollout_whose_call_took_too_long_is_attempted_elsewhere() -> None:
    farm = Farm()

    async def run() -> None:
        farm.gate = asyncio.Event()
        async with several(farm, "a", "b", timeout_s=0.05) as endpoint:
            for attempt in ("0-0", "0-0-a1"):
                with pytest.raises(RolloutFailure, match="timeout_s"):
                    await call(endpoint, attempt)
            farm.gate.set()

    asyncio.run(run())

    assert sorted(name for name, _ in farm.calls) == ["a", "b"]


def test_a_new_rollout_does_not_queue_where_others_wait_already() -> None:
    farm = Farm()

    async def run() -> None:
        farm.gate = asyncio.Event()
        async with several(farm, "a", "b", limits=CallLimits(concurrent=1)) as endpoint:
            assert endpoint.pool is not None
            first = asyncio.create_task(call(endpoint, "0-0"))
            await until(lambda: len(farm.calls) == 1)
            [busy] = [name for name, _ in farm.calls]
            queued = [asyncio.create_task(call(endpoint, "0-0")) for _ in range(2)]
            others = [asyncio.create_task(call(endpoint, f"{index}-0")) for index in (1, 2)]
            await asyncio.sleep(0)
            assert [member.in_flight for member in endpoint.pool.members] in ([3, 2], [2, 3])
            queued.pop().cancel()
            farm.gate.set()
            await asyncio.gather(first, *queued, *others)
            assert farm.of("0-0") == [busy, busy]
            assert busy not in {*farm.of("1-0"), *farm.of("2-0")}
            assert [member.in_flight for member in endpoint.pool.members] == [0, 0]

    asyncio.run(run())


def test_no_more_sessions_are_remembered_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_pool, "MOST_SESSIONS", 4)

    async def healthy(number: int) -> bool:
        return True

    pool = endpoint_pool.EndpointPool(["a", "b"], healthy)
    first = pool.place("0-0")
    for index in range(1, 4):
        pool.place(f"{index}-0")
    assert pool.place("0-0") == first
    for index in range(4, 7):
        pool.place(f"{index}-0")
    before = sum(member.sessions for member in pool.members)

    assert pool.place("0-0") == first
    assert sum(member.sessions for member in pool.members) == before
    pool.place("1-0")
    assert sum(member.sessions for member in pool.members) == before + 1


def test_a_run_ends_with_a_line_for_each_endpoint(caplog: pytest.LogCaptureFixture) -> None:
    farm = Farm()

    async def run() -> None:
        async with several(farm, "a", "b") as endpoint:
            for index in range(4):
                await call(endpoint, f"{index}-0")

    with caplog.at_level(logging.INFO, logger="polygym.endpoint"):
        asyncio.run(run())

    said = [record.getMessage() for record in caplog.records]
    assert [line.split("/v1")[1] for line in said] == [": up, 2 calls, 0 without an answer, 2 sessions"] * 2


def test_a_probe_takes_out_who_is_not_there_and_goes_on_with_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    farm = Farm()

    async def run() -> None:
        async with several(farm, "a", "nobody", "b") as endpoint:
            await endpoint.probe("/models")
            assert endpoint.pool is not None
            assert [member.is_up for member in endpoint.pool.members] == [True, False, True]

    asyncio.run(run())

    assert sorted(farm.looked_at)[:2] == ["/a/v1/models", "/b/v1/models"]
    assert "taken out" in caplog.text


def test_a_probe_fails_when_nobody_is_there_at_all() -> None:
    async def run() -> None:
        async with several(Farm(), "nobody", "nobody") as endpoint:
            await endpoint.probe("/models")

    with pytest.raises(RolloutFailure, match="cannot be reached"):
        asyncio.run(run())


def test_a_probe_fails_when_one_of_several_refuses_the_key() -> None:
    farm = Farm()
    farm.status["b"] = 401

    async def run() -> None:
        async with several(farm, "a", "b") as endpoint:
            await endpoint.probe("/models")

    with pytest.raises(RolloutFailure, match="Check the API key"):
        asyncio.run(run())
