"""Blast radius: whatever one environment does, the others lose no rollout."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from polygym import LaneSettings, configure
from polygym.fleet.fleet import Fleet
from polygym.fleet.keeper import KeepPolicy
from polygym.rollouts.collect import Collection, CollectRequest
from polygym.rollouts.engine import RetryPolicy
from polygym.rollouts.plan import InputFile, PlanRequest

ROOT = Path(__file__).parents[2]
ROWS = 40
STEADY = """
    import asyncio
    from polygym import ResourcesServer

    class Steady(ResourcesServer):
        async def verify(self, rollout, session):
            await asyncio.sleep(0.002)
            return 1.0
"""
TROUBLE = """
    import asyncio
    import time
    from polygym import ResourcesServer, ResourcesServerConfig

    class TroubleConfig(ResourcesServerConfig):
        fault: str

    class Trouble(ResourcesServer):
        config: TroubleConfig

        async def seed_session(self, session):
            if self.config.fault == "seed raises":
                raise OSError("no disk")

        async def verify(self, rollout, session):
            match self.config.fault:
                case "hangs":
                    await asyncio.sleep(3600)
                case "raises":
                    raise ZeroDivisionError("oops")
                case "nan":
                    return float("nan")
                case "garbage":
                    return {"reward": "a lot"}
                case "blocks":
                    time.sleep(0.15)
                case "slow":
                    await asyncio.sleep(0.05)
            return 1.0

        async def close_session(self, session):
            if self.config.fault == "close hangs":
                await asyncio.sleep(3600)
            if self.config.fault == "close raises":
                raise OSError("busy")
"""
CONFIG = """
    {name}:
      resources_servers:
        {name}:
          entrypoint: app.py
          {fields}
    {name}_agent:
      responses_api_agents:
        simple_agent:
          entrypoint: app.py
          resources_server: {{type: resources_servers, name: {name}}}
          model_server: {{type: responses_api_models, name: policy_model}}
"""


def write(root: Path, name: str, source: str, fields: str = "domain: other") -> str:
    folder = root / "resources_servers" / name
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(dedent(source))
    (root / f"{name}.yaml").write_text(dedent(CONFIG).format(name=name, fields=fields))
    return str(root / f"{name}.yaml")


def collect(root: Path, fault: str, placement: str = "embedded", kill: bool = False) -> Collection:
    paths = [
        write(root, "steady", STEADY),
        write(root, "trouble", TROUBLE, f'fault: "{fault}"\n      placement: {placement}'),
    ]
    config = configure(paths, model_type="random_model", search_dirs=[root, ROOT])
    source = root / "in.jsonl"
    rows = [
        {"responses_create_params": {"input": str(i)}, "agent_ref": {"name": f"{name}_agent"}}
        for i in range(ROWS)
        for name in ("trouble", "steady")
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    request = CollectRequest(
        PlanRequest([InputFile(source)], ["steady_agent", "trouble_agent"]),
        root / "out.jsonl",
        concurrency=8,
        lanes={"trouble_agent": LaneSettings(timeout_s=0.5 if fault == "hangs" else 30.0, max_attempts=2)},
        retries=RetryPolicy(first_delay_s=0.01, first_probe_s=0.05, wait_for_environment_s=15.0),
    )

    async def go() -> Collection:
        keeping = KeepPolicy(first_delay_s=0.05, ask_every_s=0.1)
        with Collection(request) as collection:
            async with Fleet(config, keeping=keeping) as fleet:
                running = asyncio.create_task(collection.run(fleet.wiring.agents))
                if kill:
                    pid = fleet.members["trouble"].pid
                    assert pid is not None and pid != os.getpid()
                    await asyncio.sleep(0.1)
                    os.kill(pid, signal.SIGKILL)
                await running
        return collection

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("fault", "failure_class"),
    [
        ("hangs", "timeout"),
        ("raises", "verifier_error"),
        ("seed raises", "seed_error"),
        ("nan", "verifier_error"),
        ("garbage", "verifier_error"),
        ("close raises", None),
        ("blocks", None),
        ("slow", None),
    ],
)
def test_one_environments_fault_costs_the_others_nothing(tmp_path: Path, fault: str, failure_class: str | None) -> None:
    progress = collect(tmp_path, fault).progress.agents
    assert (progress["steady_agent"].done, progress["steady_agent"].failed) == (ROWS, 0)
    trouble = progress["trouble_agent"]
    assert (trouble.done, trouble.failed) == ((ROWS, 0) if failure_class is None else (0, ROWS))
    failures = [json.loads(line) for line in (tmp_path / "out_failures.jsonl").read_text().splitlines()]
    assert {row["_ng_failure_class"] for row in failures} == ({failure_class} if failure_class else set())
    assert not any("reward" in row for row in failures)


def test_an_environment_whose_process_is_killed_loses_no_rollout(tmp_path: Path) -> None:
    progress = collect(tmp_path, "slow", placement="process", kill=True).progress.agents
    assert (progress["steady_agent"].done, progress["trouble_agent"].done) == (ROWS, ROWS)


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from polygym.protocol.errors import OutputError
from polygym.rollouts.collect import Collection
from tests.rollouts.small_runs import FakeAgent, request
async def main(directory, limit):
    what = request(directory, rows=200, concurrency=5, mode="resume")
    try:
        with Collection(what) as collection:
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            await collection.run({"a": FakeAgent(delay_s=0.001), "b": FakeAgent(delay_s=0.001)})
    except OutputError as error:
        print(error)
        sys.exit(2)
asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


def test_a_full_disk_loses_nothing_and_the_run_goes_on_when_there_is_room(tmp_path: Path) -> None:
    sizes = [5_000, 5_100, 5_101, 20_000]
    for limit in [*sizes, 0]:
        command = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(limit), *sys.path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = (tmp_path / "out.jsonl").read_bytes().splitlines(keepends=True)
        assert all(line.endswith(b"\n") and json.loads(line) for line in lines)
        if limit:
            assert done.returncode == 2, done.stderr
            assert "cannot be written: File too large. Make room, then go on with --resume." in done.stdout
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(line)["_ng_task_index"] for line in lines) == list(range(200))
