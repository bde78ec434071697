"""Collecting rollouts from agents that are up, over HTTP, under the names that trainers and servers import."""

import asyncio
import glob
import logging
from collections import defaultdict
from collections.abc import Awaitable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any, Final, Optional

import orjson
from pydantic import BaseModel

from nemo_gym.collection_configs import (
    E2ERolloutCollectionConfig,
    RolloutAggregationConfig,
    RolloutCollectionConfig,
    SharedRolloutCollectionConfig,
)
from nemo_gym.collection_files import (
    DEFAULT_MAX_ROLLOUT_ATTEMPTS,
    NG_FAILURE_CLASS_KEY,
    NG_NO_PERSIST_KEY,
    NG_TERMINAL_KEY,
    OutputFiles,
    get_max_rollout_attempts,
    is_resumable,
    resume,
    start_anew,
    write_lines,
)
from nemo_gym.collection_rows import Row, agent_of, loads_jsonl_line, place_of, prepare_rows, summary_of
from nemo_gym.collection_tokens import CollectedTokens
from nemo_gym.config_errors import ConfigPathNotFoundError
from nemo_gym.config_types import AggregateMetrics, AggregateMetricsRequest, BaseServerConfig
from nemo_gym.configuration import get_global_config_dict
from nemo_gym.keys import (
    AGENT_REF_KEY_NAME,
    ATTEMPT_INDEX_KEY_NAME,
    ROLLOUT_ID_KEY_NAME,
    ROLLOUT_INDEX_KEY_NAME,
    SKILLS_REF_KEY_NAME,
    TASK_INDEX_KEY_NAME,
)
from nemo_gym.model_call_capture import (
    clear_model_call_captures_for_rollouts,
    merge_model_call_capture_into_record,
    model_call_capture_dirs_from_config,
)
from nemo_gym.outgoing import get_response_json, raise_for_status
from nemo_gym.path_utils import failures_path_for
from nemo_gym.server_client import ServerClient, setup_server_client
from nemo_gym.trajectory_records import CAPTURE, OBSERVATIONS, has_gap, is_observed
from nemo_gym.trajectory_records import TRAJECTORY as NG_TRAJECTORY_KEY
from nemo_gym.trajectory_records import attach_trajectory_record as _attach_trajectory_record
from nemo_gym.trajectory_records import build_trajectory_record as _build_trajectory_record
from nemo_gym.trajectory_records import without_observations as _rollout_for_export

_DEFAULT_MAX_ROLLOUT_ATTEMPTS: Final = DEFAULT_MAX_ROLLOUT_ATTEMPTS
_get_max_rollout_attempts = get_max_rollout_attempts

CARRIED: Final = (AGENT_REF_KEY_NAME, TASK_INDEX_KEY_NAME, ROLLOUT_INDEX_KEY_NAME)
"""Fields of a row that its result has, whatever the agent answers; further ones where the row has them."""
CARRIED_IF_THERE: Final = (SKILLS_REF_KEY_NAME, ATTEMPT_INDEX_KEY_NAME, ROLLOUT_ID_KEY_NAME)
HEAVY: Final = frozenset({"response", "responses_create_params", OBSERVATIONS, CAPTURE, NG_TRAJECTORY_KEY})
"""Fields that metrics are computed without."""

log = logging.getLogger("nemo_gym.collection")


