"""JSON as RFC 8259 has it: no NaN, no infinities, no comments, no key twice."""

import json
import math
from typing import Any, NoReturn

from resources_servers.structured_outputs.parsers.base import UnreadableError, as_object, too_deep


def parse(text: str, schema: Any) -> Any:
    """The document. Raises UnreadableError."""
    try:
        return json.loads(text, object_pairs_hook=as_object, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise too_deep() from None
    except ValueError as error:
        raise UnreadableError("syntax", f"not JSON: {error}") from None


def _refuse(constant: str) -> NoReturn:
    raise UnreadableError("syntax", f"not JSON: there is no {constant}")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise UnreadableError("syntax", "not JSON: a number is too large")
    return number
