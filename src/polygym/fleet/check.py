"""Whether the servers of a configuration could be brought up, found out without starting any."""

from dataclasses import dataclass
from pathlib import Path

from polygym.config.model import Placement, RunConfig, ServerInstance
from polygym.fleet.loader import load_class, register_roots
from polygym.fleet.placement import place
from polygym.fleet.requirements import unmet_requirements
from polygym.fleet.wiring import Wiring
from polygym.protocol.errors import ConfigError
from polygym.protocol.failures import describe
from polygym.protocol.json import JsonObject


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """What is known of one server before it starts."""

    instance: ServerInstance
    placement: Placement
    problem: str | None = None
    """Why it cannot start; None when nothing speaks against it."""
    remarks: tuple[str, ...] = ()
    """What is odd, but no obstacle."""

    def to_json(self) -> JsonObject:
        """For `--json`."""
        return {
            "name": self.instance.name,
            "server_type": self.instance.server_type,
            "implementation": self.instance.implementation,
            "folder": str(self.instance.folder) if self.instance.folder else None,
            "placement": self.placement,
            "problem": self.problem,
            "remarks": list(self.remarks),
        }


def check_servers(config: RunConfig) -> list[ServerCheck]:
    """Import, configure and make every server that this interpreter could run. Nothing is started."""
    register_roots(config.roots)
    wiring = Wiring()
    return [_check(instance, wiring) for instance in config.instances.values()]


def _check(instance: ServerInstance, wiring: Wiring) -> ServerCheck:
    placement = place(instance)
    if placement == "remote" or instance.folder is None:
        return ServerCheck(instance, placement)
    needs = _own_environment(instance.folder)
    if needs:
        return ServerCheck(instance, placement, remarks=(needs,))
    try:
        server_class = load_class(instance.server_type, instance.implementation, instance.entrypoint, instance.origin)
        server_config = server_class.parse_config(instance.fields, instance.origin)
        remarks = tuple(server_class.unknown_fields(server_config))
        wiring.connect_embedded(server_class(instance.name, server_config, wiring))
    except ConfigError as error:
        return ServerCheck(instance, placement, str(error))
    except Exception as error:
        return ServerCheck(instance, placement, f"{instance.origin}: cannot be made: {describe(error)}")
    return ServerCheck(instance, placement, remarks=remarks)


def _own_environment(folder: Path) -> str | None:
    unmet = unmet_requirements(folder)
    if not unmet:
        return None
    return f"runs in a virtual environment of its own (needs {', '.join(unmet)}), so its code was not checked"
