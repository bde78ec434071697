import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from omegaconf import OmegaConf
from pydantic import Field

from nemo_gym.asgi_calls import call_app
from nemo_gym.base_responses_api_model import BaseResponsesAPIModelConfig, SimpleResponsesAPIModel
from nemo_gym.config_types import BaseServerConfig
from nemo_gym.openai_utils import (
    NeMoGymChatCompletion,
    NeMoGymChatCompletionCreateParamsNonStreaming,
    NeMoGymResponse,
    NeMoGymResponseCreateParamsNonStreaming,
)
from nemo_gym.server_utils import ServerClient
from nemo_gym.token_id_capture import (
    TokenCaptureStore,
    TokenEntry,
    assert_prefix_contiguity,
    prefix_merging,
    trajectories_for_rollout,
)
from nemo_gym.token_id_capture.delivery import finalize_rollout_token_capture, retire_rollout_token_capture

CAPTURED = "/ng-rollout/0-0/training-token-capture"


class Scripted(SimpleResponsesAPIModel):
    """Answers with the tokens it is told to, or with none."""

    answers: list[dict[str, Any]] = Field(default_factory=list)

    async def responses(self, body: NeMoGymResponseCreateParamsNonStreaming) -> NeMoGymResponse:
        message = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "hi", "annotations": []}],
            **self.answers.pop(0),
        }
        fields = {"id": "r", "created_at": 0, "model": "m", "object": "response"}
        return NeMoGymResponse.model_validate({**fields, "output": [message]})

    async def chat_completions(self, body: NeMoGymChatCompletionCreateParamsNonStreaming) -> NeMoGymChatCompletion:
        raise NotImplementedError


def tokens(prompt: list[int], generated: list[int]) -> dict[str, Any]:
    log_probs = [-0.5] * len(generated)
    return {"prompt_token_ids": prompt, "generation_token_ids": generated, "generation_log_probs": log_probs}


def app(folder: Path, *answers: dict[str, Any]) -> FastAPI:
    settings = OmegaConf.create({"token_id_capture": {"enabled": True, "dir": str(folder)}})
    server_client = ServerClient(head_server_config=BaseServerConfig(host="", port=0), global_config_dict=settings)
    config = BaseResponsesAPIModelConfig(host="", port=0, entrypoint="app.py", name="policy_model")
    server = Scripted(config=config, server_client=server_client)
    server.answers = list(answers)
    return server.setup_webserver()


def ask(served: FastAPI, prefix: str) -> int:
    headers = {"content-type": "application/json"}
    return asyncio.run(call_app(served, "POST", f"{prefix}/v1/responses", b'{"input": "hi"}', headers)).status


def entry(call: str, prompt: list[int], generated: list[int], created_at: float = 0.0) -> TokenEntry:
    return TokenEntry(rollout_id="0-0", model_call_id=call, created_at=created_at, **tokens(prompt, generated))


def test_calls_by_the_capturing_path_become_one_answer_and_the_others_are_left_alone(tmp_path: Path) -> None:
    served = app(tmp_path, tokens([1, 2], [3]), tokens([9], [9]), tokens([1, 2, 3, 4], [5, 6]))
    assert [ask(served, prefix) for prefix in (CAPTURED, "", CAPTURED)] == [200, 200, 200]
    record: dict[str, Any] = {"_ng_task_index": 0, "_ng_rollout_index": 0, "reward": 1.0, "response": {"output": []}}

    async def finish() -> bool:
        store = TokenCaptureStore(tmp_path)
        built = await finalize_rollout_token_capture(record, store)
        return await retire_rollout_token_capture("0-0", store, built)

    assert asyncio.run(finish())
    output = record["response"]["output"]
    assert_prefix_contiguity(record["response"])
    assert [item["generation_token_ids"] for item in output] == [[3], [5, 6]]
    assert output[1]["prompt_token_ids"] == [1, 2, 3, 4]
    assert (record["reward"], record.get("mask_sample")) == (1.0, None)
    assert TokenCaptureStore(tmp_path).read_entries("0-0") == []


def test_a_call_without_tokens_masks_its_rollout(tmp_path: Path) -> None:
    served = app(tmp_path, tokens([1], [2]), {})
    assert [ask(served, CAPTURED) for _ in range(2)] == [200, 200]

    built = trajectories_for_rollout("0-0", [tmp_path])

    assert built is not None
    assert (built["mask_sample"], built["metrics"]["capture_incomplete"]) == (True, True)


def test_a_killed_writer_loses_no_call_and_a_torn_line_is_dropped(tmp_path: Path) -> None:
    store = TokenCaptureStore(tmp_path)
    store.append(entry("a", [1], [2]))
    state = store.state_path_for("0-0").read_bytes()
    store.append(entry("b", [1, 2], [3]))
    store.state_path_for("0-0").write_bytes(state)
    with store.path_for("0-0").open("ab") as file:
        file.write(b'{"rollout_id": "0-')

    snapshot = store.freeze_now("0-0")

    assert [each.model_call_id for each in snapshot.entries] == ["a", "b"]
    with pytest.raises(RuntimeError, match="already frozen"):
        store.append(entry("c", [1], [4]))


def test_a_retry_is_settled_by_the_call_that_goes_on_from_it(tmp_path: Path) -> None:
    lost, used = entry("lost", [1], [7]), entry("used", [1], [2])

    settled = prefix_merging([lost, used, entry("next", [1, 2, 3], [4])])
    open_ended = prefix_merging([lost, used])

    assert [[link.entry.model_call_id for link in chain.links] for chain in settled.chains] == [["used", "next"]]
    assert (settled.quarantined, settled.notes.unresolved_retries) == (["lost"], [])
    assert open_ended.notes.unresolved_retries == ["lost", "used"]


def test_of_several_chains_the_one_that_began_first_is_the_main_one() -> None:
    out = prefix_merging([entry("helper", [8], [9], 2.0), entry("first", [5, 6], [7], 1.0)])

    assert {chain.links[0].entry.model_call_id: chain.chain_id for chain in out.chains} == {
        "first": "main",
        "helper": "branch-0",
    }
    assert (out.notes.roots, out.notes.delivered_fraction) == (2, 0.5)
