"""Handing jobs to the cluster that a configuration names."""

from nemo_gym.orchestration.api import SubmitConfig
from nemo_gym.orchestration.executors.slurm import SlurmExecutor


def submit(config: SubmitConfig, *, dry_run: bool = False) -> None:
    """Submit a job for each benchmark; a dry run only shows their scripts."""
    SlurmExecutor().run(config, dry_run=dry_run)
