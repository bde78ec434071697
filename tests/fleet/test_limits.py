"""The limit on open files."""

import subprocess
import sys
from pathlib import Path

import polygym

CODE = """
import resource
from polygym.fleet.limits import raise_file_limit

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
assert raise_file_limit() == hard
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
"""


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    environment = {"PYTHONPATH": str(Path(polygym.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", CODE], env=environment, check=True)
