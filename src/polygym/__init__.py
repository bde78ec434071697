"""polygym runs language-model agents in many environments at once and scores what they do.

The names below are the public surface. They load on first use, so `import polygym` is cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polygym.metrics.groups import read_group
    from polygym.protocol.calls import ModelServerRef, ResourcesServerRef, ResourcesSession, RolloutContext
    from polygym.protocol.failures import FailureClass, RolloutFailure, Stage
    from polygym.protocol.items import (
        FunctionCall,
        function_call,
        function_call_output,
        function_calls,
        input_items,
        output_message,
    )
    from polygym.protocol.json import JsonObject, dumps
    from polygym.protocol.responses import add_usage, check_response, new_id, new_response, new_usage
    from polygym.protocol.rollouts import without_attempt
    from polygym.protocol.views import RolloutView
    from polygym.rollouts.engine import LaneSettings, RetryPolicy
    from polygym.rollouts.gym import Gym, PlainGym, configure
    from polygym.rollouts.stream import StreamSettings
    from polygym.servers.agents import AgentServer, AgentServerConfig
    from polygym.servers.blocking import blocking
    from polygym.servers.models import ModelServer, ModelServerConfig
    from polygym.servers.resources import ResourcesServer, ResourcesServerConfig, Verification
    from polygym.servers.sessions import Session, TaskFields
    from polygym.servers.tools import ToolError, tool

__version__ = "0.1.0"

_HOMES = {
    "Gym": "rollouts.gym",
    "PlainGym": "rollouts.gym",
    "configure": "rollouts.gym",
    "StreamSettings": "rollouts.stream",
    "LaneSettings": "rollouts.engine",
    "RetryPolicy": "rollouts.engine",
    "read_group": "metrics.groups",
    "AgentServer": "servers.agents",
    "AgentServerConfig": "servers.agents",
    "FailureClass": "protocol.failures",
    "FunctionCall": "protocol.items",
    "JsonObject": "protocol.json",
    "ModelServer": "servers.models",
    "ModelServerConfig": "servers.models",
    "ModelServerRef": "protocol.calls",
    "ResourcesServer": "servers.resources",
    "ResourcesServerConfig": "servers.resources",
    "ResourcesServerRef": "protocol.calls",
    "ResourcesSession": "protocol.calls",
    "RolloutContext": "protocol.calls",
    "RolloutFailure": "protocol.failures",
    "RolloutView": "protocol.views",
    "Session": "servers.sessions",
    "Stage": "protocol.failures",
    "TaskFields": "servers.sessions",
    "ToolError": "servers.tools",
    "Verification": "servers.resources",
    "add_usage": "protocol.responses",
    "check_response": "protocol.responses",
    "dumps": "protocol.json",
    "function_call": "protocol.items",
    "function_call_output": "protocol.items",
    "function_calls": "protocol.items",
    "input_items": "protocol.items",
    "new_id": "protocol.responses",
    "new_response": "protocol.responses",
    "new_usage": "protocol.responses",
    "output_message": "protocol.items",
    "blocking": "servers.blocking",
    "tool": "servers.tools",
    "without_attempt": "protocol.rollouts",
}

__all__ = [
    "AgentServer",
    "AgentServerConfig",
    "FailureClass",
    "FunctionCall",
    "Gym",
    "JsonObject",
    "LaneSettings",
    "ModelServer",
    "ModelServerConfig",
    "ModelServerRef",
    "PlainGym",
    "ResourcesServer",
    "ResourcesServerConfig",
    "ResourcesServerRef",
    "ResourcesSession",
    "RetryPolicy",
    "RolloutContext",
    "RolloutFailure",
    "RolloutView",
    "Session",
    "Stage",
    "StreamSettings",
    "TaskFields",
    "ToolError",
    "Verification",
    "add_usage",
    "blocking",
    "check_response",
    "configure",
    "dumps",
    "function_call",
    "function_call_output",
    "function_calls",
    "input_items",
    "new_id",
    "new_response",
    "new_usage",
    "output_message",
    "read_group",
    "tool",
    "without_attempt",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'polygym' has no attribute {name!r}")
    return getattr(import_module(f"polygym.{home}"), name)
