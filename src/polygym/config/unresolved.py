"""Values that a configuration leaves open: unset `???` and interpolations without a value, and how to say so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from polygym.config.origins import Origins
from polygym.config.references import POLICY_MODEL
from polygym.config.tree import MISSING, KeyPath, dotted, walk
from polygym.protocol.errors import ConfigError, suggest
from polygym.protocol.json import JsonObject

MODEL_OPTIONS: Final = {
    "policy_model_name": "--model NAME",
    "policy_base_url": "--model-url URL",
    "policy_api_key": "--model-api-key KEY",
}
"""Settings that say which model plays the policy, and the options that set them."""

_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A value that could not be resolved."""

    path: KeyPath
    text: str
    """The value as it stands in the configuration."""
    name: str | None
    """The setting that is missing, when that is the reason."""
    reason: str
    """Why, without a final stop."""


class ResolutionError(Exception):
    """Why one value cannot be resolved. Stays inside this room."""

    def __init__(self, reason: str, *, name: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.name = name


def missing_error(tree: JsonObject, origins: Origins) -> ConfigError | None:
    """One error for all values that are still `???`, or None when there are none."""
    paths = [path for path, value in walk(tree) if value == MISSING]
    if not paths:
        return None
    places = "; ".join(f"'{dotted(path)}' ({origins.of(path)})" for path in paths)
    start = "a value is" if len(paths) == 1 else f"{len(paths)} values are"
    return ConfigError(
        f"{start} still '{MISSING}': {places}. Set it with ++{dotted(paths[0])}=VALUE, in env.yaml or in a config file."
    )


def unresolved_error(failures: Sequence[Unresolved], tree: JsonObject, origins: Origins) -> ConfigError:
    """One error for all of `failures`: what is missing, where it is asked for, how to set it."""
    return ConfigError("\n".join(_lines(failures, tree, origins)))


def _lines(failures: Sequence[Unresolved], tree: JsonObject, origins: Origins) -> Iterator[str]:
    by_name: dict[str, list[Unresolved]] = {}
    for failure in failures:
        if failure.name is not None:
            by_name.setdefault(failure.name, []).append(failure)
    model = [name for name in MODEL_OPTIONS if name in by_name]
    if model:
        asked = _asked_by([each for name in model for each in by_name[name]], origins)
        options = " ".join(MODEL_OPTIONS[name] for name in model)
        yield (
            f"no model given: {' and '.join(model)} {'is' if len(model) == 1 else 'are'} not set, but asked for by "
            f"{asked}. Add --model-type TYPE {options}, or set {'it' if len(model) == 1 else 'them'} in env.yaml."
        )
    for name, group in by_name.items():
        if name == POLICY_MODEL:
            yield f"no model given, but asked for by {_asked_by(group, origins)}. Add --model-type TYPE."
        elif name not in MODEL_OPTIONS:
            near = suggest(name, map(str, tree))
            hint = f" {near}" if near.startswith("Meant") else ""
            yield (
                f"'{name}' is not set, but asked for by {_asked_by(group, origins)}. "
                f"Set it with ++{name}=VALUE, in env.yaml or in a config file.{hint}"
            )
    for failure in failures:
        if failure.name is None:
            place = origins.of(failure.path)
            yield f"{place}: '{dotted(failure.path)}' is {failure.text!r}, but {failure.reason}."


def _asked_by(failures: Sequence[Unresolved], origins: Origins) -> str:
    places = dict.fromkeys(f"'{dotted(each.path)}' ({origins.of(each.path)})" for each in failures)
    shown = list(places)[:_SHOWN]
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return ", ".join(shown) + more
