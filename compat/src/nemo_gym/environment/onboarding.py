"""The verifier of an environment, run on its own cases."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

from nemo_gym.config_errors import ConfigError
from nemo_gym.environment.composition import ResolvedComponent
from nemo_gym.environment.manifest import load_manifest
from nemo_gym.environment.validation import EnvironmentValidationReport, validate_environment
from nemo_gym.registry import EnvironmentCatalogEntry
from nemo_gym.search_roots import component_search_roots
from nemo_gym.verifier_fixture import (
    VerifierFixture,
    VerifierFixtureError,
    VerifierFixtureResult,
    exercise_verifier_fixture,
)


class EnvironmentOnboardingError(ConfigError):
    """The verifier cannot be run, or does not do what its cases say."""


@dataclass(frozen=True)
class VerifierRunSpec:
    """A verifier that can be run."""

    name: str
    kind: str
    resources_server: str
    manifest_path: str
    app_path: str
    component_root: str
    server_dir: str
    bundled_component: bool
    """Whether it came with an installed package, and is not to be changed."""
    reward_range: tuple[float, float]
    higher_is_better: bool
    determinism: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class VerifierReport:
    """Cases that came out as they should."""

    name: str
    kind: str
    resources_server: str
    manifest_path: str
    fixture_path: str
    cases: tuple[VerifierFixtureResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "VerifierReport":
        """The report that `to_dict` gave."""
        cases = [
            VerifierFixtureResult(case["name"], case["kind"], tuple(case.get("observed_rewards", ())))
            for case in value["cases"]
        ]
        return cls(**{**value, "cases": tuple(cases)})


def prepare_verifier_run(
    entry: EnvironmentCatalogEntry, validation: Optional[EnvironmentValidationReport] = None
) -> VerifierRunSpec:
    """The verifier of a catalog's entry, which is checked first. Raises ConfigError when there is none to run."""
    if entry.manifest_path is None:
        raise EnvironmentOnboardingError(
            f"{entry.kind.capitalize()} {entry.name!r} has no manifest.yaml. Add one beside {entry.config_path}."
        )
    path = entry.manifest_path.expanduser().resolve()
    report = validation or validate_environment(path, entry.config_path.expanduser().resolve())
    manifest = load_manifest(path)
    server = next((each for each in report.components if each.role == "resources_server"), None)
    if server is None:
        raise EnvironmentOnboardingError(f"{entry.name!r} has no resources server.")
    app, root, folder = _located(server)
    return VerifierRunSpec(
        name=manifest.name,
        kind=manifest.kind.value,
        resources_server=manifest.resources_server,
        manifest_path=str(path),
        app_path=str(app),
        component_root=str(root),
        server_dir=str(folder),
        bundled_component="site-packages" in root.parts,
        reward_range=manifest.reward.range,
        higher_is_better=manifest.reward.higher_is_better,
        determinism=manifest.determinism.value,
    )


def _located(server: ResolvedComponent) -> tuple[Path, Path, Path]:
    """The entrypoint of a resources server, its root and its folder."""
    if server.boundary != "resources_servers" or not server.entrypoint:
        raise EnvironmentOnboardingError("The environment has no runnable resources-server entrypoint.")
    relative, entrypoint = Path(server.boundary, server.implementation), Path(server.entrypoint)
    if entrypoint.is_absolute() or ".." in entrypoint.parts:
        raise EnvironmentOnboardingError(f"The entrypoint must stay within {relative}: {server.entrypoint!r}")
    for root in (folder.expanduser().resolve() for folder in component_search_roots()):
        folder = root / relative
        markers = [name for name in ("requirements.txt", "pyproject.toml") if (folder / name).is_file()]
        if not markers:
            continue
        if len(markers) > 1:
            raise EnvironmentOnboardingError(f"{folder} must use requirements.txt or pyproject.toml, not both.")
        app = (folder / entrypoint).resolve()
        if not app.is_file():
            raise EnvironmentOnboardingError(f"Resources-server entrypoint was not found: {folder / entrypoint}")
        if not app.is_relative_to(folder.resolve()):
            raise EnvironmentOnboardingError(f"The entrypoint {folder / entrypoint} resolves outside its folder.")
        return app, root, folder.resolve()
    raise EnvironmentOnboardingError(f"Resources server {server.implementation!r} was not found in any root.")


@contextmanager
def _imports_apart(top: str, folders: list[str]) -> Iterator[None]:
    """Look for modules in these folders first; those below `top` are loaded anew, and forgotten afterwards."""
    path = sys.path.copy()
    before = {name: sys.modules.pop(name) for name in [*sys.modules] if name.split(".")[0] == top}
    sys.path[:0] = folders
    try:
        yield
    finally:
        sys.path[:] = path
        for name in [*sys.modules]:
            if name.split(".")[0] == top:
                del sys.modules[name]
        sys.modules.update(before)


def import_resources_server(app_path: Path, component_root: Path, server_dir: Path) -> ModuleType:
    """The module of an entrypoint, without a trace in this process. Raises EnvironmentOnboardingError."""
    parts = app_path.relative_to(component_root).with_suffix("").parts
    name = ".".join(parts) if all(part.isidentifier() for part in parts) else "verifier_under_test"
    spec = importlib.util.spec_from_file_location(name, app_path)
    if spec is None or spec.loader is None:
        raise EnvironmentOnboardingError(f"{app_path} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    with _imports_apart(name.split(".")[0], [str(server_dir), str(component_root)]):
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise EnvironmentOnboardingError(
                f"Could not import resources-server entrypoint {app_path}: {type(error).__name__}: {error}"
            ) from error
    return module


def _paths(spec: VerifierRunSpec) -> tuple[Path, Path, Path]:
    return Path(spec.app_path), Path(spec.component_root), Path(spec.server_dir)


_import_resources_server, _runtime_component_paths = import_resources_server, _paths


async def exercise_verifier_run(spec: VerifierRunSpec, *, update_expected: bool = False) -> VerifierReport:
    """Run a verifier on its cases, in this process. Raises EnvironmentOnboardingError at the first that is wrong."""
    if spec.bundled_component and update_expected:
        raise EnvironmentOnboardingError("The cases of an installed package are not changed; use its sources.")
    module = import_resources_server(*_paths(spec))
    fixture = getattr(module, "VERIFIER_FIXTURE", None)
    if not isinstance(fixture, VerifierFixture):
        raise EnvironmentOnboardingError(
            f"Resources server {spec.resources_server!r} must export VERIFIER_FIXTURE as a VerifierFixture."
        )
    try:
        cases = await exercise_verifier_fixture(
            fixture,
            reward_range=spec.reward_range,
            higher_is_better=spec.higher_is_better,
            determinism=spec.determinism,
            update_expected=update_expected,
        )
    except VerifierFixtureError as error:
        raise EnvironmentOnboardingError(f"Verifier fixture for {spec.kind} {spec.name!r} failed: {error}") from error
    path = str(Path(fixture.cases_path).expanduser().resolve())
    return VerifierReport(spec.name, spec.kind, spec.resources_server, spec.manifest_path, path, cases)


async def verify_environment(entry: EnvironmentCatalogEntry, *, update_expected: bool = False) -> VerifierReport:
    """Check an entry and run its verifier on its cases."""
    return await exercise_verifier_run(prepare_verifier_run(entry), update_expected=update_expected)
