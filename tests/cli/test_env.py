"""`gym env`: bringing a fleet up, asking for it, taking it down; looking at the configuration."""

import json
import os
import signal
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from polygym.cli.serving import print_instances
from tests.cli.commands import (
    COMPONENTS,
    ECHO,
    free_port,
    gym,
    gym_running,
    interrupt,
    names_in,
    read_until,
    rows,
    write_rows,
)

BOTH = ("--resources-server", "numbers", "--resources-server", "letters", *ECHO)
UP = "Ctrl-C stops everything"
EXAMPLE = COMPONENTS / "resources_servers" / "letters" / "data" / "example.jsonl"


def instances(port: int) -> dict[str, dict[str, Any]]:
    """What the head server lists, by instance name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_instances") as answer:
        return {entry["process_name"]: entry for entry in json.load(answer)}


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_started_fleet_is_shown_found_used_and_stopped(tmp_path: Path) -> None:
    port = free_port()
    head = f"++head_server.port={port}"
    write_rows(tmp_path / "in.jsonl", *({**row, "agent_ref": {"name": "letters_agent"}} for row in rows(EXAMPLE)))
    with gym_running("env", "start", *BOTH, head, cwd=tmp_path) as process:
        shown = read_until(process, UP)
        found = instances(port)
        status = gym("env", "status", head, "--json", cwd=tmp_path)
        table = gym("env", "status", head, cwd=tmp_path)
        used = gym("eval", "run", "--no-serve", head, "-i", "in.jsonl", "-o", "out.jsonl", cwd=tmp_path)
        code, _, err = interrupt(process)

    lines = {line.split()[0]: line.split() for line in shown.splitlines() if line}
    for name, entry in found.items():
        assert lines[name][1:] == [entry["server_type"], entry["name"], "embedded", entry["url"], str(process.pid)]
    assert list(found) == ["numbers", "numbers_agent", "letters", "letters_agent", "policy_model"]
    assert f"http://127.0.0.1:{port}" in shown
    assert status.returncode == table.returncode == 0
    assert [entry["process_name"] for entry in json.loads(status.stdout)] == list(found)
    assert [line.split()[0] for line in table.stdout.splitlines()[1:]] == list(found)
    assert used.returncode == 0
    assert sorted(row["reward"] for row in rows(tmp_path / "out.jsonl")) == [0.0, 1.0]
    assert code == 0 and "Traceback" not in err
    assert not any(is_open(entry["port"]) for entry in found.values()) and not is_open(port)


def test_without_input_a_running_fleet_gets_the_datasets_of_what_is_selected(tmp_path: Path) -> None:
    head = f"++head_server.port={free_port()}"
    where = ("--search-dir", str(COMPONENTS), "--resources-server", "letters")
    with gym_running("env", "start", *BOTH, head, cwd=tmp_path) as process:
        read_until(process, UP)
        used = gym("eval", "run", "--no-serve", *where, head, "-o", "out.jsonl", cwd=tmp_path)
        refused = gym("eval", "run", "--no-serve", head, "-o", "other.jsonl", cwd=tmp_path)

    assert used.returncode == 0
    assert len(rows(tmp_path / "out.jsonl")) == 2
    assert refused.returncode == 2 and "--input" in refused.stderr
    assert not (tmp_path / "other.jsonl").exists()


def test_a_server_in_its_own_process_is_named_when_it_dies_and_taken_down_with_the_rest(tmp_path: Path) -> None:
    port = free_port()
    placed = [f"++{name}.resources_servers.{name}.placement=process" for name in ("numbers", "letters")]
    with gym_running("env", "start", *BOTH, *placed, f"++head_server.port={port}", cwd=tmp_path) as process:
        read_until(process, UP)
        found = instances(port)
        os.kill(found["numbers"]["pid"], signal.SIGKILL)
        assert process.stderr is not None
        said = process.stderr.readline()
        code, _, _ = interrupt(process, signal.SIGTERM)

    assert len({entry["pid"] for entry in found.values()}) == 3
    assert said.startswith("warning: numbers: its process has ended with status -9")
    assert code == 0
    with pytest.raises(ProcessLookupError):
        os.kill(found["letters"]["pid"], 0)


def test_a_fleet_of_resources_servers_alone_starts(tmp_path: Path) -> None:
    (tmp_path / "alone.yaml").write_text("letters:\n  resources_servers:\n    letters:\n      entrypoint: app.py\n")
    where = ("--search-dir", str(COMPONENTS), "--config", "alone.yaml", f"++head_server.port={free_port()}")
    with gym_running("env", "start", *where, cwd=tmp_path) as process:
        shown = read_until(process, UP)
        code, _, _ = interrupt(process)

    assert "letters" in shown
    assert code == 0


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = gym("env", "start", *BOTH, f"++head_server.port={port}", cwd=tmp_path)

    assert done.returncode == 2
    assert f"port {port}" in done.stderr and "Traceback" not in done.stderr


def test_nothing_to_start_is_said(tmp_path: Path) -> None:
    done = gym("env", "start", cwd=tmp_path)

    assert done.returncode == 2
    assert "--resources-server" in done.stderr


def test_status_without_a_fleet_says_so(tmp_path: Path) -> None:
    done = gym("env", "status", f"++head_server.port={free_port()}", cwd=tmp_path)

    assert done.returncode == 1
    assert "no fleet answers" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("address", ["++head_server.port=many", "++head_server=11000"])
def test_a_head_address_that_is_none_is_refused(tmp_path: Path, address: str) -> None:
    done = gym("env", "status", address, cwd=tmp_path)

    assert done.returncode == 2
    assert "head_server" in done.stderr


def test_resolve_prints_the_merged_configuration_without_its_secrets(tmp_path: Path) -> None:
    where = ("--search-dir", str(COMPONENTS), "--resources-server", "letters", "--model-type", "openai_model")
    urls = ("--model-url", "http://one/v1", "--model-url", "http://two/v1")
    model = ("-m", "some-model", *urls, "--model-api-key", "very-secret")

    as_yaml = gym("env", "resolve", *where, *model, cwd=tmp_path)
    as_json = gym("env", "resolve", *where, *model, "--json", cwd=tmp_path)

    assert as_yaml.returncode == as_json.returncode == 0
    resolved = json.loads(as_json.stdout)
    assert yaml.safe_load(as_yaml.stdout) == resolved
    assert "very-secret" not in as_yaml.stdout + as_json.stdout
    fields = resolved["policy_model"]["responses_api_models"]["openai_model"]
    assert fields["openai_model"] == resolved["policy_model_name"] == "some-model"
    assert fields["openai_base_url"] == ["http://one/v1", "http://two/v1"]
    assert resolved["letters"]["resources_servers"]["letters"]["domain"] == "other"


def test_config_files_win_over_components_and_overrides_over_both(tmp_path: Path) -> None:
    for name, domain in (("first", "math"), ("second", "coding")):
        text = f"letters:\n  resources_servers:\n    letters:\n      domain: {domain}\n      {name}: true\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    files = ("--config", "first.yaml", "--config", "second.yaml")
    override = "++letters.resources_servers.letters.second=false"

    done = gym("env", "resolve", "--json", override, *files, *BOTH, cwd=tmp_path)

    fields = json.loads(done.stdout)["letters"]["resources_servers"]["letters"]
    assert (fields["domain"], fields["first"], fields["second"]) == ("coding", True, False)
    assert fields["description"] == "Answer in capitals"


def test_validate_tells_what_would_run_and_which_datasets_are_there(tmp_path: Path) -> None:
    as_text = gym("env", "validate", *BOTH, cwd=tmp_path)
    as_json = gym("env", "validate", *BOTH, "--json", cwd=tmp_path)

    assert as_text.returncode == as_json.returncode == 0
    found = json.loads(as_json.stdout)
    assert found["valid"] is True
    assert {server["name"]: server["placement"] for server in found["servers"]}["letters"] == "embedded"
    datasets = {(entry["server"], entry["type"]): (entry["exists"], entry["rows"]) for entry in found["datasets"]}
    assert datasets == {
        ("numbers_agent", "example"): (True, 3),
        ("numbers_agent", "train"): (False, None),
        ("letters", "example"): (True, 2),
    }
    assert "3 tasks" in as_text.stdout and "not there" in as_text.stdout
    assert names_in(tmp_path) == []


def test_validate_finds_code_and_rows_that_cannot_be_run(tmp_path: Path) -> None:
    folder = tmp_path / "resources_servers" / "broken"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text("from polygym import no_such_thing\n")
    (tmp_path / "rows.jsonl").write_text('{"responses_create_params": {"input": "1"}}\n{}\n')
    (tmp_path / "broken.yaml").write_text(
        "broken:\n  resources_servers:\n    broken:\n      entrypoint: app.py\n      datasets:\n"
        "        - {name: rows, type: example, jsonl_fpath: rows.jsonl}\n"
    )

    done = gym("env", "validate", *BOTH, "--config", "broken.yaml", cwd=tmp_path)

    assert done.returncode == 2
    assert "broken/app.py cannot be imported" in done.stderr and "no_such_thing" in done.stderr
    assert "rows.jsonl:2: a task needs 'responses_create_params'" in done.stderr
    assert "Traceback" not in done.stderr
    assert "numbers_agent" in done.stdout


def test_a_model_with_several_endpoints_has_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = {"in_flight": 3, "sessions": 12, "calls": 40, "failed": 5}
    endpoints = [{"url": "http://a/v1", "state": "up", **numbers}, {"url": "http://b/v1", "state": "out", **numbers}]

    print_instances([{"process_name": "policy_model", "endpoints": endpoints}, {"process_name": "letters"}])

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[-2:] == [
        ["policy_model", "http://a/v1", "up", "3", "12", "40", "5"],
        ["policy_model", "http://b/v1", "out", "3", "12", "40", "5"],
    ]
