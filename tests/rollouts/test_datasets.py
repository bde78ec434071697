"""Which datasets a configuration declares, and for whom."""

from pathlib import Path

import pytest

from polygym.config.load import load_config
from polygym.config.model import RunConfig
from polygym.protocol.errors import ConfigError
from polygym.rollouts.datasets import agents_without, check_datasets, declared_inputs

SERVERS = """
room:
  resources_servers:
    room:
      placement: remote
      url: http://localhost:1
      datasets:
        - {name: shared, type: example, jsonl_fpath: shared.jsonl, num_repeats: 3}
first:
  responses_api_agents:
    agent: &agent
      placement: remote
      url: http://localhost:2
      resources_server: {type: resources_servers, name: room}
second:
  responses_api_agents:
    agent:
      <<: *agent
      datasets:
        - {name: own, type: example, jsonl_fpath: own.jsonl}
        - {name: shared, type: example, jsonl_fpath: shared.jsonl, num_repeats: 5}
        - {name: hub, type: train, jsonl_fpath: hub.jsonl, license: MIT, huggingface_identifier: {repo_id: org/hub}}
        - {name: made, type: validation, jsonl_fpath: made.jsonl, license: MIT, prepare_script: make.py}
"""
ROW = '{"responses_create_params": {"input": "x"}}\n'


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """Two agents in one room."""
    (tmp_path / "servers.yaml").write_text(SERVERS)
    (tmp_path / "shared.jsonl").write_text(ROW)
    (tmp_path / "own.jsonl").write_text(ROW + ROW)
    return load_config(config_paths=["servers.yaml"], cwd=tmp_path, environ={})


def test_a_resources_servers_dataset_is_for_every_agent_in_it_once(config: RunConfig) -> None:
    found = [(source.path.name, source.agent, source.num_repeats) for source in declared_inputs(config, "example")]

    assert found == [("shared.jsonl", "first", 3), ("shared.jsonl", "second", 5), ("own.jsonl", "second", 1)]


def test_one_agents_datasets_can_be_taken_alone(config: RunConfig) -> None:
    assert [source.path.name for source in declared_inputs(config, "example", "first")] == ["shared.jsonl"]


def test_agents_without_a_dataset_of_the_split_are_known(config: RunConfig) -> None:
    assert agents_without(config, "example") == []
    assert agents_without(config, "train") == ["first"]


@pytest.mark.parametrize(
    ("split", "advice"),
    [("train", "Hugging Face dataset org/hub"), ("validation", "with 'gym eval prepare --split validation'")],
)
def test_a_dataset_that_is_not_there_comes_with_the_way_to_get_it(config: RunConfig, split: str, advice: str) -> None:
    with pytest.raises(ConfigError, match=advice) as caught:
        declared_inputs(config, "train" if split == "train" else "validation")

    assert "servers.yaml:" in str(caught.value)


def test_a_source_on_the_hub_is_as_good_as_an_identifier(tmp_path: Path) -> None:
    source = SERVERS.replace("huggingface_identifier: {", "source: {type: huggingface, ")
    (tmp_path / "servers.yaml").write_text(source)
    config = load_config(config_paths=["servers.yaml"], cwd=tmp_path, environ={})

    with pytest.raises(ConfigError, match="Hugging Face dataset org/hub"):
        declared_inputs(config, "train")


def test_a_split_that_nobody_declares_names_those_that_are(config: RunConfig) -> None:
    with pytest.raises(ConfigError, match="Declared: example, train, validation"):
        declared_inputs(config, "benchmark")


def test_every_declared_dataset_is_read_to_its_first_bad_row(config: RunConfig, tmp_path: Path) -> None:
    stranger = ROW.replace("}\n", ', "agent_ref": {"name": "third"}}\n')
    (tmp_path / "own.jsonl").write_text(ROW + stranger)

    found = {(check.owner, check.dataset.name): check for check in check_datasets(config)}

    assert found["room", "shared"].rows == 1
    assert found["second", "hub"].rows is None and found["second", "hub"].problem is None
    assert "own.jsonl:2: no agent 'third'" in str(found["second", "own"].problem)
