"""`python -m nemo_gym.orchestration JOBS.yaml [--dry-run]`."""

import argparse
from pathlib import Path

import yaml

from nemo_gym.orchestration.api import SubmitConfig
from nemo_gym.orchestration.submit import submit

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m nemo_gym.orchestration", description="Benchmarks as Slurm jobs.")
    parser.add_argument("jobs", type=Path, help="YAML with services, compute, driver and job.")
    parser.add_argument("--dry-run", action="store_true", help="Show the scripts, submit nothing.")
    given = parser.parse_args()
    submit(SubmitConfig.model_validate(yaml.safe_load(given.jobs.read_text())), dry_run=given.dry_run)
