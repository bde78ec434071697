"""Fleets of both: servers under the real package `nemo_gym` and servers of polygym, in one run.

`--source` is a checkout of NeMo Gym with its package; `--gym` names a polygym whose interpreter has what those servers
import. Servers under the real package are started as it starts them: `python app.py`, the configuration in the
environment.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from checking import (
    TOKEN_IDS,
    WEATHER,
    holds,
    is_contiguous,
    options,
    trained_turns,
    weather_rows,
    work_folder,
    write_rows,
)
from endpoint import Endpoint, Script
from fleet import RunningFleet, free_port, get_json

COUNTER, COUNTER_AGENT = "example_session_state_mgmt_resources_server", "example_session_state_mgmt_simple_agent"
WEATHER_AGENT = "example_single_tool_call_simple_agent"
ARGUMENTS: dict[str, dict[str, Any]] = {"get_weather": {"city": "San Francisco"}, "increment_counter": {"count": 4}}
START_LIMIT_S = 120.0


class RealPackage:
    """The real package, and an interpreter for it."""

    def __init__(self, source: Path, gym: str) -> None:
        self.source = source.resolve()
        self.python = str(Path(gym).with_name("python"))

    def environment(self, **more: str) -> dict[str, str]:
        """In which `nemo_gym` is the real one."""
        return {**os.environ, "PYTHONPATH": str(self.source), **more}

    @contextmanager
    def serve(self, name: str, config: dict[str, Any], log: Path) -> Iterator[None]:
        """One server of a configuration, up while the context is open."""
        [(server_type, implementations)] = config[name].items()
        [(implementation, fields)] = implementations.items()
        given = {"dry_run": False, **config}
        environment = self.environment(NEMO_GYM_CONFIG_DICT=json.dumps(given), NEMO_GYM_CONFIG_PATH=name)
        folder = self.source / server_type / implementation
        with log.open("w") as output, subprocess.Popen(
            [self.python, "app.py"], cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        ) as process:  # fmt: skip
            try:
                wait_for(f"http://127.0.0.1:{fields['port']}/openapi.json", process, log)
                yield
            finally:
                process.terminate()

    def collect(self, head_port: int, rows: Path, output: Path, agent: str) -> None:
        """`ng_collect_rollouts` of the real package against a fleet that is up."""
        code = "import sys; sys.argv[0] = 'ng_collect_rollouts'; from nemo_gym.cli.legacy import main; main()"
        arguments = [
            f"+agent_name={agent}", f"+input_jsonl_fpath={rows}", f"+output_jsonl_fpath={output}", "+num_repeats=2",
            f"++head_server.port={head_port}", "++head_server.host=127.0.0.1",
        ]  # fmt: skip
        ended = subprocess.run(
            [self.python, "-c", code, *arguments], cwd=output.parent, env=self.environment(), capture_output=True,
            text=True, timeout=300,
        )  # fmt: skip
        if ended.returncode:
            sys.exit(f"FAILED: ng_collect_rollouts ended with {ended.returncode}:\n{ended.stderr[-3000:]}")


def wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until something answers there."""
    give_up = time.monotonic() + START_LIMIT_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            get_json(url)
            return
        except OSError:
            time.sleep(0.2)
    sys.exit(f"FAILED: nothing answers at {url}:\n{log.read_text()[-3000:]}")


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def counter_rows(source: Path) -> list[dict[str, Any]]:
    """Theirs: a counter per session; the script adds four to it, so that one of three expectations is met."""
    [row, *_] = read(source / "resources_servers/example_session_state_mgmt/data/example.jsonl")
    started = [{**row, "initial_count": start, "expected_count": 7} for start in (2, 3, 4)]
    return [{**each, "agent_ref": {"type": "responses_api_agents", "name": COUNTER_AGENT}} for each in started]


