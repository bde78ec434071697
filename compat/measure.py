"""What their sources cost on polygym, and on the real package: CPU per rollout, and the time to bring servers up.

    python compat/measure.py cpu --upstream CHECKOUT --python PYTHON [--rollouts 200 1200] [--real-python PYTHON]
    python compat/measure.py bring-up --upstream CHECKOUT --python PYTHON --servers SERVER [...]

PYTHON has polygym, polygym-nemo and the servers' dependencies; `--real-python` what the real package needs besides them
(the package itself is the one in CHECKOUT). CPU per rollout is the difference of two runs of different length, divided
by the difference of their lengths, so that starting up does not count; of all processes that work for the rollouts,
but for the stand-in endpoint and, in favour of the real package, Ray's own. Linux only. Prints one JSON object a line.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
ENVIRONMENT = "example_multi_step"
AGENT = f"{ENVIRONMENT}_simple_agent"
RAYS_OWN = ("raylet", "gcs_server", "ray::", "/ray/")
"""Parts of the command lines of processes that Ray starts for itself."""
PATIENCE_S = 600.0


@dataclass(frozen=True)
class Place:
    """Where things are."""

    upstream: Path
    python: str
    real_python: str
    model_url: str
    scratch: Path


def environment(**more: str) -> dict[str, str]:
    """This process's, with nothing in it that says where packages are, or keeps them from being compiled once."""
    unwanted = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if name not in unwanted} | more


