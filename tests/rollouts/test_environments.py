from pathlib import Path
from typing import Any

import pytest

from polygym.fleet.fleet import Fleet
from polygym.protocol.calls import ModelServerRef, ResourcesServerRef
from polygym.protocol.errors import InputError
from polygym.protocol.json import JsonObject
from polygym.rollouts.environments import Environments, servers_behind
from tests.fleet.components import POLICY, instance, notebook_config, run_config, write
from tests.servers.notebook import Notebook, made

CONVERSATION = {"responses_create_params": {"input": "x"}}


def environments(tmp_path: Path, **placements: Any) -> Environments:
    config = notebook_config(tmp_path, **placements)
    fleet = Fleet(config)
    fleet.construct()
    return Environments(config, fleet.embedded)


def with_server(tmp_path: Path, server: Notebook) -> Environments:
    return Environments(notebook_config(tmp_path), {"notebook": server})


def test_a_row_is_checked_against_the_task_fields_of_its_agents_environment(tmp_path: Path) -> None:
    found = environments(tmp_path)
    found.check_row("agent", {**CONVERSATION, "expected": "y"})
    with pytest.raises(InputError, match="the row does not fit NotebookTask: expected: Field required"):
        found.check_row("agent", CONVERSATION)
    assert found.task_class("agent") == "NotebookTask"


def test_rows_of_an_environment_elsewhere_are_not_checked(tmp_path: Path) -> None:
    config = notebook_config(tmp_path)
    found = Environments(config, {})
    found.check_row("agent", CONVERSATION)
    assert found.task_class("agent") is None


def test_whatever_an_environments_check_raises_is_said_of_the_row(tmp_path: Path) -> None:
    class Strict(Notebook):
        def task_of(self, row: JsonObject) -> Any:
            raise ZeroDivisionError("no zeros")

    with pytest.raises(InputError, match="notebook cannot take the row: ZeroDivisionError: no zeros"):
        with_server(tmp_path, made(Strict, "notebook")).check_row("agent", CONVERSATION)


def test_an_environment_with_metrics_of_its_own_is_known(tmp_path: Path) -> None:
    class Counting(Notebook):
        def compute_metrics(self, tasks: list[list[JsonObject]]) -> JsonObject:
            return {"tasks": len(tasks)}

    class Aggregating(Notebook):
        def aggregate_metrics(self, verify_responses: list[JsonObject]) -> JsonObject:
            return {}

    assert with_server(tmp_path, made(Counting, "notebook")).own_metrics() == {"agent"}
    assert with_server(tmp_path, made(Aggregating, "notebook")).own_metrics() == {"agent"}
    assert environments(tmp_path).own_metrics() == frozenset()


def test_the_servers_behind_an_agent_are_found_through_all_references(tmp_path: Path) -> None:
    write(tmp_path, "responses_api_models/writer/app.py", "")
    judged = instance(tmp_path, "env", "resources_servers", references={"judge": ModelServerRef(name="judge")})
    agent = instance(tmp_path, "agent", "responses_api_agents", references={"model_server": POLICY, "env": POLICY})
    to_env = instance(
        tmp_path, "other", "responses_api_agents", references={"resources_server": ResourcesServerRef(name="env")}
    )
    models = [instance(tmp_path, name, "responses_api_models", "writer") for name in ("policy", "judge", "unused")]
    config = run_config(tmp_path, instances=[judged, agent, to_env, *models])
    assert set(servers_behind(config, ["agent"])) == {"agent", "policy"}
    assert set(servers_behind(config, ["other"])) == {"other", "env", "judge"}


def test_the_models_of_agents_are_those_behind_them(tmp_path: Path) -> None:
    found = environments(tmp_path)
    assert list(found.models_of(["agent"])) == ["policy"]
    assert found.models_of([]) == {}
