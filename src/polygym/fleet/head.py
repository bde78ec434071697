"""The head server: tells clients outside which servers there are and where."""

import socket
import time
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from aiohttp import web

from polygym.channels.answers import json_response
from polygym.channels.endpoint_model import EndpointModel
from polygym.channels.routing import Endpoints
from polygym.config.secrets import hide_secrets
from polygym.config.yaml_writer import to_yaml
from polygym.fleet.fleet import Fleet, Member
from polygym.fleet.ports import bind_fixed, head_address
from polygym.fleet.serving import serve
from polygym.protocol.json import JsonObject


def served_config(fleet: Fleet) -> JsonObject:
    """The merged configuration with `host` and `port` of all instances and of the head; secrets hidden, `${…}` kept."""
    merged: JsonObject = dict(hide_secrets(fleet.config.merged))
    for name, member in fleet.members.items():
        instance = member.instance
        fields = {**merged[name][instance.server_type][instance.implementation], **_address(member)}
        merged[name] = {instance.server_type: {instance.implementation: fields}}
    host, port = head_address(fleet.config.settings)
    merged["head_server"] = {**(merged.get("head_server") or {}), "host": host, "port": port}
    return merged


def _address(member: Member) -> JsonObject:
    if member.port is not None:
        return {"host": member.host, "port": member.port}
    url = urlsplit(member.url or "")
    return {"host": url.hostname, "port": url.port or {"https": 443}.get(url.scheme, 80)}


def server_instances(fleet: Fleet) -> list[JsonObject]:
    """One entry a server, in the form that clients of the protocol read."""
    return [
        {
            "process_name": name,
            "config_path": name,
            "name": member.instance.implementation,
            "server_type": member.instance.server_type,
            "dir_path": str(member.instance.folder) if member.instance.folder else None,
            "entrypoint": member.instance.entrypoint,
            "host": member.host,
            "port": member.port,
            "url": member.url,
            "pid": member.pid,
            "placement": member.placement,
            "start_time": member.started_at,
            "status": _status(member),
            "uptime_seconds": time.time() - member.started_at if member.started_at else None,
            **_endpoints(member),
        }
        for name, member in fleet.members.items()
    ]


def _endpoints(member: Member) -> JsonObject:
    """How the several endpoints of a model server of this process are doing; nothing for any other."""
    if not isinstance(member.server, EndpointModel) or not member.started_at:
        return {}
    states = member.server.endpoint_states()
    return {"endpoints": states} if states else {}


def _status(member: Member) -> str:
    if member.is_lost:
        return "lost"
    if member.process is not None and member.process.has_ended:
        return "restarting"
    return "running" if member.placement == "remote" or member.started_at else "starting"


def head_endpoints(fleet: Fleet) -> Endpoints:
    """What the head of a fleet answers."""

    async def global_config_dict_yaml(request: web.BaseRequest) -> web.Response:
        return json_response(to_yaml(served_config(fleet)))

    async def instances(request: web.BaseRequest) -> web.Response:
        return json_response(server_instances(fleet))

    endpoints = Endpoints()
    endpoints.get("/global_config_dict_yaml", global_config_dict_yaml)
    endpoints.get("/server_instances", instances)
    return endpoints


async def serve_head(fleet: Fleet, bound: socket.socket) -> AsyncExitStack:
    """Serve the head of a fleet on the socket of `bind_head` until the stack is closed."""
    return await serve(head_endpoints(fleet), bound)


def bind_head(settings: JsonObject) -> socket.socket:
    """The head server's socket. Raises ConfigError when its port is taken."""
    host, port = head_address(settings)
    return bind_fixed(host, port, "head server")
