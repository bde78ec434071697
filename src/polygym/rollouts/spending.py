"""What a run's model calls take, in tokens and dollars: counted call by call, told by attempt, held against a budget.

Fulfils the channels' `Meter`. Memory holds the attempts in flight.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from polygym.metrics.records import cost_of, usage_of
from polygym.metrics.table import dollars
from polygym.protocol.json import JsonObject
from polygym.protocol.rollouts import COST_USD, USAGE
from polygym.protocol.usage import NO_TOKENS, Tokens, count_of, tokens_of
from polygym.rollouts.prices import Prices

log = logging.getLogger("polygym.rollouts")

MOST_OPEN: Final = 1 << 17
"""Attempts whose calls are counted apart: those that nobody asks for, of callers outside, must not fill memory."""
POLICY: Final = "policy"
"""Server that calls are put under when they were made where nobody could see them."""


class Spent(NamedTuple):
    """What something has taken."""

    tokens: int = 0
    """Input and output."""
    cost_usd: float = 0.0

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(self.tokens + other.tokens, self.cost_usd + other.cost_usd)


NOTHING: Final = Spent()


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may take; None for no limit."""

    tokens: int | None = None
    cost_usd: float | None = None

    def exceeded_by(self, spent: Spent) -> str | None:
        """Which limit `spent` has reached, in words; None while there is something left."""
        if self.cost_usd is not None and spent.cost_usd >= self.cost_usd:
            return f"{dollars(spent.cost_usd)} of {dollars(self.cost_usd)} (--max-cost)"
        if self.tokens is not None and spent.tokens >= self.tokens:
            return f"{spent.tokens} of {self.tokens} tokens (--max-total-tokens)"
        return None


@dataclass(frozen=True, slots=True)
class Spending:
    """What is to be counted."""

    prices: Prices = field(default_factory=Prices)
    budget: Budget = field(default_factory=Budget)
    model_of: dict[str, str] = field(default_factory=dict)
    """Model server of each agent's policy, for calls that were made where nobody could see them."""


@dataclass(slots=True)
class _Attempt:
    by_server: dict[str, Tokens] = field(default_factory=dict)
    spent: Spent = NOTHING


class Ledger:
    """Counts. `on_exhausted` is called once, with words, when the budget has been used up."""

    def __init__(self, spending: Spending, earlier: Spent = NOTHING) -> None:
        """Begin with what an earlier part of the run has taken."""
        self.spending = spending
        self.earlier = earlier
        self.on_exhausted: Callable[[str], None] | None = None
        self._here = NOTHING
        self._elsewhere = NOTHING
        self._open: dict[str, _Attempt] = {}
        self._is_told = False
        self._silent: set[str] = set()
        """Servers that have left their usage out."""

    @property
    def total(self) -> Spent:
        """All that the run has taken so far."""
        return self.earlier.plus(self._here).plus(self._elsewhere)

    @property
    def here(self) -> Spent:
        """What this process has taken."""
        return self._here

    @property
    def exhausted(self) -> str | None:
        """Which limit has been reached, in words; None while there is something left."""
        return self.spending.budget.exceeded_by(self.total)

    def spent(self, rollout_id: str, server: str, answer: JsonObject) -> None:
        """A call to a model server has been answered. What judges and simulated users call counts for the rollout."""
        tokens = tokens_of(answer.get("usage"))
        if tokens is not None:
            self._count(rollout_id.partition(".")[0], server, tokens, answer.get("model"))
        elif server not in self._silent and _has_content(answer):
            self._silent.add(server)
            log.warning("%s: an answer reports no usage; what such calls take is not counted", server)

    def spent_elsewhere(self, spent: Spent) -> None:
        """All that other processes of the run have taken so far."""
        self._elsewhere = spent
        self._look()

    def take(self, rollout_id: str, agent: str, record: JsonObject | None = None) -> JsonObject:
        """What an attempt took, under the keys of its record, which is then forgotten; empty for nothing.

        Where no call was seen, the usage that the agent reports in the response counts.
        """
        attempt = self._open.pop(rollout_id, None)
        if attempt is None and record is not None and (tokens := tokens_of(usage_of(record))) is not None:
            self._count(rollout_id, self.spending.model_of.get(agent, POLICY), tokens, record["response"].get("model"))
            attempt = self._open.pop(rollout_id)
        if attempt is None:
            return {}
        taken: JsonObject = {USAGE: {server: tokens._asdict() for server, tokens in attempt.by_server.items()}}
        if self.spending.prices.by_name:
            taken[COST_USD] = round(attempt.spent.cost_usd, 9)
        return taken

    def _count(self, rollout_id: str, server: str, tokens: Tokens, model: object) -> None:
        price = self.spending.prices.of(server, model)
        spent = Spent(tokens.total, price.cost_usd(tokens) if price is not None else 0.0)
        attempt = self._open.get(rollout_id)
        if attempt is None:
            if len(self._open) >= MOST_OPEN:
                del self._open[next(iter(self._open))]
            attempt = self._open[rollout_id] = _Attempt()
        attempt.by_server[server] = attempt.by_server.get(server, NO_TOKENS).plus(tokens)
        attempt.spent = attempt.spent.plus(spent)
        self._here = self._here.plus(spent)
        self._look()

    def _look(self) -> None:
        if not self._is_told and self.on_exhausted is not None and (why := self.exhausted) is not None:
            self._is_told = True
            self.on_exhausted(why)


def _has_content(answer: JsonObject) -> bool:
    """Whether the model has said anything; a refused conversation takes nothing, and has no usage."""
    choices = answer.get("choices")
    if not isinstance(choices, list):
        return bool(answer.get("output") or answer.get("content"))
    messages = [choice.get("message") for choice in choices if isinstance(choice, dict)]
    return any(message.get("content") or message.get("tool_calls") for message in messages if isinstance(message, dict))


def spent_by(record: JsonObject) -> Spent:
    """What a record of an earlier run says that its attempt took: as counted then, else as its response reports."""
    usage = record.get(USAGE)
    if isinstance(usage, dict):
        parts = [part for part in usage.values() if isinstance(part, dict)]
        tokens = sum(count_of(part.get("input")) + count_of(part.get("output")) for part in parts)
    else:
        reported = tokens_of(usage_of(record))
        tokens = 0 if reported is None else reported.total
    return Spent(tokens, cost_of(record) or 0.0)
