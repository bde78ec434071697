"""Token ids and log-probabilities of a completion, in each shape that endpoints return them, as fields of its message.

| ids of the prompt | ids of the answer | log-probabilities | returned by |
|---|---|---|---|
| `prompt_token_ids` | `token_ids` of the choice | `logprobs.content` | vLLM, `return_token_ids` (vllm#22587) |
| the same, of the choice | `token_ids` of the choice | `logprobs.content` | SGLang, `return_token_ids` (sglang#30917) |
| the same, of the choice | `meta_info.output_token_logprobs` | there, too | SGLang, `return_meta_info` |
| none | `token_id:<id>` in `logprobs.content` | there, too | vLLM, `return_tokens_as_token_ids` |
| the same, of the choice | `token_ids` of the choice | `logprobs.token_logprobs` | `/v1/completions` of both |
| none | `token_id:<id>` in `logprobs.tokens` | `logprobs.token_logprobs` | `/v1/completions` of older vLLM |
| of the message | of the message | of the message | NeMo RL |

Ids are never made from text here. Sources that contradict each other are an error, as are lists that do not belong
together.
"""

import math
from array import array
from collections.abc import Iterable
from typing import Any, Final

from polygym.protocol.chat.answers import only_choice
from polygym.protocol.chat.shapes import require_list, require_object
from polygym.protocol.json import JsonObject

PROMPT_IDS: Final = "prompt_token_ids"
GENERATION_IDS: Final = "generation_token_ids"
LOG_PROBS: Final = "generation_log_probs"
TOKEN_FIELDS: Final = (PROMPT_IDS, GENERATION_IDS, LOG_PROBS)
"""What a message has of its call's tokens; `generation_log_probs` are natural logarithms, one a generated token."""
ROUTED_EXPERTS: Final = "routed_experts"

_AS_ID: Final = "token_id:"
_META: Final = "meta_info"
_OUTPUT_LOGPROBS: Final = "output_token_logprobs"
"""In SGLang's `meta_info`: `[log-probability, id, text or null]` for each token."""


def prompt_ids_of(completion: JsonObject) -> list[int] | None:
    """The ids of the prompt as the endpoint returned them, None where it did not. Raises ValueError."""
    choice = only_choice(completion)
    message = require_object(choice.get("message"), "choices[0].message")
    return _agreed(
        "prompt",
        (
            ("choices[0].message", _ids(message.get(PROMPT_IDS), f"choices[0].message.{PROMPT_IDS}")),
            ("choices[0]", _ids(choice.get(PROMPT_IDS), f"choices[0].{PROMPT_IDS}")),
            ("the completion", _ids(completion.get(PROMPT_IDS), PROMPT_IDS)),
        ),
    )


def with_token_fields(completion: JsonObject, prompt_ids: list[int]) -> JsonObject:
    """The completion with `TOKEN_FIELDS` on its message, and without the fields of ids that they were taken from.

    `prompt_ids` are those of `prompt_ids_of`, or what the endpoint's tokenizer made of the request. Raises ValueError
    when the endpoint returned no ids or no log-probabilities, or some that contradict each other, are not as many, or
    are no finite numbers.
    """
    choice = only_choice(completion)
    message = require_object(choice.get("message"), "choices[0].message")
    logprobs = require_object(choice.get("logprobs") or {}, "choices[0].logprobs")
    meta = require_object(choice.get(_META) or {}, f"choices[0].{_META}")
    pairs = _pairs(meta)
    ids = _agreed(
        "answer",
        (
            (GENERATION_IDS, _ids(message.get(GENERATION_IDS), f"choices[0].message.{GENERATION_IDS}")),
            ("token_ids", _ids(choice.get("token_ids"), "choices[0].token_ids")),
            (_META, _ids([pair[1] for pair in pairs], f"{_META}.{_OUTPUT_LOGPROBS}") if pairs is not None else None),
        ),
    )
    ids = _with_spelled(ids, logprobs)
    values = message.get(LOG_PROBS)
    if values is None:
        values = _values(logprobs)
    if values is None and pairs is not None:
        values = [pair[0] for pair in pairs]
    if values is None and not ids:
        values = ids
    if ids is None or values is None:
        missing = "token ids" if ids is None else "log-probabilities"
        raise ValueError(f"the answer has no {missing} of its tokens, although they were asked for")
    fields = {PROMPT_IDS: prompt_ids, GENERATION_IDS: ids, LOG_PROBS: _log_probs(values, len(ids))}
    if choice.get(ROUTED_EXPERTS) is not None:
        fields[ROUTED_EXPERTS] = choice[ROUTED_EXPERTS]
    kept = {name: value for name, value in choice.items() if name not in _TAKEN}
    others = {name: value for name, value in meta.items() if name != _OUTPUT_LOGPROBS}
    if others:
        kept[_META] = others
    kept["message"] = {**message, **fields}
    return {**{name: value for name, value in completion.items() if name != PROMPT_IDS}, "choices": [kept]}


