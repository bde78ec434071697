from pathlib import Path
from typing import Any

import pytest

from polygym.config.model import RunConfig, ServerInstance
from polygym.protocol.calls import ModelServerRef, ResourcesServerRef, ServerRef
from polygym.protocol.errors import ConfigError
from polygym.rollouts.engine import LaneSettings
from polygym.rollouts.lanes import LaneOverrides, configured_lanes, overridden_lanes

REFERENCES: dict[str, ServerRef] = {
    "judge": ModelServerRef(name="judge_model"),
    "resources_server": ResourcesServerRef(name="env"),
    "model_server": ModelServerRef(name="policy"),
}


def agent(name: str, references: dict[str, ServerRef] | None = None, **fields: Any) -> ServerInstance:
    return ServerInstance(
        name=name,
        server_type="responses_api_agents",
        implementation="somebody",
        folder=None,
        entrypoint="",
        fields=fields,
        references=REFERENCES if references is None else references,
        datasets=(),
        placement="remote",
        url="http://elsewhere:1",
        host=None,
        port=None,
        origin="agents.yaml:3",
    )


def config(*agents: ServerInstance) -> RunConfig:
    return RunConfig({each.name: each for each in agents}, {}, {}, (Path(),))


def test_an_agents_fields_make_its_lane_wherever_it_lives() -> None:
    fields = {"concurrency": 4, "weight": 2, "timeout_s": 30, "max_attempts": 5, "stage_timeouts_s": {"verify": 9}}
    lanes = configured_lanes(config(agent("full", **fields, url="http://elsewhere:1"), agent("plain")))
    assert lanes["full"] == LaneSettings(
        concurrency=4, weight=2.0, timeout_s=30.0, stage_timeouts_s={"verify": 9.0}, max_attempts=5, model="policy"
    )
    assert lanes["plain"] == LaneSettings(model="policy")


@pytest.mark.parametrize(
    ("references", "model"),
    [({"judge": ModelServerRef(name="judge_model")}, "judge_model"), ({"env": ResourcesServerRef(name="env")}, "")],
)
def test_an_agent_without_a_model_server_of_that_name_depends_on_the_first_it_refers_to(
    references: dict[str, ServerRef], model: str
) -> None:
    assert configured_lanes(config(agent("a", references)))["a"].model == model


@pytest.mark.parametrize(
    ("field", "value"),
    [("concurrency", 0), ("weight", -1), ("timeout_s", "soon"), ("max_attempts", 0), ("stage_timeouts_s", {"cook": 1})],
)
def test_a_wrong_field_is_named_with_its_place(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"agents.yaml:3: a: {field}"):
        configured_lanes(config(agent("a", **{field: value})))


def test_overrides_win_over_what_is_configured_and_leave_the_rest() -> None:
    lanes = {"a": LaneSettings(concurrency=4, timeout_s=30.0, model="policy")}
    overrides = LaneOverrides(concurrency={"b": 2}, timeout_s={"a": 5.0, "b": 6.0}, max_attempts={"a": 1})
    assert overridden_lanes(["a", "b"], lanes, overrides) == {
        "a": LaneSettings(concurrency=4, timeout_s=5.0, max_attempts=1, model="policy"),
        "b": LaneSettings(concurrency=2, timeout_s=6.0),
    }
