from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, Field

from nemo_gym.benchmarks import discover_benchmarks
from nemo_gym.cli.utils import exit_cleanly_on_config_error
from nemo_gym.command_configs import BaseNeMoGymCLIConfig
from nemo_gym.config_types import (
    ConfigMissingValuesError,
    ConfigPathNotFoundError,
    MalformedConfigPathsError,
    NoServerInstancesError,
)
from nemo_gym.discovery import read_config_metadata
from nemo_gym.global_config import GlobalConfigDictParser, GlobalConfigDictParserConfig
from nemo_gym.mcp_routes import bind_route
from nemo_gym.registry import discover_environment_catalog
from nemo_gym.secret_utils import recursively_hide_secrets

BENCHMARK = """
config_paths: [resources_servers/sums/configs/sums.yaml]
sums_bench:
  _inherit_from: sums_agent
  responses_api_agents:
    simple_agent:
      datasets:
        - name: sums
          type: benchmark
          jsonl_fpath: benchmarks/sums/data/sums.jsonl
          prepare_script: benchmarks/sums/prepare.py
          num_repeats: 4
"""
SERVER = """
sums:
  resources_servers:
    sums: {entrypoint: app.py, domain: math, description: Adding up., token: "${my_token}"}
sums_agent:
  responses_api_agents:
    simple_agent:
      entrypoint: app.py
      resources_server: {type: resources_servers, name: sums}
      model_server: {type: responses_api_models, name: policy_model}
      key: ???
      datasets:
        - {name: example, type: example, jsonl_fpath: resources_servers/sums/data/example.jsonl}
"""


@pytest.fixture
def sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with a resources server and a benchmark that inherits from it; values of a run are not set."""
    for name, text in (
        ("benchmarks/sums/config.yaml", BENCHMARK),
        ("resources_servers/sums/configs/sums.yaml", SERVER),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("NEMO_GYM_EXTRA_ROOTS", str(tmp_path))
    return tmp_path


def test_components_are_listed_although_values_of_a_run_are_not_set(sums: Path) -> None:
    assert read_config_metadata(sums / "benchmarks" / "sums" / "config.yaml") == ("math", "Adding up.")
    benchmark = discover_benchmarks()["sums"]
    assert (benchmark.agent_name, benchmark.num_repeats) == ("sums_bench", 4)
    found = {entry.name: entry.kind for entry in discover_environment_catalog() if sums in entry.path.parents}
    assert found == {"sums": "benchmark", "resources_servers/sums": "environment"}


def test_files_come_with_what_they_include_and_the_including_ones_win(sums: Path) -> None:
    paths, configs = GlobalConfigDictParser().load_extra_config_paths(["benchmarks/sums/config.yaml"])

    assert [Path(path).name for path in paths] == ["sums.yaml", "config.yaml"]
    assert "sums_bench" in configs[-1]


def test_mistakes_have_their_own_errors(sums: Path) -> None:
    parser = GlobalConfigDictParser()
    with pytest.raises(ConfigPathNotFoundError, match="absent"):
        parser.load_extra_config_paths(["absent.yaml"])
    with pytest.raises(ConfigMissingValuesError, match=r"a\.b\[1\]"):
        parser.raise_on_missing_values(OmegaConf.create({"a": {"b": [1, "???"]}}))
    with pytest.raises(NoServerInstancesError, match="gym env start"):
        parser.raise_on_no_server_instances(OmegaConf.create({"head_server": {"port": 1}}))
    with pytest.raises(MalformedConfigPathsError, match="list"):
        parser.parse(GlobalConfigDictParserConfig(initial_global_config_dict=DictConfig({"config_paths": "a.yaml"})))


def test_secrets_are_hidden_in_place() -> None:
    config = OmegaConf.create({"a": {"api_key": "x", "keys": ["y"], "name": "n"}})
    recursively_hide_secrets(config)
    assert config == {"a": {"api_key": "****", "keys": ["****"], "name": "n"}}


def test_a_command_says_what_its_parameters_are(capsys: pytest.CaptureFixture[str]) -> None:
    class Copy(BaseNeMoGymCLIConfig):
        """Copies rows."""

        source: str = Field(description="Where from.")
        limit: int = Field(default=3, description="How many.")

    with pytest.raises(SystemExit):
        Copy.model_validate({"help": True})
    shown = capsys.readouterr().out
    assert "Displaying help for Copy" in shown
    assert "- source (str): Where from. [required]" in shown
    assert "- limit (int): How many. [default: 3]" in shown


def test_a_mistake_in_a_configuration_ends_a_command_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    @exit_cleanly_on_config_error
    def command() -> None:
        raise NoServerInstancesError("nothing [here]")

    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == 1
    assert "nothing [here]" in capsys.readouterr().out


class Body(BaseModel):
    """What a tool takes."""

    text: str


class Route:
    """What is read of a route."""

    path = "/tool"
    response_model = None

    def __init__(self, endpoint: object) -> None:
        self.endpoint = endpoint


def test_a_handler_is_bound_when_a_body_is_all_it_needs() -> None:
    async def good(body: Body) -> None: ...

    async def needs_more(body: Body, limit: int) -> None: ...

    async def optional(body: Body | None = None) -> None: ...

    bound = bind_route(Route(good)).binding
    assert bound is not None
    assert (bound.body_model, bound.is_coroutine) == (Body, True)
    assert bind_route(Route(needs_more)).reasons == ("unsupported required param 'limit': <class 'int'>",)
    assert "union/optional" in bind_route(Route(optional)).reasons[0]
