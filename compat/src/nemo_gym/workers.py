"""Which process this is when a server runs as several; the environment says it."""

import os

from nemo_gym.outgoing import NEMO_GYM_FASTAPI_NUM_WORKERS

_IS_WORKER = "IS_NEMO_GYM_FASTAPI_WORKER"
_ENTRYPOINT = "IS_NEMO_GYM_FASTAPI_ENTRYPOINT"


def is_nemo_gym_fastapi_worker() -> bool:
    """Whether this is one of a server's several processes."""
    return os.environ.get(_IS_WORKER) == "1"


def set_is_nemo_gym_fastapi_worker() -> None:
    """Say so to the processes that are started from here."""
    os.environ[_IS_WORKER] = "1"


def is_nemo_gym_fastapi_entrypoint(file: str) -> bool:
    """Whether a module's file is the server that this worker is to be."""
    return is_nemo_gym_fastapi_worker() and file.endswith(os.environ[_ENTRYPOINT])


def set_is_nemo_gym_fastapi_entrypoint(file: str) -> None:
    """Say which file that is."""
    os.environ[_ENTRYPOINT] = file


def get_nemo_gym_fastapi_num_workers() -> int:
    """How many processes the server runs as."""
    return int(os.environ.get(NEMO_GYM_FASTAPI_NUM_WORKERS, "1"))


def set_nemo_gym_fastapi_num_workers(num_workers: int) -> None:
    """Say how many."""
    os.environ[NEMO_GYM_FASTAPI_NUM_WORKERS] = str(num_workers)
