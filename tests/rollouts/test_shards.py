from pathlib import Path
from typing import Any

import pytest

from polygym.protocol.errors import InputError
from polygym.rollouts.shards import Part, differences, merged_manifest, missing_shards, read_part


def part(name: str, shard: str | None, **fields: Any) -> Part:
    manifest = {"inputs": {f"/{name}/in.jsonl": "d1"}, "params": {}, "shard": shard, **fields}
    return Part(Path(name), manifest)


def test_shards_that_no_file_is_of_are_missing() -> None:
    assert missing_shards([part("a", "0/4"), part("b", "2/4")]) == ["1/4", "3/4"]
    assert missing_shards([part("a", "0,3/4"), part("b", "2/4"), part("c", "1/4")]) == []


def test_a_whole_run_misses_no_shard() -> None:
    assert missing_shards([part("a", None)]) == []
    assert missing_shards([part("a", None), part("b", "1/4")]) == []
    assert missing_shards([Part(Path("a"), None)]) == []


def test_a_file_that_nobody_knows_anything_of_stands_for_no_shard() -> None:
    assert missing_shards([Part(Path("a"), None), part("b", "1/2")]) == ["0/2"]


def test_shards_of_different_numbers_are_not_of_one_run() -> None:
    with pytest.raises(InputError, match="a is 0/4, b is 1/8"):
        missing_shards([part("a", "0/4"), part("b", "1/8")])


def test_a_manifest_with_a_shard_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="a: its manifest says shard 'first'"):
        missing_shards([part("a", "first")])


def test_where_the_inputs_lay_makes_no_difference_and_what_was_in_them_does() -> None:
    assert differences([part("a", "0/2"), part("b", "1/2")]) == []
    other = part("b", "1/2", inputs={"/b/in.jsonl": "d2"}, params={"temperature": 1})
    assert differences([part("a", "0/2"), other]) == [
        'b and a differ in inputs.in.jsonl: was "d1", is "d2"',
        "b and a differ in params.temperature: was null, is 1",
    ]


def test_the_manifest_of_all_shards_is_the_whole_runs() -> None:
    manifest = merged_manifest([part("a", "0/2"), part("b", "1/2")])
    assert manifest is not None
    assert (manifest["shard"], manifest["params"]) == (None, {})


def test_the_manifest_of_some_shards_names_them() -> None:
    manifest = merged_manifest([part("a", "3/4"), part("b", "0,1/4")])
    assert manifest is not None
    assert manifest["shard"] == "0,1,3/4"
    assert missing_shards([Part(Path("ab"), manifest)]) == ["2/4"]


def test_files_of_different_runs_have_no_manifest_in_common() -> None:
    assert merged_manifest([part("a", None), part("b", None, params={"top_p": 1})]) is None
    assert merged_manifest([part("a", None), Part(Path("b"), None)]) is None


def test_a_damaged_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run.json: is damaged"):
        read_part(tmp_path / "a.jsonl", tmp_path / "run.json")
    assert read_part(tmp_path / "a.jsonl", tmp_path / "absent.json").manifest is None
