"""Whether the configuration says what kind of environment this is."""

from pydantic import ValidationError

from polygym.config.dimensions import DIMENSIONS
from polygym.kit.checks.subject import Result, Subject
from polygym.servers.base import explain_validation
from polygym.servers.manifest import Manifest


def check_manifest(subject: Subject) -> Result:
    """The manifest is there, valid, and says something in every dimension; no field is one that nobody reads."""
    server = subject.environment.server
    given = server.fields.get("manifest")
    if given is None:
        return Result([f"{server.origin}: '{server.name}' has no manifest; it says what the environment trains"])
    try:
        manifest = Manifest.model_validate(given)
    except ValidationError as error:
        return Result([f"{server.origin}: manifest: {explain_validation(error)}"])
    empty = [name for name in DIMENSIONS if not getattr(manifest, name)]
    problems = [f"{server.origin}: manifest: '{name}' is empty" for name in empty]
    if not server.fields.get("description"):
        problems.append(f"{server.origin}: '{server.name}' has no description")
    running = subject.playground.server
    problems += [f"{server.origin}: {remark}" for remark in type(running).unknown_fields(running.config)]
    low, high = manifest.reward_range
    return Result(problems, f"rewards from {low:g} to {high:g}")
