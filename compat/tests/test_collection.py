"""Collecting rollouts from agents that are up, as trainers and benchmark drivers of theirs do it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from omegaconf import OmegaConf

from nemo_gym import configuration
from nemo_gym.config_types import BaseServerConfig
from nemo_gym.outgoing import close_global_aiohttp_client
from nemo_gym.rollout_collection import (
    RolloutAggregationConfig,
    RolloutAggregationHelper,
    RolloutCollectionConfig,
    RolloutCollectionHelper,
)
from nemo_gym.server_client import ServerClient
from nemo_gym.token_id_capture import TokenCaptureStore, TokenEntry


@asynccontextmanager
async def agent_at_work(
    seen: list[dict[str, Any]], captures: Path | None = None
) -> AsyncIterator[RolloutCollectionHelper]:
    """An agent on a loopback port that scores 1, fails where the row says so, and the helper that finds it.

    With a folder, a model call with tokens is captured there for every row but those with `is_lost`.
    """

    async def run(request: web.Request) -> web.Response:
        row = await request.json()
        seen.append(row)
        answer: dict[str, Any] = {"reward": 1.0, "response": {"usage": {"total_tokens": 3}, "output": []}}
        if captures is not None and not row.get("is_lost"):
            await TokenCaptureStore(captures).put(call_of(row))
        if row.get("fails") is not None:
            answer |= {"reward": 0.0, "_ng_failure_class": "tired", **row["fails"]}
        return web.json_response(answer)

    async def aggregate(request: web.Request) -> web.Response:
        verified = (await request.json())["verify_responses"]
        assert all("output" not in row.get("response", {}) for row in verified)
        return web.json_response({"agent_metrics": {"count": len(verified)}, "key_metrics": {"count": len(verified)}})

    app = web.Application()
    app.router.add_post("/run", run)
    app.router.add_post("/aggregate_metrics", aggregate)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    place = {"entrypoint": "app.py", "host": "127.0.0.1", "port": port}
    block = {"enabled": captures is not None, "all_agents": True, "dir": str(captures)}
    config = OmegaConf.create({"eager": {"responses_api_agents": {"eager": place}}, "token_id_capture": block})
    configuration.use_config(config)

    class Helper(RolloutCollectionHelper):
        def setup_server_client(self, head_server_config: BaseServerConfig | None = None) -> ServerClient:
            return ServerClient(
                head_server_config=BaseServerConfig(host="127.0.0.1", port=1), global_config_dict=config
            )

    try:
        yield Helper()
    finally:
        await close_global_aiohttp_client()
        configuration.use_config(None)
        await runner.cleanup()


def call_of(row: dict[str, Any]) -> TokenEntry:
    """A captured model call of a row."""
    rollout_id = f"{row['_ng_task_index']}-{row['_ng_rollout_index']}"
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "yes"}]}
    return TokenEntry(
        rollout_id=rollout_id,
        model_call_id="call",
        prompt_token_ids=[1, 2],
        generation_token_ids=[3],
        generation_log_probs=[-0.5],
        output_items=[message],
        token_item_index=0,
    )


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def row(text: str, **more: Any) -> dict[str, Any]:
    return {"responses_create_params": {"input": text}, **more}


def collect(tmp_path: Path, captures: Path | None = None, **settings: Any) -> list[dict[str, Any]]:
    """What the agent was sent."""
    seen: list[dict[str, Any]] = []

    async def run() -> None:
        config = RolloutCollectionConfig(
            input_jsonl_fpath=str(tmp_path / "in.jsonl"),
            output_jsonl_fpath=str(tmp_path / "new" / "out.jsonl"),
            agent_name="eager",
            **settings,
        )
        async with agent_at_work(seen, captures) as helper:
            await helper.run_from_config(config)

    asyncio.run(run())
    return seen


def test_rollouts_failures_inputs_and_metrics_are_written_beside_each_other(tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [row("a"), row("b", fails={}), row("c", fails={"_ng_no_persist": True})])
    collect(tmp_path, num_repeats=2, num_samples_in_parallel=1)
    output = tmp_path / "new"
    assert [(each["_ng_task_index"], each["_ng_rollout_index"]) for each in read(output / "out.jsonl")] == [
        (0, 0),
        (0, 1),
    ]
    assert {each["_ng_task_index"] for each in read(output / "out_failures.jsonl")} == {1}
    assert len(read(output / "out_materialized_inputs.jsonl")) == 6
    (entry,) = json.loads((output / "out_aggregate_metrics.json").read_text())
    assert (entry["agent_ref"], entry["key_metrics"]) == ({"name": "eager"}, {"count": 2})


def test_a_resumed_collection_runs_what_is_missing_and_gives_up_what_failed_for_good(tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [row("a"), row("b", fails={}), row("c", fails={"_ng_failure_terminal": True})])
    collect(tmp_path, disable_aggregation=True)
    again = collect(tmp_path, resume_from_cache=True, disable_aggregation=True)
    assert [(each["_ng_task_index"], each["_ng_attempt_index"]) for each in again] == [(1, 1)]


def test_a_rollout_is_given_up_after_as_many_attempts_as_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in.jsonl", [row("b", fails={}), row("a")])
    collect(tmp_path, disable_aggregation=True)
    monkeypatch.setenv("NEMO_GYM_MAX_ROLLOUT_ATTEMPTS", "1")
    assert collect(tmp_path, resume_from_cache=True, disable_aggregation=True) == []


def test_captured_tokens_come_back_into_their_rollouts_and_what_has_none_is_masked(tmp_path: Path) -> None:
    captures = tmp_path / "captures"
    write(tmp_path / "in.jsonl", [row("a"), row("b", is_lost=True)])
    with pytest.warns(UserWarning, match="rollout 1-0 is marked for masking"):
        collect(tmp_path, captures, disable_aggregation=True)
    whole, lost = sorted(read(tmp_path / "new" / "out.jsonl"), key=lambda each: int(each["_ng_task_index"]))
    assert [item["generation_token_ids"] for item in whole["response"]["output"]] == [[3]]
    assert lost["mask_sample"] is True
    assert not [path for path in captures.iterdir() if path.name.startswith("0-0.tokens.jsonl")]


def test_equal_rows_are_one_task_and_overrides_reach_every_rollout(tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [row("a"), row("b"), row("a"), row("z")])
    seen = collect(
        tmp_path,
        limit=3,
        num_repeats={"_default": 2},
        num_repeats_add_seed=True,
        responses_create_params={"temperature": 0.5},
        disable_aggregation=True,
    )
    places = sorted((each["_ng_task_index"], each["_ng_rollout_index"]) for each in seen)
    assert places == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]
    assert all(each["responses_create_params"]["temperature"] == 0.5 for each in seen)
    seeds = {json.loads(each["responses_create_params"]["metadata"]["extra_body"])["seed"] for each in seen}
    assert seeds == {0, 1, 2, 3}


def test_rows_without_an_agent_or_a_number_of_repeats_are_refused_before_anything_runs(tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [row("a")])
    with pytest.raises(ValueError, match=r"no entry for agents \['eager'\]"):
        collect(tmp_path, num_repeats={"other": 2})
    config = RolloutCollectionConfig(
        input_jsonl_fpath=str(tmp_path / "in.jsonl"), output_jsonl_fpath=str(tmp_path / "out.jsonl")
    )
    with pytest.raises(ValueError, match=r"No agent specified for rows \[0\]"):
        asyncio.run(RolloutCollectionHelper().run_from_config(config))


def test_rollouts_of_several_jobs_come_together_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for shard in (1, 0):
        rollout = {"agent_ref": {"name": "eager"}, "_ng_task_index": shard, "_ng_rollout_index": 0, "reward": 1.0}
        write(tmp_path / f"shard{shard}.jsonl", [rollout])
    config = RolloutAggregationConfig(
        input_glob=f"{tmp_path}/shard1.jsonl, {tmp_path}/shard*.jsonl", output_jsonl_fpath=str(tmp_path / "all.jsonl")
    )

    async def run() -> None:
        async with agent_at_work([]) as helper:
            client = helper.setup_server_client()
            monkeypatch.setattr(RolloutCollectionHelper, "setup_server_client", lambda self: client)
            await RolloutAggregationHelper().run_from_config(config)

    asyncio.run(run())
    assert [each["_ng_task_index"] for each in read(tmp_path / "all.jsonl")] == [0, 1]
    (entry,) = json.loads((tmp_path / "all_aggregate_metrics.json").read_text())
    assert entry["agent_metrics"] == {"count": 2}
