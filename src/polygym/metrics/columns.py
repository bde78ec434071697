"""The numbers of many records, column by column.

Records of one environment mostly have the same fields of the same types: which of them are numbers is found out once
for each such form, and those are then taken out together. That costs a third of a look at every field.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from polygym.metrics.records import NUMBER, OWN_PREFIX, REWARD_COMPONENTS, TOKEN_COUNTS, numbers_of, usage_of
from polygym.protocol.json import JsonObject

_token_counts = itemgetter(*TOKEN_COUNTS)


class _Form(NamedTuple):
    """Where the numbers are in records with certain fields of certain types."""

    names: tuple[str, ...]
    values: "itemgetter[Any]"


def columns_of(records: Iterable[JsonObject]) -> dict[str, list[float]]:
    """What `numbers_of` gives for each record, by name. The numbers of one name are in no particular order."""
    columns: defaultdict[str, list[float]] = defaultdict(list)
    rows: defaultdict[tuple[str, ...], list[tuple[float, ...]]] = defaultdict(list)
    for record in records:
        form = _form((*record, *map(type, record.values())))
        row = _row(record, form) if form is not None else None
        if form is not None and row is not None:
            rows[form.names].append(row)
        else:
            for name, number in numbers_of(record).items():
                columns[name].append(number)
    for names, together in rows.items():
        for name, column in zip((*names, *TOKEN_COUNTS), zip(*together, strict=True), strict=True):
            columns[name].extend(map(float, column))
    return columns


@lru_cache(maxsize=1024)
def _form(fields: tuple[Any, ...]) -> _Form | None:
    """The form of records with these names and, after them, types; None for one that has to be looked at."""
    kinds = dict(zip(fields[: len(fields) // 2], fields[len(fields) // 2 :], strict=True))
    names = tuple(name for name, kind in kinds.items() if issubclass(kind, NUMBER) and name[:4] != OWN_PREFIX)
    is_plain = len(names) > 1 and REWARD_COMPONENTS not in kinds and kinds.keys().isdisjoint(TOKEN_COUNTS)
    return _Form(names, itemgetter(*names)) if is_plain else None


def _row(record: JsonObject, form: _Form) -> tuple[float, ...] | None:
    """The record's numbers and token counts; None when some of them are missing or not finite."""
    values: tuple[float, ...] = form.values(record)
    try:
        counts = _token_counts(usage_of(record))
    except KeyError:
        return None
    return (*values, *counts) if {*map(type, counts)} == {int} and all(map(math.isfinite, values)) else None