def theirs_by_url(package: RealPackage, gym: str, folder: Path, endpoint_url: str) -> None:
    """Their resources server under the real package; agent, model server and run are polygym's."""
    port = free_port()
    server = {"entrypoint": "app.py", "domain": "agent", "host": "127.0.0.1", "port": port}
    config = {
        "head_server": {"host": "127.0.0.1", "port": free_port()},
        COUNTER: {"resources_servers": {"example_session_state_mgmt": server}},
    }
    remote = {
        COUNTER: {
            "resources_servers": {
                "example_session_state_mgmt": {"placement": "remote", "url": f"http://127.0.0.1:{port}"}
            }
        },
        COUNTER_AGENT: {"responses_api_agents": {"simple_agent": agent_fields(COUNTER)}},
    }
    (folder / "remote.yaml").write_text(json.dumps(remote))
    rows = write_rows(folder / "counter.jsonl", counter_rows(package.source))
    with package.serve(COUNTER, config, folder / "theirs.log"):
        output = folder / "theirs.jsonl"
        run(gym, folder, "--config", str(folder / "remote.yaml"), *model(endpoint_url), "-i", str(rows), output=output)
    found = {row["initial_count"]: row["reward"] for row in read(output)} if output.exists() else {}
    holds(found == {2: 0.0, 3: 1.0, 4: 0.0}, "a run of ours scores on a resources server under the real package")


def ours_by_url(package: RealPackage, gym: str, folder: Path, endpoint_url: str) -> None:
    """Our fleet; the real package's `ng_collect_rollouts`, then an agent of theirs, work with it."""
    model_port = free_port()
    select = ["--resources-server", "example_single_tool_call", *model(endpoint_url)]
    fixed = f"++policy_model.responses_api_models.vllm_model.port={model_port}"
    with RunningFleet(*select, fixed, folder=folder, command=gym) as fleet:
        output = folder / "collected.jsonl"
        package.collect(fleet.head_port, write_rows(folder / "weather.jsonl", weather_rows(3)), output, WEATHER_AGENT)
        rewards = [row["reward"] for row in read(output)]
        holds(rewards == [1.0] * 6, "ng_collect_rollouts of the real package collects from our environment")
        metrics = json.loads((folder / "collected_aggregate_metrics.json").read_text())
        holds(metrics[0]["agent_metrics"]["mean/reward"] == 1.0, "and gets its aggregate metrics from our agent")
        config = json.loads(get_text(f"{fleet.head_url}/global_config_dict_yaml"), strict=False)
        holds(WEATHER_AGENT in config, "our head's configuration reads as the real package's does")
        their_agent(package, gym, fleet, model_port, folder)


def their_agent(package: RealPackage, gym: str, fleet: RunningFleet, model_port: int, folder: Path) -> None:
    """Their `simple_agent` under the real package, with our resources server and our model server."""
    port = free_port()
    resources_port = int(fleet.url_of("example_single_tool_call").rpartition(":")[2])
    here = {"entrypoint": "app.py", "host": "127.0.0.1"}
    config = {
        "head_server": {"host": "127.0.0.1", "port": fleet.head_port},
        "example_single_tool_call": {
            "resources_servers": {"example_single_tool_call": {**here, "port": resources_port, "domain": "agent"}}
        },
        "policy_model": {"responses_api_models": {"vllm_model": {**here, "port": model_port}}},
        "their_agent": {
            "responses_api_agents": {"simple_agent": {**agent_fields("example_single_tool_call"), **here, "port": port}}
        },
    }
    remote = {"simple_agent": {"placement": "remote", "url": f"http://127.0.0.1:{port}"}}
    (folder / "agent.yaml").write_text(json.dumps({"their_agent": {"responses_api_agents": remote}}))
    rows = write_rows(folder / "agent_rows.jsonl", weather_rows(3, "their_agent"))
    output = folder / "by_their_agent.jsonl"
    with package.serve("their_agent", config, folder / "agent.log"):
        run(gym, folder, "--config", str(folder / "agent.yaml"), "-i", str(rows), output=output)
    found = read(output)
    rewards = [row["reward"] for row in found]
    holds(rewards == [1.0] * 3, "an agent under the real package, in a run of ours, works with our other servers")
    turns = [trained_turns(row["response"]["output"]) for row in found]
    holds(all(len(each) == 2 and is_contiguous(each) for each in turns), "and brings our model server's tokens along")


def agent_fields(resources: str) -> dict[str, Any]:
    """Of a `simple_agent`."""
    return {
        "entrypoint": "app.py",
        "resources_server": {"type": "resources_servers", "name": resources},
        "model_server": {"type": "responses_api_models", "name": "policy_model"},
    }


def model(endpoint_url: str) -> list[str]:
    """The policy, with token ids."""
    return ["--model-type", "vllm_model", "--model", "stand-in", "--model-url", endpoint_url, TOKEN_IDS]


