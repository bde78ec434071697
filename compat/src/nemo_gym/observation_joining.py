"""Which captured model call is whose: the references that a harness gives, looked up among the calls. No guessing."""

from collections.abc import Iterable, Sequence
from typing import Any

from nemo_gym.rollout_observability import (
    AgentInvocation,
    AgentObservationBundle,
    ContextCompactionObservation,
    ModelCallRef,
    ObservationGap,
)

UNMATCHED = "model_call_reference_unmatched"
AMBIGUOUS = "model_call_reference_ambiguous"
CONFLICT = "model_call_reference_conflict"
UNOWNED = "model_call_ownership_unavailable"
CAPTURE = "capture:"
"""Start of the detail of a gap about a captured call."""


def join_model_call_observations(bundle: AgentObservationBundle, calls: Iterable[Any]) -> AgentObservationBundle:
    """A copy of the bundle whose references are completed, with gaps for those that cannot be.

    `calls` are `ModelCallRecord`. A call belongs to one invocation; a compaction's calls belong to its invocation.
    """
    joined = bundle.model_copy()
    joined.records = [
        record.model_copy() if isinstance(record, AgentInvocation | ContextCompactionObservation) else record
        for record in bundle.records
    ]
    joining = _Joining(list(calls))
    for record in joined.records:
        if isinstance(record, AgentInvocation):
            record.model_calls = [joining.claim(ref, record.invocation_id) for ref in record.model_calls]
    for record in joined.records:
        if isinstance(record, ContextCompactionObservation):
            joining.complete(record)
    gaps = [gap for gap in bundle.gaps if not _is_ours(gap)] + joining.gaps + joining.unowned()
    joined.gaps = list({(gap.code, gap.invocation_id, gap.detail): gap for gap in gaps}.values())
    return joined


def _is_ours(gap: ObservationGap) -> bool:
    """Whether an earlier joining noted it."""
    if gap.code in {UNMATCHED, AMBIGUOUS, CONFLICT}:
        return True
    return gap.code == UNOWNED and gap.invocation_id is None and (gap.detail or "").startswith(CAPTURE)


class _Joining:
    def __init__(self, calls: Sequence[Any]) -> None:
        self._calls = calls
        self._owners: dict[int, str] = {}
        """Invocation by index of the call."""
        self.gaps: list[ObservationGap] = []

    def claim(self, ref: ModelCallRef, invocation: str) -> ModelCallRef:
        """The reference completed, its call now the invocation's; the reference as it is when that cannot be."""
        index = self._only_match(ref, invocation, "")
        if index is None:
            return ref
        if index in self._owners:
            return self._give_up(CONFLICT, invocation, self._name(index), ref)
        self._owners[index] = invocation
        return self._full(index)

    def complete(self, compaction: ContextCompactionObservation) -> None:
        """Complete a compaction's references."""
        own = compaction.invocation_id
        compaction.model_calls = [self._owned(ref, own) for ref in compaction.model_calls]
        for field in ("before_model_call", "after_model_call"):
            ref = getattr(compaction, field)
            if ref is None or (index := self._only_match(ref, own, f"{field}:")) is None:
                continue
            if self._owners.get(index, own) != own:
                self._give_up(CONFLICT, own, f"{field}:{self._name(index)}", ref)
            else:
                setattr(compaction, field, self._full(index))

    def _owned(self, ref: ModelCallRef, invocation: str) -> ModelCallRef:
        index = self._only_match(ref, invocation, "model_calls:")
        if index is None:
            return ref
        owner = self._owners.get(index)
        if owner == invocation:
            return self._full(index)
        return self._give_up(CONFLICT if owner else UNOWNED, invocation, f"model_calls:{self._name(index)}", ref)

    def unowned(self) -> list[ObservationGap]:
        """A gap for each call that no invocation has claimed."""
        return [
            ObservationGap(
                code=UNOWNED, detail=f"{CAPTURE}{self._name(index) or 'unknown'}:call_index={call.call_index}"
            )
            for index, call in enumerate(self._calls)
            if index not in self._owners
        ]

    def _only_match(self, ref: ModelCallRef, invocation: str, prefix: str) -> int | None:
        found = [index for index, call in enumerate(self._calls) if _fits(ref, call)]
        if len(found) == 1:
            return found[0]
        self._give_up(
            AMBIGUOUS if found else UNMATCHED, invocation, f"{prefix}{ref.model_call_id or ref.response_id}", ref
        )
        return None

    def _give_up(self, code: str, invocation: str, detail: str | None, ref: ModelCallRef) -> ModelCallRef:
        self.gaps.append(ObservationGap(code=code, invocation_id=invocation, detail=detail))
        return ref

    def _name(self, index: int) -> str | None:
        call = self._calls[index]
        name: str | None = call.model_call_id or call.response_id
        return name

    def _full(self, index: int) -> ModelCallRef:
        call = self._calls[index]
        return ModelCallRef(model_call_id=call.model_call_id, model_ref=call.model_ref, response_id=call.response_id)


def _fits(ref: ModelCallRef, call: Any) -> bool:
    if ref.model_call_id:
        if ref.model_call_id != call.model_call_id:
            return False
        return ref.model_ref in (None, call.model_ref) and ref.response_id in (None, call.response_id)
    return call.model_ref is not None and (ref.model_ref, ref.response_id) == (call.model_ref, call.response_id)
