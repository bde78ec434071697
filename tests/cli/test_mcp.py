"""`gym eval run` with an agent that calls its tools over MCP, as harnesses of other makers do."""

from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.commands import gym, rows, write_rows

ENVIRONMENT = """
    from dataclasses import dataclass, field

    from polygym import ResourcesServer, RolloutView, Session, tool


    @dataclass
    class Visits:
        rooms: list[str] = field(default_factory=list)


    class Rooms(ResourcesServer):
        state_class = Visits

        @tool
        def enter(self, room: str, session: Session) -> dict:
            session.state.rooms.append(room)
            return {"visits": len(session.state.rooms)}

        def verify(self, rollout: RolloutView, session: Session) -> float:
            return float(rollout.called("enter") and session.state.rooms == [session.task.room] * 2)
"""
AGENT = """
    import json

    import httpx2
    from mcp.client.session import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    from polygym import AgentServer, JsonObject, ResourcesSession, RolloutContext, function_call, function_call_output
    from polygym import new_response, output_message


    class Harness(AgentServer):
        async def act(self, params: JsonObject, session: ResourcesSession, context: RolloutContext) -> JsonObject:
            access, output = session.seed["mcp"], []
            async with (
                httpx2.AsyncClient(headers=access["headers"]) as http,
                streamable_http_client(access["url"], http_client=http) as streams,
                ClientSession(streams[0], streams[1]) as client,
            ):
                await client.initialize()
                name = (await client.list_tools()).tools[0].name
                for call in ("c1", "c2"):
                    arguments = {"room": session.row["room"]}
                    result = await client.call_tool(name, arguments)
                    shown = f"mcp__{access['server_name']}__{name}"
                    output.append(function_call(shown, json.dumps(arguments), call_id=call, item_id=f"fc_{call}"))
                    output.append(function_call_output(call, result.content[0].text))
            return new_response(params, [*output, output_message("done", message_id="msg")], model="harness")
"""
CONFIG = """
    rooms: {resources_servers: {rooms: {entrypoint: app.py, placement: PLACEMENT, expose_tools_over_mcp: true}}}
    harness:
      responses_api_agents:
        harness:
          entrypoint: app.py
          resources_server: {type: resources_servers, name: rooms}
          model_server: {type: responses_api_models, name: policy_model}
    policy_model: {responses_api_models: {random_model: {entrypoint: app.py}}}
"""


@pytest.mark.parametrize("placement", ["embedded", "process"])
def test_an_agent_calls_the_tools_of_its_rollout_over_mcp(tmp_path: Path, placement: str) -> None:
    for file, text in (
        ("resources_servers/rooms/app.py", ENVIRONMENT),
        ("responses_api_agents/harness/app.py", AGENT),
        ("config.yaml", CONFIG.replace("PLACEMENT", placement)),
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(dedent(text))
    given = [{"responses_create_params": {"input": "go"}, "room": f"room {number}"} for number in range(8)]
    write_rows(tmp_path / "in.jsonl", *given)

    command = ("eval", "run", "--config", "config.yaml", "--agent", "harness", "--search-dir", ".")
    done = gym(*command, "-i", "in.jsonl", "-o", "out.jsonl", "--num-repeats", "2", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == ["random_model is the random baseline, not a language model."]
    found = rows(tmp_path / "out.jsonl")
    assert [row["reward"] for row in found] == [1.0] * 16
    assert [item["name"] for item in found[0]["response"]["output"] if "name" in item] == ["enter", "enter"]
    assert found[0]["response"]["output"][1]["output"] == '{"visits":1}'
