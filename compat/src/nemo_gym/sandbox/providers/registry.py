"""Providers by name: registered by code, built in, or published by an installed package.

Packages publish under the entry-point group `nemo_gym.sandbox_providers`.
"""

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final, cast

from nemo_gym.sandbox.providers.base import SandboxProvider

log = logging.getLogger("nemo_gym.sandbox")

ENTRY_POINT_GROUP: Final = "nemo_gym.sandbox_providers"
_BUILT_IN: Final = {
    "apptainer": ("nemo_gym.sandbox.providers.apptainer", "ApptainerProvider"),
    "docker": ("nemo_gym.sandbox.providers.docker", "DockerProvider"),
}
_NOT_HERE: Final = ("daytona", "ecs_fargate", "enroot", "opensandbox", "openshell")
"""Providers of other services that NeMo Gym has and this package does not."""
_registered: dict[str, type[SandboxProvider]] = {}


def register_provider(name: str, provider_class: type[SandboxProvider], *, override: bool = False) -> None:
    """Make a class known under a name. Raises ValueError when the name is taken, unless `override`."""
    if not name:
        raise ValueError("Provider name must be non-empty")
    if not override and (name in _registered or name in _BUILT_IN):
        raise ValueError(f"Sandbox provider {name!r} is already registered")
    _registered[name] = provider_class


def get_provider_class(name: str) -> type[SandboxProvider]:
    """The class of that name. Raises ValueError naming those there are."""
    if name in _registered:
        return _registered[name]
    if name in _BUILT_IN:
        module, attribute = _BUILT_IN[name]
        return getattr(import_module(module), attribute)  # type: ignore[no-any-return]
    published = _published()
    if name in published:
        return published[name]()
    if name in _NOT_HERE:
        return _missing(name)
    known = ", ".join(list_providers()) or "<none>"
    raise ValueError(f"Unknown sandbox provider {name!r}. Available providers: {known}")


def _missing(name: str) -> type[SandboxProvider]:
    """A class for a name that configurations know: they can be read, and sandboxes cannot be made."""

    class MissingProvider:
        def __init__(self, **_: Any) -> None:
            raise ValueError(
                f"Sandbox provider {name!r} is not part of polygym-nemo, which has {', '.join(list_providers())}. A "
                f"package can publish it under the entry-point group '{ENTRY_POINT_GROUP}', or code register it with "
                "register_provider."
            )

    return cast("type[SandboxProvider]", MissingProvider)


def _published() -> dict[str, Callable[[], type[SandboxProvider]]]:
    found: dict[str, Callable[[], type[SandboxProvider]]] = {}
    publishers: dict[str, str] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        publisher = point.dist.name if point.dist is not None else "<unknown>"
        if point.name in found:
            raise ValueError(
                f"Duplicate sandbox provider entry point {point.name!r}, published by {publishers[point.name]!r} and "
                f"{publisher!r}; remove one of them."
            )
        if point.name in _BUILT_IN or point.name in _registered:
            log.warning("sandbox provider %r of %s is shadowed by one of the same name", point.name, publisher)
        found[point.name], publishers[point.name] = point.load, publisher
    return found


def create_provider(config: Mapping[str, Any]) -> SandboxProvider:
    """The provider of a mapping `{name: arguments}`."""
    if len(config) != 1:
        raise ValueError("Sandbox provider config must contain exactly one provider name")
    [(name, arguments)] = config.items()
    if not isinstance(name, str) or not name:
        raise ValueError("Sandbox provider name must be a non-empty string")
    if not isinstance(arguments, Mapping | None):
        raise TypeError(f"Sandbox provider {name!r} config must be a mapping")
    return get_provider_class(name)(**dict(arguments or {}))


def list_providers() -> list[str]:
    """Names of all providers there are."""
    return sorted({*_registered, *_BUILT_IN, *_published()})
