"""Benchmarks as jobs of a Slurm cluster: `python -m nemo_gym.orchestration JOBS.yaml [--dry-run]`."""
