"""How each agent's rollouts are run: from the agents' configuration, and from what is given over it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from polygym.config.model import RunConfig, ServerInstance
from polygym.protocol.calls import ModelServerRef
from polygym.protocol.errors import ConfigError
from polygym.rollouts.engine import LaneSettings
from polygym.servers.agents import LaneConfig
from polygym.servers.base import explain_validation


@dataclass(frozen=True, slots=True)
class LaneOverrides:
    """Values that win over the configuration's, by agent."""

    concurrency: Mapping[str, int] = field(default_factory=dict)
    weight: Mapping[str, float] = field(default_factory=dict)
    timeout_s: Mapping[str, float] = field(default_factory=dict)
    max_attempts: Mapping[str, int] = field(default_factory=dict)


def configured_lanes(config: RunConfig) -> dict[str, LaneSettings]:
    """The lane of every configured agent. Raises ConfigError naming the field that is wrong."""
    return {agent.name: _configured(agent) for agent in config.of_type("responses_api_agents")}


def _configured(agent: ServerInstance) -> LaneSettings:
    """From the instance's fields, not from a server object: an agent may live in another process."""
    try:
        fields = LaneConfig.model_validate(agent.fields)
    except ValidationError as error:
        raise ConfigError(f"{agent.origin}: {agent.name}: {explain_validation(error)}.") from error
    return LaneSettings(
        concurrency=fields.concurrency,
        weight=fields.weight,
        timeout_s=fields.timeout_s,
        stage_timeouts_s={str(stage): limit for stage, limit in fields.stage_timeouts_s.items()},
        max_attempts=fields.max_attempts,
        model=_model_of(agent),
    )


def _model_of(agent: ServerInstance) -> str:
    """Name of the model server it depends on: `model_server`, else its first reference to one; empty without any."""
    models = {name: ref.name for name, ref in agent.references.items() if isinstance(ref, ModelServerRef)}
    return models.get("model_server") or next(iter(models.values()), "")


def overridden_lanes(
    agents: Iterable[str], lanes: Mapping[str, LaneSettings], overrides: LaneOverrides
) -> dict[str, LaneSettings]:
    """The lanes of `agents`: those of `lanes`, or the defaults, with the overrides over them."""
    return {agent: _overridden(agent, lanes.get(agent, LaneSettings()), overrides) for agent in agents}


def _overridden(agent: str, lane: LaneSettings, overrides: LaneOverrides) -> LaneSettings:
    return replace(
        lane,
        concurrency=overrides.concurrency.get(agent, lane.concurrency),
        weight=overrides.weight.get(agent, lane.weight),
        timeout_s=overrides.timeout_s.get(agent, lane.timeout_s),
        max_attempts=overrides.max_attempts.get(agent, lane.max_attempts),
    )
