"""Whether an environment can be shown to others: nothing is left to fill in, its checks pass, its name leads to it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Optional

from nemo_gym.config_errors import ConfigError
from nemo_gym.environment.manifest import EnvironmentKind, EnvironmentManifest, load_manifest
from nemo_gym.environment.onboarding import VerifierReport
from nemo_gym.environment.validation import EnvironmentValidationReport
from nemo_gym.registry import EnvironmentCatalogEntry, discover_environment_catalog


class EnvironmentPublicationError(ConfigError):
    """The environment is not ready."""


@dataclass(frozen=True)
class EnvironmentPublicationReport:
    """An environment that is ready."""

    name: str
    version: str
    kind: str
    status: str
    manifest_path: str
    verifier_cases: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _is_left(value: Optional[str]) -> bool:
    return (value or "").casefold().startswith("todo")


def _left_to_fill_in(manifest: EnvironmentManifest) -> list[str]:
    texts: dict[str, Iterable[Optional[str]]] = {"description": [manifest.description], "authors": manifest.authors}
    if manifest.kind == EnvironmentKind.BENCHMARK:
        texts["canonical_split"] = [manifest.canonical_split]
        texts["standard_prompt_config"] = [manifest.standard_prompt_config]
    left = [name for name, values in texts.items() if any(map(_is_left, values))]
    return left + (["licensing"] if manifest.licensing == "unknown" else [])


def finalize_publication(
    entry: EnvironmentCatalogEntry,
    validation: EnvironmentValidationReport,
    verifier: VerifierReport,
    *,
    catalog_entries: Optional[Iterable[EnvironmentCatalogEntry]] = None,
) -> EnvironmentPublicationReport:
    """Check an entry with the reports of its other checks. Raises EnvironmentPublicationError for what is missing."""
    if entry.manifest_path is None:
        raise EnvironmentPublicationError(f"{entry.kind.capitalize()} {entry.name!r} has no manifest.yaml.")
    if left := _left_to_fill_in(load_manifest(entry.manifest_path)):
        raise EnvironmentPublicationError(f"Replace scaffold placeholders before publishing: {', '.join(left)}")
    who = (entry.name, entry.kind)
    if (validation.name, validation.kind) != who:
        raise EnvironmentPublicationError("Validation report and catalog entry are not of the same environment.")
    if (verifier.name, verifier.kind) != who or not verifier.cases:
        raise EnvironmentPublicationError("Verifier report is not of a passing fixture of this environment.")
    path = Path(entry.manifest_path).resolve()
    catalog = discover_environment_catalog() if catalog_entries is None else catalog_entries
    found = [
        each
        for each in catalog
        if (each.name, each.kind) == who and each.manifest_path is not None and each.manifest_path.resolve() == path
    ]
    if len(found) != 1:
        raise EnvironmentPublicationError(
            f"Catalog did not resolve {entry.kind} {entry.name!r} to its manifest, {path}."
        )
    if found[0].status != "experimental":
        raise EnvironmentPublicationError(f"A new one must enter as experimental, and this one is {found[0].status!r}.")
    return EnvironmentPublicationReport(
        validation.name, validation.version, validation.kind, found[0].status, str(path), len(verifier.cases)
    )