class RolloutCollectionHelper(BaseModel):
    """Sends rows to the agents that they name."""

    async def run_from_config(self, config: RolloutCollectionConfig) -> list[Row]:
        """Run the rows of a file, write rollouts, failures and metrics; the results by task and repeat.

        An agent's answer with `_ng_failure_class` is a failure, one with `_ng_no_persist` is written nowhere. An answer
        that is an error ends the run.
        """
        output = Path(config.output_jsonl_fpath)
        output.parent.mkdir(parents=True, exist_ok=True)
        rows: list[Row] = []
        results: list[Row] = []
        if is_resumable(config):
            waiting, rows, results = resume(config)
        else:
            waiting = self._preprocess_rows_from_config(config)
            start_anew(config, waiting)
        settings = get_global_config_dict()
        folders = model_call_capture_dirs_from_config(settings)
        if folders:
            clear_model_call_captures_for_rollouts(waiting, folders)
        tokens = CollectedTokens(settings, waiting)
        limit = asyncio.Semaphore(config.num_samples_in_parallel) if config.num_samples_in_parallel else nullcontext()
        written = list(zip(rows, results, strict=True))
        with OutputFiles(output) as files:
            for future in self.run_examples(waiting, semaphore=limit):
                row, result = await future
                _complete(row, result, folders)
                built = await tokens.give_back(row, result)
                results.append(result)
                if files.add(result):
                    written.append((row, result))
                    await tokens.forget(result, built, files)
        await tokens.close()
        results.sort(key=place_of)
        written.sort(key=lambda pair: place_of(pair[0]))
        if not config.disable_aggregation:
            await self._call_aggregate_metrics([result for _, result in written], [row for row, _ in written], output)
        log.info("%d rollouts are in %s", len(written), output)
        return results

    def _preprocess_rows_from_config(self, config: RolloutCollectionConfig) -> list[Row]:
        return prepare_rows(config)

    async def _call_aggregate_metrics(self, results: list[Row], rows: list[Row], output_fpath: Path) -> Optional[Path]:
        """Have every agent compute metrics over its results, and write them; the file, None without results."""
        by_agent: defaultdict[str, list[Row]] = defaultdict(list)
        for row, result in zip(rows, results, strict=True):
            if agent := agent_of(row):
                by_agent[agent].append(_light(result))
        if not results:
            return None
        client = self.setup_server_client()

        async def metrics_of(agent: str, verified: list[Row]) -> Row:
            asked = AggregateMetricsRequest(verify_responses=verified)
            answer = await client.post(server_name=agent, url_path="/aggregate_metrics", json=asked)
            await raise_for_status(answer)
            metrics = AggregateMetrics.model_validate(await get_response_json(answer))
            log.info("%s: %s", agent, metrics.key_metrics)
            named = {name: getattr(metrics, name) for name in ("agent_metrics", "key_metrics", "group_level_metrics")}
            return {AGENT_REF_KEY_NAME: {"name": agent}, **named}

        entries = await asyncio.gather(*(metrics_of(agent, verified) for agent, verified in by_agent.items()))
        path = output_fpath.with_name(f"{output_fpath.stem}_aggregate_metrics.json")
        path.write_bytes(orjson.dumps(entries, option=orjson.OPT_INDENT_2))
        return path

    def run_examples(
        self,
        examples: list[Row],
        head_server_config: Optional[BaseServerConfig] = None,
        semaphore: Optional[AbstractAsyncContextManager[Any]] = None,
    ) -> Iterator[Awaitable[tuple[Row, Row]]]:
        """Awaitables of `(row, result)`, as rollouts finish; an agent's error is raised by its awaitable.

        Needs a running event loop. What it raises has `status` and `response_content`.
        """
        client = self.setup_server_client(head_server_config)

        async def run(row: Row) -> tuple[Row, Row]:
            async with semaphore or nullcontext():
                log.debug("running %s", summary_of(row))
                answer = await client.post(server_name=row[AGENT_REF_KEY_NAME]["name"], url_path="/run", json=row)
                await raise_for_status(answer)
                return row, await get_response_json(answer)

        return iter(asyncio.as_completed([asyncio.ensure_future(run(row)) for row in examples]))

    def setup_server_client(self, head_server_config: Optional[BaseServerConfig] = None) -> ServerClient:
        """A client with the configuration that the head server serves."""
        return setup_server_client(head_server_config)


def _complete(row: Row, result: Row, folders: list[Path]) -> None:
    """Say in a result which rollout it is, and what was observed of it."""
    result.update({key: row[key] for key in CARRIED})
    result.update({key: row[key] for key in CARRIED_IF_THERE if key in row})
    if folders:
        is_whole = not has_gap(result, "multimodal_history_redacted")
        merge_model_call_capture_into_record(result, folders, include_payloads=is_whole)
    if is_observed(result):
        _attach_trajectory_record(row, result)


def _light(result: Row) -> Row:
    light = {key: value for key, value in result.items() if key not in HEAVY}
    if usage := (result.get("response") or {}).get("usage"):
        light["response"] = {"usage": usage}
    return light


class RolloutAggregationHelper(BaseModel):
    """Metrics over the rollouts of several jobs."""

    async def run_from_config(self, config: RolloutAggregationConfig) -> Optional[Path]:
        """Write them, and all rollouts in one file if that is wanted. Raises ConfigPathNotFoundError without any."""
        results = sorted(_read_matching(config.input_glob), key=place_of)
        output = Path(config.output_jsonl_fpath)
        output.parent.mkdir(parents=True, exist_ok=True)
        if config.merge_shards:
            write_lines(output, results)
        return await RolloutCollectionHelper()._call_aggregate_metrics(results, results, output)


def matching_files(patterns: str) -> list[str]:
    """The files that patterns, separated by commas, name, each once."""
    each = [pattern.strip() for pattern in patterns.split(",")]
    return list(dict.fromkeys(path for pattern in each if pattern for path in sorted(glob.glob(pattern))))


_expand_input_glob, _failures_path_for = matching_files, failures_path_for
_rollout_request_debug_summary = summary_of


def _read_matching(patterns: str) -> list[Row]:
    paths = matching_files(patterns)
    if not paths:
        raise ConfigPathNotFoundError(f"No shards matched input_glob={patterns!r}")
    rows: list[Row] = []
    for path in paths:
        with open(path, "rb") as file:
            rows += [loads_jsonl_line(line, path, number) for number, line in enumerate(file, 1) if line.strip()]
    return rows
