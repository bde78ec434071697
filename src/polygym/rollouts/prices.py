"""What tokens cost: the `prices` of a configuration, and which of them holds for which model server."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polygym.config.model import RunConfig, ServerInstance
from polygym.protocol.errors import ConfigError
from polygym.protocol.usage import Tokens
from polygym.servers.base import explain_validation

SETTING: Final = "prices"
_MODEL_FIELDS: Final = ("openai_model", "model", "anthropic_model", "azure_deployment", "model_name")
"""Fields of model servers that name the model, in the implementations there are."""
_PER: Final = 1_000_000


class Price(BaseModel):
    """US dollars for a million tokens."""

    model_config = ConfigDict(extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False)
    cached_input: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Input that was read from a cache; None: as other input."""
    cache_write: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Input that was written to a cache, where that is billed apart; None: as other input."""
    output: float = Field(ge=0, allow_inf_nan=False)
    """Reasoning included."""

    def cost_usd(self, tokens: Tokens) -> float:
        """What those tokens cost."""
        cached = self.input if self.cached_input is None else self.cached_input
        written = self.input if self.cache_write is None else self.cache_write
        plain = tokens.input - tokens.cached - tokens.cache_written
        costs = (
            plain * self.input,
            tokens.cached * cached,
            tokens.cache_written * written,
            tokens.output * self.output,
        )
        return sum(costs) / _PER


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of a configuration."""

    by_name: Mapping[str, Price] = field(default_factory=dict)
    """As configured, by name of the model or of its server."""
    by_server: Mapping[str, Price] = field(default_factory=dict)
    """By instance name of the model server, for those that have one."""

    def of(self, server: str, model: Any) -> Price | None:
        """The price of a call to `server` that `model` has answered, None when there is none."""
        price = self.by_server.get(server)
        if price is None and isinstance(model, str):
            price = self.by_name.get(model)
        return price


def prices_of(config: RunConfig) -> Prices:
    """The configured prices. Raises ConfigError naming what is wrong with them."""
    given = config.settings.get(SETTING) or {}
    if not isinstance(given, dict):
        raise ConfigError(f"{SETTING}: must be a mapping of model names, not {given!r}.")
    by_name = {str(name): _price(str(name), fields) for name, fields in given.items()}
    by_server = {}
    for instance in config.of_type("responses_api_models"):
        name = next((name for name in _names(instance) if name in by_name), None)
        if name is not None:
            by_server[instance.name] = by_name[name]
    return Prices(by_name, by_server)


def _price(name: str, fields: Any) -> Price:
    try:
        return Price.model_validate(fields)
    except ValidationError as error:
        example = f"{SETTING}: {{{name}: {{input: 1.0, output: 4.0}}}}"
        raise ConfigError(
            f"{SETTING}.{name}: {explain_validation(error)}. In dollars a million tokens: {example}."
        ) from error


def _names(instance: ServerInstance) -> list[str]:
    """Names under which a server's price may stand: its own, and those of the model behind it."""
    return [instance.name, *(str(instance.fields[key]) for key in _MODEL_FIELDS if key in instance.fields)]


def check_prices(prices: Prices, servers: Iterable[ServerInstance]) -> None:
    """Raises ConfigError when one of the model servers has no price, so that a limit on the cost could not hold."""
    for instance in servers:
        if instance.server_type == "responses_api_models" and instance.name not in prices.by_server:
            example = f"{SETTING}: {{{_names(instance)[-1]}: {{input: 1.0, cached_input: 0.1, output: 4.0}}}}"
            raise ConfigError(
                f"--max-cost: there is no price for {instance.name}. Give one, in dollars a million tokens: {example}."
                " What is free costs 0."
            )
