"""What becomes of endings: written to the journal, counted for the display and the metrics."""

import logging
from collections.abc import Mapping

from polygym.metrics.running import EnvironmentMetrics
from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import UserError
from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
from polygym.protocol.json import JsonObject
from polygym.protocol.rollouts import COST_USD, RolloutState, rollout_id
from polygym.protocol.tasks import ROLLOUT_INDEX, TASK_INDEX
from polygym.rollouts.journal import Journal
from polygym.rollouts.progress import Progress
from polygym.rollouts.records import CAPTURE, capture_summary, failed_record
from polygym.rollouts.spending import Ledger

log = logging.getLogger("polygym.rollouts")


class Recorder:
    """Writes every ending down, once, and counts it."""

    def __init__(
        self,
        journal: Journal,
        progress: Progress,
        metrics: Mapping[str, EnvironmentMetrics],
        *,
        is_model_awaited: bool = False,
        ledger: Ledger | None = None,
        is_capturing: bool = False,
    ) -> None:
        """`ledger` knows what attempts have taken; `is_capturing`: model calls are written down, rows sum them up."""
        self.journal = journal
        self._ledger = ledger
        self._is_capturing = is_capturing
        self.has_recorded = False
        """Whether anything that cost something has been written."""
        self._progress = progress
        self._metrics = metrics
        self._has_model_answered = False
        self._is_model_awaited = is_model_awaited
        """Whether an endpoint that cannot be reached at the first calls is waited for, as later, and ends no run."""

    def finished(self, agent: str, record: JsonObject, context: RolloutContext) -> None:
        """A rollout has a reward. Raises RolloutFailure when its record is no JSON."""
        if self._ledger is not None:
            record.update(self._ledger.take(context.rollout_id, agent, record))
        if self._is_capturing:
            record[CAPTURE] = capture_summary(context)
        try:
            size = self.journal.rollout(record)
        except TypeError as error:
            message = f"{agent}: the record cannot be written as JSON: {error}"
            raise RolloutFailure(FailureClass.AGENT_ERROR, Stage.AGENT, message) from error
        self.has_recorded = self._has_model_answered = True
        counts = self._progress.agents[agent]
        counts.done += 1
        counts.scored += 1
        counts.reward_sum += record["reward"]
        self._metrics[agent].add(record, context.durations_s, size=size)

    def flush(self) -> None:
        """Write down what was reported. Raises OutputError when it cannot be written."""
        self.journal.flush()

    def failed(
        self, agent: str, row: JsonObject, failure: RolloutFailure, attempt: int, state: RolloutState | None
    ) -> None:
        """An attempt failed; see `engine.Recorder`.

        Raises UserError when the model endpoint refuses the very first calls.
        """
        if not self._has_model_answered and self._is_endpoint_wrong(failure):
            raise UserError(failure.message) from failure
        record = failed_record(row, failure, attempt, state)
        if self._ledger is not None:
            record.update(self._ledger.take(rollout_id(row[TASK_INDEX], row[ROLLOUT_INDEX], attempt), agent))
            if COST_USD in record:
                self._metrics[agent].add_cost(record[COST_USD])
        self.journal.failure(record)
        if failure.failure_class is FailureClass.CANCELLED:
            return  # it says nothing about the environment, and nothing is lost with it
        self.has_recorded = True
        counts = self._progress.agents[agent]
        counts.last_failure = failure
        if state is None:
            counts.retried += 1
        else:
            counts.failed += 1
            self._metrics[agent].add_failure(str(failure.failure_class))
        if counts.retried + counts.failed == 1:
            log.warning("%s: first failed attempt: %s: %s", agent, failure.failure_class, failure.message)

    def noticed(self, message: str) -> None:
        """Something that the user should see."""
        log.warning("%s", message)

    def _is_endpoint_wrong(self, failure: RolloutFailure) -> bool:
        """Whether the endpoint can't be what the user meant: nothing there, wrong key, wrong path, moved."""
        if failure.failure_class is FailureClass.MODEL_REJECTED:
            return failure.http_status in (301, 302, 303, 307, 308, 401, 403, 404)
        is_absent = failure.failure_class is FailureClass.MODEL_UNAVAILABLE and failure.http_status is None
        return is_absent and not self._is_model_awaited
