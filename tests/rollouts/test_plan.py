import json
from pathlib import Path

import pytest

from polygym.data.prompts import read_template
from polygym.protocol.errors import InputError
from polygym.rollouts.keys import KeySet, RolloutKey
from polygym.rollouts.outputs import OutputPaths
from polygym.rollouts.plan import InputFile, Plan, PlanRequest, Shard, make_plan, reopen_plan


def write_rows(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def task(text: str, agent: str | None = None, **fields: object) -> dict[str, object]:
    row: dict[str, object] = {"responses_create_params": {"input": text}, **fields}
    return row | ({"agent_ref": {"name": agent}} if agent else {})


def plan_of(tmp_path: Path, rows: list[object], **request: object) -> Plan:
    source = InputFile(write_rows(tmp_path / "in.jsonl", rows))
    check = request.pop("check", None)
    options: dict[str, object] = {"inputs": [source], "agents": ["a", "b"], **request}
    return make_plan(PlanRequest(**options), tmp_path / "plan.jsonl", check)  # type: ignore[arg-type]


def read_all(plan: Plan) -> dict[str, list[dict[str, object]]]:
    return {agent: [plan.read(agent, i) for i in range(len(offsets))] for agent, offsets in plan.offsets.items()}


def test_rows_go_to_the_agent_they_name_and_keep_their_fields(tmp_path: Path) -> None:
    rows = read_all(plan_of(tmp_path, [task("x", "a", answer=1), task("y", "b", answer=2), task("z", "a", answer=3)]))
    assert [row["answer"] for row in rows["a"]] == [1, 3]
    assert [row["answer"] for row in rows["b"]] == [2]
    assert rows["a"][0]["agent_ref"] == {"type": "responses_api_agents", "name": "a"}


def test_repeats_share_the_task_index_and_count_up(tmp_path: Path) -> None:
    rows = read_all(plan_of(tmp_path, [task("x", "a"), task("y", "b")], num_repeats={"a": 3}))
    assert [(row["_ng_task_index"], row["_ng_rollout_index"]) for row in rows["a"]] == [(0, 0), (0, 1), (0, 2)]
    assert [(row["_ng_task_index"], row["_ng_rollout_index"]) for row in rows["b"]] == [(1, 0)]


def test_identical_rows_are_repeats_of_one_task_and_no_two_rollouts_share_a_key(tmp_path: Path) -> None:
    rows = read_all(plan_of(tmp_path, [task("x", "a"), task("x", "a"), task("y", "a")], num_repeats=2))["a"]
    keys = [(row["_ng_task_index"], row["_ng_rollout_index"]) for row in rows]
    assert keys == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]


def test_task_indices_that_rows_bring_along_are_kept(tmp_path: Path) -> None:
    rows = read_all(plan_of(tmp_path, [task("x", "a", _ng_task_index=7), task("y", "a", _ng_task_index=7)]))["a"]
    assert [(row["_ng_task_index"], row["_ng_rollout_index"]) for row in rows] == [(7, 0), (7, 1)]


def test_parameters_are_laid_over_those_of_every_row(tmp_path: Path) -> None:
    row = task("x", "a")
    row["responses_create_params"] = {"input": "x", "temperature": 1.0, "tools": []}
    params = read_all(plan_of(tmp_path, [row], params={"temperature": 0.0}))["a"][0]["responses_create_params"]
    assert params == {"input": "x", "temperature": 0.0, "tools": []}


def test_the_limit_counts_tasks_of_each_file(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, [task(str(i), "a") for i in range(5)], limit=2, num_repeats=3)
    assert plan.total() == 6


def test_a_row_without_agent_goes_to_the_only_one(tmp_path: Path) -> None:
    assert list(plan_of(tmp_path, [task("x")], agents=["a"]).offsets) == ["a"]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (task("x"), r"in.jsonl:2: the row names no agent"),
        (task("x", "aa"), r"in.jsonl:2: no agent 'aa' is configured. Meant 'a'"),
        ({"answer": 1}, r"in.jsonl:2: a task needs 'responses_create_params'"),
        ({"responses_create_params": {}, "agent_ref": {"name": "a"}}, r"in.jsonl:2: .*input"),
        ({"responses_create_params": {"input": []}, "agent_ref": "a"}, r"in.jsonl:2: 'agent_ref' must be"),
        ([1], r"in.jsonl:2: a row must be a JSON object"),
    ],
)
def test_a_row_that_cannot_be_run_is_named_and_nothing_is_written(tmp_path: Path, row: object, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        plan_of(tmp_path, [task("fine", "a"), row])
    assert not (tmp_path / "plan.jsonl").exists()


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps(task("x", "a")) + "\n\n{oops\n")
    with pytest.raises(InputError, match=r"in.jsonl:3: not JSON"):
        make_plan(PlanRequest([InputFile(tmp_path / "in.jsonl")], ["a"]), tmp_path / "plan.jsonl")


def test_a_missing_or_empty_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        make_plan(PlanRequest([InputFile(tmp_path / "no.jsonl")], ["a"]), tmp_path / "plan.jsonl")
    with pytest.raises(InputError, match="no tasks"):
        plan_of(tmp_path, [])


def test_a_reopened_plan_leaves_out_what_is_done(tmp_path: Path) -> None:
    paths = OutputPaths(tmp_path / "out.jsonl")
    plan_of(tmp_path, [task("x", "a"), task("y", "b")], num_repeats=2).move(paths.inputs)
    again = reopen_plan(paths, KeySet([RolloutKey(0, 1), RolloutKey(1, 0), RolloutKey(1, 1)]))
    assert [(row["_ng_task_index"], row["_ng_rollout_index"]) for row in read_all(again)["a"]] == [(0, 0)]
    assert again.skipped == {"a": 1, "b": 2}


