"""From captured calls to chains: calls each of which goes on where another one ended, by their tokens alone.

The order in which calls were captured does not matter. A call that could go on from two others, and a call that was
repeated so that nobody knows which answer was used, are kept out: guessing would train on what the agent never saw.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Optional

from nemo_gym.token_id_capture.records import TokenEntry

MAIN: Final = "main"
_BASE: Final = 1_000_003
_MODULUS: Final = (1 << 61) - 1


@dataclass
class ChainLink:
    """A call, and the tokens of its prompt that came after the call before it."""

    entry: TokenEntry
    interstitial: list[int]


@dataclass
class Chain:
    """Calls, each of which goes on from the one before."""

    chain_id: str
    links: list[ChainLink] = field(default_factory=list)
    root_prompt: list[int] = field(default_factory=list)


@dataclass
class BuildNotes:
    """What was made of the calls, and what was not."""

    builder: str
    roots: int = 0
    """Calls that go on from no other."""
    chains: int = 0
    generated_tokens_captured: int = 0
    generated_tokens_delivered: int = 0
    """In the main chain."""
    delivered_fraction: float = 0.0
    unresolved_retries: list[str] = field(default_factory=list)
    """Ids of calls that were repeated, and no later call says which answer was used."""
    empty_generation_calls: list[str] = field(default_factory=list)


@dataclass
class BuildOutput:
    """Chains, the ids of the calls that are in none for safety's sake, and notes."""

    chains: list[Chain]
    quarantined: list[str] = field(default_factory=list)
    notes: BuildNotes = field(default_factory=lambda: BuildNotes(builder=""))


@dataclass(eq=False)
class _Call:
    entry: TokenEntry
    parent: "Optional[_Call]" = None
    children: "list[_Call]" = field(default_factory=list)
    is_out: bool = False

    @property
    def prompt(self) -> list[int]:
        return self.entry.prompt_token_ids

    def sequence(self) -> list[int]:
        return [*self.prompt, *self.entry.generation_token_ids]

    def path(self) -> "list[_Call]":
        """From the first call of its chain to this one."""
        path, call = [self], self
        while call.parent is not None:
            call = call.parent
            path.append(call)
        return path[::-1]


class _Ends:
    """Where calls ended: finds the longest of their sequences that a prompt begins with, in one pass over it."""

    def __init__(self) -> None:
        self._calls: dict[tuple[int, int], list[_Call]] = {}

    def add(self, call: _Call) -> None:
        sequence = call.sequence()
        *_, digest = _digests(sequence)
        self._calls.setdefault((len(sequence), digest), []).append(call)

    def before(self, prompt: Sequence[int]) -> list[_Call]:
        """The calls that a prompt goes on from: none, one, or several that ended alike."""
        found: list[_Call] = []
        for length, digest in enumerate(_digests(prompt), 1):
            candidates = self._calls.get((length, digest), ())
            found = [call for call in candidates if call.sequence() == list(prompt[:length])] or found
        return found


def _digests(tokens: Sequence[int]) -> Iterator[int]:
    """A digest of every beginning."""
    digest = 0
    for token in tokens:
        digest = (digest * _BASE + token + 1) % _MODULUS
        yield digest


def _in_order(entries: Iterable[TokenEntry]) -> list[TokenEntry]:
    """By the length of the prompt: what a call goes on from has a shorter one."""
    return sorted(entries, key=lambda entry: (len(entry.prompt_token_ids), entry.model_call_id))


def per_request(entries: list[TokenEntry]) -> BuildOutput:
    """Every call by itself."""
    chains = [
        Chain(f"req-{index}", [ChainLink(entry, [])], list(entry.prompt_token_ids))
        for index, entry in enumerate(_in_order(entries))
    ]
    return BuildOutput(chains, notes=BuildNotes("per_request", chains=len(chains)))


def prefix_merging(entries: list[TokenEntry]) -> BuildOutput:
    """Calls whose prompt begins with all that another one read and wrote go on from it. One chain is the main one."""
    empty = [entry.model_call_id for entry in entries if not entry.generation_token_ids]
    calls = _linked(entry for entry in _in_order(entries) if entry.generation_token_ids)
    unresolved = _resolve_retries(calls)
    paths = [call.path() for call in calls if not call.children]
    chains = [_chain(path) for path in paths if not any(call.is_out for call in path)]
    main = min(chains, key=_started, default=None)
    others = 0
    for chain in chains:
        chain.chain_id = MAIN if chain is main else f"branch-{others}"
        others += chain is not main
    captured = sum(len(call.entry.generation_token_ids) for call in calls)
    delivered = sum(len(link.entry.generation_token_ids) for link in main.links) if main else 0
    notes = BuildNotes(
        builder="prefix_merging",
        roots=sum(call.parent is None for call in calls),
        chains=len(chains),
        generated_tokens_captured=captured,
        generated_tokens_delivered=delivered,
        delivered_fraction=round(delivered / captured, 4) if captured else 0.0,
        unresolved_retries=unresolved,
        empty_generation_calls=empty,
    )
    return BuildOutput(chains, [call.entry.model_call_id for call in calls if call.is_out], notes)


