"""The string formats of JSON Schema 2020-12, checked without further packages.

Sources: RFC 3339 (dates), 5321 (mail), 1123 (host names), 3986 (URIs), 4122 (UUIDs), 6901 (pointers), 8601 (durations).
"""

import ipaddress
import re
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jsonschema import FormatChecker

_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_TIME: Final = re.compile(
    r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.\d{1,12})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_DURATION: Final = re.compile(
    r"P(?!$)(?:\d{1,9}W|(?:\d{1,9}Y)?(?:\d{1,9}M)?(?:\d{1,9}D)?(?:T(?!$)(?:\d{1,9}H)?(?:\d{1,9}M)?(?:\d{1,9}S)?)?)",
    re.ASCII,
)
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_WIDE_LABEL: Final = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?")
_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}){0,8}")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,60}:")
_URI_PART: Final = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_POINTER: Final = re.compile(r"(?:/(?:[^/~]|~[01])*)*")
_TEMPLATE: Final = re.compile(r"(?:[^{}\s]|\{[A-Za-z0-9_.,%+#/;?&=:*!@|]{1,100}\})*")


@cache
def format_checker() -> "FormatChecker":
    """The checker to hand to a validator."""
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())
    for name, check in _CHECKS.items():
        checker.checks(name)(_only_texts(check))
    return checker


def _only_texts(check: Callable[[str], bool]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or check(value)


def is_date(text: str) -> bool:
    """Whether it is a day that there is, `2031-05-09`."""
    found = _DATE.fullmatch(text)
    try:
        return found is not None and bool(date(*map(int, found.groups())))
    except ValueError:
        return False


def is_date_time(text: str) -> bool:
    """Whether it is a day and a time with its offset, `2031-05-09T18:30:00Z`."""
    day, separator, rest = text[:10], text[10:11], text[11:]
    return separator in ("T", "t") and is_date(day) and _TIME.fullmatch(rest) is not None


def _is_host(text: str, label: re.Pattern[str] = _LABEL) -> bool:
    return 0 < len(text) <= 253 and all(label.fullmatch(part) for part in text.split("."))


def _is_mail(text: str) -> bool:
    local, at, host = text.rpartition("@")
    return bool(at) and _LOCAL.fullmatch(local) is not None and _is_host(host)


def _is_wide_mail(text: str) -> bool:
    local, at, host = text.rpartition("@")
    return bool(at) and 0 < len(local) <= 64 and not re.search(r"[\s@]", local) and _is_host(host, _WIDE_LABEL)


def _is_address(text: str, parse: Callable[[str], object]) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return "%" not in text and text.isascii()


def _is_reference(text: str) -> bool:
    return _URI_PART.fullmatch(text) is not None and text.count("#") <= 1


def _is_uri(text: str) -> bool:
    return _SCHEME.match(text) is not None and _is_reference(text)


def _is_iri(text: str) -> bool:
    return _SCHEME.match(text) is not None and not re.search(r'[\s<>"{}|\\^`]', text)


def _is_relative_pointer(text: str) -> bool:
    found = re.match(r"(?:0|[1-9][0-9]{0,9})(#$)?", text)
    return found is not None and (found[1] is not None or _POINTER.fullmatch(text[found.end() :]) is not None)


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


_CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    "date": is_date,
    "date-time": is_date_time,
    "time": lambda text: _TIME.fullmatch(text) is not None,
    "duration": lambda text: _DURATION.fullmatch(text) is not None,
    "email": _is_mail,
    "idn-email": _is_wide_mail,
    "hostname": _is_host,
    "idn-hostname": lambda text: _is_host(text, _WIDE_LABEL),
    "ipv4": lambda text: _is_address(text, ipaddress.IPv4Address),
    "ipv6": lambda text: _is_address(text, ipaddress.IPv6Address),
    "uri": _is_uri,
    "uri-reference": _is_reference,
    "iri": _is_iri,
    "iri-reference": lambda text: not re.search(r'[\s<>"{}|\\^`]', text),
    "uri-template": lambda text: _TEMPLATE.fullmatch(text) is not None,
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
    "json-pointer": lambda text: _POINTER.fullmatch(text) is not None,
    "relative-json-pointer": _is_relative_pointer,
    "regex": _is_pattern,
}
