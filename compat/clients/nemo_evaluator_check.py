"""NeMo Evaluator: its solver over `/server_instances` and `/run`, its environment over `/verify`, its launcher."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from checking import WEATHER, holds, options, weather_fleet, weather_rows, work_folder, write_rows
from endpoint import Endpoint, Script
from fleet import RunningFleet, free_port, get_json

AGENT = "example_single_tool_call_simple_agent"
RIDDLE = {
    "responses_create_params": {"input": [{"role": "user", "content": "How much is 6 times 7?"}]},
    "expected_answer": "forty-two",
}
SERVER = """
from nemo_gym.base_resources_server import (
    BaseResourcesServerConfig, BaseVerifyRequest, BaseVerifyResponse, SimpleResourcesServer
)


class RiddleConfig(BaseResourcesServerConfig):
    worth: float = 1.0


class RiddleVerifyRequest(BaseVerifyRequest):
    verifier_metadata: dict


class RiddleVerifyResponse(BaseVerifyResponse):
    extracted_answer: str


class RiddleResourcesServer(SimpleResourcesServer):
    config: RiddleConfig

    async def verify(self, body: RiddleVerifyRequest) -> RiddleVerifyResponse:
        text = body.response.output_text
        reward = self.config.worth * float(text == "42")
        return RiddleVerifyResponse(**body.model_dump(), reward=reward, extracted_answer=text)


if __name__ == "__main__":
    RiddleResourcesServer.run_webserver()
"""


async def solve(head_url: str, path: Path) -> None:
    """A task of its data set, solved by the agent that it finds."""
    from nemo_evaluator.environments.gym import GymDataset, GymEnvironment
    from nemo_evaluator.solvers.gym import GymSolver

    environment = GymEnvironment(head_url, protocol="native", dataset=GymDataset(path))
    task = await environment.seed(0)
    for name in (AGENT, "native"):
        result = await GymSolver(head_url, gym_agent=name, trust_reward=True).solve(task)
        holds(result.reward == 1.0 and result.response == WEATHER, f"the solver told {name!r} brings reward and answer")
        holds(result.scoring_details["called_right_city"] is True, "and the environment's own fields")
        holds(len(result.trajectory) > 0, "and a trajectory")


async def verify(url: str, path: Path, answer: str) -> tuple[float, object]:
    """Its environment's `verify`, whose envelope leaves out what 0.7.0 insists on."""
    from nemo_evaluator.environments.gym import GymDataset, GymEnvironment

    environment = GymEnvironment(url, protocol="native", dataset=GymDataset(path))
    try:
        result = await environment.verify(answer, "forty-two", problem_idx=0)
    finally:
        await environment.close()
    return result.reward, result.extracted_answer


def check_launcher(folder: Path, path: Path) -> None:
    """Its launcher serves a class from the two environment variables, with no head server."""
    server = folder / "resources_servers" / "riddle"
    server.mkdir(parents=True)
    (server / "app.py").write_text(SERVER)
    port = free_port()
    launch = ["resources_servers.riddle.app:RiddleResourcesServer", "--port", str(port), "-c", "worth=0.5"]
    command = [sys.executable, "-m", "nemo_evaluator.resources.gym_launcher", *launch]
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/", process)
            right = asyncio.run(verify(f"http://127.0.0.1:{port}", path, "42"))
            wrong = asyncio.run(verify(f"http://127.0.0.1:{port}", path, "41"))
        finally:
            process.terminate()
    holds(right == (0.5, "42"), "the launched server scores, with the setting that the launcher passed on")
    holds(wrong == (0.0, "41"), "and tells right from wrong")


def wait_for(url: str, process: "subprocess.Popen[bytes]", limit_s: float = 60) -> None:
    """Until something answers there."""
    give_up = time.monotonic() + limit_s
    while time.monotonic() < give_up:
        try:
            get_json(url)
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.2)
    sys.exit(f"FAILED: nothing answers at {url}")


def main() -> None:
    """Solver, environment, launcher."""
    chosen = options()
    script = Script(text=WEATHER, arguments={"get_weather": {"city": "San Francisco"}})
    with work_folder() as folder, Endpoint(script) as endpoint:
        path = write_rows(folder / "rows.jsonl", weather_rows(1))
        with RunningFleet(*weather_fleet(endpoint.url), folder=folder, command=chosen.gym) as fleet:
            asyncio.run(solve(fleet.head_url, path))
            reward, _ = asyncio.run(verify(fleet.url_of("example_single_tool_call"), path, WEATHER))
            holds(reward == 0.0, "/verify takes its short envelope, and scores an answer without the look-up 0.0")
        check_launcher(folder, write_rows(folder / "riddle.jsonl", [RIDDLE]))


if __name__ == "__main__":
    main()