def _linked(entries: Iterable[TokenEntry]) -> list[_Call]:
    """The calls with what they go on from. One that could go on from several is out."""
    ends, calls = _Ends(), []
    for entry in entries:
        call = _Call(entry)
        if before := ends.before(call.prompt):
            call.parent, call.is_out = before[0], len(before) > 1
            before[0].children.append(call)
        ends.add(call)
        calls.append(call)
    return calls


def _resolve_retries(calls: Sequence[_Call]) -> list[str]:
    """Put out calls that were repeated, but for the one from which the rollout goes on; ids where none does."""
    unresolved: list[str] = []
    siblings: dict[tuple[int, tuple[int, ...]], list[_Call]] = {}
    for call in calls:
        siblings.setdefault((id(call.parent), tuple(call.prompt)), []).append(call)
    for group in siblings.values():
        if len(group) < 2:
            continue
        used = [call for call in group if any(not child.is_out for child in call.children)]
        if not used:
            used = [min(group, key=lambda call: call.entry.model_call_id)]
            unresolved += [call.entry.model_call_id for call in group]
        for call in group:
            call.is_out = call.is_out or call not in used
    return unresolved


def _chain(path: Sequence[_Call]) -> Chain:
    chain = Chain("", root_prompt=list(path[0].prompt))
    known = len(path[0].prompt)
    for call in path:
        chain.links.append(ChainLink(call.entry, call.prompt[known:]))
        known = len(call.prompt) + len(call.entry.generation_token_ids)
    return chain


def _started(chain: Chain) -> tuple[float, str]:
    """The chain whose first call was done first is the main one; by its id where two were at once."""
    first = chain.links[0].entry
    return first.created_at, first.model_call_id


BUILDERS: Final[Mapping[str, Callable[[list[TokenEntry]], BuildOutput]]] = {
    "per_request": per_request,
    "prefix_merging": prefix_merging,
}


def run_builder(entries: list[TokenEntry], builder: str = "prefix_merging") -> BuildOutput:
    """The chains that a builder makes, by its name. Raises ValueError for an unknown one."""
    if builder not in BUILDERS:
        raise ValueError(f"unknown builder {builder!r}; there is: {', '.join(sorted(BUILDERS))}")
    return BUILDERS[builder](entries)


def project_chain_to_output_items(chain: Chain) -> list[dict[str, Any]]:
    """The items of all calls of a chain in order, with the tokens on the items that had them.

    The prompt of each is everything before it, so that prompts and generated tokens are one sequence.
    """
    items: list[dict[str, Any]] = []
    before = list(chain.root_prompt)
    for position, link in enumerate(chain.links):
        if position:
            before += link.interstitial
        said = [dict(item) for item in link.entry.output_items] or [{"type": "message"}]
        for item in _carriers(link.entry, said):
            item |= {
                "prompt_token_ids": list(before),
                "generation_token_ids": list(link.entry.generation_token_ids),
                "generation_log_probs": list(link.entry.generation_log_probs),
            }
            if link.entry.routed_experts is not None:
                item["routed_experts"] = link.entry.routed_experts
        items += said
        before += link.entry.generation_token_ids
    return items


def _carriers(entry: TokenEntry, said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if entry.token_item_index is not None:
        return [said[entry.token_item_index]]
    return [item for item in said if item.get("generation_token_ids") is not None] or said[-1:]


def project_main_chain_response(rollout_id: str, out: BuildOutput, model: str = "") -> dict[str, Any]:
    """The main chain as one answer. Raises ValueError when there is nothing to train on, or more than one chain."""
    if not out.chains:
        raise ValueError("the capture gives no chain that is safe to train on")
    if out.notes.builder == "per_request" and len(out.chains) > 1:
        raise ValueError("per_request gives several chains, and one answer can hold only one")
    main = next((chain for chain in out.chains if chain.chain_id == MAIN), out.chains[0])
    output = project_chain_to_output_items(main)
    carriers = [item for item in output if item.get("generation_token_ids")]
    if not carriers:
        raise ValueError("the capture gives no generated tokens to train on")
    return {
        "id": f"proj-{rollout_id}",
        "model": model,
        "object": "response",
        "output": output,
        "usage": {
            "input_tokens": len(carriers[0]["prompt_token_ids"]),
            "output_tokens": sum(len(item["generation_token_ids"]) for item in carriers),
        },
    }


def assert_prefix_contiguity(response: Mapping[str, Any]) -> None:
    """Raise AssertionError unless every prompt begins with all tokens before it."""
    seen: list[int] = []
    for item in response.get("output") or ():
        if not isinstance(item, dict) or item.get("generation_token_ids") is None:
            continue
        prompt = item.get("prompt_token_ids") or []
        if prompt[: len(seen)] != seen:
            raise AssertionError(
                "the answer is not prefix-contiguous: a prompt does not begin with the tokens before it"
            )
        seen = [*prompt, *item["generation_token_ids"]]
