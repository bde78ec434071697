"""Whether the running interpreter has what an implementation's `requirements.txt` asks for."""

import importlib.metadata
import re
from pathlib import Path

OURSELVES = re.compile(r"^(-e\s+)?(polygym|nemo[-_]gym)(?![\w.-])", re.IGNORECASE)
"""A line that asks for the gym itself, which is always there."""
OUR_CHECKOUT = re.compile(r"^-e\s+\.\./\.\./?(\[[^\]]*\])?$")
"""The same by the place that implementations have in a checkout."""


def requirement_lines(folder: Path) -> list[str]:
    """The lines of `requirements.txt` that ask for something besides the gym itself; empty without such a file."""
    file = folder / "requirements.txt"
    if not file.is_file():
        return []
    lines = (line.split(" #")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#") and not _is_the_gym(line)]


def _is_the_gym(line: str) -> bool:
    return bool(OURSELVES.match(line) or OUR_CHECKOUT.match(line))


def named_gyms(folder: Path) -> set[str]:
    """What `requirements.txt` calls the gym: `polygym`, `nemo-gym`."""
    file = folder / "requirements.txt"
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []
    names = [match[2] for line in lines if (match := OURSELVES.match(line))]
    project = folder.parents[1] / "pyproject.toml"
    if any(OUR_CHECKOUT.match(line) for line in lines) and project.is_file():
        import tomllib  # few components name the gym like that

        names.append(tomllib.loads(project.read_text(encoding="utf-8")).get("project", {}).get("name", "polygym"))
    return {name.lower().replace("_", "-") for name in names}


def unmet_requirements(folder: Path) -> list[str]:
    """The lines that the running interpreter does not satisfy. Paths, URLs and options count as unmet."""
    return [line for line in requirement_lines(folder) if not _is_met(line)]


def _is_met(line: str) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement  # 30 ms, and few components have requirements

    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return False
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    if requirement.url is not None:
        return False
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(version, prereleases=True)