def require_ids(value: Any, where: str) -> list[int]:
    """`value`, which must be a list of token ids. Raises ValueError that names `where`."""
    ids = require_list(value, where)
    try:
        array("I", ids)  # takes nothing but what fits into 32 bits, and looks at each faster than Python can
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{where} must hold token ids, whole numbers from 0: {error}") from error
    return ids


_TAKEN: Final = frozenset({"token_ids", PROMPT_IDS, _META, ROUTED_EXPERTS})


def _agreed(what: str, sources: Iterable[tuple[str, list[int] | None]]) -> list[int] | None:
    """The ids that all sources that have some give."""
    found: tuple[str, list[int]] | None = None
    for name, ids in sources:
        if ids is None:
            continue
        if found is not None and found[1] != ids:
            raise ValueError(f"the token ids of the {what} under {found[0]} and {name} contradict each other")
        found = found or (name, ids)
    return found[1] if found else None


def _ids(value: Any, where: str) -> list[int] | None:
    return None if value is None else require_ids(value, where)


def _with_spelled(ids: list[int] | None, logprobs: JsonObject) -> list[int] | None:
    """`ids`, or those of tokens that are spelled `token_id:<id>`. Both are compared at their ends, if as many."""
    tokens = _column(logprobs, "token", "tokens")
    if not tokens or not isinstance(tokens[0], str) or not tokens[0].startswith(_AS_ID):
        return [] if tokens == [] and ids is None else ids
    if ids is None:
        try:
            return _ids([int(token.removeprefix(_AS_ID)) for token in tokens], "logprobs")
        except (ValueError, AttributeError) as error:
            raise ValueError(f"logprobs: a token is no '{_AS_ID}<id>': {error}") from error
    if len(ids) == len(tokens) and (tokens[0], tokens[-1]) != (f"{_AS_ID}{ids[0]}", f"{_AS_ID}{ids[-1]}"):
        raise ValueError("the token ids of the answer under token_ids and logprobs contradict each other")
    return ids


def _values(logprobs: JsonObject) -> list[Any] | None:
    return _column(logprobs, "logprob", "token_logprobs")


def _column(logprobs: JsonObject, in_chat: str, in_text: str) -> list[Any] | None:
    """One value a token: a chat completion has them in its `content`, a text completion in lists of their own."""
    content = logprobs.get("content")
    if content is None:
        values = logprobs.get(in_text)
        return None if values is None else require_list(values, f"logprobs.{in_text}")
    try:
        return [entry[in_chat] for entry in require_list(content, "logprobs.content")]
    except (TypeError, KeyError) as error:
        raise ValueError(f"every entry of logprobs.content must be an object with {in_chat!r}") from error


def _pairs(meta: JsonObject) -> list[Any] | None:
    value = meta.get(_OUTPUT_LOGPROBS)
    if value is None:
        return None
    pairs = require_list(value, f"{_META}.{_OUTPUT_LOGPROBS}")
    if not all(isinstance(pair, list) and len(pair) >= 2 for pair in pairs):
        raise ValueError(f"{_META}.{_OUTPUT_LOGPROBS} must hold a log-probability and an id for each token")
    return pairs


def _log_probs(values: Any, count: int) -> list[float]:
    """`values` as one finite number a token."""
    given = require_list(values, "the log-probabilities")
    if len(given) != count:
        raise ValueError(f"there are {count} token ids, but {len(given)} log-probabilities")
    try:
        log_probs = array("d", given).tolist()
    except TypeError as error:
        raise ValueError(f"a log-probability is no number: {error}") from error
    if not math.isfinite(sum(log_probs)):
        raise ValueError("a log-probability is not finite")
    return log_probs
