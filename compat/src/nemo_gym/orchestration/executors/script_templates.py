"""Pieces of a job's script."""

import re
import shlex
from collections.abc import Sequence
from typing import Final, Optional

LOOK_S: Final = 5
"""Seconds between two looks at a service."""
HEALTH_CHECK: Final = """\
echo "waiting for {name} at {url}"
{var}_READY=0
for _ in $(seq 1 {looks}); do
    if curl -sf {url} > /dev/null 2>&1; then {var}_READY=1; break; fi
    if ! kill -0 "${{{var}_PID}}" 2> /dev/null; then echo "{name} has ended" >&2; exit 1; fi
    sleep {pause}
done
if [ "${{{var}_READY}}" -eq 0 ]; then echo "{name} was not ready after {limit} s" >&2; exit 1; fi"""


def bash_var(name: str) -> str:
    """A name as a variable's."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def render_health_check(name: str, port: int, path: str, timeout: int) -> str:
    """Wait until a service answers; give up when it ends, or takes longer than `timeout` seconds."""
    return HEALTH_CHECK.format(
        name=name,
        var=bash_var(name),
        url=shlex.quote(f"http://localhost:{port}{path}"),
        looks=max(1, timeout // LOOK_S),
        pause=LOOK_S,
        limit=timeout,
    )


def render_gym_cmd(subcommand: str, var_name: str, args: Sequence[str]) -> str:
    """An array variable with a command, an argument a line."""
    return "\n".join([f"{var_name}=(", *(f"    {word}" for word in (f"gym {subcommand}", *args)), ")"])


def render_driver_entrypoint(repo: Optional[str], ref: Optional[str], prepare_cmd: Optional[str]) -> str:
    """What a container runs: the command in `GYM_CMD`, after installing and preparing, if that is wanted."""
    steps = []
    if repo and ref:
        folder = repo.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git")
        steps = [
            "set -e",
            "curl -LsSf https://astral.sh/uv/install.sh | sh",
            'source "$HOME/.local/bin/env"',
            f"git clone {shlex.quote(repo)}",
            f"cd {shlex.quote(folder)}",
            f"git checkout {shlex.quote(ref)}",
            "uv pip install -e . --system",
        ]
    steps += [prepare_cmd] if prepare_cmd else []
    if not steps:
        return '"${GYM_CMD[@]}"'
    script = "\n".join([*steps, 'exec "$@"'])
    return f'bash -c {shlex.quote(script)} -- "${{GYM_CMD[@]}}"'
