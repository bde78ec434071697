import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from omegaconf import OmegaConf

from polygym import configure
from polygym.config.model import RunConfig
from polygym.fleet.discovery import connect, server_instances
from polygym.fleet.fleet import Fleet
from polygym.fleet.head import bind_head, serve_head
from polygym.fleet.ports import bind_in_range, head_address
from polygym.protocol.calls import RolloutContext
from polygym.protocol.errors import ConfigError
from polygym.protocol.failures import RolloutFailure
from tests.fleet.components import instance, notebook_config
from tests.servers.notebook import row


def served_config(root: Path) -> RunConfig:
    """The notebook's servers, and a model that somebody else runs; with secrets and interpolations."""
    config = notebook_config(root, notebook="process")
    far = instance(root, "far", "responses_api_models", "vllm_model", url="http://node7:8000", placement="remote")
    merged = json.loads(json.dumps(config.merged))
    merged["policy"]["responses_api_models"]["writer"] |= {"api_key": "sk-secret", "model": "${policy_model_name}"}
    merged["far"] = {"responses_api_models": {"vllm_model": {"url": "http://node7:8000"}}}
    merged |= {"policy_model_name": "writer-1", "policy_api_key": "sk-secret", "policy_base_url": ["http://a/v1"]}
    return replace(config, instances={**config.instances, "far": far}, merged=merged)


@asynccontextmanager
async def head_of(config: RunConfig) -> AsyncIterator[tuple[str, int, Fleet]]:
    with bind_in_range("127.0.0.1", 20001, 30000, (), "head") as bound:
        async with Fleet(config, is_served=True) as fleet, await serve_head(fleet, bound):
            yield "127.0.0.1", bound.getsockname()[1], fleet


async def get(url: str) -> tuple[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200
        return response.content_type, await response.json()


def test_the_served_configuration_is_a_json_string_of_yaml_with_every_address(tmp_path: Path) -> None:
    async def main() -> None:
        async with head_of(served_config(tmp_path)) as (host, port, fleet):
            kind, text = await get(f"http://{host}:{port}/global_config_dict_yaml")
            assert kind == "application/json" and isinstance(text, str)
            served = yaml.safe_load(text)

            environment = served["notebook"]["resources_servers"]["notebook"]
            assert (environment["host"], environment["port"]) == ("127.0.0.1", fleet.members["notebook"].port)
            assert environment["entrypoint"] == "app.py"
            policy = served["policy"]["responses_api_models"]["writer"]
            assert (policy["api_key"], policy["model"]) == ("****", "${policy_model_name}")
            far = served["far"]["responses_api_models"]["vllm_model"]
            assert (far["host"], far["port"], far["url"]) == ("node7", 8000, "http://node7:8000")
            assert (served["policy_api_key"], served["policy_base_url"]) == ("****", ["http://a/v1"])

            resolved = OmegaConf.create(text)
            assert resolved.policy.responses_api_models.writer.model == "writer-1"
            async with aiohttp.ClientSession() as session:
                agent = resolved.agent.responses_api_agents.scribe
                async with session.post(f"http://{agent.host}:{agent.port}/run", json=row("a b")) as response:
                    assert (await response.json())["reward"] == 1.0

    asyncio.run(main())


def test_the_servers_are_listed_with_what_clients_read(tmp_path: Path) -> None:
    async def main() -> None:
        async with head_of(served_config(tmp_path)) as (host, port, fleet):
            _, listed = await get(f"http://{host}:{port}/server_instances")
            by_name = {entry["process_name"]: entry for entry in listed}
            assert list(by_name) == ["notebook", "policy", "agent", "far"]

            environment, agent, far = by_name["notebook"], by_name["agent"], by_name["far"]
            assert environment["server_type"] == "resources_servers" and environment["placement"] == "process"
            assert environment["pid"] not in (None, os.getpid()) and agent["pid"] == os.getpid()
            assert (agent["name"], agent["config_path"], agent["entrypoint"]) == ("scribe", "agent", "app.py")
            assert agent["dir_path"] == str(tmp_path / "responses_api_agents" / "scribe")
            assert agent["url"] == f"http://{agent['host']}:{agent['port']}" == fleet.members["agent"].url
            assert agent["uptime_seconds"] >= 0
            assert (far["url"], far["pid"], far["placement"]) == ("http://node7:8000", None, "remote")
            assert {entry["status"] for entry in listed} == {"running"}

            process = fleet.members["notebook"].process
            assert process is not None and process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            _, listed = await get(f"http://{host}:{port}/server_instances")
            assert [entry["status"] for entry in listed] == ["restarting", "running", "running", "running"]
            for path in ("/", "/livez", "/readyz", "/healthz", "/health"):
                assert await get(f"http://{host}:{port}{path}") == ("application/json", {"status": "ok"})

    asyncio.run(main())


def test_a_running_fleet_is_found_and_used_through_its_head(tmp_path: Path) -> None:
    async def main() -> None:
        async with head_of(served_config(tmp_path)) as (host, port, _):
            wiring = connect(await server_instances(host, port), host)
            assert list(wiring.agents) == ["agent"]
            assert list(wiring.models) == ["policy", "far"]
            verified = await wiring.agents["agent"].run(row("a b"), RolloutContext("0-0"))
            assert verified["reward"] == 1.0
            with pytest.raises(RolloutFailure, match="http://node7:8000"):
                await wiring.models["far"].responses({"input": "x"}, RolloutContext("0-0"))
            await wiring.close()

    asyncio.run(main())


def test_the_head_has_its_port_and_refuses_to_share_it() -> None:
    with bind_in_range("127.0.0.1", 20001, 30000, (), "head") as taken:
        port = taken.getsockname()[1]
        settings = {"head_server": {"host": "127.0.0.1", "port": port}}

        assert head_address(settings) == ("127.0.0.1", port)
        with pytest.raises(ConfigError, match=f"head server: port {port} on 127.0.0.1 is taken"):
            bind_head(settings)

    assert head_address({}) == ("127.0.0.1", 11000)
    assert head_address({"default_host": "0.0.0.0"}) == ("0.0.0.0", 11000)


def test_a_model_with_several_endpoints_says_how_each_is_doing() -> None:
    settings = {"policy_model_name": "m", "policy_base_url": ["http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"]}
    config = configure(model_type="openai_model", settings=settings)

    async def main() -> None:
        async with head_of(config) as (host, port, _):
            [entry] = await server_instances(host, port)
            assert [(each["url"], each["state"], each["calls"]) for each in entry["endpoints"]] == [
                ("http://127.0.0.1:1/v1", "up", 0),
                ("http://127.0.0.1:2/v1", "up", 0),
            ]

    asyncio.run(main())
