"""TRL's example script for NeMo Gym: three steps of GRPO, its functions as they are, on a CPU.

Its `main` insists on vLLM and so is not used. TRL from 1.0 on hands the rollout function prompts that it has repeated
already, and the script repeats them again: `as_before` lets the script see the trainer as it was written for.
"""

import argparse
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from checking import TOKEN_IDS, holds, options, work_folder, write_rows
from endpoint import Endpoint
from fleet import RunningFleet
from letters import AGENT, rows, write_root
from tiny_model import LiveModel, byte_tokenizer, tiny_model

SCRIPT = Path("examples/scripts/nemo_gym/train_multi_environment.py")
STEPS, GENERATIONS = 3, 4


def load(source: Path) -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("trl_nemo_gym_script", source / SCRIPT)
    assert spec is not None and spec.loader is not None
    script = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def as_before(trainer: Any) -> SimpleNamespace:
    """The trainer as releases before 1.0 showed it: one prompt, to be repeated by nobody else."""
    arguments = argparse.Namespace(**{**vars(trainer.args), "num_generations": 1, "num_generations_eval": 1})
    names = ("model", "train_dataset", "eval_dataset", "processing_class", "log")
    return SimpleNamespace(args=arguments, **{name: getattr(trainer, name) for name in names})


def train(script: ModuleType, agents: dict[str, str], path: Path, model: Any, folder: Path) -> Any:
    """Three optimizer steps; the trainer afterwards."""
    from trl import GRPOTrainer

    arguments = script.NeMoGymGRPOConfig(
        output_dir=str(folder / "out"), use_vllm=False, use_cpu=True, bf16=False, max_steps=STEPS, logging_steps=1,
        per_device_train_batch_size=GENERATIONS, num_generations=GENERATIONS, max_completion_length=256,
        learning_rate=1e-2, temperature=1.0, report_to=[], save_strategy="no", disable_tqdm=True,
        agent_servers=agents, request_timeout=60,
    )  # fmt: skip
    trainer = GRPOTrainer(
        model=model, processing_class=byte_tokenizer(), reward_funcs=script.reward_fn,
        train_dataset=script.load_dataset_from_jsonl(str(path)), args=arguments,
        rollout_func=lambda prompts, trainer: script.nemo_gym_rollout_func(prompts, as_before(trainer)),
    )  # fmt: skip
    trainer.train()
    return trainer


def main() -> None:
    """Bring up an environment with a dense reward, and train on it."""
    chosen = options()
    assert chosen.source is not None
    script = load(chosen.source)
    model = tiny_model()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    with work_folder() as folder, Endpoint(LiveModel(model)) as endpoint:
        root = write_root(folder)
        select = ["--search-dir", str(root), "--config", str(root / "letters.yaml"), TOKEN_IDS]
        policy = ["--model-type", "vllm_model", "--model", "tiny", "--model-url", endpoint.url]
        with RunningFleet(*select, *policy, folder=folder, command=chosen.gym) as fleet:
            agents = script.get_agent_servers(head_server_port=fleet.head_port)
            holds(list(agents) == [AGENT], "the script finds the agent")
            trainer = train(script, agents, write_rows(folder / "rows.jsonl", rows("abcd")), model, folder)
    logged = [entry for entry in trainer.state.log_history if "loss" in entry]
    rewards = [entry["reward"] for entry in logged]
    holds(trainer.state.global_step == STEPS and len(logged) == STEPS, f"{STEPS} steps were made")
    turns = [entry["num_turns_mean"] for entry in trainer.state.log_history if "num_turns_mean" in entry]
    holds(turns == [2.0] * STEPS, "every rollout had two turns with tokens: no failed one, none out of line")
    holds(any(reward > 0 for reward in rewards), f"there are rewards: {[round(reward, 3) for reward in rewards]}")
    has_moved = any(not old.equal(new) for old, new in zip(before, model.parameters(), strict=True))
    holds(has_moved, "the weights have moved")


if __name__ == "__main__":
    main()
