"""The agents in the roots, and whether each needs a resources server beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Optional

from nemo_gym.discovery import discover_components, folders, iter_server_configs, raw_config
from nemo_gym.search_roots import BASE

AGENTS_SUBDIR: Final = "responses_api_agents"
AGENTS_DIR: Final = BASE / AGENTS_SUBDIR
OF_OTHER_LOOPS: Final = ("agent_framework", "anthropic_api_key")
"""Fields of agents whose loop is another program's; a resources server in their config is not what they play with."""


@dataclass(frozen=True)
class AgentEntry:
    """An agent's folder."""

    name: str
    path: Path
    config_paths: tuple[Path, ...]
    self_contained: bool
    """Whether it names no resources server to be wired to."""
    description: Optional[str] = None

    @property
    def variants(self) -> dict[str, Path]:
        """The config files by their names."""
        return {path.stem: path for path in self.config_paths}


def _agents_of(path: Path) -> list[Any]:
    return [fields for kind, _, fields in iter_server_configs(raw_config(path)) if kind == AGENTS_SUBDIR]


def _is_self_contained(agents: Sequence[Any]) -> bool:
    if not agents:
        return False
    is_wired = any("resources_server" in fields for fields in agents)
    return not is_wired or any(name in fields for fields in agents for name in OF_OTHER_LOOPS)


def agents_in(agents_dir: Path) -> dict[str, AgentEntry]:
    """The agents of one folder: those with an `app.py` or a config file of an agent."""
    entries = {}
    for folder in folders(agents_dir):
        found = {path: agents for path in sorted((folder / "configs").glob("*.yaml")) if (agents := _agents_of(path))}
        if not found and not (folder / "app.py").is_file():
            continue
        agents = [fields for each in found.values() for fields in each]
        texts = (fields.get("description") for fields in agents)
        entries[folder.name] = AgentEntry(
            name=folder.name,
            path=folder,
            config_paths=tuple(found),
            self_contained=_is_self_contained(agents),
            description=next((text for text in texts if isinstance(text, str)), None),
        )
    return entries


_discover_agents_in_dir = agents_in


def discover_agents() -> dict[str, AgentEntry]:
    """The agents of all roots."""
    return discover_components(AGENTS_SUBDIR, agents_in)
