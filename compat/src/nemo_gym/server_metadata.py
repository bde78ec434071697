"""What a server's configuration says of it, for lists of servers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Optional


@dataclass
class ServerMetadata:
    """Domain, purpose, and whether training with it was seen to work."""

    domain: Optional[str] = None
    description: Optional[str] = None
    verified: bool = False
    verified_url: Optional[str] = None
    value: Optional[str] = None

    def to_dict(self) -> dict[str, str | bool | None]:
        """The fields by name."""
        return asdict(self)


def visit_resources_server(data: Mapping[str, Any], level: int = 1) -> ServerMetadata:
    """What the first resources server of a configuration says of itself; `level` is how deep `data` lies in it."""
    return _first_of(data, "resources_servers", level)


def visit_agent_server(data: Mapping[str, Any], level: int = 1) -> ServerMetadata:
    """As `visit_resources_server`, of an agent server."""
    return _first_of(data, "responses_api_agents", level)


def _first_of(data: Mapping[str, Any], server_type: str, level: int) -> ServerMetadata:
    """Instances lie at level 1, types at 2, implementations at 3, their fields at 4."""
    fields = data
    for depth in range(level, 4):
        inner = fields.get(server_type) if depth == 2 else None
        fields = inner or next((value for value in fields.values() if depth != 2 and isinstance(value, Mapping)), {})
    return ServerMetadata(
        domain=fields.get("domain"),
        description=fields.get("description"),
        verified=fields.get("verified", False),
        verified_url=fields.get("verified_url"),
        value=fields.get("value"),
    )
