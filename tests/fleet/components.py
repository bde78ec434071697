"""Components in a folder of the test's own, and configurations of them as the config room makes them."""

import os
import socket
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

from polygym.config.model import Placement, RunConfig, ServerInstance
from polygym.protocol.calls import AgentServerRef, ModelServerRef, ResourcesServerRef, ServerRef, ServerType
from polygym.protocol.json import JsonObject

ENVIRONMENT = ResourcesServerRef(name="notebook")
POLICY = ModelServerRef(name="policy")
AGENT = AgentServerRef(name="agent")


def write(root: Path, file: str, source: str) -> Path:
    """Write a component's file below `root`."""
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(source), encoding="utf-8")
    return path


def write_notebook(root: Path) -> None:
    """The environment, model and agent of tests/servers/notebook.py as components `notebook`, `writer`, `scribe`."""
    source = """
        import sys

        sys.path.insert(0, {!r})
        from tests.servers.notebook import {} as Base


        class {}(Base):
            pass
    """
    repository = str(Path(__file__).parents[2])
    for file, name in (
        ("resources_servers/notebook/app.py", "Notebook"),
        ("responses_api_models/writer/app.py", "Writer"),
        ("responses_api_agents/scribe/app.py", "Scribe"),
    ):
        write(root, file, source.format(repository, name, name))


def instance(
    root: Path,
    name: str,
    server_type: ServerType,
    implementation: str | None = None,
    *,
    placement: Placement | None = None,
    references: dict[str, ServerRef] | None = None,
    url: str | None = None,
    host: str | None = None,
    port: int | None = None,
    entrypoint: str = "app.py",
    **fields: Any,
) -> ServerInstance:
    """One server of a configuration; its implementation is called like it if nothing else is said."""
    implementation = implementation or name
    references = references or {}
    return ServerInstance(
        name=name,
        server_type=server_type,
        implementation=implementation,
        folder=None if url else root / server_type / implementation,
        entrypoint=entrypoint,
        fields={"entrypoint": entrypoint, **{key: ref.model_dump() for key, ref in references.items()}, **fields},
        references=references,
        datasets=(),
        placement=placement,
        url=url,
        host=host,
        port=port,
        origin=f"{name}.yaml:1",
    )


def run_config(*roots: Path, instances: list[ServerInstance], **settings: Any) -> RunConfig:
    """A configuration of these servers."""
    merged: JsonObject = {one.name: {one.server_type: {one.implementation: dict(one.fields)}} for one in instances}
    return RunConfig({one.name: one for one in instances}, settings, {**merged, **settings}, roots)


def notebook_config(root: Path, **placements: Placement) -> RunConfig:
    """The notebook's agent, environment and model, each where `placements` (by instance name) says."""
    write_notebook(root)
    references: dict[str, ServerRef] = {"resources_server": ENVIRONMENT, "model_server": POLICY}
    agent = instance(
        root, "agent", "responses_api_agents", "scribe", references=references, placement=placements.get("agent")
    )
    environment = instance(root, "notebook", "resources_servers", placement=placements.get("notebook"))
    policy = instance(root, "policy", "responses_api_models", "writer", placement=placements.get("policy"))
    return run_config(root, instances=[environment, policy, agent])


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and only not reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until_dead(pid: int, limit_s: float = 30.0) -> None:
    """Wait for a process that is not our child to end."""
    deadline = time.monotonic() + limit_s
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def is_listening(url: str) -> bool:
    """Whether somebody accepts connections there."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0
