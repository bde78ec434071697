"""verl's recipe: its data set and its agent loop, from rows to a padded batch, without the generation workers.

The manager is made without its constructor, which starts vLLM; where its endpoints are, and the settings it reads, are
given to it. The library verl is the real one.
"""

import asyncio
import importlib.util
import json
import os
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from checking import WEATHER, holds, options, weather_rows, work_folder, write_rows
from endpoint import Endpoint, Script
from letters import rows as letter_rows
from letters import write_root

EXAMPLE = "resources_servers/example_single_tool_call/configs/example_single_tool_call.yaml"
MODEL = "responses_api_models/vllm_model/configs/vllm_model_for_training.yaml"


def load(source: Path, name: str) -> ModuleType:
    """A file of the recipe as a module."""
    spec = importlib.util.spec_from_file_location(f"recipe_{name}", source / "nemo_gym" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def manager_of(recipe: ModuleType, addresses: list[str], config: Path) -> Any:
    """The recipe's manager, as far as rollouts need it."""
    from tiny_model import byte_tokenizer

    tokenizer = byte_tokenizer()
    recipe.omega_conf_to_dataclass = lambda _: SimpleNamespace(tokenizer=tokenizer)  # type: ignore[attr-defined]
    manager = recipe.NeMoGymAgentLoopManager.__new__(recipe.NeMoGymAgentLoopManager)
    manager.server_addresses = addresses
    manager.model_config = {"path": "tiny"}
    manager.reward_loop_worker_handles = None
    manager.rollout_config = SimpleNamespace(
        temperature=1.0, top_p=1.0, val_kwargs=SimpleNamespace(temperature=0.0, top_p=1.0), max_model_len=4096,
        prompt_length=1024, response_length=1024, agent=SimpleNamespace(agent_loop_config_path=str(config)),
    )  # fmt: skip
    return manager


def batch_of(dataset: Any) -> Any:
    """The rows as verl's trainer hands them over."""
    import numpy as np
    from verl.protocol import DataProto

    rows = [dataset[index] for index in range(len(dataset))]
    columns: dict[str, Any] = {}
    for name in ("raw_prompt", "agent_ref", "extra_env_info"):
        columns[name] = np.empty(len(rows), dtype=object)
        columns[name][:] = [row[name] for row in rows]
    return DataProto.from_single_dict({"placeholder": rows[0]["__nemo_gym_batch_size__"].repeat(len(rows)), **columns})


def check_batch(manager: Any, dataset: Any) -> None:
    """Rewards and masks of a padded batch."""
    output = manager.generate_sequences(batch_of(dataset))
    rewards = output.batch["rm_scores"].sum(dim=1).tolist()
    letter = WEATHER.count("a") / len(WEATHER)
    holds(
        [round(reward, 4) for reward in rewards] == [1.0, 1.0, round(letter, 4)], "rewards are in the batch, in order"
    )
    holds(output.non_tensor_batch["__num_turns__"].tolist() == [2, 2, 2], "every rollout has two turns with tokens")
    trained, shown = output.batch["response_mask"], output.batch["responses"].ne(0)
    holds(bool((trained.sum(1) < shown.sum(1)).all()), "what the tool answered is masked")
    metrics = output.meta_info["rollout_metrics"]
    names = {"env/example_single_tool_call_simple_agent/reward_mean", "env/letters_simple_agent/reward_mean"}
    holds(names <= set(metrics), "and counted by agent")


def main() -> None:
    """Two environments in one batch through the recipe's manager."""
    chosen = options()
    assert chosen.source is not None
    script = Script(text=WEATHER, arguments={"get_weather": {"city": "San Francisco"}})
    with work_folder() as folder, Endpoint(script) as first, Endpoint(script) as second:
        root = write_root(folder)
        os.environ["NEMO_GYM_EXTRA_ROOTS"] = str(root)
        recipe, data = load(chosen.source, "agent_loop"), load(chosen.source, "dataset")
        config = folder / "agent_loop.yaml"
        config.write_text(json.dumps({"nemo_gym": {"config_paths": [EXAMPLE, MODEL, str(root / "letters.yaml")]}}))
        import ray

        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)
        manager = manager_of(recipe, [url.removesuffix("/v1") for url in (first.url, second.url)], config)
        try:
            asyncio.run(manager._init_nemo_gym())
            holds(True, "the recipe has brought the servers up")
            rows = write_rows(folder / "rows.jsonl", [*weather_rows(2), *letter_rows("a")])
            check_batch(manager, data.NeMoGymJSONLDataset(str(rows), manager._tokenizer))
            holds(bool(first.requests) and bool(second.requests), "both of the policy's endpoints were asked")
            manager._rh.shutdown()
            left = [thread.name for thread in threading.enumerate() if thread.name == "polygym fleet"]
            holds(not left, "nothing of the servers is left")
        finally:
            ray.shutdown()


if __name__ == "__main__":
    main()
