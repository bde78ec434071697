"""What a run's results depend on, kept beside them: a resumed run that would mix two different things is noticed."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from polygym.config.model import RunConfig, ServerInstance
from polygym.config.secrets import hide_secrets
from polygym.protocol.errors import OutputError
from polygym.protocol.json import JsonObject, dumps, dumps_indented, loads
from polygym.rollouts.environments import servers_behind
from polygym.rollouts.plan import PlanRequest

ELSEWHERE: Final = frozenset(
    {"host", "port", "url", "placement", "num_workers", "datasets", "base_url", "openai_base_url", "api_key"}
    | {"openai_api_key", "concurrency", "weight", "timeout_s", "stage_timeouts_s", "max_attempts", "verified"}
    | {"max_concurrent_requests", "max_requests_per_minute", "max_tokens_per_minute", "health_check_s"}
    | {"azure_endpoint", "azure_api_key", "azure_ad_token", "anthropic_base_url", "anthropic_api_key"}
)
"""Fields that say where or how fast a server runs, not what comes out: they may change between two parts of a run."""
SHOWN_CHANGES: Final = 8


def setup_of(config: RunConfig, agents: Iterable[str]) -> JsonObject:
    """The configuration of some agents and of every server they lead to, by instance name, secrets hidden."""
    return {name: _essence(instance) for name, instance in sorted(servers_behind(config, agents).items())}


def _essence(instance: ServerInstance) -> JsonObject:
    fields = {key: value for key, value in instance.fields.items() if key not in ELSEWHERE}
    essence: JsonObject = hide_secrets({"implementation": instance.implementation, **fields})
    return essence


def manifest_of(request: PlanRequest, setup: JsonObject) -> JsonObject:
    """What the results of this request depend on. Reads the inputs to take their digests."""
    files = [source.path for source in request.inputs]
    files += [source.prompt.path for source in request.inputs if source.prompt is not None]
    return {
        "inputs": {str(path): _digest(path) for path in files},
        "limit": request.limit,
        "num_repeats": request.num_repeats if isinstance(request.num_repeats, int) else dict(request.num_repeats or {}),
        "params": request.params or {},
        "shard": str(request.shard) if request.shard else None,
        "servers": setup,
    }


def _digest(path: Path) -> str:
    digest = blake2b(digest_size=16)
    try:
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError:
        return "not there"
    return digest.hexdigest()


def write_manifest(path: Path, manifest: JsonObject) -> None:
    """Write it where `check_manifest` will look."""
    aside = path.with_name(f".{path.name}.unfinished")
    aside.write_bytes(dumps_indented(manifest))
    aside.replace(path)


def check_manifest(path: Path, manifest: JsonObject) -> None:
    """Raises OutputError naming what has changed since the run that `path` was written for, if it is there."""
    if not path.exists():
        return
    try:
        before = loads(path.read_bytes())
    except ValueError as error:
        raise OutputError(f"{path}: is damaged ({error}). Go on regardless with --resume=force.") from error
    found = list(changes(before, loads(dumps(manifest))))
    if found:
        more = f"\n  and {len(found) - SHOWN_CHANGES} more" if len(found) > SHOWN_CHANGES else ""
        listed = "\n  ".join(found[:SHOWN_CHANGES])
        raise OutputError(
            f"{path}: this run is not the one that was begun:\n  {listed}{more}\n"
            "Undo the change, choose another --output, or go on regardless with --resume=force."
        )


def changes(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """`key.path: was …, is …` for each value that two manifests, or parts of them, differ in."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from changes(before.get(key), after.get(key), f"{where}.{key}" if where else str(key))
    elif before != after:
        yield f"{where}: was {_shown(before)}, is {_shown(after)}"


def _shown(value: Any, limit: int = 60) -> str:
    text = dumps(value).decode()
    return text if len(text) <= limit else text[: limit - 1] + "…"
