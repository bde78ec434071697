"""Jobs on a Slurm cluster with Pyxis, one a benchmark."""

import re
import shlex
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from nemo_gym.orchestration.api import SlurmComputeConfig, SubmitConfig
from nemo_gym.orchestration.executors.connection import Connection, get_connection
from nemo_gym.orchestration.executors.slurm_script import build_sbatch_script


class SlurmExecutor:
    """Submits jobs."""

    def run(self, config: SubmitConfig, *, dry_run: bool = False, say: Callable[[str], object] = print) -> None:
        """Write a script for each benchmark, and hand it to `sbatch`; a dry run only shows the scripts.

        Raises ValueError for a mount that is not there, RuntimeError when a command of the cluster fails.
        """
        compute = next(iter(config.compute.values()))
        folder = Path(config.job.output_path) / f"gym-job-{datetime.now().astimezone():%Y%m%d_%H%M%S}"
        scripts = _scripts(config, compute, folder)
        if dry_run:
            for name, script in scripts.items():
                say(f"# {folder / name / 'job.sh'}\n{script}")
            return
        connection = get_connection(compute.hostname)
        validate_mounts(config, connection)
        with tempfile.TemporaryDirectory(prefix="gym-submit-") as staging:
            for name, script in scripts.items():
                for part in ("logs", "artifacts"):
                    Path(staging, name, part).mkdir(parents=True)
                Path(staging, name, "job.sh").write_text(script)
            connection.copy(Path(staging), folder)
        for name in scripts:
            answer = connection.run([f"sbatch {shlex.quote(str(folder / name / 'job.sh'))}"])
            job = re.search(r"Submitted batch job (\d+)", answer)
            say(f"{name}: job {job[1] if job else 'of unknown id'}, in {folder / name}")


def _scripts(config: SubmitConfig, compute: SlurmComputeConfig, folder: Path) -> dict[str, str]:
    return {
        name: build_sbatch_script(config, name, benchmark, compute, folder / name)
        for name, benchmark in config.driver.benchmarks.items()
    }


def validate_mounts(config: SubmitConfig, connection: Connection) -> None:
    """Raise ValueError naming the mounts whose source is not on the cluster."""
    mounts = [("driver", mount) for mount in config.driver.mounts]
    mounts += [(f"services.{name}", mount) for name, service in config.services.items() for mount in service.mounts]
    sources = [(who, mount.split(":")[0]) for who, mount in mounts]
    missing = set(connection.missing([source for _, source in sources]))
    if absent := [f"  {who}: {source!r}" for who, source in sources if source in missing]:
        raise ValueError("\n".join(["Mount src paths do not exist:", *absent]))


_validate_mounts = validate_mounts
