"""Declared datasets as one file a split."""

import json
from pathlib import Path
from typing import Any

import pytest

from polygym.config.load import load_config
from polygym.config.model import RunConfig
from polygym.protocol.errors import ConfigError, InputError, OutputError
from polygym.rollouts.collating import collate
from polygym.rollouts.datasets import task_sources

SERVERS = """
room:
  resources_servers:
    room:
      placement: remote
      url: http://localhost:1
      datasets:
        - {name: asked, type: train, jsonl_fpath: asked.jsonl, prompt_config: p.yaml, num_repeats: 2}
agent:
  responses_api_agents:
    agent:
      placement: remote
      url: http://localhost:2
      resources_server: {type: resources_servers, name: room}
      datasets:
        - {name: own, type: train, jsonl_fpath: own.jsonl}
        - {name: later, type: validation, jsonl_fpath: later.jsonl}
"""


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """An agent in a room; both have data to train on."""
    (tmp_path / "servers.yaml").write_text(SERVERS)
    (tmp_path / "p.yaml").write_text("user: 'Say {word}'\n")
    (tmp_path / "asked.jsonl").write_text('{"word": "yes"}\n')
    (tmp_path / "own.jsonl").write_text('{"responses_create_params": {"input": "x"}, "n": 1}\n')
    return load_config(config_paths=["servers.yaml"], cwd=tmp_path, environ={})


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_are_rendered_repeated_and_say_who_runs_them(config: RunConfig, tmp_path: Path) -> None:
    (written,) = collate(config, ("train",), tmp_path / "out")

    assert (written.rows, sorted(written.datasets)) == (3, ["asked", "own"])
    rows = read(tmp_path / "out" / "train.jsonl")
    agent = {"type": "responses_api_agents", "name": "agent"}
    assert all(row["agent_ref"] == agent for row in rows)
    asked = [row for row in rows if row["task_source"] == "room"]
    assert [row["responses_create_params"]["input"][0]["content"] for row in asked] == ["Say yes", "Say yes"]
    assert [row["n"] for row in rows if row["task_source"] == "agent"] == [1]


def test_a_dataset_that_is_not_there_is_named_before_anything_is_written(config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the validation dataset 'later' is not at"):
        collate(config, ("train", "validation"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_splits_that_nobody_declares_are_an_error(config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no dataset of the configured agents is example"):
        collate(config, ("example",), tmp_path / "out")


def test_a_row_that_cannot_be_run_leaves_no_file(config: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text('{"n": 1}\n')
    with pytest.raises(InputError, match=r"own\.jsonl:1"):
        collate(config, ("train",), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_files_that_exist_are_replaced_only_on_request(config: RunConfig, tmp_path: Path) -> None:
    collate(config, ("train",), tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        collate(config, ("train",), tmp_path)
    assert collate(config, ("train",), tmp_path, is_overwriting=True)[0].rows == 3


def test_a_server_with_datasets_leads_to_its_only_agent(config: RunConfig) -> None:
    assert task_sources(config) == {"room": "agent", "agent": "agent"}


def test_only_files_that_are_on_the_hub_are_downloaded(config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the validation dataset 'later' is not at"):
        collate(config, ("train", "validation"), tmp_path / "out", is_downloading=True)
