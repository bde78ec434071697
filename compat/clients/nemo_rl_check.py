"""NeMo RL: its environment, as a Ray actor, brings up the servers and collects and postprocesses rollouts.

Runs under an interpreter with torch, Ray and transformers, and with polygym and its package `nemo_gym` installed, as in
NeMo RL's own actor. Nothing of NeMo RL is stood in for.
"""

import os
import sys
from pathlib import Path
from typing import Any

from checking import WEATHER, holds, options, weather_rows, work_folder
from endpoint import Endpoint, Script
from letters import rows as letter_rows
from letters import write_root

MODEL = "responses_api_models/vllm_model/configs/vllm_model_for_training.yaml"


def batch() -> list[dict[str, Any]]:
    """Rows of two environments as NeMo RL sends them; the last one does not fit its environment."""
    rows = [*weather_rows(2), *letter_rows("a"), {**letter_rows("a")[0], "letter": None}]
    sampling = {"temperature": 1.0, "top_p": 1.0, "max_output_tokens": 64}
    for index, row in enumerate(rows):
        row["responses_create_params"] |= sampling
        row |= {"_rowidx": index, "_ng_task_index": index, "dataset": "demo"}
    return rows


def collect(actor: Any, rows: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The postprocessed rollouts by row, as the actor streams them."""
    import ray

    streaming = actor.run_rollouts.options(num_returns="streaming")
    results = [ray.get(reference) for reference in streaming.remote(rows, "timing")]
    holds(results[-1][2] is not None, "the last one comes with the timings of the batch")
    return {index: result for index, result, _ in results}


def check_rollouts(actor: Any) -> None:
    """Rewards, token sequences and echoed fields of a good batch."""
    found = collect(actor, batch()[:3])
    holds(sorted(found) == [0, 1, 2], "every row comes back under its number")
    rewards = [found[index]["full_result"]["reward"] for index in range(3)]
    holds(rewards == [1.0, 1.0, WEATHER.count("a") / len(WEATHER)], "rewards are the environments'")
    for result in found.values():
        roles = [message["role"] for message in result["message_log"]]
        holds(roles == ["user", "assistant"] * 2, "a rollout is two turns, contiguous, trainable ones apart")
        assistant = result["message_log"][1]
        holds(len(assistant["token_ids"]) == len(assistant["generation_logprobs"]), "each token has its probability")
    shown = found[0]["full_result"]["response"]["output"][-1]
    holds(shown["generation_str"].startswith("It is clear"), "text is decoded from the tokens")


def check_failure(actor: Any) -> None:
    """A row that its environment refuses: the failure is typed, and crosses the actor's boundary."""
    from nemo_rl.experience.failures import GymTransportError, RolloutDataFailure

    try:
        collect(actor, batch()[3:])
    except Exception as error:
        cause = getattr(error, "cause", error)
        holds(isinstance(cause, GymTransportError | RolloutDataFailure), f"a refused row is typed: {cause!r:.120}")
    else:
        sys.exit("FAILED: a row that does not fit was run")


def main() -> None:
    """Two environments, ours and one written for NeMo Gym, through NeMo RL's actor."""
    chosen = options()
    assert chosen.source is not None
    sys.path.insert(0, str(chosen.source))
    paths = [str(Path(__file__).parent), str(chosen.source), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    import ray
    from nemo_rl.environments.nemo_gym import NemoGym
    from tiny_model import byte_tokenizer

    script = Script(text=WEATHER, arguments={"get_weather": {"city": "San Francisco"}})
    with work_folder() as folder, Endpoint(script) as first, Endpoint(script) as second:
        root = write_root(folder)
        config = {
            "config_paths": [
                "resources_servers/example_single_tool_call/configs/example_single_tool_call.yaml",
                str(root / "letters.yaml"),
                MODEL,
            ],
            "policy_model": {"responses_api_models": {"vllm_model": {"uses_reasoning_parser": False}}},
            "uv_venv_dir": str(folder / "venvs"),
        }
        os.environ["NEMO_GYM_EXTRA_ROOTS"] = str(root)
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
        try:
            urls = [first.url, second.url]
            actor = NemoGym.remote({"model_name": "tiny", "base_urls": urls, "initial_global_config_dict": config})
            ray.get(actor._spinup.remote())
            ray.get(actor.set_tokenizer.remote(byte_tokenizer()))
            ray.get(actor.health_check.remote())
            holds(True, "the actor has brought the servers up, and finds them well")
            check_rollouts(actor)
            holds(bool(first.requests) and bool(second.requests), "both of the policy's endpoints were asked")
            check_failure(actor)
            ray.get(actor.shutdown.remote())
        finally:
            ray.shutdown()


if __name__ == "__main__":
    main()