def run(gym: str, folder: Path, *arguments: str, output: Path) -> str:
    """`gym eval run`; what it says."""
    command = [gym, "eval", "run", *arguments, "--output", str(output)]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=500)
    if ended.returncode:
        sys.exit(f"FAILED: gym eval run ended with {ended.returncode}:\n{(ended.stdout + ended.stderr)[-4000:]}")
    return ended.stdout


def get_text(url: str) -> str:
    """The configuration that a head server answers, as JSON once its YAML is read."""
    import yaml

    return json.dumps(yaml.safe_load(get_json(url)))


def main() -> None:
    """Theirs by URL, ours by URL, five and five in one data set."""
    chosen = options()
    assert chosen.source is not None
    package = RealPackage(chosen.source, chosen.gym)
    with work_folder() as folder:
        with Endpoint(Script(text=WEATHER, arguments=ARGUMENTS)) as endpoint:
            theirs_by_url(package, chosen.gym, folder, endpoint.url)
            ours_by_url(package, chosen.gym, folder, endpoint.url)
        five_and_five(chosen.gym, package.source, folder)


THEIRS = ("xlam_fc", "string_match", "spartqa", "calendar", "example_session_state_mgmt")
OURS = ("example_single_tool_call", "example_multi_step", "needle_tracking", "multi_intent", "workplace_assistant")
OUR_ROOT = Path(__file__).resolve().parents[2]


def mixed_rows(source: Path) -> list[dict[str, Any]]:
    """Up to five rows of each of the ten environments, with their agents, in turns."""
    by_name = {name: example_rows(source if name in THEIRS else OUR_ROOT, name) for name in (*THEIRS, *OURS)}
    by_name |= {"example_single_tool_call": weather_rows(5), "example_session_state_mgmt": counter_rows(source)}
    longest = max(len(rows) for rows in by_name.values())
    return [rows[index] for index in range(longest) for rows in by_name.values() if index < len(rows)]


def example_rows(root: Path, name: str) -> list[dict[str, Any]]:
    """The rows that an environment ships."""
    agent = f"{name}_multi_turn_agent" if name == "multi_intent" else f"{name}_simple_agent"
    reference = {"type": "responses_api_agents", "name": agent}
    rows = read(root / "resources_servers" / name / "data" / "example.jsonl")[:5]
    return [{**row, "agent_ref": reference} for row in rows]


def right_answers(rows: list[dict[str, Any]]) -> dict[str, str]:
    """What earns a reward, for the rows that say it."""
    answers = {}
    for row in rows:
        content = row["responses_create_params"]["input"][-1]["content"]
        text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
        if "expected_answer" in row and row.get("extraction_mode") == "boxed":
            answers[text] = f"\\boxed{{{row['expected_answer']}}}"
        elif "target" in row:
            answers[text] = f"Final answer: {row['target']}"
    return answers


def five_and_five(gym: str, source: Path, folder: Path) -> None:
    """Five environments of theirs and five of ours, embedded, in one data set and one run."""
    root = folder / "five"
    (root / "resources_servers").mkdir(parents=True)
    for name in THEIRS:
        (root / "resources_servers" / name).symlink_to(source / "resources_servers" / name)
    rows = mixed_rows(source)
    names = [part for name in (*THEIRS, *OURS) for part in ("--resources-server", name)]
    output, path = folder / "mixed.jsonl", write_rows(folder / "mixed_input.jsonl", rows)
    with Endpoint(Script(text=WEATHER, arguments=ARGUMENTS, answers=right_answers(rows))) as endpoint:
        select = ["--search-dir", str(root), *names, *model(endpoint.url), "-i", str(path), "--num-repeats", "2"]
        sys.stdout.write(run(gym, folder, *select, output=output))
    found = read(output)
    holds(len(found) == 2 * len(rows), f"{len(found)} rollouts of one data set, from ten environments")
    holds(all(row["rollout_state"] == "scored" for row in found), "every one of them is scored")
    rewards: dict[str, list[float]] = {}
    for row in found:
        rewards.setdefault(row["agent_ref"]["name"], []).append(row["reward"])
    holds(len(rewards) == len(THEIRS) + len(OURS), "of every environment")
    for name in ("spartqa", "example_single_tool_call"):
        holds(set(rewards[f"{name}_simple_agent"]) == {1.0}, f"{name} rewards right answers with 1.0")
    counters = sorted(rewards["example_session_state_mgmt_simple_agent"])
    holds(counters == [0.0] * 4 + [1.0] * 2, "sessions are apart: each counter ends where its row says")


if __name__ == "__main__":
    main()
