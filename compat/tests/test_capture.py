"""Captured model calls in a rollout's row, and what servers and sandboxes say of themselves."""

from pathlib import Path
from typing import Any

import pytest

from nemo_gym.capture_store import CaptureStore
from nemo_gym.model_call_capture import HARNESS_MATCHERS, merge_model_call_capture_into_record
from nemo_gym.sandbox.attribution import resolve_attribution, resolve_run_id
from nemo_gym.server_metadata import visit_agent_server, visit_resources_server

MATCHER = """
from nemo_gym.rollout_observability import ModelCallRef

def match(bundle, calls):
    [invocation] = bundle.records
    invocation.model_calls.append(ModelCallRef(model_call_id=calls[0].model_call_id))
    return bundle
"""


def record_of(folder: Path) -> dict[str, Any]:
    """A rollout with one captured call that its harness gave no name."""
    store = CaptureStore(folder)
    store.record("0-0", {"model_call_id": "m1", "dialect": "responses", "response": {"id": "r1"}})
    invocation = {"kind": "agent_invocation", "invocation_id": "main"}
    observed = {"source": "own_harness", "records": [invocation]}
    return {"_ng_task_index": 0, "_ng_rollout_index": 0, "ng_agent_observations": observed}


@pytest.mark.parametrize(
    ("code", "owned", "gap"), [(MATCHER, ["m1"], None), ("", [], "compaction_model_call_join_failed")]
)
def test_a_harness_with_code_for_it_matches_calls_that_it_gave_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, owned: list[str], gap: str | None
) -> None:
    module = f"matcher_{'good' if code else 'empty'}"
    (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(HARNESS_MATCHERS, "own_harness", (module, "match"))
    record = merge_model_call_capture_into_record(record_of(tmp_path / "calls"), [tmp_path / "calls"])
    [invocation] = record["ng_agent_observations"]["records"]
    assert [call["model_call_id"] for call in invocation["model_calls"]] == owned
    assert (gap in {each["code"] for each in record["ng_agent_observations"]["gaps"]}) is (gap is not None)
    assert record["ng_model_call_capture"]["calls"][0]["response_id"] == "r1"


def test_what_a_configuration_says_of_its_servers_is_found() -> None:
    fields = {"domain": "math", "verified": True, "entrypoint": "app.py"}
    config = {
        "config_paths": ["more.yaml"],
        "adder": {"resources_servers": {"adder": fields}},
        "agent": {"responses_api_agents": {"simple_agent": {"domain": "other"}}},
    }
    found = visit_resources_server(config)
    assert (found.domain, found.verified, found.value) == ("math", True, None)
    assert visit_resources_server(fields, level=4).domain == "math"
    assert visit_agent_server(config).domain is None  # the first instance is another type's


def test_a_sandbox_is_told_whose_it_is_as_far_as_anybody_says() -> None:
    job = {"SLURM_JOB_USER": " ann ", "SLURM_JOB_NAME": "train", "NEMO_GYM_TEAM": " "}
    assert resolve_attribution(environ=job, workload="eval") == {"user": "ann", "workload": "eval"}
    assert resolve_run_id(environ={"NEMO_GYM_RUN_ID": "r7"}) == "r7"
    assert resolve_run_id(environ={}) == resolve_run_id(environ={})
