"""The surface that trainers and other clients use, without their code: what they import, call and read."""

import asyncio
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
import yaml
from compat.clients import letters
from compat.clients.checking import TOKEN_FIELDS, is_contiguous, trained_turns
from compat.clients.endpoint import Endpoint, Script
from compat.clients.fleet import RunningFleet, free_port, get_json
from omegaconf import DictConfig, OmegaConf

from nemo_gym.cli import GlobalConfigDictParserConfig, RunHelper
from nemo_gym.rollout_collection import RolloutCollectionHelper
from nemo_gym.server_utils import HEAD_SERVER_KEY_NAME, BaseServerConfig, get_first_server_config_dict

EXAMPLE = "resources_servers/example_single_tool_call/configs/example_single_tool_call.yaml"
MODEL = "responses_api_models/vllm_model/configs/vllm_model_for_training.yaml"
ENVELOPE: dict[str, Any] = {
    "id": "resp",
    "created_at": 0,
    "model": "m",
    "object": "response",
    "output": [
        {
            "id": "msg",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "aab", "annotations": []}],
        }
    ],
}


class Running:
    """Servers that a trainer has started in its process."""

    def __init__(self, helper: RunHelper, head: BaseServerConfig, endpoints: list[Endpoint]) -> None:
        self.helper, self.head, self.endpoints = helper, head, endpoints
        self.url = f"http://{head.host}:{head.port}"

    def config(self) -> Any:
        """What the head serves, decoded as clients do: twice."""
        return yaml.safe_load(requests.get(f"{self.url}/global_config_dict_yaml", timeout=10).json())

    def url_of(self, name: str) -> str:
        """A server's address, found by position."""
        fields = get_first_server_config_dict(self.config(), name)
        return f"http://{fields['host']}:{fields['port']}"

    def collect(self, rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """As trainers collect: one batch, in the order of completion."""

        async def main() -> list[tuple[dict[str, Any], dict[str, Any]]]:
            waiting = RolloutCollectionHelper().run_examples(examples=rows, head_server_config=self.head)
            return [await each for each in list(waiting)]

        return asyncio.run(main())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Letters with an agent of ours and two endpoints, started as NeMo RL starts them."""
    root = letters.write_root(tmp_path_factory.mktemp("root"))
    dotenv = root / "env.yaml"
    dotenv.write_text("policy_model_name: from_env_yaml\nletters_note: from_env_yaml\n")
    head = BaseServerConfig(host="127.0.0.1", port=free_port())
    with (
        Endpoint(Script(text="aab")) as first,
        Endpoint(Script(text="aab")) as second,
        pytest.MonkeyPatch.context() as m,
    ):
        m.setenv("NEMO_GYM_EXTRA_ROOTS", str(root))
        initial = {
            "config_paths": [str(root / "letters.yaml"), EXAMPLE, MODEL],
            "policy_base_url": [first.url, second.url],
            "policy_api_key": "dummy_key",
            "policy_model_name": "tiny",
            "policy_model": {"responses_api_models": {"vllm_model": {"uses_reasoning_parser": False}}},
            "global_aiohttp_connector_limit": 65_536,
            "global_aiohttp_connector_limit_per_host": 16_384,
            "ray_head_node_address": "127.0.0.1:6379",
            "uv_venv_dir": str(root),
            "skip_venv_if_present": True,
            HEAD_SERVER_KEY_NAME: {"host": "0.0.0.0", "port": head.port},
        }
        helper = RunHelper()
        helper.start(
            global_config_dict_parser_config=GlobalConfigDictParserConfig(
                dotenv_path=dotenv, initial_global_config_dict=DictConfig(initial), skip_load_from_cli=True
            )
        )
        try:
            yield Running(helper, head, [first, second])
        finally:
            helper.shutdown()


def numbered(names: str) -> list[dict[str, Any]]:
    """Rows with the extra keys that trainers send."""
    return [
        {**row, "_rowidx": index, "_ng_task_index": index, "_ng_rollout_index": 0, "dataset": "demo", "unused": None}
        for index, row in enumerate(letters.rows(names))
    ]


def test_the_symbols_of_all_trainers_are_where_each_of_them_looks() -> None:
    from nemo_gym import cli, config_types, global_config, server_utils
    from nemo_gym.cli import env

    assert env.RunHelper is cli.RunHelper is RunHelper
    assert global_config.GlobalConfigDictParserConfig is cli.GlobalConfigDictParserConfig
    assert config_types.BaseServerConfig is server_utils.BaseServerConfig
    assert server_utils.get_global_config_dict is global_config.get_global_config_dict
    assert global_config.find_open_port() > 0
    assert global_config.HEAD_SERVER_KEY_NAME == HEAD_SERVER_KEY_NAME == "head_server"


def test_the_head_serves_a_json_string_of_yaml_with_addresses_and_interpolations_left_alone(running: Running) -> None:
    answer = requests.get(f"{running.url}/global_config_dict_yaml", timeout=10)
    assert isinstance(answer.json(), str) and isinstance(yaml.safe_load(answer.text), str)
    config = OmegaConf.create(yaml.safe_load(answer.text))
    for name in ("letters", letters.AGENT, "policy_model"):
        fields = get_first_server_config_dict(config, name)
        assert isinstance(fields.host, str) and isinstance(fields.port, int)
    assert "${policy_base_url}" in answer.text
    assert config.letters.resources_servers.letters.port == get_first_server_config_dict(config, "letters").port
    assert requests.get(running.url, timeout=10).ok
    assert (config.head_server.host, config.head_server.port) == ("0.0.0.0", running.head.port)


def test_initial_values_win_over_env_yaml_and_over_an_instance_of_a_file(running: Running) -> None:
    config = running.config()
    assert (config["policy_model_name"], config["letters_note"]) == ("tiny", "from_env_yaml")
    assert config["policy_model"]["responses_api_models"]["vllm_model"]["uses_reasoning_parser"] is False
    assert len(config["policy_base_url"]) == 2


def test_server_instances_have_what_is_read_of_them(running: Running) -> None:
    instances = {
        each["process_name"]: each for each in requests.get(f"{running.url}/server_instances", timeout=10).json()
    }
    assert {each["server_type"] for each in instances.values()} == {
        "resources_servers",
        "responses_api_agents",
        "responses_api_models",
    }
    for name, each in instances.items():
        assert each["url"] == f"http://{each['host']}:{each['port']}" == running.url_of(name)
        assert each["config_path"] == name and each["status"] == "running"


def test_rollouts_bring_rows_rewards_and_contiguous_tokens(running: Running) -> None:
    rows = numbered("abz")
    found = sorted(running.collect(rows), key=lambda pair: pair[0]["_rowidx"])
    assert [row for row, _ in found] == rows
    assert [result["reward"] for _, result in found] == pytest.approx([2 / 3, 1 / 3, 0.0])
    for _, result in found:
        turns = trained_turns(result["response"]["output"])
        assert len(turns) == 2 and is_contiguous(turns) and "error" not in result
        for turn in turns:
            assert len(turn["generation_token_ids"]) == len(turn["generation_log_probs"]) > 0
        assert all(name not in item for item in result["response"]["output"] for name in TOKEN_FIELDS
                   if item["type"] == "function_call_output")  # fmt: skip


def test_results_are_plain_and_nobody_elses(running: Running) -> None:
    first, second = (result for _, result in running.collect(numbered("a") * 2))
    kept = json.loads(json.dumps(second))
    for item in trained_turns(first["response"]["output"]):
        for name in TOKEN_FIELDS:
            item.pop(name)
    first["reward"] = -1.0
    assert second == kept


def test_both_endpoints_of_the_policy_are_used_and_a_rollout_stays_with_one(running: Running) -> None:
    for endpoint in running.endpoints:
        endpoint.requests.clear()
    running.collect(numbered("abcdefghijklmnop"))
    counts = [len(endpoint.requests) for endpoint in running.endpoints]
    assert sum(counts) == 32 and all(count and count % 2 == 0 for count in counts)


def test_a_refused_row_is_an_error_with_status_and_body_that_can_be_pickled(running: Running) -> None:
    async def main() -> Exception:
        [waiting] = RolloutCollectionHelper().run_examples([{**letters.rows("a")[0], "letter": 7}], running.head)
        with pytest.raises(aiohttp.ClientResponseError) as caught:
            await waiting
        return caught.value

    error: Any = asyncio.run(main())
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(error.status, int) and error.status >= 400
    assert (again.status, again.response_content, str(again)) == (error.status, error.response_content, str(error))
    assert b"letter" in error.response_content


def test_the_helper_polls_and_knows_its_head(running: Running) -> None:
    running.helper.poll()
    client = running.helper._server_client
    assert client is not None
    assert (client.head_server_config.host, client.head_server_config.port) == ("127.0.0.1", running.head.port)


def test_concurrent_rollouts_under_one_cookie_jar_keep_their_sessions(running: Running) -> None:
    async def main() -> list[Any]:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            url = f"{running.url_of(letters.AGENT)}/run"
            async with session.post(url, json=numbered("z")[0]) as first:
                assert first.ok
            return [
                await answer.json()
                for answer in await asyncio.gather(*(session.post(url, json=row) for row in numbered("abcd")))
            ]

    assert [result["seeded_with"] for result in asyncio.run(main())] == list("abcd")


def test_an_empty_input_is_run(running: Running) -> None:
    row = {**letters.rows("a")[0], "responses_create_params": {"input": []}}
    [(_, result)] = running.collect([row])
    assert result["reward"] == pytest.approx(2 / 3)


def test_a_resources_server_alone_keeps_a_session_by_cookie(running: Running) -> None:
    url = running.url_of("letters")
    row = letters.rows("b")[0]
    with requests.Session() as session:
        assert session.get(url, timeout=10).ok
        assert session.post(f"{url}/seed_session", json=row, timeout=10).json() == {}
        assert session.post(f"{url}/tell_letter", json={}, timeout=10).json() == {"letter": "b"}
        scored = session.post(f"{url}/verify", json={**row, "response": ENVELOPE}, timeout=10).json()
    assert scored["reward"] == pytest.approx(1 / 3)
    assert scored["responses_create_params"]["input"] and scored["response"]["output"]


def test_an_envelope_without_three_fields_gets_their_defaults(running: Running) -> None:
    url = running.url_of("letters")
    row = letters.rows("a")[0]
    with requests.Session() as session:
        session.post(f"{url}/seed_session", json=row, timeout=10)
        answer = session.post(f"{url}/verify", json={**row, "response": ENVELOPE}, timeout=10)
    response = answer.json()["response"]
    assert answer.status_code == 200
    assert (response["parallel_tool_calls"], response["tool_choice"], response["tools"]) == (True, "auto", [])


@pytest.mark.parametrize(
    ("server", "extra"),
    [
        ("example_single_tool_call", {"routed_experts": [[[1, 2]]], "policy_epoch": 3, "num_evictions": 0}),
        ("letters", {"routed_experts": [[[1, 2]]]}),
    ],
)
def test_fields_of_a_trainers_own_survive_on_output_items(running: Running, server: str, extra: dict[str, Any]) -> None:
    tokens = {"prompt_token_ids": [1], "generation_token_ids": [2], "generation_log_probs": [-0.5]}
    [item] = ENVELOPE["output"]
    response = {**ENVELOPE, "output": [{**item, **tokens, **extra}]}
    row = letters.rows("a")[0]
    with requests.Session() as session:
        session.post(f"{running.url_of(server)}/seed_session", json=row, timeout=10)
        answer = session.post(f"{running.url_of(server)}/verify", json={**row, "response": response}, timeout=10).json()
    assert (tokens | extra).items() <= answer["response"]["output"][0].items()


@pytest.mark.parametrize("name", ["letters", letters.AGENT])
def test_rewards_are_aggregated_by_resources_servers_and_agents(running: Running, name: str) -> None:
    rows = [{"reward": reward, "_ng_task_index": 0, "_ng_rollout_index": index} for index, reward in enumerate((0, 1))]
    answer = requests.post(f"{running.url_of(name)}/aggregate_metrics", json={"verify_responses": rows}, timeout=10)
    metrics = answer.json()
    assert metrics["agent_metrics"]["mean/reward"] == 0.5
    assert len(metrics["group_level_metrics"]) == 1 and "key_metrics" in metrics


def test_a_class_is_served_without_head_and_configuration() -> None:
    from nemo_gym.asgi_calls import call_app
    from nemo_gym.server_utils import ServerClient

    names: dict[str, Any] = {"__name__": "letters_app"}
    exec(letters.APP, names)
    server_class = names["LettersServer"]
    config = server_class.model_fields["config"].annotation(name="l", host="127.0.0.1", port=1, entrypoint="app.py")
    head = BaseServerConfig(host="127.0.0.1", port=11000)
    client = ServerClient(head_server_config=head, global_config_dict=OmegaConf.create({}))
    server = server_class(config=config, server_client=client)
    app = server.setup_webserver()
    server.setup_liveness(app)
    server.setup_exception_middleware(app)

    async def main() -> tuple[int, bytes, bytes]:
        headers = {"content-type": "application/json"}
        alive = await call_app(app, "GET", "/")
        seeded = await call_app(app, "POST", "/seed_session", json.dumps(letters.rows("q")[0]).encode(), headers)
        cookie = dict(seeded.headers)["set-cookie"].partition(";")[0]
        told = await call_app(app, "POST", "/tell_letter", b"{}", {**headers, "cookie": cookie})
        broken = await call_app(app, "POST", "/tell_letter", b"{}", headers)
        return alive.status, told.body, broken.body

    assert asyncio.run(main())[:2] == (200, b'{"letter":"q"}')
    assert b"KeyError" in asyncio.run(main())[2]


def test_resources_servers_start_alone_and_a_signal_ends_them(tmp_path: Path) -> None:
    root = letters.write_root(tmp_path)
    only = {"letters": letters.CONFIG["letters"]}
    (root / "resources_only.yaml").write_text(json.dumps(only))
    fleet = RunningFleet(
        "--search-dir", str(root), f"+config_paths=[{root / 'resources_only.yaml'}]", "+skip_venv_if_present=true",
        "+uv_pip_set_python=true", folder=tmp_path,
    )  # fmt: skip
    with fleet:
        assert requests.get(fleet.url_of("letters"), timeout=10).ok
        config = yaml.safe_load(get_json(f"{fleet.head_url}/global_config_dict_yaml"))
        assert config["head_server"] == {"host": "127.0.0.1", "port": fleet.head_port}
    assert fleet.exit_code == 0


def test_the_environment_alone_starts_a_class(tmp_path: Path) -> None:
    root = letters.write_root(tmp_path)
    config = {
        "dry_run": True,
        "head_server": {"host": "127.0.0.1", "port": 1},
        "mine": {"resources_servers": {"letters": {"entrypoint": "app.py", "host": "127.0.0.1", "port": 2}}},
    }
    code = "from resources_servers.letters.app import LettersServer; print(LettersServer.run_webserver())"
    environment = {"NEMO_GYM_CONFIG_DICT": json.dumps(config), "NEMO_GYM_CONFIG_PATH": "mine"}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "None"), ended.stderr


def test_collated_rows_say_both_whose_they_are_and_where_they_come_from(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("ng_prepare_data")
    paths = "resources_servers/example_single_tool_call/configs/example_single_tool_call.yaml"
    arguments = [f"+config_paths=[{paths}]", f"+output_dirpath={tmp_path / 'out'}", "+mode=example_validation"]
    ended = subprocess.run([command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    rows = [json.loads(line) for line in (tmp_path / "out" / "example.jsonl").read_text().splitlines()]
    names = {(row["agent_ref"]["type"], row["agent_ref"]["name"]) for row in rows}
    assert names == {("responses_api_agents", "example_single_tool_call_simple_agent")}
    assert all(row["task_source"] for row in rows)
