import asyncio
from pathlib import Path

import pytest

from nemo_gym.environment.manifest import dump_manifest, load_manifest
from nemo_gym.environment.onboarding import EnvironmentOnboardingError, verify_environment
from nemo_gym.environment.publication import EnvironmentPublicationError, finalize_publication
from nemo_gym.environment.scaffold import ScaffoldConflictError, ScaffoldError, scaffold_environment
from nemo_gym.environment.validation import EnvironmentValidationError, validate_environment
from nemo_gym.registry import EnvironmentCatalogEntry, resolve_catalog_entry


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with a new environment."""
    monkeypatch.setenv("NEMO_GYM_EXTRA_ROOTS", str(tmp_path))
    scaffold_environment(kind="environment", name="quiz", root=tmp_path)
    return tmp_path


def quiz() -> EnvironmentCatalogEntry:
    return resolve_catalog_entry("quiz")


def fill_in(root: Path) -> None:
    path = root / "environments" / "quiz" / "manifest.yaml"
    said = {"description": "Arithmetic.", "authors": ["Ada"], "licensing": "MIT"}
    path.write_text(dump_manifest(load_manifest(path).model_copy(update=said)))


def test_a_new_environment_is_valid_and_its_verifier_does_what_its_cases_say(catalog: Path) -> None:
    report = validate_environment(catalog / "environments" / "quiz" / "manifest.yaml")
    verified = asyncio.run(verify_environment(quiz()))

    assert (report.inferred_profile, report.warnings, report.datasets[0].rows) == ("custom-gym-verifier", (), 1)
    assert [case.observed_rewards for case in verified.cases] == [(1.0,), (0.0,), ()]


def test_only_what_is_filled_in_can_be_published(catalog: Path) -> None:
    manifest = catalog / "environments" / "quiz" / "manifest.yaml"
    verified = asyncio.run(verify_environment(quiz()))
    with pytest.raises(EnvironmentPublicationError, match="description, authors, licensing"):
        finalize_publication(quiz(), validate_environment(manifest), verified)

    fill_in(catalog)

    published = finalize_publication(quiz(), validate_environment(manifest), verified)
    assert (published.name, published.status, published.verifier_cases) == ("quiz", "experimental", 3)


def test_a_verifier_that_has_changed_is_found_out(catalog: Path) -> None:
    app = catalog / "resources_servers" / "quiz" / "app.py"
    app.write_text(app.read_text().replace("float(said ==", "float(said !="))

    with pytest.raises(EnvironmentOnboardingError, match="does not pin the upper endpoint"):
        asyncio.run(verify_environment(quiz()))


def test_a_manifest_that_says_something_else_than_its_configuration_is_brought_in_line(catalog: Path) -> None:
    path = catalog / "environments" / "quiz" / "manifest.yaml"
    path.write_text(path.read_text().replace("resources_server: quiz", "resources_server: other"))
    with pytest.raises(EnvironmentValidationError, match='resources_server: manifest "other", config "quiz"'):
        validate_environment(path)

    assert validate_environment(path, sync=True).synchronized_fields == ("resources_server",)
    assert load_manifest(path).resources_server == "quiz"


def test_nothing_that_is_there_is_overwritten(catalog: Path) -> None:
    path = catalog / "environments" / "quiz" / "README.md"
    path.write_text("mine\n")

    with pytest.raises(ScaffoldConflictError, match=r"README\.md"):
        scaffold_environment(kind="environment", name="quiz", root=catalog)
    assert path.read_text() == "mine\n"


def test_a_verifier_without_cases_is_not_shared(catalog: Path) -> None:
    (catalog / "resources_servers" / "quiz" / "app.py").write_text("X = 1\n")

    with pytest.raises(ScaffoldError, match="VERIFIER_FIXTURE"):
        scaffold_environment(
            kind="benchmark",
            name="exam",
            root=catalog,
            reuse_verifier="quiz",
            reward_range=(0, 1),
            higher_is_better=True,
        )
    assert not (catalog / "benchmarks").exists()
