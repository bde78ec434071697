"""A benchmark as a script for `sbatch`: services in the background, and when they are ready, the benchmark."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Optional

from nemo_gym.orchestration.api import (
    BenchmarkRunConfig,
    NodePool,
    RayServiceConfig,
    SlurmComputeConfig,
    SubmitConfig,
    VllmServiceConfig,
)
from nemo_gym.orchestration.executors.script_templates import (
    bash_var,
    render_driver_entrypoint,
    render_gym_cmd,
    render_health_check,
)
from nemo_gym.orchestration.executors.utils import flatten_run_args

VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OUTPUT: Final = "+output_jsonl_fpath=artifacts/rollouts.jsonl"


def build_sbatch_script(
    config: SubmitConfig,
    benchmark_name: str,
    benchmark: BenchmarkRunConfig,
    compute: SlurmComputeConfig,
    remote_bench_dir: Path,
) -> str:
    """The script of one benchmark, which runs in its folder on the cluster."""
    driver, install = config.driver, config.driver.gym_install
    services = [
        render_service(name, service.container, _command(service), service.env, service.mounts)
        for name, service in config.services.items()
    ]
    checks = [
        render_health_check(name, check.port, check.path, check.timeout_seconds)
        for name, service in config.services.items()
        if (check := service.health_check) is not None and check.port is not None
    ]
    prepare = " ".join(["gym eval prepare", *flatten_run_args(benchmark.prepare)]) if benchmark.prepare else None
    model = ["--model-type openai_model"] if driver.policy_model else []
    entrypoint = render_driver_entrypoint(install.repo if install else None, install.ref if install else None, prepare)
    parts = [
        f"#!/bin/bash\n{render_directives(compute, remote_bench_dir, benchmark_name)}",
        *services,
        *checks,
        render_gym_cmd("eval run", "GYM_CMD", [OUTPUT, *model, *flatten_run_args(benchmark.run)]),
        _step(driver.container, entrypoint, "driver", driver.env, driver.mounts),
    ]
    return "\n\n".join(parts) + "\n"


def render_directives(compute: SlurmComputeConfig, remote_bench_dir: Path, benchmark_name: str) -> str:
    """What the job asks of Slurm."""
    asked = {"job-name": f"gym-{benchmark_name}", "account": compute.account, "time": compute.walltime}
    asked |= {"chdir": str(remote_bench_dir), **compute.extra_args}
    lines = [f"#SBATCH --{name}={value}" for name, value in asked.items() if value]
    for name, pool in compute.node_pools.items():
        lines += render_pool(name, pool)
    return "\n".join(lines)


def render_pool(pool_name: str, pool: NodePool) -> list[str]:
    """What the job asks of Slurm for one kind of nodes."""
    asked: dict[str, object] = {
        "partition": f"{pool.partition}  # pool: {pool_name}",
        "nodes": pool.nodes,
        "ntasks-per-node": pool.ntasks_per_node,
        "gpus-per-node": pool.gpus_per_node,
        **pool.extra_args,
    }
    return [f"#SBATCH --{name}={value}" for name, value in asked.items() if value is not None]


def render_service(
    name: str,
    container: str,
    command: str,
    env: Optional[Mapping[str, str]] = None,
    mounts: Optional[Sequence[str]] = None,
) -> str:
    """A service in the background, and the variable with its process id."""
    step = _step(container, command, name, env or {}, mounts or ())
    return f"# service: {name}\n{step} &\n{bash_var(name)}_PID=$!"


def _step(container: str, command: str, log: str, env: Mapping[str, str], mounts: Sequence[str]) -> str:
    mounted = f" --container-mounts={','.join(map(shlex.quote, mounts))}" if mounts else ""
    return (
        f"{env_prefix(env)}srun --overlap --no-container-mount-home{mounted} --container-image={shlex.quote(container)}"
        f" --output=logs/{log}.log {command}"
    )


def env_prefix(env: Mapping[str, str]) -> str:
    """`env A=b ` before a command; nothing where there is nothing to set. Raises ValueError for a wrong name."""
    for name in env:
        if not VARIABLE.fullmatch(name):
            raise ValueError(f"Invalid environment variable name: {name!r}")
    pairs = (f"{name}={shlex.quote(value)}" for name, value in env.items())
    return f"env {' '.join(pairs)} " if env else ""


def _command(service: VllmServiceConfig | RayServiceConfig) -> str:
    return build_vllm_command(service) if isinstance(service, VllmServiceConfig) else "ray start --head --block"


def build_vllm_command(service: VllmServiceConfig) -> str:
    """The command that serves a model."""
    words = ["vllm serve", shlex.quote(service.model), f"--port {service.port}"]
    words.append(f"--tensor-parallel-size {service.tensor_parallel_size}")
    if service.pipeline_parallel_size > 1:
        words.append(f"--pipeline-parallel-size {service.pipeline_parallel_size}")
    if service.number_of_instances > 1:
        words.append(f"--data-parallel-size {service.number_of_instances}")
    return " ".join([*words, *(["--trust-remote-code"] if service.trust_remote_code else [])])


_build_vllm_command, _resolve_env = build_vllm_command, env_prefix
_render_directives, _render_pool_directives, _render_service_command = render_directives, render_pool, render_service
