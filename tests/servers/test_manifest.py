"""Manifests: what they may say, and what is said about those that are wrong."""

from typing import Any

import pytest

from polygym import ResourcesServer, ResourcesServerConfig, RolloutView, Session
from polygym.config.dimensions import DIMENSIONS
from polygym.protocol.errors import ConfigError
from polygym.servers.manifest import Manifest


class Plain(ResourcesServer):
    def verify(self, rollout: RolloutView, session: Session) -> float:
        return 0.0


def refusal(manifest: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        Plain.parse_config({"manifest": manifest}, "here.yaml:3")
    return str(caught.value)


def test_a_manifest_has_a_field_for_every_dimension_and_the_rewards_range() -> None:
    assert set(Manifest.model_fields) == {*DIMENSIONS, "reward_range"}
    assert Manifest().reward_range == (0.0, 1.0)


@pytest.mark.parametrize("dimension", [name for name, values in DIMENSIONS.items() if values])
def test_known_values_and_values_of_ones_own_are_taken(dimension: str) -> None:
    given = [*DIMENSIONS[dimension], "x_something_else"]

    assert getattr(Manifest.model_validate({dimension: given}), dimension) == given


def test_what_a_configuration_says_is_there_to_be_read() -> None:
    given = {"rollout_structure": ["stateful"], "core_capabilities": ["tool_use"], "verification_method": "llm_judge"}
    config = Plain.parse_config({"manifest": given}, "here.yaml:3")

    assert isinstance(config, ResourcesServerConfig) and config.manifest is not None
    assert config.manifest.rollout_structure == ["stateful"]
    assert config.manifest.core_capabilities == ["tool_use"]
    assert config.manifest.verification_method == ["llm_judge"]


def test_one_value_is_a_list_of_one_and_none_counts_twice() -> None:
    manifest = Manifest.model_validate({"task_type": "shopping", "knowledge_domain": ["law", "law"]})

    assert (manifest.task_type, manifest.knowledge_domain) == (["shopping"], ["law"])


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({"core_capabilities": ["tool_us"]}, "'tool_us' is not known. Meant 'tool_use'?"),
        ({"rollout_structure": ["multi-step"]}, "'multi-step' must be lower-case letters"),
        ({"verification_method": ["vibes"]}, "A value of your own begins with 'x_'"),
        ({"task_type": ["Question Answering"]}, "'Question Answering' must be lower-case letters"),
        ({"task_type": [3]}, "manifest.task_type.0"),
        ({"capabilities": ["tool_use"]}, "Meant 'core_capabilities'?"),
        ({"reward_range": [1.0, 0.0]}, "must be [lowest, highest]"),
        ({"reward_range": [0.0, float("inf")]}, "must be [lowest, highest]"),
        ({"reward_range": 1.0}, "manifest.reward_range"),
        ("single_step", "manifest: "),
    ],
)
def test_a_wrong_manifest_is_refused_with_what_is_wrong(manifest: Any, message: str) -> None:
    refused = refusal(manifest)

    assert refused.startswith("here.yaml:3: manifest")
    assert message in refused
