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
        input_image,
        input_items,
        input_text,
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
    from polygym.servers.conversations import Conversation
    from polygym.servers.episodes import Action, Episode, Step
    from polygym.servers.gymnasium import EpisodeSession, GymnasiumServer, GymnasiumServerConfig
    from polygym.servers.models import ModelServer, ModelServerConfig
    from polygym.servers.resources import ResourcesServer, ResourcesServerConfig, Verification
    from polygym.servers.sessions import Session, TaskFields
    from polygym.servers.tools import Tool, ToolContent, ToolError, tool
    from polygym.training.report import TokenReport, token_reports
    from polygym.training.sequences import TokenSequence, sequences_of

__version__ = "0.1.0"

_HOMES = {
    "Action": "servers.episodes",
    "Episode": "servers.episodes",
    "EpisodeSession": "servers.gymnasium",
    "GymnasiumServer": "servers.gymnasium",
    "GymnasiumServerConfig": "servers.gymnasium",
    "Step": "servers.episodes",
    "Gym": "rollouts.gym",
    "PlainGym": "rollouts.gym",
    "configure": "rollouts.gym",
    "StreamSettings": "rollouts.stream",
    "LaneSettings": "rollouts.engine",
    "RetryPolicy": "rollouts.engine",
    "read_group": "metrics.groups",
    "AgentServer": "servers.agents",
    "AgentServerConfig": "servers.agents",
    "Conversation": "servers.conversations",
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
    "Tool": "servers.tools",
    "ToolContent": "servers.tools",
    "ToolError": "servers.tools",
    "Verification": "servers.resources",
    "add_usage": "protocol.responses",
    "check_response": "protocol.responses",
    "dumps": "protocol.json",
    "function_call": "protocol.items",
    "function_call_output": "protocol.items",
    "function_calls": "protocol.items",
    "input_image": "protocol.items",
    "input_items": "protocol.items",
    "input_text": "protocol.items",
    "new_id": "protocol.responses",
    "new_response": "protocol.responses",
    "new_usage": "protocol.responses",
    "output_message": "protocol.items",
    "blocking": "servers.blocking",
    "sequences_of": "training.sequences",
    "token_reports": "training.report",
    "TokenReport": "training.report",
    "TokenSequence": "training.sequences",
    "tool": "servers.tools",
    "without_attempt": "protocol.rollouts",
}

__all__ = [
    "Action",
    "AgentServer",
    "AgentServerConfig",
    "Conversation",
    "Episode",
    "EpisodeSession",
    "FailureClass",
    "FunctionCall",
    "Gym",
    "GymnasiumServer",
    "GymnasiumServerConfig",
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
    "Step",
    "StreamSettings",
    "TaskFields",
    "TokenReport",
    "TokenSequence",
    "Tool",
    "ToolContent",
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
    "input_image",
    "input_items",
    "input_text",
    "new_id",
    "new_response",
    "new_usage",
    "output_message",
    "read_group",
    "sequences_of",
    "token_reports",
    "tool",
    "without_attempt",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'polygym' has no attribute {name!r}")
    return getattr(import_module(f"polygym.{home}"), name)
