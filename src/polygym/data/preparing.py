"""Making a dataset's file with its `prepare_script`: a Python file with a function `prepare` that writes it.

The script runs in a process of its own, so that what it imports, prints and changes stays there. This module is the
program of that process, too: `python -m polygym.data.preparing SCRIPT ARGUMENTS`, the arguments as a JSON object.
"""

import importlib.util
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from polygym.config.model import Dataset
from polygym.config.roots import ROOT_VARIABLES, find
from polygym.protocol.errors import ConfigError, InputError
from polygym.protocol.json import JsonObject

PREPARE_SCRIPT: Final = "prepare_script"
FUNCTION: Final = "prepare"


@dataclass(frozen=True, slots=True)
class Preparation:
    """A dataset that can be made."""

    dataset: Dataset
    script: Path


def preparation_of(dataset: Dataset, roots: Sequence[Path], origin: str) -> Preparation:
    """How a dataset is made. Raises ConfigError when it has no script, or the script is nowhere."""
    name = dataset.fields.get(PREPARE_SCRIPT)
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{origin}: dataset '{dataset.name}' has no {PREPARE_SCRIPT}, so it cannot be made.")
    script = find(roots, name)
    if script is None or not script.is_file():
        raise ConfigError(
            f"{origin}: dataset '{dataset.name}': there is no {PREPARE_SCRIPT} '{name}' in any of "
            f"{', '.join(map(str, roots))}."
        )
    return Preparation(dataset, script)


def prepare(preparation: Preparation, roots: Sequence[Path], arguments: JsonObject) -> Path:
    """Run the script, whose output goes to standard error; the dataset's file.

    Raises InputError when the script fails, or when the file is not there afterwards.
    """
    paths = [str(root) for root in roots]
    environment = {
        **os.environ,
        **{variable: os.pathsep.join(paths) for variable in ROOT_VARIABLES},
        "PYTHONPATH": os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    script, dataset = preparation.script, preparation.dataset
    command = [sys.executable, "-m", __name__, str(script), json.dumps(arguments)]
    ended = subprocess.run(command, env=environment, stdout=sys.stderr, stdin=subprocess.DEVNULL, check=False)
    if ended.returncode:
        raise InputError(f"{script}: ended with {ended.returncode}; what it said is above.")
    path = find(roots, dataset.fields.get("jsonl_fpath") or dataset.path) or dataset.path  # it may be in another root
    if not path.exists():
        raise InputError(f"{script}: ended well, but dataset '{dataset.name}' is not at {path}.")
    return path


def _main(script: Path, arguments: JsonObject) -> None:
    spec = importlib.util.spec_from_file_location("prepare_script", script)
    if spec is None or spec.loader is None:
        sys.exit(f"{script}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    function = getattr(module, FUNCTION, None)
    if not callable(function):
        sys.exit(f"{script}: has no function {FUNCTION}()")
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        sys.exit(f"{script}: {FUNCTION}(): {error}")
    function(**arguments)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), json.loads(sys.argv[2]))
