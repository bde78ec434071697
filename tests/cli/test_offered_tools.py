"""`gym eval run` on rows that leave the tools to the environment."""

from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.commands import gym, rows, write_rows

ENVIRONMENT = """
    from polygym import JsonObject, ResourcesServer, RolloutView, Session, tool


    class Rooms(ResourcesServer):
        def offered_tools(self, session: Session) -> list:
            door = {"type": "object", "properties": {"room": {"const": session.task.room}}, "required": ["room"]}
            return [self.tools["look"], {"name": f"enter_{session.task.room}", "parameters": door}]

        @tool
        def look(self) -> str:
            return "doors"

        def call_other_tool(self, name: str, arguments: JsonObject, session: Session) -> str:
            return f"in the {arguments['room']}"

        def verify(self, rollout: RolloutView, session: Session) -> float:
            return float(f"in the {session.task.room}" in rollout.tool_outputs.values())
"""
MODEL = """
    from polygym import JsonObject, ModelServer, RolloutContext, dumps, function_call, new_id, new_response
    from polygym import output_message


    class CallsAll(ModelServer):
        async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
            if isinstance(params["input"], list) and len(params["input"]) > 1:
                output = [output_message("done", message_id=new_id("msg"))]
            else:
                output = [
                    function_call(offered["name"], dumps(self._arguments(offered)).decode(), call_id=offered["name"],
                                  item_id=new_id("fc"))
                    for offered in params.get("tools", ())
                ] or [output_message("nothing to call", message_id=new_id("msg"))]
            return new_response(params, output, model="calls_all")

        def _arguments(self, offered: JsonObject) -> JsonObject:
            properties = offered["parameters"]["properties"]
            return {name: schema["const"] for name, schema in properties.items()}
"""
CONFIG = """
    rooms: {resources_servers: {rooms: {entrypoint: app.py, placement: PLACEMENT}}}
    rooms_agent:
      responses_api_agents:
        simple_agent:
          entrypoint: app.py
          resources_server: {type: resources_servers, name: rooms}
          model_server: {type: responses_api_models, name: policy_model}
    policy_model: {responses_api_models: {calls_all: {entrypoint: app.py}}}
"""


@pytest.mark.parametrize("placement", ["embedded", "process"])
def test_the_model_is_offered_what_the_environment_chose_and_the_output_shows_it(
    tmp_path: Path, placement: str
) -> None:
    for file, text in (
        ("resources_servers/rooms/app.py", ENVIRONMENT),
        ("responses_api_models/calls_all/app.py", MODEL),
        ("config.yaml", CONFIG.replace("PLACEMENT", placement)),
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(dedent(text))
    given = [{"responses_create_params": {"input": "go"}, "room": room} for room in ("kitchen", "cellar")]
    nothing = {"responses_create_params": {"input": "go", "tools": []}, "room": "cellar"}
    write_rows(tmp_path / "in.jsonl", *given, nothing)

    done = gym(
        "eval",
        "run",
        "--config",
        "config.yaml",
        "--agent",
        "rooms_agent",
        "-i",
        "in.jsonl",
        "-o",
        "out.jsonl",
        "--search-dir",
        ".",
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    found = sorted(rows(tmp_path / "out.jsonl"), key=lambda row: row["_ng_task_index"])
    offered = [[each["name"] for each in row["responses_create_params"]["tools"]] for row in found]
    assert offered == [["look", "enter_kitchen"], ["look", "enter_cellar"], []]
    assert [row["response"]["tools"] for row in found] == [row["responses_create_params"]["tools"] for row in found]
    assert [row["reward"] for row in found] == [1.0, 1.0, 0.0]
    materialized = rows(tmp_path / "out_materialized_inputs.jsonl")
    assert "tools" not in materialized[0]["responses_create_params"]
