"""axolotl's integration: it starts the servers, finds them, collects rollouts and asks `/verify`.

Of axolotl, only the folder `integrations/nemo_gym` is needed: its logger is stood in for.
"""

import importlib
import json
import logging
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from checking import WEATHER, holds, options, weather_rows, work_folder, write_rows
from endpoint import Endpoint, Script
from fleet import free_port

AGENT, RESOURCES = "example_single_tool_call_simple_agent", "example_single_tool_call"
FOLDER = Path("src/axolotl/integrations/nemo_gym")


def integration(source: Path) -> dict[str, ModuleType]:
    """The integration's modules, without the rest of axolotl."""
    packages = {"axolotl": None, "axolotl.integrations": None, "axolotl.integrations.nemo_gym": source / FOLDER}
    for name, path in packages.items():
        package = sys.modules[name] = ModuleType(name)
        package.__path__ = [str(path)] if path else []
    logger = ModuleType("axolotl.utils.logging")
    logger.get_logger = logging.getLogger  # type: ignore[attr-defined]
    sys.modules |= {"axolotl.utils": ModuleType("axolotl.utils"), "axolotl.utils.logging": logger}
    names = ("server", "multi_turn", "rewards", "dataset")
    return {name: importlib.import_module(f"axolotl.integrations.nemo_gym.{name}") for name in names}


def gym_folder(folder: Path, gym: str, endpoint_url: str) -> Path:
    """A folder as axolotl expects of a checkout: a virtual environment with `ng_run`, and `env.yaml`."""
    commands = folder / ".venv" / "bin"
    commands.mkdir(parents=True)
    (commands / "ng_run").symlink_to(Path(gym).with_name("ng_run"))
    (commands / "python").symlink_to(Path(gym).with_name("python"))
    policy = {"policy_base_url": endpoint_url, "policy_api_key": "key", "policy_model_name": "stand-in"}
    (folder / "env.yaml").write_text(json.dumps(policy))
    return folder


def check_rollouts(client: dict[str, ModuleType], agents: dict[str, str]) -> None:
    """The rollout function, as the trainer calls it: four rollouts of two tasks, over `/run`."""
    rows = weather_rows(2)
    lookup = {row["responses_create_params"]["input"][0]["content"]: row for row in rows}
    rollout = client["multi_turn"].create_nemo_gym_rollout_func(agents, lookup, 60)
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=True), num_generations=2, temperature=1.0, max_completion_length=64,
        processing_class=SimpleNamespace(eos_token_id=3),
    )  # fmt: skip
    result: dict[str, Any] = rollout(list(lookup), trainer)
    holds(result["env_reward"] == [1.0] * 4, "four rollouts have reward 1.0")
    holds(result["num_turns"] == [2] * 4, "each has two turns with tokens")
    masks = result["env_mask"]
    holds(all({0, 1} == set(mask) for mask in masks), "what the tool answered is masked, what was generated is not")
    holds(all(len(ids) == len(mask) for ids, mask in zip(result["completion_ids"], masks, strict=True)), "masks fit")


def check_rewards(client: dict[str, ModuleType], config: dict[str, Any], head_port: int, path: Path) -> None:
    """The reward functions over `/verify`, on rows that axolotl's data set loader read."""
    dataset = client["dataset"].load_nemo_gym_datasets("", [{"path": str(path), "server_name": RESOURCES}])
    holds({row["resources_server_ref"]["name"] for row in dataset} == {RESOURCES}, "rows keep their resources server")
    endpoints = {RESOURCES: client["server"].get_verify_endpoint(config, RESOURCES)}
    completions = [[{"role": "assistant", "content": WEATHER}] for _ in dataset]
    columns = {
        "prompts": dataset["prompt"],
        "resources_server_ref": dataset["resources_server_ref"],
        "verify_extra": dataset["verify_extra"],
    }
    scores = client["rewards"].create_nemo_gym_reward_fn(config, endpoints)(completions, **columns)
    holds(list(scores) == [0.0] * len(dataset), "/verify scores an answer without the look-up 0.0")
    urls = client["rewards"]._get_verify_urls(head_port)
    holds(urls == endpoints, "its other way of finding /verify gives the same address")


def main() -> None:
    """Start the servers with axolotl's own code, and use them."""
    chosen = options()
    assert chosen.source is not None
    client = integration(chosen.source)
    server = client["server"]
    script = Script(text=WEATHER, arguments={"get_weather": {"city": "San Francisco"}})
    with work_folder() as folder, Endpoint(script) as endpoint:
        gym = gym_folder(folder, chosen.gym, endpoint.url)
        port = free_port()
        (gym / "head.yaml").write_text(f"head_server: {{host: 127.0.0.1, port: {port}}}\n")
        paths = [
            "resources_servers/example_single_tool_call/configs/example_single_tool_call.yaml",
            "responses_api_models/vllm_model/configs/vllm_model_for_training.yaml",
            "head.yaml",
        ]
        try:
            server.start_servers(str(gym), paths, head_port=port, timeout=60)
            config = server.get_server_configs(head_port=port)
            server.wait_for_resource_servers(config, timeout=60)
            agents = server.get_agent_servers(config)
            holds(list(agents) == [AGENT], "the agent is found under its instance's name")
            check_rollouts(client, agents)
            check_rewards(client, config, port, write_rows(folder / "rows.jsonl", weather_rows(3)))
            process: subprocess.Popen[bytes] = server._ng_process
        finally:
            server._cleanup_servers()
        holds(process.returncode == 0, "SIGTERM ends the servers within its ten seconds")


if __name__ == "__main__":
    main()
