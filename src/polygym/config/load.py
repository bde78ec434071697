"""From the sources of a configuration to a checked RunConfig.

Later sources win: config files in order (components by name before explicit paths, then `+config_paths` of the command
line), `env.yaml`, the initial values of a Python caller, the command line's flags and overrides. Then special keys are
applied, unset values reported, interpolations resolved, and the servers and their references checked.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from polygym.config.components import Selector, selected_config
from polygym.config.directives import apply_directives
from polygym.config.includes import CONFIG_PATHS, path_list, read_documents
from polygym.config.instances import InstanceReader, merge_dummy_models
from polygym.config.interpolation import resolve
from polygym.config.model import RunConfig
from polygym.config.origins import Origins
from polygym.config.overrides import Override, apply_override, config_paths_of, parse_overrides
from polygym.config.references import check_references
from polygym.config.roots import search_roots
from polygym.config.tree import copied, merge
from polygym.config.unresolved import MODEL_OPTIONS, missing_error, unresolved_error
from polygym.config.yaml_reader import Document, read_yaml
from polygym.protocol.errors import ConfigError
from polygym.protocol.json import JsonObject

ENV_YAML: Final = "env.yaml"
ALMOST_SERVERS: Final = "error_on_almost_servers"
"""The setting that, when false, turns servers that are wrong into warnings; they are then left out."""

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSources:
    """Everything that a configuration is made of."""

    config_paths: Sequence[str] = ()
    """Config files; relative ones are searched in the roots."""
    selectors: Sequence[Selector] = ()
    """Components by name."""
    overrides: Sequence[str] = ()
    """In Hydra's grammar."""
    search_dirs: Sequence[str | Path] = ()
    """Roots before all others."""
    initial: JsonObject = field(default_factory=dict)
    """Values from a Python caller."""
    settings: JsonObject = field(default_factory=dict)
    """Values from flags such as `--model`."""
    env_yaml: Path | None = None
    """None takes `env.yaml` of `cwd` when there is one."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    cwd: Path = field(default_factory=Path.cwd)


@dataclass(frozen=True, slots=True)
class MergedConfig:
    """The sources merged and their special keys applied; nothing resolved or checked yet."""

    tree: JsonObject
    origins: Origins
    roots: tuple[Path, ...]
    files: tuple[Path, ...]
    """In merge order, `env.yaml` last."""


def load_config(
    *,
    config_paths: Sequence[str] = (),
    selectors: Sequence[Selector] = (),
    overrides: Sequence[str] = (),
    search_dirs: Sequence[str | Path] = (),
    initial: JsonObject | None = None,
    settings: JsonObject | None = None,
    env_yaml: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
    needs_model: bool = True,
) -> RunConfig:
    """The configuration that the sources (see `ConfigSources`) make, checked.

    Without `needs_model`, settings of the policy model that are not set are empty, and references to a `policy_model`
    that nobody defines are let stand: for work on datasets. Raises ConfigError saying what is wrong, where, and what
    to do.
    """
    sources = ConfigSources(
        config_paths=config_paths,
        selectors=selectors,
        overrides=overrides,
        search_dirs=search_dirs,
        initial=initial or {},
        settings=settings or {},
        env_yaml=env_yaml,
        environ=environ,
        cwd=cwd or Path.cwd(),
    )
    return check_config(merge_config(sources), sources, needs_model=needs_model)


def merge_config(sources: ConfigSources) -> MergedConfig:
    """The sources merged. Raises ConfigError when one cannot be found, read or applied."""
    roots = search_roots(sources.search_dirs, sources.environ, sources.cwd)
    env = _env_document(sources)
    named_paths, overrides = config_paths_of(parse_overrides(sources.overrides))
    documents = _documents(sources, env, named_paths, roots)
    if env is not None:
        documents.append(env)
    origins = Origins()
    tree: JsonObject = {}
    for document in documents:
        tree = merge(tree, document.tree)
        origins.add_document(document)
    for values, label in ((sources.initial, "initial configuration"), (sources.settings, "command line")):
        tree = merge(tree, values)
        for key, value in values.items():
            origins.add_value((key,), value, label)
    tree = _overridden(tree, overrides, origins)
    files = tuple(document.path for document in documents)
    if files:
        tree[CONFIG_PATHS] = [str(file) for file in files if env is None or file != env.path]
    tree = merge_dummy_models(apply_directives(tree, origins))
    return MergedConfig(copied(tree), origins, roots, files)


def check_config(merged: MergedConfig, sources: ConfigSources, *, needs_model: bool = True) -> RunConfig:
    """`merged` resolved and checked. Raises ConfigError, naming all unset values, or all wrong servers, at once."""
    tree = merged.tree if needs_model else merge(dict.fromkeys(MODEL_OPTIONS, ""), merged.tree)
    missing = missing_error(tree, merged.origins)
    if missing is not None:
        raise missing
    resolved, failures = resolve(tree, sources.environ)
    if failures:
        raise unresolved_error(failures, tree, merged.origins)
    reader = InstanceReader(merged.origins, merged.roots, sources.cwd)
    instances, problems = reader.read_all(resolved)
    if problems and resolved.get(ALMOST_SERVERS, True) is not False:
        raise ConfigError("\n".join(problems))
    for problem in problems:
        _LOGGER.warning("left out, because %s is false: %s", ALMOST_SERVERS, problem)
    check_references(instances, merged.origins, merged.roots, needs_model=needs_model)
    return RunConfig(
        instances=instances,
        settings={key: value for key, value in resolved.items() if key not in instances},
        merged=tree,
        roots=merged.roots,
    )


def _env_document(sources: ConfigSources) -> Document | None:
    if sources.env_yaml is not None:
        return read_yaml(sources.env_yaml)
    path = sources.cwd / ENV_YAML
    return read_yaml(path) if path.is_file() else None


def _documents(
    sources: ConfigSources, env: Document | None, named_paths: Sequence[str], roots: Sequence[Path]
) -> list[Document]:
    """The config files of the source with the highest priority that names any, with all that they include."""
    selected = [str(selected_config(selector, roots)) for selector in sources.selectors]
    paths, origin = [*selected, *sources.config_paths, *named_paths], "command line"
    if not paths:
        origin = "initial configuration"
        paths = path_list(sources.initial.get(CONFIG_PATHS), origin)
    if not paths and env is not None:
        origin = env.place((CONFIG_PATHS,))
        paths = path_list(env.tree.get(CONFIG_PATHS), origin)
    return read_documents(paths, roots, origin)


def _overridden(tree: JsonObject, overrides: Sequence[Override], origins: Origins) -> JsonObject:
    for override in overrides:
        tree = apply_override(tree, override, origins, effective=lambda whole: apply_directives(whole, origins))
    return dict(tree)
