"""Writes the tasks of an environment of the verifiers library as rows.

`python -m responses_api_agents.verifiers_agent.rows ENVIRONMENT --output FILE`, in an interpreter that has both.
"""

import argparse
import json
from itertools import islice
from pathlib import Path

from polygym import dumps
from responses_api_agents.verifiers_agent.app import VerifiersAgent, VerifiersAgentConfig, load_library_environment


def write_rows(env_id: str, output: Path, config: VerifiersAgentConfig, count: int) -> int:
    """Write the first `count` tasks; how many there were."""
    environment = load_library_environment(env_id, config)
    rows = [{"vf_env_id": env_id, **row} for row in islice(environment.rows(), count)]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(b"".join(dumps(row) + b"\n" for row in rows))
    return len(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the tasks of a verifiers environment as rows.")
    parser.add_argument("environment", help="id of the environment or taskset")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1000, help="how many rows at most")
    parser.add_argument("--arguments", type=json.loads, default={}, help="vf_env_args as JSON")
    parser.add_argument("--split", choices=("train", "eval"), default="train")
    given = parser.parse_args()
    fields = {
        "model_server": {"type": "responses_api_models", "name": "policy_model"},
        "vf_env_args": given.arguments,
        "split": given.split,
    }
    settings = VerifiersAgent.parse_config(fields, "the command line")
    assert isinstance(settings, VerifiersAgentConfig)
    write_rows(given.environment, given.output, settings, given.count)
