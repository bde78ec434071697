"""Whose a sandbox is: team, user, workload and run, which providers write into its metadata where they can.

Each comes from what is given, else from `NEMO_GYM_*` variables, else from those of a Slurm job. What nobody says is
left out; only the run always has an id.
"""

import getpass
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Final, Optional
from uuid import uuid4

TEAM_KEY: Final = "team"
USER_KEY: Final = "user"
WORKLOAD_KEY: Final = "workload"
RUN_KEY: Final = "run"
TEAM_ENV_VARS: Final = ("NEMO_GYM_TEAM", "SLURM_JOB_ACCOUNT")
USER_ENV_VARS: Final = ("NEMO_GYM_USER", "SLURM_JOB_USER")
WORKLOAD_ENV_VARS: Final = ("NEMO_GYM_WORKLOAD", "SLURM_JOB_NAME", "NEMO_GYM_CONFIG_PATH")
"""The last names the server that this process is for."""
RUN_ENV_VARS: Final = ("NEMO_GYM_RUN_ID",)
IGNORED_LOGIN_NAMES: Final = frozenset({"root"})
"""Logins that containers have, whoever started them."""

LOGGER = logging.getLogger("nemo_gym.sandbox")


def resolve_attribution(
    *,
    team: Optional[str] = None,
    user: Optional[str] = None,
    workload: Optional[str] = None,
    environ: Optional[Mapping[str, str]] = None,
) -> dict[str, str]:
    """Those of team, user and workload that are known. A user that no variable names is the one who is logged in."""
    variables = os.environ if environ is None else environ
    known = {
        TEAM_KEY: team or _first_of(variables, TEAM_ENV_VARS),
        USER_KEY: user or _first_of(variables, USER_ENV_VARS) or _login(),
        WORKLOAD_KEY: workload or _first_of(variables, WORKLOAD_ENV_VARS),
    }
    return {key: str(value) for key, value in known.items() if value}


def resolve_run_id(run: Optional[str] = None, environ: Optional[Mapping[str, str]] = None) -> str:
    """The run's id: the given one, the one that a variable names, else one that is this process's own."""
    given = (run or "").strip()
    return given or _first_of(os.environ if environ is None else environ, RUN_ENV_VARS) or _own_run_id()


def log_attribution_once(metadata: Mapping[str, str]) -> None:
    """Write into the log how the sandboxes of this process can be found; the first time only."""
    if metadata and not _Logged.is_done:
        _Logged.is_done = True
        LOGGER.info("sandboxes of this process have the metadata %s", dict(metadata))


class _Logged:
    is_done = False


@cache
def _own_run_id() -> str:
    return uuid4().hex[:12]


def _first_of(variables: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := (variables.get(name) or "").strip())), "")


def _login() -> str:
    name = ""
    with suppress(Exception):  # there is neither a variable nor an entry for the user
        name = getpass.getuser().strip()
    return "" if name.lower() in IGNORED_LOGIN_NAMES else name
