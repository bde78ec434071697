"""An environment as a whole: manifest, configuration, code and data must say the same. Nothing is started or run."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Optional

import orjson
from pydantic import BaseModel, ValidationError
from yaml import YAMLError

from nemo_gym.base_resources_server import BaseRunRequest
from nemo_gym.environment.composition import (
    ResolvedComponent,
    ResolvedComposition,
    catalog_of,
    component_root_first,
    resolve_composition,
)
from nemo_gym.environment.errors import EnvironmentValidationError
from nemo_gym.environment.manifest import (
    DatasetKind,
    EnvironmentKind,
    EnvironmentManifest,
    ManifestDataset,
    dump_manifest,
    load_manifest,
)
from nemo_gym.environment.profiles import infer_profile, profile_warnings
from nemo_gym.environment.python_sources import (
    base_name,
    functions,
    only_delegates_to_super,
    only_raises_not_implemented,
    parse_python_file,
)
from nemo_gym.prompt import PromptConfig, apply_prompt_to_row, load_prompt_config, validate_prompt_compatibility
from nemo_gym.search_roots import resolve_file

KINDS: Final[Mapping[str, EnvironmentKind]] = {
    "environments": EnvironmentKind.ENVIRONMENT,
    "benchmarks": EnvironmentKind.BENCHMARK,
}
UNFIT: Final = (OSError, UnicodeError, YAMLError, ValueError, KeyError, AttributeError, TypeError)
_base_name, _infer_profile, _with_component_root = base_name, infer_profile, component_root_first
_only_delegates_to_super, _only_raises_not_implemented = only_delegates_to_super, only_raises_not_implemented


@dataclass(frozen=True)
class DatasetValidation:
    """A dataset all of whose rows can be run."""

    name: str
    type: str
    path: str
    rows: int
    prompt_config: Optional[str] = None


@dataclass(frozen=True)
class EnvironmentValidationReport:
    """What was found."""

    name: str
    version: str
    kind: str
    declared_profile: str
    inferred_profile: str
    profile_evidence: str
    manifest_path: str
    config_path: str
    components: tuple[ResolvedComponent, ...]
    datasets: tuple[DatasetValidation, ...]
    rollout_driver: Optional[str] = None
    grading_mode: Optional[str] = None
    synchronized_fields: tuple[str, ...] = ()
    """Fields of the manifest that were brought in line with the configuration."""
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def validate_environment(
    manifest_path: str | Path, config_path: Optional[str | Path] = None, *, sync: bool = False
) -> EnvironmentValidationReport:
    """Check an environment by its manifest and its configuration, `config.yaml` beside it unless it is said otherwise.

    Where the two differ the configuration is right: with `sync` the manifest's file is brought in line, else that is an
    error. Raises ConfigError saying what does not fit, where, and what to do.
    """
    file = Path(manifest_path).expanduser().resolve()
    config = file.with_name("config.yaml") if config_path is None else Path(config_path).expanduser().resolve()
    manifest = load_manifest(file)
    _check_place(file, manifest)
    if not config.is_file():
        raise EnvironmentValidationError(f"The configuration was not found: {config}")
    composition = resolve_composition(config)
    manifest, synchronized = _in_line(manifest, composition, may_change=sync)
    with component_root_first(config):
        inferred = infer_profile(composition)
        _check_prompts(manifest)
        if manifest.rollout_driver:
            _check_driver(manifest.rollout_driver)
        datasets = tuple(_checked_dataset(each, manifest.standard_prompt_config) for each in manifest.datasets)
    if synchronized:
        _replace(file, dump_manifest(manifest))
    return EnvironmentValidationReport(
        name=manifest.name,
        version=manifest.version,
        kind=manifest.kind.value,
        declared_profile=manifest.integration_profile.value,
        inferred_profile=str(inferred.profile),
        profile_evidence=inferred.evidence,
        manifest_path=str(file),
        config_path=str(config),
        components=composition.components,
        datasets=datasets,
        rollout_driver=composition.rollout_driver,
        grading_mode=composition.grading_mode,
        synchronized_fields=synchronized,
        warnings=profile_warnings(manifest.integration_profile.value, inferred),
    )


def _check_place(file: Path, manifest: EnvironmentManifest) -> None:
    catalog = catalog_of(file)
    name = file.parent.relative_to(catalog).as_posix() if catalog is not None else file.parent.name
    if manifest.name != name:
        raise EnvironmentValidationError(
            f"The manifest's identity is {manifest.name!r}, its catalog path says {name!r}."
        )
    if catalog is not None and manifest.kind != KINDS[catalog.name]:
        raise EnvironmentValidationError(
            f"The manifest's kind is {manifest.kind.value!r}, and it lies in {catalog.name}/."
        )


def _in_line(
    manifest: EnvironmentManifest, composition: ResolvedComposition, *, may_change: bool
) -> tuple[EnvironmentManifest, tuple[str, ...]]:
    """The manifest with what the configuration says, and the fields in which it said something else."""
    stale = {name: value for name, value in composition.mirrored().items() if getattr(manifest, name) != value}
    if not stale:
        return manifest, ()
    if not may_change:
        lines = [
            f"  - {name}: manifest {_shown(getattr(manifest, name))}, config {_shown(stale[name])}" for name in stale
        ]
        raise EnvironmentValidationError(
            "\n".join(["The manifest is stale; its configuration says something else:", *lines])
            + "\nThe configuration is right: validate with sync to bring these fields in line."
        )
    try:
        return EnvironmentManifest.model_validate({**manifest.model_dump(mode="json"), **stale}), tuple(stale)
    except ValidationError as error:
        raise EnvironmentValidationError(f"What the configuration says is no manifest: {_first(error)}") from error


def _shown(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_none=True) if isinstance(value, BaseModel) else str(value)


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, problem['loc'])) or 'all of it'}: {problem['msg']}"


def _check_prompts(manifest: EnvironmentManifest) -> None:
    if manifest.kind != EnvironmentKind.BENCHMARK:
        return
    standard = manifest.standard_prompt_config
    benchmarks = [each for each in manifest.datasets if each.type == DatasetKind.BENCHMARK]
    if others := [each.name for each in benchmarks if each.prompt_config not in (None, standard)]:
        raise EnvironmentValidationError(
            f"prompt_config of a benchmark's dataset must match standard_prompt_config; not so: {', '.join(others)}"
        )


def _check_driver(reference: str) -> None:
    module, function = reference.split(":", 1)
    relative = Path(*module.split("."))
    places = [resolve_file(relative.with_suffix(".py")), resolve_file(relative / "__init__.py")]
    file = next((place for place in places if place.is_file()), places[0])
    if function not in functions(parse_python_file(file, "Rollout driver module")):
        raise EnvironmentValidationError(f"Rollout driver {reference!r} was not found in {file}.")


def _checked_dataset(dataset: ManifestDataset, standard_prompt: Optional[str]) -> DatasetValidation:
    path = resolve_file(dataset.jsonl_fpath)
    prompt_path: Optional[Path] = None
    prompt: Optional[PromptConfig] = None
    if dataset.type == DatasetKind.BENCHMARK:
        _check_prepare(resolve_file(dataset.prepare_script or ""))
        prompt_path = resolve_file(_prompt_name(dataset, standard_prompt))
        prompt = _prompt(prompt_path, dataset.name)
    count = 0
    for number, row in _rows(path):
        count += 1
        _check_row(row, prompt, f"Dataset {dataset.name!r} row {number}")
    if not count:
        raise EnvironmentValidationError(f"Dataset {path} is empty.")
    return DatasetValidation(
        dataset.name, dataset.type.value, str(path), count, str(prompt_path) if prompt_path else None
    )


def _prompt_name(dataset: ManifestDataset, standard: Optional[str]) -> str:
    name = dataset.prompt_config or standard
    if name is None:
        raise EnvironmentValidationError(
            f"Benchmark dataset {dataset.name!r} has no prompt_config, nor its manifest a standard_prompt_config."
        )
    return name


def _prompt(path: Path, dataset: str) -> PromptConfig:
    try:
        return load_prompt_config(str(path))
    except UNFIT as error:
        raise EnvironmentValidationError(f"Could not materialize benchmark dataset {dataset!r}: {error}") from error


def _check_prepare(path: Path) -> None:
    found = functions(parse_python_file(path, "Dataset prepare script")).get("prepare")
    if found is None or type(found).__name__ == "AsyncFunctionDef":
        raise EnvironmentValidationError(f"{path} must define a synchronous prepare().")


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if not path.is_file():
        raise EnvironmentValidationError(f"Dataset file was not found: {path}")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise EnvironmentValidationError(f"Could not read dataset {path}: {error}") from error
    for number, line in enumerate(lines, 1):
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise EnvironmentValidationError(f"{path}:{number}: Malformed JSON: {error}") from error
        if not isinstance(row, dict):
            raise EnvironmentValidationError(f"{path}:{number} must contain a JSON object.")
        yield number, row


def _check_row(row: dict[str, Any], prompt: Optional[PromptConfig], place: str) -> None:
    if prompt is not None:
        try:
            validate_prompt_compatibility([row], prompt)
            row = apply_prompt_to_row(row, prompt)
        except UNFIT as error:
            raise EnvironmentValidationError(f"Could not materialize benchmark: {place}: {error}") from error
    try:
        BaseRunRequest.model_validate(row)
    except ValidationError as error:
        raise EnvironmentValidationError(f"{place} is no valid input of a rollout: {_first(error)}") from error


def _replace(path: Path, text: str) -> None:
    """Write a file as a whole, or not at all."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        temporary = Path(file.name)
        file.write(text)
    try:
        temporary.chmod(path.stat().st_mode & 0o777)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