@contextmanager
def endpoint(steps: int) -> Iterator[str]:
    """A stand-in for a model endpoint; its base URL."""
    command = [sys.executable, "-m", "perf.mock_endpoint", "--steps", str(steps)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.stdin.close()


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def run_counted(command: list[str], log: Path, **options: Any) -> float:
    """Run a command to its end; user and system seconds of it and of all that it has waited for."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}\nended with {process.returncode}:\n{log.read_text()[-3000:]}")
    return used.ru_utime + used.ru_stime


def tree_cpu_s(root: int) -> float:
    """User and system seconds of a process, its descendants and those of them that have ended, without Ray's own."""
    children: dict[int, list[int]] = {}
    seconds: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
            is_rays = any(part in line for part in RAYS_OWN)
            seconds[int(entry.name)] = 0.0 if is_rays else sum(map(int, fields[11:15])) / TICKS
    total, waiting = 0.0, [root]
    while waiting:
        pid = waiting.pop()
        total += seconds.get(pid, 0.0)
        waiting += children.get(pid, ())
    return total


def tasks(place: Place) -> Path:
    """Their example tasks."""
    return place.upstream / "resources_servers" / ENVIRONMENT / "data" / "example.jsonl"


def repeats(place: Place, rollouts: int) -> int:
    """Repeats that make that many rollouts of the tasks."""
    return rollouts // len(tasks(place).read_text().splitlines())


def cpu_on_polygym(place: Place, rollouts: int, roots: list[Path]) -> float:
    """CPU seconds of `gym eval run` with that many rollouts, everything embedded."""
    output = place.scratch / f"ours-{rollouts}.jsonl"
    command = [place.python, "-m", "polygym.cli", "eval", "run", "--overwrite", "--output", str(output)]
    command += [word for root in roots for word in ("--search-dir", str(root))]
    command += ["--resources-server", ENVIRONMENT, "--model-type", "openai_model", "--model", "stand-in"]
    command += ["--model-url", place.model_url, "--input", str(tasks(place)), "--agent", AGENT]
    command += ["--num-repeats", str(repeats(place, rollouts)), "--concurrency", "64", "++policy_api_key=none"]
    used = run_counted(command, place.scratch / "ours.log", env=environment(), cwd=place.scratch)
    check(output, rollouts)
    return used


def check(output: Path, rollouts: int) -> None:
    """End with an error when rollouts are missing."""
    found = sum(1 for line in output.read_text().splitlines() if "reward" in json.loads(line))
    if found != rollouts:
        raise SystemExit(f"{output}: {found} rollouts, not {rollouts}")


def real_command(place: Place, name: str, *settings: str) -> list[str]:
    """One of the real package's commands."""
    code = f"import sys; sys.argv[0] = {name!r}; from nemo_gym.cli.legacy import main; main()"
    return [place.real_python, "-c", code, *settings]


@contextmanager
def ray(place: Place) -> Iterator[str]:
    """A Ray without its dashboard, which takes long to start and has no part in this; its address."""
    code = "import ray; found = ray.init(include_dashboard=False, num_cpus=1, log_to_driver=False)\n"
    code += "print('at', found.address_info['gcs_address'], flush=True); input()"
    command = [place.real_python, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            yield next(line.split()[1] for line in process.stdout if line.startswith("at "))
        finally:
            process.stdin.close()


@contextmanager
def real_servers(place: Place, head_port: int) -> Iterator[int]:
    """Their servers under the real package, each in its process; the process id of `ng_run`."""
    venvs = place.scratch / "venvs"
    for server in (f"resources_servers/{ENVIRONMENT}", "responses_api_agents/simple_agent"):
        _use_venv(venvs / server, place.real_python)
    _use_venv(venvs / "responses_api_models/openai_model", place.real_python)
    configs = f"resources_servers/{ENVIRONMENT}/configs/{ENVIRONMENT}.yaml"
    configs += ",responses_api_models/openai_model/configs/openai_model.yaml"
    settings = [f"+config_paths=[{configs}]", f"+policy_base_url={place.model_url}", "+policy_api_key=none"]
    settings += ["+policy_model_name=stand-in", "+skip_venv_if_present=true", f"+uv_venv_dir={venvs}"]
    settings += [f"+head_server={{host: 127.0.0.1, port: {head_port}}}"]
    log = place.scratch / "real.log"
    with ray(place) as address:
        with log.open("ab") as output:
            process = subprocess.Popen(
                real_command(place, "ng_run", *settings, f"+ray_head_node_address={address}"),
                cwd=place.upstream,
                env=environment(PYTHONPATH=str(place.upstream)),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait_for_servers(head_port, 3, process, log)
            yield process.pid
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process to stop, and end its whole session when it does not."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _use_venv(folder: Path, python: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / ".venv"
    if not link.exists():
        link.symlink_to(Path(python).absolute().parents[1])


def _wait_for_servers(head_port: int, servers: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until the head server lists so many servers, all of which answer."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"the servers have ended:\n{log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{head_port}/server_instances", timeout=5) as answer:
                urls = [entry["url"] for entry in json.load(answer)]
            if len(urls) >= servers and all(_answers(url) for url in urls if url):
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.02)
    raise SystemExit(f"the servers are not up after {PATIENCE_S:.0f} s:\n{log.read_text()[-3000:]}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def cpu_on_real(place: Place, sizes: list[int]) -> list[float]:
    """CPU seconds of servers and collector while so many rollouts are collected, for each size."""
    head_port = free_port()
    results = []
    with real_servers(place, head_port) as pid:
        for rollouts in sizes:
            output = place.scratch / f"real-{rollouts}.jsonl"
            settings = [f"+input_jsonl_fpath={tasks(place)}", f"+output_jsonl_fpath={output}", f"+agent_name={AGENT}"]
            settings += [f"+num_repeats={repeats(place, rollouts)}", "+num_samples_in_parallel=64"]
            settings += [f"+head_server={{host: 127.0.0.1, port: {head_port}}}"]
            before = tree_cpu_s(pid)
            used = run_counted(
                real_command(place, "ng_collect_rollouts", *settings),
                place.scratch / "collect.log",
                cwd=place.upstream,
                env=environment(PYTHONPATH=str(place.upstream)),
            )
            results.append(used + tree_cpu_s(pid) - before)
            check(output, rollouts)
    return results


def per_rollout_ms(sizes: list[int], used: list[float]) -> float:
    """CPU milliseconds of one rollout more."""
    return 1000 * (used[-1] - used[0]) / (sizes[-1] - sizes[0])


def measure_cpu(place: Place, sizes: list[int]) -> None:
    """Print CPU per rollout: their environment with our agent and model server, all of theirs, and the real package."""
    alone = place.scratch / "alone" / "resources_servers"
    alone.mkdir(parents=True)
    (alone / ENVIRONMENT).symlink_to(place.upstream / "resources_servers" / ENVIRONMENT)
    ours = {"their environment, our agent and model server": [alone.parent], "all three theirs": [place.upstream]}
    figures = {}
    for what, roots in ours.items():
        cpu_on_polygym(place, sizes[0], roots)  # byte code is compiled
        used = [cpu_on_polygym(place, size, roots) for size in sizes]
        figures[what] = per_rollout_ms(sizes, used)
        _say(what=what, on="polygym, embedded", cpu_ms_per_rollout=round(figures[what], 3), cpu_s=used)
    cpu_on_real_ms = per_rollout_ms(sizes, used := cpu_on_real(place, sizes))
    _say(what="all three theirs", on="the real package", cpu_ms_per_rollout=round(cpu_on_real_ms, 3), cpu_s=used)
    for what, figure in figures.items():
        _say(what=what, polygym_over_real=round(figure / cpu_on_real_ms, 4))


def measure_bring_up(place: Place, servers: list[str]) -> None:
    """Print the seconds until `gym env start` has the servers, with agents and a model server, all embedded, up."""
    port = free_port()
    command = [place.python, "-m", "polygym.cli", "env", "start", "--search-dir", str(place.upstream)]
    command += [word for server in servers for word in ("--resources-server", server)]
    command += ["--model-type", "openai_model", "--model", "stand-in", "--model-url", place.model_url]
    command += ["++policy_api_key=none", f"++head_server={{host: 127.0.0.1, port: {port}}}"]
    log = place.scratch / "start.log"
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=place.scratch, env=environment()
        )
    try:
        _wait_for_servers(port, 2 * len(servers) + 1, process, log)
        took = time.monotonic() - began
        _say(servers=servers, bring_up_s=round(took, 2), cpu_s=round(tree_cpu_s(process.pid), 2))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cpu", "bring-up"))
    parser.add_argument("--servers", nargs="*", default=[], help="resources servers to bring up")
    parser.add_argument("--upstream", type=Path, required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--real-python")
    parser.add_argument("--rollouts", type=int, nargs=2, default=(200, 1200))
    parser.add_argument("--steps", type=int, default=1, help="tool calls of a rollout")
    given = parser.parse_args()
    with TemporaryDirectory() as scratch, endpoint(given.steps) as url:
        place = Place(given.upstream.resolve(), given.python, given.real_python or given.python, url, Path(scratch))
        if given.what == "cpu":
            measure_cpu(place, list(given.rollouts))
        else:
            measure_bring_up(place, given.servers)


if __name__ == "__main__":
    main()
