"""What every check of a client shares: its options, how it says what holds, and rows to run.

A check is a script that runs under the client's interpreter; this file and its neighbours need only the standard
library.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TOKEN_FIELDS = ("prompt_token_ids", "generation_token_ids", "generation_log_probs")


class Options(argparse.Namespace):
    """What a check is given."""

    source: Path | None
    """The client's code: a checkout of its repository, or the part of one that is needed."""
    gym: str
    """The command `gym` of the polygym to run against; its neighbours are the other commands."""
    root: Path | None
    """A checkout of NeMo Gym, for checks that run environments of theirs."""


def options() -> Options:
    """The options of this process; the source is put in front of the import path."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=Path)
    parser.add_argument("--gym", default=str(Path(sys.executable).with_name("gym")))
    parser.add_argument("--root", type=Path)
    return parser.parse_args(namespace=Options())


def holds(is_true: bool, what: str) -> None:
    """Say that something holds; end the process when it does not."""
    if not is_true:
        sys.exit(f"FAILED: {what}")
    sys.stdout.write(f"ok: {what}\n")
    sys.stdout.flush()


@contextmanager
def work_folder() -> Iterator[Path]:
    """A folder to write to, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="polygym-client-") as folder:
        yield Path(folder)


def weather_rows(count: int, agent: str = "example_single_tool_call_simple_agent") -> list[dict[str, Any]]:
    """Tasks of `example_single_tool_call` whose rollouts the endpoint's script scores 1.0."""
    tool = {
        "type": "function",
        "name": "get_weather",
        "description": "Look up the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    }
    question = "What is the weather like in San Francisco? Question number {}."
    return [
        {
            "responses_create_params": {
                "input": [{"role": "user", "content": question.format(index)}],
                "tools": [tool],
            },
            "city": "San Francisco",
            "agent_ref": {"type": "responses_api_agents", "name": agent},
        }
        for index in range(count)
    ]


WEATHER = "It is clear in San Francisco, 1 °C."
"""What the model says to be right."""
TOKEN_IDS = "++policy_model.responses_api_models.vllm_model.return_token_id_information=true"
"""The override that makes the model server return token ids."""


def weather_fleet(endpoint_url: str) -> list[str]:
    """Arguments of `gym env start` for those tasks, with token ids."""
    model = ["--model-type", "vllm_model", "--model", "stand-in", "--model-url", endpoint_url, "--model-api-key", "key"]
    return ["--resources-server", "example_single_tool_call", *model, TOKEN_IDS]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """The rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def trained_turns(output: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items that a trainer trains on."""
    return [item for item in output if item.get("generation_token_ids")]


def is_contiguous(turns: list[dict[str, Any]]) -> bool:
    """Whether each prompt starts with the one before and what was generated then."""
    before = [turn["prompt_token_ids"] + turn["generation_token_ids"] for turn in turns]
    return all(turn["prompt_token_ids"][: len(seen)] == seen for seen, turn in zip(before, turns[1:], strict=False))
