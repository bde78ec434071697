"""Whole rollouts against endpoints that answer anything: each is scored for what the policy did, or has failed by name.

An endpoint's fault is never a reward of zero, and never the agent's or the verifier's fault.
"""

import asyncio
import json
import zlib
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from polygym import Gym, StreamSettings, configure
from polygym.protocol.json import JsonObject
from polygym.protocol.responses import check_response
from polygym.rollouts.engine import LaneSettings, RetryPolicy
from tests.channels.hostile import CALL, MAKERS, RESPONSE, http
from tests.channels.loopback import http_endpoint, raw_endpoint

ROOT = Path(__file__).parents[2]
AGENT = "example_single_tool_call_simple_agent"
TASK: JsonObject = json.loads(
    (ROOT / "resources_servers" / "example_single_tool_call" / "data" / "example.jsonl").read_text().splitlines()[0]
)
TURN = http(json.dumps({**RESPONSE, "output": [CALL]}).encode())
GOOD = http(json.dumps(RESPONSE).encode())
ENDPOINTS_FAULT = {
    "model_bad_response",
    "model_rejected",
    "model_rate_limited",
    "model_unavailable",
    "timeout",
}


async def play(url: str, *overrides: str) -> JsonObject:
    """The record of one rollout, with two attempts at most."""
    fields = "++policy_model.responses_api_models.openai_model"
    config = configure(
        resources_servers=["example_single_tool_call"],
        model_type="openai_model",
        settings={"policy_model_name": "tiny", "policy_base_url": url},
        overrides=[f"{fields}.max_attempts=1", f"{fields}.timeout_s=5", *overrides],
        search_dirs=[ROOT],
    )
    retries = RetryPolicy(first_delay_s=0.001, longest_delay_s=0.001, wait_for_model_s=0.0)
    lanes = {AGENT: LaneSettings(max_attempts=2, model="policy_model")}
    async with Gym(config, StreamSettings(retries=retries, lanes=lanes)) as gym:
        [record] = [each async for each in gym.run([TASK], agent=AGENT)]
    return record


async def play_against(answers: list[bytes]) -> tuple[JsonObject, int]:
    """The record of a rollout whose endpoint gives these answers, the last one for ever; how many calls it got."""
    calls = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        writer.write(answers[min(calls, len(answers)) - 1])

    async with raw_endpoint(talk) as url:
        return await play(url + "/v1"), calls


def is_good(answer: bytes) -> bool:
    """Whether an answer is one that a policy gave: a whole, well-formed response, or a refusal of the conversation."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"maximum context" in body or b"management policy" in body or b"content_filter" in body:
        return True
    if b"gzip" in head:  # one that lacks only its checksum is whole
        body = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body)
    try:
        return head.startswith(b"HTTP/1.1 2") and check_response(json.loads(body)) is None
    except ValueError:
        return False


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind not in ("mutated completions", "mutated messages")])
def test_a_rollout_is_scored_for_what_the_policy_did_or_fails_for_what_the_endpoint_did(kind: str) -> None:
    hostile = MAKERS[kind]()

    @settings(max_examples=12)
    @given(st.lists(hostile | st.sampled_from([TURN, GOOD]), min_size=1, max_size=3))
    def check(answers: list[bytes]) -> None:
        record, calls = asyncio.run(play_against(answers))

        state = record["rollout_state"]
        if state == "scored":
            given = [answers[min(call, len(answers) - 1)] for call in range(calls)]
            assert is_good(given[-1]), given
            assert check_response(record["response"]) is None
        else:
            assert state in ("failed", "unresolved")
            assert record["_ng_failure_class"] in ENDPOINTS_FAULT, record
            assert "reward" not in record
            assert calls <= 2 * len(answers) + 2

    check()


@pytest.mark.parametrize(
    ("status", "body", "details", "metadata"),
    [
        (
            400,
            {"error": {"message": "maximum context length is 10 tokens", "code": "context_length_exceeded"}},
            {"reason": "max_output_tokens"},
            "context_exceeded",
        ),
        (400, {"error": {"code": "content_filter", "message": "no"}}, {"reason": "content_filter"}, None),
        (
            200,
            {**RESPONSE, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            {"reason": "max_output_tokens"},
            None,
        ),
        (200, {**RESPONSE, "output": []}, None, "empty_output"),
        (200, {**RESPONSE, "output": [{**RESPONSE["output"][0], "content": []}]}, None, "empty_output"),
        (200, {**RESPONSE, "status": "incomplete"}, None, None),
    ],
)
def test_what_ends_a_conversation_early_is_scored_and_marked(
    status: int, body: JsonObject, details: JsonObject | None, metadata: str | None
) -> None:
    record = asyncio.run(play_against_status(status, body))

    assert (record["rollout_state"], record["response"]["status"]) == ("scored", "incomplete")
    assert record["response"].get("incomplete_details") == details
    assert (record["response"].get("metadata") or {}).get("ng_termination_reason") == metadata


def test_a_conversation_that_is_too_long_is_scored_where_the_model_server_has_a_process_of_its_own() -> None:
    body = {"error": {"message": "maximum context length is 10 tokens"}}
    field = "++policy_model.responses_api_models.openai_model.placement"

    record = asyncio.run(play_against_status(400, body, f"{field}=process"))

    assert record["rollout_state"] == "scored"
    assert record["response"]["metadata"]["ng_termination_reason"] == "context_exceeded"


async def play_against_status(status: int, body: JsonObject, *overrides: str) -> JsonObject:
    """The record of a rollout whose endpoint always answers so."""

    async def handle(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    async with http_endpoint(handle) as url:
        return await play(url, *overrides)
