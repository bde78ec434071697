"""The model servers in the roots, by the name that `--model-type` takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nemo_gym.discovery import discover_components, flavors
from nemo_gym.search_roots import BASE

MODELS_SUBDIR: Final = "responses_api_models"
MODELS_DIR: Final = BASE / MODELS_SUBDIR


@dataclass(frozen=True)
class ModelEntry:
    """A config file of a model server."""

    name: str
    model_group: str
    """Name of the folder."""
    config_path: Path


def models_in(models_dir: Path) -> dict[str, ModelEntry]:
    """The model servers of one folder."""
    return {name: ModelEntry(name, folder.name, file) for name, folder, file in flavors(models_dir)}


_discover_models_in_dir = models_in


def discover_models() -> dict[str, ModelEntry]:
    """The model servers of all roots."""
    return discover_components(MODELS_SUBDIR, models_in)
