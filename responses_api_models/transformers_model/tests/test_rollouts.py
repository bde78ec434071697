"""Rollouts with a local model as the policy, through the gym, and the loop of a trainer around them."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from polygym import JsonObject, PlainGym, configure, sequences_of
from polygym.config.model import RunConfig
from polygym.protocol.errors import ConfigError
from resources_servers.example_single_tool_call.app import weather_of

ROOT = Path(__file__).parents[3]
AGENT = "example_single_tool_call_simple_agent"
TASKS: list[JsonObject] = [
    {"responses_create_params": {"input": f"How is the weather in {city}?", "max_output_tokens": 8}, "city": city}
    for city in ("Oslo", "Lima")
]


def configuration(model: str, *overrides: str) -> RunConfig:
    """The example environment with a local model."""
    return configure(
        resources_servers=["example_single_tool_call"],
        model_type="transformers_model",
        settings={"policy_model_name": model},
        overrides=[f"++policy_model.responses_api_models.transformers_model.{override}" for override in overrides],
        search_dirs=[ROOT],
    )


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_without_torch_the_message_says_what_to_install() -> None:
    config = configuration("tiny", "placement=embedded")
    with (
        pytest.raises(ConfigError, match=r"needs torch. Install it: pip install 'polygym\[transformers\]'"),
        PlainGym(config),
    ):
        pass


@pytest.mark.transformers
def test_a_trainer_gets_groups_with_tokens_and_replaces_the_weights_between_them(tmp_path: Path) -> None:
    from responses_api_models.transformers_model.tests.tiny_models import save_model, transformers

    folder = save_model(tmp_path)
    trained: Any = transformers.AutoModelForCausalLM.from_pretrained(folder)
    config = configuration(str(folder), "return_token_id_information=true", "device=cpu")

    versions = []
    with PlainGym(config) as gym:
        policy: Any = gym.embedded["policy_model"]
        for _ in range(2):
            for group in gym.run_groups(TASKS, num_repeats=3, agent=AGENT):
                assert [record["rollout_state"] for record in group] == ["scored"] * 3
                items = [record["response"]["output"][-1] for record in group]
                versions += [item["weight_version"] for item in items]
                assert all(len(item["generation_token_ids"]) == len(item["generation_log_probs"]) for item in items)
            policy.update_weights(trained)

    assert versions == [0] * 6 + [1] * 6
    assert policy.name == "policy_model"


@pytest.mark.transformers
def test_a_rollout_with_a_tool_call_is_one_sequence_of_what_was_read_and_written(tmp_path: Path) -> None:
    from responses_api_models.transformers_model.tests.tiny_models import ScriptedModels

    scripted = ScriptedModels(tmp_path)
    call = '<tool_call>{"name": "get_weather", "arguments": {"city" :  "Oslo"}}</tool_call>'
    answer = f"It is {weather_of('Oslo').sky}, {weather_of('Oslo').celsius} degrees."
    task = {**TASKS[0], "responses_create_params": {"input": "Oslo?", "temperature": 0, "max_output_tokens": 80}}
    config = configuration(str(scripted.folder), "return_token_id_information=true", "device=cpu")

    with PlainGym(config) as gym:
        policy: Any = gym.embedded["policy_model"]
        texts: dict[int, str] = {}
        for text in (call, answer):  # a turn's place is known when the turns before it are
            (record,) = gym.run([task], agent=AGENT)
            texts[len(record["response"]["output"][-1]["prompt_token_ids"])] = text
            policy.update_weights(scripted.saying(texts), strict=False)
        (record,) = gym.run([task], agent=AGENT)

    assert [item["type"] for item in record["response"]["output"]] == [
        "function_call",
        "function_call_output",
        "message",
    ]
    assert record["reward"] == 1.0
    (sequence,) = sequences_of(record)
    written = [token for token, is_written in zip(sequence.token_ids, sequence.loss_mask, strict=True) if is_written]
    assert scripted.tokenizer.decode(written) == f"{call}<|im_end|>{answer}<|im_end|>"
