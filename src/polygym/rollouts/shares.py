"""A configuration as one of several workers gets it: limits of endpoints are the whole run's, so each has its part."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from polygym.config.model import RunConfig, ServerInstance
from polygym.protocol.json import JsonObject

_CALLS: Final = "max_concurrent_requests"
_RATES: Final = ("max_requests_per_minute", "max_tokens_per_minute")


def config_of_worker(config: RunConfig, worker: int, workers: int) -> RunConfig:
    """The configuration with that worker's part of every limit of a model server; of calls at once, 1 at least."""
    changed = {
        name: replace(instance, fields={**instance.fields, **parts})
        for name, instance in config.instances.items()
        if (parts := _parts(instance, worker, workers))
    }
    return replace(config, instances={**config.instances, **changed}) if changed else config


def _parts(instance: ServerInstance, worker: int, workers: int) -> JsonObject:
    if instance.server_type != "responses_api_models" or workers == 1:
        return {}
    fields: Mapping[str, Any] = instance.fields
    parts: JsonObject = {name: fields[name] / workers for name in _RATES if _is_number(fields.get(name))}
    calls = fields.get(_CALLS)
    if isinstance(calls, int) and not isinstance(calls, bool):
        parts[_CALLS] = max(1, calls // workers + (worker < calls % workers))
    return parts


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