def test_rows_longer_than_a_read_come_back_whole(tmp_path: Path) -> None:
    text = "long " * 20_000
    assert read_all(plan_of(tmp_path, [task(text, "a"), task("y", "a")]))["a"][0]["responses_create_params"] == {
        "input": text
    }


def test_stream_order_runs_every_task_once_before_the_second_time(tmp_path: Path) -> None:
    rows = read_all(plan_of(tmp_path, [task(str(i), "a") for i in range(3)], num_repeats=2, order="stream"))["a"]
    keys = [(row["_ng_task_index"], row["_ng_rollout_index"]) for row in rows]
    assert keys == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]


def test_shards_share_all_tasks_without_overlap(tmp_path: Path) -> None:
    rows = [task(str(i), "ab"[i % 2]) for i in range(7)]
    found = []
    for index in range(3):
        plan = plan_of(tmp_path, rows, num_repeats=2, shard=Shard(index, 3))
        found += [
            (row["_ng_task_index"], row["_ng_rollout_index"]) for rows_ in read_all(plan).values() for row in rows_
        ]
    assert sorted(found) == [(number, repeat) for number in range(7) for repeat in range(2)]


def test_rows_with_and_without_an_index_of_their_own_do_not_mix(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"in.jsonl:2: '_ng_task_index' must be in every row or in none"):
        plan_of(tmp_path, [task("x", "a", _ng_task_index=1), task("y", "a")])


def test_every_task_is_checked_once_as_it_is_run_and_a_refusal_names_its_line(tmp_path: Path) -> None:
    seen: list[tuple[str, object, object]] = []

    def check(agent: str, row: dict[str, object]) -> None:
        seen.append((agent, row["responses_create_params"], row["_ng_task_index"]))
        if agent == "b":
            raise InputError("answer: too long")

    request = {"num_repeats": 3, "params": {"top_p": 1}, "check": check}
    plan_of(tmp_path, [task("x", "a"), task("z", "a")], **request)
    assert seen == [("a", {"input": "x", "top_p": 1}, 0), ("a", {"input": "z", "top_p": 1}, 1)]
    with pytest.raises(InputError, match=r"in.jsonl:2: answer: too long"):
        plan_of(tmp_path, [task("x", "a"), task("y", "b")], **request)


def test_rows_of_other_shards_are_not_checked(tmp_path: Path) -> None:
    seen: list[object] = []
    plan_of(
        tmp_path,
        [task(str(i), "a") for i in range(5)],
        shard=Shard(1, 2),
        check=lambda agent, row: seen.append(row["_ng_task_index"]),
    )
    assert seen == [1, 3]


def test_a_reopened_plan_checks_what_is_still_to_do(tmp_path: Path) -> None:
    paths = OutputPaths(tmp_path / "out.jsonl")
    plan_of(tmp_path, [task("x", "a"), task("y", "b")]).move(paths.inputs)
    seen: list[str] = []
    reopen_plan(paths, KeySet([RolloutKey(0, 0)]), check=lambda agent, row: seen.append(agent))
    assert seen == ["b"]


def test_a_rollout_with_tools_counts_as_two_model_calls(tmp_path: Path) -> None:
    with_tools = task("x", "a") | {"responses_create_params": {"input": "x", "tools": [{"type": "function"}]}}
    without = task("y", "a") | {"responses_create_params": {"input": "x", "tools": []}}
    plan = plan_of(tmp_path, [with_tools, without, task("z", "b")], num_repeats=2)
    assert plan.model_calls == {"a": 6, "b": 2}


def test_a_shard_may_be_empty_but_not_a_run(tmp_path: Path) -> None:
    assert plan_of(tmp_path, [task("x", "a")], shard=Shard(3, 4)).total() == 0
    with pytest.raises(InputError, match="no tasks"):
        plan_of(tmp_path, [], shard=Shard(3, 4))


def test_a_shard_is_written_as_it_is_read() -> None:
    assert str(Shard.parse(" 2/5 ")) == "2/5"
    for wrong in ("5/5", "1", "1/0", "x/2", "1/2/3", ""):
        with pytest.raises(ValueError, match="is no shard"):
            Shard.parse(wrong)


def test_rows_without_an_agent_go_by_the_server_whose_dataset_they_are_of(tmp_path: Path) -> None:
    sources = [task("x", task_source="room"), task("y", task_source="a"), task("z", "b", task_source="room")]

    rows = read_all(plan_of(tmp_path, [*sources], task_sources={"room": "a"}))

    assert [row["responses_create_params"] for row in rows["a"]] == [{"input": "x"}, {"input": "y"}]
    assert [row["responses_create_params"] for row in rows["b"]] == [{"input": "z"}]


def test_rows_are_filled_into_the_prompt_of_their_input(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("user: 'Add {terms}.'\n")
    prompt = read_template("p.yaml", [tmp_path], "here")
    source = InputFile(write_rows(tmp_path / "in.jsonl", [{"terms": "1+2"}]), "a", prompt=prompt)

    plan = make_plan(PlanRequest(inputs=[source], agents=["a"]), tmp_path / "plan.jsonl")

    messages = [{"role": "user", "content": "Add 1+2."}]
    assert plan.read("a", 0)["responses_create_params"] == {"input": messages}
