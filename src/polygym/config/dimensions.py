"""The five dimensions that a resources server's `manifest` places its environment in, and their known values.

Knows no manifest class: what lists environments reads the plain keys.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

DIMENSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "rollout_structure": (*("single_step", "multi_step", "multi_turn", "multi_modal", "long_context", "stateful"),),
    "core_capabilities": (
        *("information_dependency", "proactive_asking", "schema_adherence", "meta_instruction_following"),
        *("counterintuitive_instruction_following", "information_relevance", "multiple_intent_synthesis"),
        *("knowledge", "reasoning", "tool_use", "perception", "state_tracking"),
    ),
    "knowledge_domain": (),
    "task_type": (),
    "verification_method": (
        *("exact_match", "symbolic_equivalence", "state_comparison", "constraint_check", "schema_validation"),
        *("llm_judge", "external_scorer", "environment_reward"),
    ),
}
"""Dimension and its values; one without values takes any word."""

OWN_VALUE: Final = "x_"
"""What values begin with that are not among those of their dimension."""

ListedManifest: TypeAlias = Mapping[str, tuple[str, ...]]
"""The values of each dimension."""


def listed_manifest(manifest: Any) -> ListedManifest:
    """What a `manifest` says, as far as it can be read; unchecked. Every dimension is there."""
    given = manifest if isinstance(manifest, dict) else {}
    return {dimension: _words(given.get(dimension)) for dimension in DIMENSIONS}


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(each) for each in value) if isinstance(value, list) else ()
