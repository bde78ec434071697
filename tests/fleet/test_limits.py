"""What a process asks of the system and of Python."""

import subprocess
import sys
from pathlib import Path

import polygym

OPEN_FILES = """
import resource
from polygym.fleet.limits import raise_file_limit

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
assert raise_file_limit() == hard
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
"""


COLLECTOR = """
import gc
from polygym.fleet.limits import calm_collector

calm_collector(16_384)
assert gc.get_freeze_count() > 0
before = [generation["collections"] for generation in gc.get_stats()[:2]]
rows = [{"number": [number]} for number in range(500_000)]
assert [generation["collections"] for generation in gc.get_stats()[:2]] == before
"""


def run(code: str) -> None:
    environment = {"PYTHONPATH": str(Path(polygym.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    run(OPEN_FILES)


def test_the_collector_leaves_thousands_of_rollouts_in_flight_alone() -> None:
    run(COLLECTOR)
