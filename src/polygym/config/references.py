"""References between servers: fields `{type, name}` that name another instance of the run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from polygym.config.components import component_folders
from polygym.config.model import ServerInstance
from polygym.config.origins import Origins
from polygym.config.tree import KeyPath, dotted
from polygym.protocol.calls import (
    SERVER_TYPES,
    AgentServerRef,
    ModelServerRef,
    ResourcesServerRef,
    ServerRef,
    ServerType,
)
from polygym.protocol.errors import ConfigError, suggest
from polygym.protocol.json import JsonObject

POLICY_MODEL: Final = "policy_model"
"""The instance that the field's agents ask for when they want the model under test."""

_REF_CLASSES: Final[Mapping[ServerType, type[ServerRef]]] = {
    "resources_servers": ResourcesServerRef,
    "responses_api_agents": AgentServerRef,
    "responses_api_models": ModelServerRef,
}
_FIELD_TYPES: Final[Mapping[str, ServerType]] = {
    "resources_server": "resources_servers",
    "agent_server": "responses_api_agents",
    "model_server": "responses_api_models",
}
"""What a field refers to by the end of its name, when the reference leaves out its type."""


def read_references(fields: JsonObject, path: KeyPath, origins: Origins) -> dict[str, ServerRef]:
    """The first-level `fields` at `path` that are references. Raises ConfigError when one has an unknown type."""
    references = {}
    for field, value in fields.items():
        if isinstance(value, dict) and isinstance(value.get("name"), str):
            server_type = _type_of(field, value, (*path, field), origins)
            if server_type is not None:
                references[field] = _REF_CLASSES[server_type](type=server_type, name=value["name"])
    return references


def check_references(
    instances: Mapping[str, ServerInstance], origins: Origins, roots: Sequence[Path], *, needs_model: bool
) -> None:
    """Raises ConfigError when a reference names no instance, or one of another type.

    Without `needs_model`, a `policy_model` that nobody defines is passed over.
    """
    for instance in instances.values():
        for field, ref in instance.references.items():
            target = instances.get(ref.name)
            if target is not None and target.server_type == ref.type:
                continue
            if target is None and is_policy_model(ref):
                if needs_model:
                    raise _no_model(instance, roots)
                continue
            path = (instance.name, instance.server_type, instance.implementation, field)
            raise ConfigError(
                f"{origins.of((*path, 'name'))}: '{dotted(path)}' refers to {_fault(ref, target, instances)}"
            )


def is_policy_model(ref: ServerRef) -> bool:
    """Whether `ref` asks for the model under test."""
    return ref.name == POLICY_MODEL and ref.type == "responses_api_models"


def _type_of(field: str, value: JsonObject, path: KeyPath, origins: Origins) -> ServerType | None:
    expected = next((kind for ending, kind in _FIELD_TYPES.items() if field.endswith(ending)), None)
    given: Any = value.get("type", expected)
    known: ServerType | None = next((name for name in SERVER_TYPES if name == given), None)
    if known is None and expected is not None:
        raise ConfigError(
            f"{origins.of((*path, 'type'))}: '{dotted(path)}' refers to the unknown server type {given!r}. "
            f"{suggest(str(given), SERVER_TYPES)}"
        )
    return known


def _fault(ref: ServerRef, target: ServerInstance | None, instances: Mapping[str, ServerInstance]) -> str:
    right = [instance.name for instance in instances.values() if instance.server_type == ref.type]
    if target is None:
        return f"'{ref.name}' of {ref.type}, which no config defines. {suggest(ref.name, right)}"
    return (
        f"'{ref.name}' of {ref.type}, but '{ref.name}' is of {target.server_type} ({target.origin}). "
        f"{suggest(ref.name, right)}"
    )


def _no_model(instance: ServerInstance, roots: Sequence[Path]) -> ConfigError:
    types = ", ".join(component_folders("model-type", roots)) or "none found"
    return ConfigError(
        f"no model given: '{instance.name}' ({instance.origin}) asks for the model server '{POLICY_MODEL}', "
        f"which no config defines. Add --model-type TYPE --model NAME. Types: {types}."
    )
