"""Finding components by name: the folders that hold them and the config file that a name stands for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from polygym.protocol.errors import ConfigError, suggest

ComponentKind: TypeAlias = Literal["resources-server", "model-type", "agent-type", "environment", "benchmark"]
"""Kinds of components, named as the options that select them."""

FOLDERS: Final[Mapping[ComponentKind, str]] = {
    "resources-server": "resources_servers",
    "model-type": "responses_api_models",
    "agent-type": "responses_api_agents",
    "environment": "environments",
    "benchmark": "benchmarks",
}
"""The folder of a root that holds the components of a kind."""

_NOUNS: Final[Mapping[ComponentKind, str]] = {
    "resources-server": "resources server",
    "model-type": "model type",
    "agent-type": "agent type",
    "environment": "environment",
    "benchmark": "benchmark",
}
_NESTING: Final = 2
_OWN_CONFIG: Final = "config.yaml"
_WITH_OWN_CONFIG: Final = ("environment", "benchmark")
_ALSO: Final[Mapping[ComponentKind, ComponentKind]] = {"environment": "resources-server"}
"""Where a name is looked for that its own kind does not have: a resources server with its agent is an environment."""


@dataclass(frozen=True, slots=True)
class Selector:
    """What `--resources-server NAME` and its kin mean."""

    kind: ComponentKind
    name: str
    """`NAME` or `NAME/VARIANT`, where VARIANT is one of the component's other configs."""

    def __str__(self) -> str:
        return f"--{self.kind} {self.name}"


def selected_config(selector: Selector, roots: Sequence[Path]) -> Path:
    """The config file that `selector` stands for, from the first root that has it.

    For `NAME` that is `configs/NAME.yaml` of the component's folder, or the only file in `configs`; for environments
    and benchmarks first `config.yaml`. For `NAME/VARIANT` it is `configs/VARIANT.yaml` or `VARIANT.yaml`. The name of
    an environment may be that of a resources server.
    Raises ConfigError with the nearest names when there is none.
    """
    for kind in _kinds(selector):
        config = _named_config(kind, selector.name.split("/"), roots)
        if config is not None:
            return config
    raise ConfigError(f"{selector}: {_why_not(selector, roots)}")


def component_folders(kind: ComponentKind, roots: Sequence[Path]) -> dict[str, Path]:
    """The folder of every component of one kind, by name in alphabetical order; earlier roots shadow later ones."""
    found: dict[str, Path] = {}
    for root in roots:
        top = root / FOLDERS[kind]
        for folder in _components_below(top, _NESTING):
            found.setdefault(folder.relative_to(top).as_posix(), folder)
    return dict(sorted(found.items()))


def configs_of(folder: Path, kind: ComponentKind) -> tuple[Path, ...]:
    """All config files of a component: the one that its plain name stands for first, the others by name."""
    files = [*(folder / "configs").rglob("*.yaml")]
    if kind in _WITH_OWN_CONFIG:
        files += folder.glob("*.yaml")
    main = _config_in(folder, kind, "")
    return tuple(sorted(files, key=lambda file: (file != main, str(file))))


def _kinds(selector: Selector) -> list[ComponentKind]:
    return [selector.kind, *([_ALSO[selector.kind]] if selector.kind in _ALSO else [])]


def _named_config(kind: ComponentKind, parts: Sequence[str], roots: Sequence[Path]) -> Path | None:
    if ".." in parts or "" in parts:
        return None
    for length in range(len(parts), 0, -1):
        for root in roots:
            config = _config_in(root.joinpath(FOLDERS[kind], *parts[:length]), kind, "/".join(parts[length:]))
            if config is not None:
                return config
    return None


def _config_in(folder: Path, kind: ComponentKind, variant: str) -> Path | None:
    if variant:
        names = [f"configs/{variant}.yaml", f"{variant}.yaml"]
    else:
        names = [f"configs/{folder.name}.yaml"]
        if kind in _WITH_OWN_CONFIG:
            names.insert(0, _OWN_CONFIG)
    for name in names:
        if (folder / name).is_file():
            return folder / name
    only = list((folder / "configs").glob("*.yaml"))
    return only[0] if not variant and len(only) == 1 else None


def _components_below(folder: Path, depth: int) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        if not entry.is_dir() or entry.name.startswith((".", "_")):
            continue
        if any((entry / mark).exists() for mark in ("configs", _OWN_CONFIG, "app.py")):
            yield entry
        elif depth > 1:
            yield from _components_below(entry, depth - 1)


def _why_not(selector: Selector, roots: Sequence[Path]) -> str:
    noun = _NOUNS[selector.kind]
    if selector.name.endswith((".yaml", ".yml")):
        return f"this takes the name of a component. For a file use --config {selector.name}."
    folders: dict[str, Path] = {}
    for kind in reversed(_kinds(selector)):
        folders |= component_folders(kind, roots)
    name, _, _ = selector.name.partition("/")
    for known in (selector.name, name):
        if known in folders:
            files = configs_of(folders[known], selector.kind)
            return f"{noun} '{known}' has no such config. {_variants(known, folders[known], files)}"
    for kind in FOLDERS:
        if kind != selector.kind and selector.name in component_folders(kind, roots):
            return f"there is no such {noun}, but a {_NOUNS[kind]} of that name: --{kind} {selector.name}."
    looked = ", ".join(str(root) for root in roots)
    return f"there is no such {noun} in {looked}. {suggest(selector.name, folders)}"


def _variants(name: str, folder: Path, files: Sequence[Path]) -> str:
    if not files:
        return f"{folder} holds no config file at all."
    stems = [file.relative_to(folder).with_suffix("").as_posix().removeprefix("configs/") for file in files]
    return "Choose one of: " + ", ".join(f"{name}/{stem}" for stem in stems) + "."
