"""A root with components of its own, so that no test depends on the built-in ones."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from polygym.config.load import load_config
from polygym.config.model import RunConfig
from polygym.protocol.errors import ConfigError

MODEL = """
policy_model:
  responses_api_models:
    {name}:
      entrypoint: app.py
      base_url: ${{policy_base_url}}
      api_key: ${{policy_api_key}}
      model: ${{policy_model_name}}
"""
ENVIRONMENT = """
{name}:
  resources_servers:
    {name}:
      entrypoint: app.py
      domain: agent
      description: The {name} environment
      verified: false
{name}_agent:
  responses_api_agents:
    simple_agent:
      entrypoint: app.py
      max_steps: 5
      resources_server:
        type: resources_servers
        name: {name}
      model_server:
        type: responses_api_models
        name: policy_model
      datasets:
      - name: example
        type: example
        jsonl_fpath: resources_servers/{name}/data/example.jsonl
"""
POLICY = {"policy_model_name": "m", "policy_base_url": "http://localhost:1/v1", "policy_api_key": "k"}


class Project:
    """A folder that serves as root and working directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str = "") -> Path:
        """A file below the root, its text dedented."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return file

    def implementation(self, server_type: str, name: str) -> Path:
        """The folder of an implementation with an `app.py`."""
        return self.write(f"{server_type}/{name}/app.py").parent

    def environment(self, name: str) -> Path:
        """A resources server with an agent and an example dataset; its config."""
        self.implementation("resources_servers", name)
        self.implementation("responses_api_agents", "simple_agent")
        return self.write(f"resources_servers/{name}/configs/{name}.yaml", ENVIRONMENT.format(name=name))

    def model(self, name: str = "openai_model") -> Path:
        """A model server that plays `policy_model`; its config."""
        self.implementation("responses_api_models", name)
        return self.write(f"responses_api_models/{name}/configs/{name}.yaml", MODEL.format(name=name))

    def load(self, *config_paths: str, environ: Mapping[str, str] | None = None, **sources: Any) -> RunConfig:
        """`load_config` with the root as working directory and an empty environment."""
        return load_config(config_paths=config_paths, environ=environ or {}, cwd=self.root, **sources)

    def refused(self, *config_paths: str, **sources: Any) -> str:
        """The message with which `load` refuses."""
        with pytest.raises(ConfigError) as caught:
            self.load(*config_paths, **sources)
        return str(caught.value)
