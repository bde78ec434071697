import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from nemo_gym.orchestration.api import SubmitConfig
from nemo_gym.orchestration.executors.slurm import SlurmExecutor


def jobs(folder: Path, **driver: Any) -> dict[str, Any]:
    return {
        "services": {"policy": {"type": "vllm", "container": "vllm:1", "model": "org/m", "tensor_parallel_size": 2}},
        "compute": {"cluster": {"type": "slurm", "account": "a", "node_pools": {"gpu": {"partition": "p"}}}},
        "driver": {"policy_model": "policy", "benchmarks": {"sums": {"run": {"limit": 3}}}, **driver},
        "job": {"output_path": str(folder)},
    }


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that runs nothing."""
    program = tmp_path / "bin" / "sbatch"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nbash -n "$1" && echo Submitted batch job 7\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


@pytest.mark.usefixtures("sbatch")
def test_every_benchmark_is_a_job_with_a_script_that_a_shell_can_read(tmp_path: Path) -> None:
    said: list[str] = []
    install = {"repo": "https://host/gym.git", "ref": "v1"}
    config = jobs(tmp_path / "jobs", gym_install=install, env={"TOKEN": "a 'b'"})
    config["driver"]["benchmarks"]["sums"]["prepare"] = {"note": "it's"}

    SlurmExecutor().run(SubmitConfig.model_validate(config), say=said.append)

    (script,) = (tmp_path / "jobs").glob("gym-job-*/sums/job.sh")
    text = script.read_text()
    assert said[0].startswith("sums: job 7, in ")
    assert "#SBATCH --partition=p  # pool: gpu" in text
    assert "vllm serve org/m --port 8000 --tensor-parallel-size 2 &" in text
    assert "    +policy_base_url=http://localhost:8000/v1\n" in text
    assert text.index("POLICY_READY") < text.index("GYM_CMD")


@pytest.mark.usefixtures("sbatch")
def test_a_mount_that_is_not_there_is_named_before_anything_is_submitted(tmp_path: Path) -> None:
    config = SubmitConfig.model_validate(jobs(tmp_path / "jobs", mounts=["/nowhere:/data"]))
    with pytest.raises(ValueError, match="driver: '/nowhere'"):
        SlurmExecutor().run(config)
    assert not (tmp_path / "jobs").exists()


def test_a_dry_run_shows_the_scripts(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(yaml.safe_dump(jobs(tmp_path / "jobs")))
    command = [sys.executable, "-m", "nemo_gym.orchestration", str(tmp_path / "jobs.yaml"), "--dry-run"]

    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "#SBATCH --job-name=gym-sums" in shown
    assert not (tmp_path / "jobs").exists()


def test_a_model_that_does_not_fit_on_a_node_is_refused(tmp_path: Path) -> None:
    config = jobs(tmp_path)
    config["compute"]["cluster"]["node_pools"]["gpu"]["gpus_per_node"] = 1
    with pytest.raises(ValidationError, match="takes 2 GPUs, which exceeds the largest available"):
        SubmitConfig.model_validate(config)
