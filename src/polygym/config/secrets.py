"""Hiding secrets in a configuration before it is shown, served or logged.

What is a secret is told by the key it stands under, and by where it stands in a URL. Interpolations stay: they name a
secret and do not hold it.
"""

import re
from typing import Any, Final

HIDDEN: Final = "****"

_WORDS: Final = frozenset(
    {"secret", "secrets", "password", "passwords", "passwd", "passphrase", "credential", "credentials"}
    | {"authorization", "bearer", "cookie", "cookies"}
)
_KEY_ENDING: Final = re.compile(
    r"(?:^|_)(?:api_?|access_|secret_|private_|auth_|account_|master_|signing_|subscription_)keys?$"
)
_TOKEN_ENDING: Final = re.compile(r"(?:^|_)token$|(?:^|_)(?:access|api|auth|bearer|refresh)_tokens$")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SCHEME: Final = re.compile(r"(?:Bearer|Basic|Token) ", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"\$\{[\w.:]+\}", re.ASCII)
_DEFAULTED: Final = re.compile(r"(\$\{oc\.\w+:[\w.]+,)(.*)\}", re.ASCII)
_URL_PIECE: Final = r"(?:\$\{[^{}]*\}|[^\s/@:?#$])"
_USER_INFO: Final = re.compile(rf"([a-zA-Z][\w+.-]*://(?:{_URL_PIECE}*:)?)((?:{_URL_PIECE}|:)+)@", re.ASCII)
_QUERY: Final = re.compile(r"([?&](?:[\w-]*(?:key|token|secret|password)|sig|signature)=)([^&#\s]+)", re.IGNORECASE)


def hide_secrets(tree: Any) -> Any:
    """A copy of `tree` with the values of secret keys, and the secrets inside URLs, replaced by `****`.

    Null, booleans, `???` and interpolations are kept; under a key such as `max_token`, so are numbers.
    """
    if isinstance(tree, dict):
        return {key: _entry(str(key), value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [hide_secrets(value) for value in tree]
    return _without_url_secrets(tree) if isinstance(tree, str) else tree


def secret_values(tree: Any) -> set[str]:
    """The texts that `hide_secrets` would hide, without schemes such as `Bearer` before them."""
    found: set[str] = set()
    _collect(tree, hide_secrets(tree), found)
    return found


def _collect(tree: Any, hidden: Any, found: set[str]) -> None:
    if isinstance(tree, dict):
        for key, value in tree.items():
            _collect(value, hidden[key], found)
    elif isinstance(tree, list):
        for value, shown in zip(tree, hidden, strict=True):
            _collect(value, shown, found)
    elif isinstance(tree, str) and tree != hidden:
        inside = [part[2] for pattern in (_USER_INFO, _QUERY) for part in pattern.finditer(tree)]
        scheme = _SCHEME.match(tree)
        found.update(inside or [tree[scheme.end() :] if scheme else tree])


def _entry(key: str, value: Any) -> Any:
    name = _CAMEL.sub("_", key).replace("-", "_").lower()
    if _TOKEN_ENDING.search(name):
        return value if isinstance(value, int | float) else _hidden(value)
    if _KEY_ENDING.search(name) or not _WORDS.isdisjoint(name.split("_")):
        return _hidden(value)
    return hide_secrets(value)


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    return _hidden_text(value) if isinstance(value, str) else HIDDEN


def _hidden_text(text: str) -> str:
    scheme = _SCHEME.match(text)
    start = scheme.end() if scheme else 0
    prefix, body = text[:start], text[start:]
    if body in ("", "null", "???") or _REFERENCE.fullmatch(body):
        return text
    call = _DEFAULTED.fullmatch(body)
    return f"{prefix}{call[1]}{_hidden_text(call[2].strip())}}}" if call else HIDDEN


def _without_url_secrets(text: str) -> str:
    text = _USER_INFO.sub(lambda match: f"{match[1]}{_hidden_text(match[2])}@", text)
    return _QUERY.sub(lambda match: f"{match[1]}{_hidden_text(match[2])}", text)
