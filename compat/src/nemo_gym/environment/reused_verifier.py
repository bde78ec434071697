"""A resources server that a new environment shares: it must have cases that pin its verifier down."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Optional

import yaml

from nemo_gym.environment.scaffold_errors import ScaffoldError
from nemo_gym.search_roots import component_search_roots

FIXTURE: Final = "VERIFIER_FIXTURE"


@dataclass(frozen=True)
class ReusedVerifier:
    """A resources server that is there."""

    selector: str
    config_reference: str
    """Its config file, relative to a root."""
    resource_instance: str
    agent_instance: Optional[str]
    """An agent that its config file brings along."""


def find_reused_verifier(root: Path, selector: str) -> ReusedVerifier:
    """The resources server of that name in `root` or another root. Raises ScaffoldError when it cannot be shared."""
    reference = f"resources_servers/{selector}/configs/{selector}.yaml"
    places = list(dict.fromkeys((folder / reference).resolve() for folder in (root, *component_search_roots())))
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        looked = "".join(f"\n  - {place}" for place in places)
        raise ScaffoldError(f"reuse_verifier {selector!r} was not found:{looked}")
    config = _read(path)
    servers = _servers(config, "resources_servers")
    if len(servers) != 1 or servers[0][1] != selector:
        raise ScaffoldError(f"{path} must have exactly one resources-server instance, of the type {selector!r}")
    if _servers(config, "responses_api_models"):
        raise ScaffoldError(f"{path} may not bundle a model server")
    instance, _, fields = servers[0]
    if not isinstance(fields.get("entrypoint"), str) or not fields["entrypoint"]:
        raise ScaffoldError(f"{path} does not define a resources-server entrypoint")
    _check_fixture((path.parents[1] / fields["entrypoint"]).resolve())
    return ReusedVerifier(selector, reference, instance, _agent_of(config, instance, path))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise ScaffoldError(f"could not read reused verifier config {path}: {error}") from error
    if not isinstance(config, Mapping):
        raise ScaffoldError(f"reused verifier config {path} is not a mapping")
    return config


def _servers(config: Mapping[str, Any], server_type: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    found = []
    for instance, value in config.items():
        implementations = value.get(server_type) if isinstance(value, Mapping) else None
        for name, fields in implementations.items() if isinstance(implementations, Mapping) else ():
            if not isinstance(fields, Mapping):
                raise ScaffoldError(f"{server_type}: the config for {name!r} is not a mapping")
            found.append((str(instance), str(name), fields))
    return found


def _agent_of(config: Mapping[str, Any], resource_instance: str, path: Path) -> Optional[str]:
    agents = _servers(config, "responses_api_agents")
    if not agents:
        return None
    instance, implementation, fields = agents[0]
    if len(agents) > 1 or implementation != "simple_agent":
        raise ScaffoldError(f"{path} may bundle only one simple_agent")
    reference = fields.get("resources_server")
    if not isinstance(reference, Mapping) or reference.get("name") != resource_instance:
        raise ScaffoldError(f"{path}: its simple_agent must reference resources instance {resource_instance!r}")
    return instance


def _check_fixture(app: Path) -> None:
    try:
        tree = ast.parse(app.read_text(encoding="utf-8"), filename=str(app))
    except FileNotFoundError as error:
        raise ScaffoldError(f"the reused verifier's entrypoint was not found: {app}") from error
    except (OSError, UnicodeError, SyntaxError) as error:
        raise ScaffoldError(f"could not inspect reused verifier entrypoint {app}: {error}") from error
    if not any(_declares_fixture(node) for node in tree.body):
        raise ScaffoldError(f"{app} must declare a {FIXTURE}, so that its verifier is known to work")


def _declares_fixture(node: ast.stmt) -> bool:
    """Whether it imports the fixture, or makes it."""
    match node:
        case ast.ImportFrom():
            return any((alias.asname or alias.name) == FIXTURE for alias in node.names)
        case ast.Assign():
            targets, value = node.targets, node.value
        case ast.AnnAssign(value=ast.expr() as value):
            targets = [node.target]
        case _:
            return False
    maker = value.func if isinstance(value, ast.Call) else None
    name = maker.id if isinstance(maker, ast.Name) else maker.attr if isinstance(maker, ast.Attribute) else None
    is_named = any(isinstance(target, ast.Name) and target.id == FIXTURE for target in targets)
    return is_named and name == "VerifierFixture"
