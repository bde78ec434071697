"""Whether the installed `openai`, whose types the bodies are, is one that this package was written for."""

import logging
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final

from packaging.requirements import Requirement

log: Final = logging.getLogger("nemo_gym.config")
DISTRIBUTION: Final = "polygym-nemo"


def openai_version_fits(version: str) -> bool:
    """Whether a version is among those that this package asks for; true when what it asks for is not known."""
    try:
        needed = [Requirement(text) for text in requires(DISTRIBUTION) or ()]
    except PackageNotFoundError:
        return True
    return all(each.specifier.contains(version, prereleases=True) for each in needed if each.name == "openai")


@lru_cache(maxsize=1)
def warn_of_other_openai() -> None:
    """Say once when the installed `openai` is another."""
    installed = version("openai")
    if not openai_version_fits(installed):
        log.warning(
            "openai %s is none of the versions that %s asks for; its types may not fit", installed, DISTRIBUTION
        )
