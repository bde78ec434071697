"""Policy and judge behind one HTTP endpoint, through `openai_model`: what is whose time, usage and fault."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from polygym import Gym, JsonObject, RolloutContext, StreamSettings, configure, new_response, new_usage, output_message
from polygym.rollouts.engine import RetryPolicy

ROOT = Path(__file__).parents[3]
AGENT = "equivalence_llm_judge_simple_agent"
ROW: JsonObject = {"responses_create_params": {"input": "Capital of Peru?"}, "expected_answer": "Lima"}

Judge = Callable[[JsonObject], str | int | None]
"""Answers a request with a text, an error status, or never."""


def endpoint(judge: Judge) -> web.Application:
    """Plays the policy, which says Lima, and the judge."""

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        said: str | int | None = "Lima"
        if body["model"] == "arbiter":
            said = judge(body)
        if said is None:
            await asyncio.Event().wait()
        if isinstance(said, int):
            return web.json_response({"error": {"message": "no judge today"}}, status=said)
        output = [output_message(str(said), message_id="msg_1")]
        return web.json_response(new_response(body, output, model=body["model"], usage=new_usage(100, 7)))

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"data": []})

    app = web.Application()
    app.router.add_post("/v1/responses", answer)
    app.router.add_get("/v1/models", models)
    return app


async def with_gym(judge: Judge, use: Callable[[Gym], Any], *overrides: str) -> Any:
    """What `use` gives with a gym whose models are at the endpoint."""
    async with TestServer(endpoint(judge)) as server:
        url = str(server.make_url("/v1"))
        config = configure(
            resources_servers=["equivalence_llm_judge"],
            model_type="openai_model",
            search_dirs=[ROOT],
            settings={
                "policy_model_name": "policy",
                "policy_base_url": url,
                "policy_api_key": "k",
                "judge_model_name": "arbiter",
            },
            overrides=[
                "+judge_model.responses_api_models.openai_model.max_attempts=1",
                "equivalence_llm_judge.resources_servers.equivalence_llm_judge.judge_first_pause_s=0",
                *overrides,
            ],
        )
        settings = StreamSettings(retries=RetryPolicy(first_delay_s=0, wait_for_model_s=0, wait_for_environment_s=0))
        async with Gym(config, settings) as gym:
            return await use(gym)


def run_one(judge: Judge, *overrides: str) -> JsonObject:
    """The record of one rollout."""

    async def use(gym: Gym) -> JsonObject:
        records = [record async for record in gym.run([ROW], agent=AGENT)]
        return records[0]

    record: JsonObject = asyncio.run(with_gym(judge, use, *overrides))
    return record


def test_the_judges_calls_and_tokens_are_in_the_row_and_not_among_the_policys() -> None:
    record = run_one(lambda body: "Same.\n[[A=B]]")

    assert (record["rollout_state"], record["reward"]) == ("scored", 1.0)
    assert record["response"]["usage"]["total_tokens"] == 107
    assert (record["judge_calls"], record["judge_usage"]["total_tokens"]) == (2, 214)
    assert [each["usage"]["total_tokens"] for each in record["judge_evaluations"]] == [107, 107]


def test_the_judges_time_is_the_verifiers() -> None:
    context = RolloutContext("0-0", limits_s={"model": 60.0, "verify": 60.0})

    async def use(gym: Gym) -> None:
        await gym.agents[AGENT].run(ROW, context)

    asyncio.run(with_gym(lambda body: "[[A=B]]", use))

    assert {stage: len(calls) for stage, calls in context.durations_s.items()} == {"seed": 1, "model": 1, "verify": 1}


def test_a_judge_that_is_down_fails_the_verifier_and_costs_the_policy_nothing() -> None:
    calls: list[JsonObject] = []

    def down(body: JsonObject) -> int:
        calls.append(body)
        return 503

    record = run_one(down)

    assert "reward" not in record
    assert (record["_ng_failure_class"], record["_ng_failure_stage"]) == ("verifier_error", "verify")
    assert "no judge today" in record["_ng_failure_message"]
    assert record["rollout_state"] == "failed"
    assert len(calls) == 3


def test_a_judge_that_refuses_the_key_is_no_wrong_policy_endpoint() -> None:
    record = run_one(lambda body: 401)

    assert (record["_ng_failure_class"], record["_ng_failure_http_status"]) == ("verifier_error", 401)


def test_a_judge_that_never_answers_runs_into_its_own_limit() -> None:
    limit = "++equivalence_llm_judge.resources_servers.equivalence_llm_judge.judge_timeout_s=0.02"

    record = run_one(lambda body: None, limit)

    assert (record["_ng_failure_class"], record["_ng_failure_stage"]) == ("verifier_error", "verify")
    assert "judge_model" in record["_ng_failure_message"]


def test_a_judge_that_never_answers_runs_into_the_limit_of_verify() -> None:
    limits = f"++{AGENT}.responses_api_agents.simple_agent.stage_timeouts_s={{verify: 0.05}}"
    once = f"++{AGENT}.responses_api_agents.simple_agent.max_attempts=1"

    record = run_one(lambda body: None, limits, once)

    assert (record["_ng_failure_class"], record["_ng_failure_stage"]) == ("timeout", "verify")
    assert record["rollout_state"] == "unresolved"
