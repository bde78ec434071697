"""Whose loop drives the model, as far as the configuration and the agent's code show it."""

from pathlib import Path
from typing import Final, NamedTuple

from nemo_gym.environment.composition import ResolvedComposition
from nemo_gym.environment.errors import EnvironmentValidationError
from nemo_gym.environment.manifest import IntegrationProfile
from nemo_gym.environment.python_sources import (
    base_name,
    functions,
    only_delegates_to_super,
    only_raises_not_implemented,
    parse_python_file,
    raises_not_implemented,
    server_class,
)
from nemo_gym.search_roots import resolve_file

UNKNOWN: Final = "unknown"


class InferredProfile(NamedTuple):
    """A profile, or `unknown`, and what shows it."""

    profile: str
    evidence: str


def infer_profile(composition: ResolvedComposition) -> InferredProfile:
    """The profile of a composition."""
    if composition.rollout_driver:
        return InferredProfile(IntegrationProfile.EXTERNAL_ROLLOUT_DRIVER, "rollout_collection_driver is configured")
    if composition.agent_server == "simple_agent":
        return InferredProfile(IntegrationProfile.CUSTOM_GYM_VERIFIER, "selected agent implementation is simple_agent")
    agent = next((each for each in composition.components if each.role == "agent_server"), None)
    if agent is None or not agent.entrypoint:
        return InferredProfile(UNKNOWN, "selected agent has no inspectable entrypoint")
    return _of_code(resolve_file(Path(agent.boundary, agent.implementation, agent.entrypoint)))


def _of_code(entrypoint: Path) -> InferredProfile:
    try:
        tree = parse_python_file(entrypoint, "Agent entrypoint")
    except EnvironmentValidationError:
        return InferredProfile(UNKNOWN, f"agent entrypoint could not be inspected: {entrypoint}")
    server = server_class(tree)
    if server is None:
        return InferredProfile(UNKNOWN, "agent server class could not be identified")
    responses = functions(server).get("responses")
    if responses is None:
        if "SimpleAgent" in map(base_name, server.bases):
            return InferredProfile(
                IntegrationProfile.CUSTOM_GYM_VERIFIER, "agent inherits the default SimpleAgent responses() behavior"
            )
        return InferredProfile(UNKNOWN, "agent server does not declare an inspectable responses() behavior")
    if only_delegates_to_super(responses):
        return InferredProfile(UNKNOWN, "agent responses() still delegates to the default Gym behavior")
    if only_raises_not_implemented(responses):
        return InferredProfile(IntegrationProfile.EXTERNAL_AGENT_LOOP, "agent responses() raises NotImplementedError")
    if raises_not_implemented(responses):
        return InferredProfile(UNKNOWN, "agent responses() behavior depends on runtime configuration")
    return InferredProfile(
        IntegrationProfile.CUSTOM_GYM_AGENT_LOOP, "agent overrides responses() with measured behavior"
    )


def profile_warnings(declared: str, inferred: InferredProfile) -> tuple[str, ...]:
    """What to say when the declared profile is not the one that shows."""
    if inferred.profile == declared:
        return ()
    if inferred.profile == UNKNOWN:
        return (f"Could not infer integration_profile ({inferred.evidence}); declared profile is {declared!r}.",)
    return (
        f"Declared integration_profile {declared!r} does not match inferred profile {str(inferred.profile)!r} "
        f"({inferred.evidence}).",
    )
