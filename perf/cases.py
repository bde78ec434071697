"""What a benchmark runs: scenarios with their sizes, in full and for a quick look."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario with its size."""

    name: str
    """In tables, results and `--only`."""
    scenario: str
    """In `scenario.py`."""
    rollouts: int
    concurrency: int
    latency_s: float = 0.0
    """Seconds that the mock endpoint takes to answer."""
    workers: int = 1
    """Processes that share the rollouts, for the scenario `workers`."""
    is_repeated: bool = True
    """Whether it is part of every round; the others run once, afterwards."""
    is_on_one_core: bool = False
    """Whether it shares a core with the mock endpoint, so that no core idles while the two wait for each other."""


FULL = (
    Case("bare", "bare", 30_000, 256),
    Case("embedded", "embedded", 30_000, 256),
    Case("embedded_chat", "embedded_chat", 30_000, 256),
    Case("conversion", "conversion", 20_000, 1),
    Case("conversion_ids", "conversion_with_tokens", 10_000, 1),
    Case("conversion_msgs", "conversion_by_messages", 10_000, 1),
    Case("other_process", "other_process", 5_000, 256),
    Case("processes", "processes", 3_000, 256),
    Case("bare_1", "bare", 3_000, 1, is_on_one_core=True),
    Case("embedded_1", "embedded", 3_000, 1, is_on_one_core=True),
    Case("bare_1_apart", "bare", 3_000, 1),
    Case("embedded_1_apart", "embedded", 3_000, 1),
    Case("embedded_4096", "embedded", 40_960, 4_096),
    Case("one_worker", "workers", 200_000, 256, workers=1),
    Case("two_workers", "workers", 200_000, 256, workers=2),
    Case("many_in_flight", "many_in_flight", 65_536, 16_384, latency_s=10.0, is_repeated=False),
    Case("rows_10k", "short_rows", 10_000, 256, is_repeated=False),
    Case("rows_1m", "short_rows", 1_000_000, 256, is_repeated=False),
)
FULL_ROUNDS = 5

QUICK = (
    Case("bare", "bare", 3_000, 256),
    Case("embedded", "embedded", 3_000, 256),
    Case("embedded_chat", "embedded_chat", 3_000, 256),
    Case("conversion", "conversion", 5_000, 1),
    Case("conversion_ids", "conversion_with_tokens", 2_000, 1),
    Case("conversion_msgs", "conversion_by_messages", 2_000, 1),
    Case("other_process", "other_process", 1_000, 256),
    Case("processes", "processes", 500, 256),
    Case("bare_1", "bare", 500, 1, is_on_one_core=True),
    Case("embedded_1", "embedded", 500, 1, is_on_one_core=True),
    Case("bare_1_apart", "bare", 500, 1),
    Case("embedded_1_apart", "embedded", 500, 1),
    Case("embedded_4096", "embedded", 8_190, 4_096),
    Case("one_worker", "workers", 20_000, 256, workers=1),
    Case("two_workers", "workers", 20_000, 256, workers=2),
    Case("many_in_flight", "many_in_flight", 8_192, 2_048, latency_s=2.0, is_repeated=False),
    Case("rows_10k", "short_rows", 10_000, 256, is_repeated=False),
)
QUICK_ROUNDS = 2
