"""Changes to the configuration given on the command line, in Hydra's override grammar.

`k=v` changes a key that exists, `+k=v` and `++k=v` set one whether it exists or not, `~k` deletes one. Values are
Hydra's: numbers, quoted strings, `[lists]`, `{mappings: …}`, null. hydra-core is imported only when there is something
to parse.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from polygym.config.includes import CONFIG_PATHS, path_list
from polygym.config.origins import Origins
from polygym.config.tree import KeyPath, dotted, get, has, split_key, updated, without
from polygym.protocol.errors import ConfigError, suggest
from polygym.protocol.json import JsonObject

_VERBS: Final[dict[str, Literal["change", "set", "delete"]]] = {
    "CHANGE": "change",
    "ADD": "set",
    "FORCE_ADD": "set",
    "DEL": "delete",
}


@dataclass(frozen=True, slots=True)
class Override:
    """One parsed override."""

    text: str
    """As it was written."""
    verb: Literal["change", "set", "delete"]
    key: str
    """Dotted."""
    value: Any
    """Plain; None as well when there is none."""

    @property
    def origin(self) -> str:
        """Where it was given, for messages."""
        return f"command line ({self.text.partition('=')[0]})"


def parse_overrides(texts: Sequence[str]) -> list[Override]:
    """`texts` parsed, without those for Hydra itself (`hydra.run.dir=…`). Raises ConfigError for a malformed one."""
    if not texts:
        return []
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    parsed = []
    for text in texts:
        try:
            override = parser.parse_override(text)
        except HydraException as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise ConfigError(
                f"'{text}' is no override: {reason}. Write +key=value; put special characters into quotes, as in "
                "'+key=\"a=b\"'."
            ) from error
        if override.is_hydra_override():
            continue
        if override.package is not None or "/" in override.key_or_group:
            raise ConfigError(f"'{text}': a key is dotted, as in a.b.c; '/' and '@' have no meaning in it.")
        if override.is_sweep_override():
            raise ConfigError(
                f"'{text}' gives several values. Write a list as {override.get_key_element()}=[a,b], "
                f"a string with commas as '{override.get_key_element()}=\"a,b\"'."
            )
        parsed.append(Override(text, _VERBS[override.type.name], override.key_or_group, override.value()))
    return parsed


def config_paths_of(overrides: Sequence[Override]) -> tuple[list[str], list[Override]]:
    """The config files that `config_paths=[…]` overrides name, and the other overrides."""
    paths: list[str] = []
    others: list[Override] = []
    for override in overrides:
        if override.key == CONFIG_PATHS and override.verb != "delete":
            paths += path_list(override.value, override.origin)
        else:
            others.append(override)
    return paths, others


def apply_override(
    tree: JsonObject, override: Override, origins: Origins, *, effective: Callable[[JsonObject], JsonObject]
) -> JsonObject:
    """`tree` with one override applied; `origins` learns of it.

    `effective` gives a tree with its special keys applied: a key that is inherited exists, too.
    Raises ConfigError when a key to change or delete does not exist, or a list is too short.
    """
    path = split_key(tree, override.key)
    if override.verb == "delete":
        if not has(tree, path):
            raise _absent(tree, path, override, "delete an inherited key with ++parent._delete_key=key")
        return _shortened(tree, path, override)
    if override.verb == "change" and not has(tree, path):
        full = effective(tree)
        if not has(full, split_key(full, override.key)):
            raise _absent(full, path, override, f"to add it, write +{override.text}")
    try:
        changed = updated(tree, path, override.value)
    except IndexError as error:
        raise ConfigError(f"'{override.text}': the list at '{override.key}' has no such entry.") from error
    origins.add_value(path, override.value, override.origin)
    return changed


def _shortened(tree: JsonObject, path: KeyPath, override: Override) -> JsonObject:
    value = get(tree, path)
    if "=" in override.text and value != override.value:
        raise ConfigError(f"'{override.text}': not deleted, because the value of '{dotted(path)}' is {value!r}.")
    shortened: JsonObject = without(tree, path)
    return shortened


def _absent(tree: JsonObject, path: KeyPath, override: Override, advice: str) -> ConfigError:
    length = next(length for length in range(len(path)) if not has(tree, path[: length + 1]))
    parent = get(tree, path[:length])
    known = [dotted((*path[:length], key)) for key in parent] if isinstance(parent, dict) else []
    hint = suggest(dotted(path[: length + 1]), known)
    return ConfigError(f"'{override.text}': there is no '{override.key}'; {advice}. {hint}")
