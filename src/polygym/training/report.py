"""How whole the token sequences of many rollouts are, by environment: what a trainer wants to know before it trains."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from polygym.protocol.json import JsonObject
from polygym.protocol.tasks import AGENT_REF
from polygym.training.sequences import TokenSequence, calls_without_tokens, sequences_of

NO_ENVIRONMENT = "none"
"""Name under which rows without an `agent_ref` are counted."""


@dataclass(slots=True)
class TokenReport:
    """Counts over the rollouts of one environment."""

    rollouts: int = 0
    without_tokens: int = 0
    """Rollouts none of whose calls reported its tokens."""
    calls: int = 0
    """Model calls that reported their tokens."""
    calls_without_tokens: int = 0
    """Model calls that did not; what they wrote is nobody's to train on."""
    sequences: int = 0
    breaks: int = 0
    """Sequences beyond the first of a rollout: prompts that did not begin with what was said before."""
    rollouts_with_breaks: int = 0
    read_tokens: int = 0
    """Tokens with loss mask 0; what sequences of one rollout share counts in each."""
    generated_tokens: int = 0
    """Tokens with loss mask 1."""

    def add(self, row: JsonObject) -> list[TokenSequence]:
        """Count one rollout in; its sequences. Raises ValueError for malformed token fields."""
        sequences = sequences_of(row)
        self.rollouts += 1
        self.without_tokens += not sequences
        self.calls += sum(one.calls for one in sequences)
        self.calls_without_tokens += calls_without_tokens(row)
        self.sequences += len(sequences)
        self.breaks += max(0, len(sequences) - 1)
        self.rollouts_with_breaks += len(sequences) > 1
        generated = sum(one.generated for one in sequences)
        self.generated_tokens += generated
        self.read_tokens += sum(len(one.token_ids) for one in sequences) - generated
        return sequences

    def to_json(self) -> JsonObject:
        """The counts by name."""
        return asdict(self)


class TokenReports:
    """Reports by environment, the name that a row's `agent_ref` has, in the order in which they came up."""

    def __init__(self) -> None:
        self.by_environment: dict[str, TokenReport] = {}

    def add(self, row: JsonObject) -> list[TokenSequence]:
        """Count one rollout in; its sequences. Raises ValueError for malformed token fields."""
        ref = row.get(AGENT_REF)
        name = str(ref.get("name") or NO_ENVIRONMENT) if isinstance(ref, dict) else NO_ENVIRONMENT
        return self.by_environment.setdefault(name, TokenReport()).add(row)


def token_reports(rows: Iterable[JsonObject]) -> dict[str, TokenReport]:
    """Reports over rollouts by environment. Raises ValueError for malformed token fields."""
    reports = TokenReports()
    for row in rows:
        reports.add(row)
    return reports.by_environment
