"""verifiers: its evaluation from the command line, and its own script that serves one class of a resources server.

The tasks' resources servers are one that polygym serves in a fleet (tools called directly), and one that verifiers'
`server.py` makes of a class, with the package `nemo_gym` that is installed beside it: ours.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from checking import holds, options, work_folder, write_rows
from endpoint import Endpoint, Script
from fleet import RunningFleet
from letters import rows, write_root

TASKSET = """
from pathlib import Path
import verifiers.v1 as vf
from verifiers.v1.tasksets.nemo_gym import NeMoGymConfig, NeMoGymEnv, NeMoGymTask, NeMoGymTaskset

__all__ = ["NeMoGymEnv", "LettersTaskset"]


class LettersConfig(NeMoGymConfig):
    dataset: Path = Path(__file__).with_name("rows.jsonl")


class LettersTaskset(NeMoGymTaskset, vf.Taskset[NeMoGymTask, LettersConfig]):
    pass
"""
START_LIMIT_S = 60.0


def evaluate(folder: Path, resources_url: str, endpoint_url: str, taskset: str) -> list[dict[str, Any]]:
    """What `vf-eval` writes of each task's rollout."""
    output = folder / "outputs" / str(time.monotonic_ns())
    arguments = [
        "--env.taskset.task.resources-url", resources_url, "--env.agent.harness.id", "null",
        "--env.agent.runtime.type", "subprocess", "--no-push", "--client.base-url", endpoint_url,
        "--client.api-key-var", "STAND_IN_KEY", "-m", "stand-in", "-o", str(output), "-n", "2",
    ]  # fmt: skip
    environment = {**os.environ, "STAND_IN_KEY": "key", "PYTHONPATH": str(folder)}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    command = [str(Path(sys.executable).with_name("vf-eval")), taskset, *arguments]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    traces = next(iter(output.rglob("traces.jsonl")), None)
    if ended.returncode or traces is None:
        sys.exit(f"FAILED: vf-eval ended with {ended.returncode}:\n{(ended.stdout + ended.stderr)[-4000:]}")
    episodes = [json.loads(line) for line in traces.read_text().splitlines()]
    return [trace for episode in episodes for trace in episode["traces"]]


@contextmanager
def served_class(folder: Path, reference: str) -> Iterator[str]:
    """The address of a class that verifiers' own script serves."""
    spec = find_spec("verifiers.v1.tasksets.nemo_gym")
    assert spec is not None and spec.submodule_search_locations
    script = Path(spec.submodule_search_locations[0]) / "server.py"
    environment = {**os.environ, "NEMO_GYM_RESOURCE_SERVER": reference, "PYTHONPATH": str(folder)}
    port = folder / "nemo_gym.port"
    port.unlink(missing_ok=True)
    with subprocess.Popen([sys.executable, str(script)], cwd=folder, env=environment) as process:
        try:
            give_up = time.monotonic() + START_LIMIT_S
            while not port.exists() or not port.read_text():
                if process.poll() is not None or time.monotonic() > give_up:
                    sys.exit("FAILED: verifiers' script does not serve the class")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port.read_text()}"
        finally:
            process.terminate()


def rewards(traces: list[dict[str, Any]]) -> list[float]:
    """Of each rollout; a rollout that failed has none, and ends the check."""
    errors = [trace["errors"] for trace in traces if trace.get("errors")]
    holds(not errors, f"no rollout failed {errors or ''}".rstrip())
    return [trace["rewards"]["nemo_gym"]["score"] for trace in traces]


def main() -> None:
    """Evaluate against a server of a fleet, then against one that verifiers serves."""
    chosen = options()
    with work_folder() as folder, Endpoint(Script(text="aaaa")) as endpoint:
        root = write_root(folder / "root")
        (folder / "letters_taskset").mkdir()
        (folder / "letters_taskset" / "__init__.py").write_text(TASKSET)
        write_rows(folder / "letters_taskset" / "rows.jsonl", rows("ab"))
        resources = ["--search-dir", str(root), "--resources-server", "letters"]
        config = root / "resources_servers" / "letters" / "configs" / "letters.yaml"
        config.parent.mkdir()
        config.write_text("letters: {resources_servers: {letters: {entrypoint: app.py, domain: games}}}\n")
        with RunningFleet(*resources, folder=folder, command=chosen.gym) as fleet:
            found = evaluate(folder, fleet.url_of("letters"), endpoint.url, "letters_taskset")
            holds(sorted(rewards(found)) == [0.0, 1.0], "vf-eval scores two tasks on a server of a fleet")
            info = sorted(trace["info"]["nemo_gym"]["seeded_with"] for trace in found)
            holds(info == ["a", "b"], "and each task had its own session")
        with served_class(root, "resources_servers.letters.app:LettersServer") as url:
            found = evaluate(folder, url, endpoint.url, "letters_taskset")
            holds(sorted(rewards(found)) == [0.0, 1.0], "and on a class that its own script serves, with our package")


if __name__ == "__main__":
    main()
